//! The rules by which names and identifiers compare: companies, words, paths, hosts, CPEs, purls.
//!
//! In: a value as it stood in a file. Out: the keys or the answer a pattern needs. Must not know: indicators.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1251, WINDOWS_1252};
use packageurl::PackageUrl;

/// Legal forms, which stand before or behind a name and do not make another company.
const FORMS: &[&str] = &[
    "ab",
    "ag",
    "ao",
    "aps",
    "bhd",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "fz",
    "fze",
    "gmbh",
    "inc",
    "incorporated",
    "jsc",
    "kft",
    "kk",
    "limited",
    "llc",
    "llp",
    "ltd",
    "ltda",
    "nv",
    "oao",
    "ojsc",
    "ooo",
    "oy",
    "pao",
    "plc",
    "private",
    "pte",
    "pty",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "sdn",
    "sl",
    "spa",
    "srl",
    "sro",
    "zao",
];

/// Marks as markup writes them, and what else stands for no letter.
const MARKUP: &[&str] = &["&reg;", "&trade;", "&copy;", "&nbsp;", "&quot;", "&laquo;", "&raquo;", "(r)", "(tm)", "(c)"];

/// A company name reduced to its words: case, punctuation, marks, spacing, script, legal forms, and an address or
/// remark behind it do not make another company. Cyrillic is written in Latin letters (BGN/PCGN), so that a name and its
/// transliteration are one; look-alike letters of the other script within a word are taken for what they look like.
pub(crate) fn entity_key(name: &str) -> String {
    let mut name = Cow::Borrowed(name);
    for mark in MARKUP {
        if let Some(at) = name.to_ascii_lowercase().find(mark) {
            name =
                Cow::Owned(format!("{} {}", name.get(..at).unwrap_or(""), name.get(at + mark.len()..).unwrap_or("")));
        }
    }
    let name = name.split(['<', '(']).next().filter(|n| !n.trim().is_empty()).unwrap_or(&name);
    let mut key = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            // Nothing, or nothing that is seen.
            '™' | '®' | '©' | '.' | '\'' | '’' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {
            }
            letter if letter.is_alphanumeric() => key.extend(letter.to_lowercase()),
            _ if key.ends_with(' ') || key.is_empty() => {}
            _ => key.push(' '),
        }
    }
    if !key.is_ascii() {
        key = key.split(' ').map(in_latin).collect::<Vec<_>>().join(" ");
    }
    let words: Vec<&str> = key.split(' ').filter(|w| !w.is_empty()).collect();
    let form = |word: &&str| FORMS.contains(word);
    let start = words.iter().take_while(|w| form(w)).count();
    let end = words.len() - words.iter().rev().take_while(|w| form(w)).count();
    // A name of nothing but forms keeps them.
    words.get(start..end).filter(|rest| !rest.is_empty()).unwrap_or(&words).join(" ")
}

/// What stands between the names of a list.
pub(crate) const LISTS: &[char] = &[';', '|', '/', '\n'];

/// Every key a company's field may stand under: the whole of it, the names it lists, and what it says once an encoding
/// that was taken for another is read as meant.
pub(super) fn entity_keys(value: &str) -> Vec<String> {
    let mut keys = vec![entity_key(value)];
    if value.contains(LISTS) {
        keys.extend(value.split(LISTS).map(entity_key));
    }
    // An address behind the name: `Acme Lab, Inc., 1 Main Street, Springfield`. One word alone may be a person's.
    if let Some((name, rest)) = value.split_once(',') {
        let form = |text: &&str| FORMS.contains(&entity_key(text).as_str());
        let (first, second) = (name, rest.split(',').next().filter(form));
        let named = second.map_or_else(|| first.to_owned(), |form| format!("{first} {form}"));
        keys.extend(Some(entity_key(&named)).filter(|key| key.contains(' ')));
    }
    // Letters of full width are letters, and what has no width may stand between words.
    if value.contains(|c| matches!(c, '\u{ff01}'..='\u{ff5e}' | '\u{3000}' | '\u{200b}' | '\u{a0}')) {
        let plain = value.chars().map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{3000}' | '\u{200b}' => ' ',
            other => other,
        });
        keys.push(entity_key(&plain.collect::<String>()));
    }
    keys.extend(reread(value).iter().map(|text| entity_key(text)));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A word of lower case with the Cyrillic in it written in Latin letters.
fn in_latin(word: &str) -> String {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    let mut text = String::with_capacity(word.len());
    for letter in word.chars() {
        // Within a Latin word a Cyrillic letter stands for its looks.
        match letter {
            'о' if latin => text.push('o'),
            'р' if latin => text.push('p'),
            'с' if latin => text.push('c'),
            'у' if latin => text.push('y'),
            'х' if latin => text.push('x'),
            'і' if latin => text.push('i'),
            'ѕ' if latin => text.push('s'),
            _ => match CYRILLIC.iter().find(|(from, _)| *from == letter) {
                Some((_, to)) => text.push_str(to),
                None => text.push(letter),
            },
        }
    }
    text
}

/// BGN/PCGN romanisation of Russian, without the rules that depend on the neighbours.
const CYRILLIC: &[(char, &str)] = &[
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('ё', "e"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('й', "y"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "shch"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "yu"),
    ('я', "ya"),
];

/// The text as it was meant, where bytes of one encoding were read as another: UTF-8 as Windows-1252 or -1251, and
/// Windows-1251 as -1252.
fn reread(value: &str) -> Vec<String> {
    if value.is_ascii() {
        return Vec::new();
    }
    let mut texts = Vec::new();
    for page in [WINDOWS_1252, WINDOWS_1251] {
        let Some(bytes) = bytes_in(value, page) else { continue };
        match std::str::from_utf8(&bytes) {
            Ok(text) => texts.push(text.to_owned()),
            Err(_) if page == WINDOWS_1252 => {
                texts.push(WINDOWS_1251.decode_without_bom_handling(&bytes).0.into_owned())
            }
            Err(_) => {}
        }
    }
    texts
}

/// The pattern as a whole word: no letter, digit or underscore beside it.
pub(super) fn has_word(value: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    value.match_indices(word).any(|(at, _)| {
        let before = value.get(..at).and_then(|b| b.chars().next_back());
        let after = value.get(at + word.len()..).and_then(|a| a.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The pattern as whole path components, anywhere: a scanned tree may have any root.
pub(super) fn has_path(value: &str, pattern: &str) -> bool {
    value
        .match_indices(pattern)
        .any(|(at, _)| value.get(at + pattern.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Whole host names in a text, lower case.
pub(super) fn hosts(value: &str) -> impl Iterator<Item = String> {
    value
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
        .filter(|token| token.contains('.'))
        .map(|token| token.trim_matches('.').to_ascii_lowercase())
}

/// `s07.example` as `s##.example`: numbered hosts are written once.
pub(super) fn digits_as_hash(host: &str) -> String {
    host.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

/// The bytes of a text in a code page; bytes without a letter there are kept as control characters by some readers.
fn bytes_in(value: &str, page: &'static Encoding) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(value.len());
    for letter in value.chars() {
        match u8::try_from(u32::from(letter)) {
            Ok(byte) if !(0xa0..=0xff).contains(&byte) => bytes.push(byte),
            _ => {
                let mut one = [0; 4];
                let (encoded, _, lost) = page.encode(letter.encode_utf8(&mut one));
                if lost {
                    return None;
                }
                bytes.extend_from_slice(&encoded);
            }
        }
    }
    Some(bytes)
}

/// Vendor and product of a CPE name, 2.3 formatted string or 2.2 URI (NISTIR 7695), unescaped, lower case.
pub(super) fn cpe(value: &str) -> Option<(String, String)> {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    let rest = lower.strip_prefix("cpe:2.3:").or_else(|| lower.strip_prefix("cpe:/"))?;
    let mut parts = vec![String::new()];
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => parts.last_mut()?.extend(letters.next()),
            ':' => parts.push(String::new()),
            _ => parts.last_mut()?.push(letter),
        }
    }
    let decode = |part: &String| part.replace("%2d", "-").replace("%2e", ".").replace("%5f", "_");
    let mut parts = parts.iter().skip(1).map(decode);
    let vendor = parts.next()?;
    Some((vendor, parts.next().unwrap_or_default()))
}

/// `type/namespace/name` of a purl, then with `*` for the namespace, then for the name.
pub(super) fn purl_keys(value: &str, fold: bool) -> Vec<String> {
    let Ok(purl) = value.trim().parse::<PackageUrl<'_>>() else { return Vec::new() };
    let (kind, mut name) = (purl.ty().to_ascii_lowercase(), purl.name().to_owned());
    if kind == "pypi" {
        name = name.to_ascii_lowercase().replace('_', "-");
    }
    let mut keys = match purl.namespace() {
        Some(space) => vec![format!("{kind}/{space}/{name}"), format!("{kind}/*/{name}"), format!("{kind}/{space}/*")],
        None => vec![format!("{kind}/{name}"), format!("{kind}/*/{name}")],
    };
    if fold {
        keys.iter_mut().for_each(|key| *key = key.to_lowercase());
    }
    keys
}
