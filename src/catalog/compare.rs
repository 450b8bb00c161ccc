//! The rules by which names and identifiers compare: companies, words, paths, hosts, CPEs, purls.
//!
//! In: a value as it stood in a file. Out: the keys or the answer a pattern needs. Must not know: indicators.

use packageurl::PackageUrl;

/// Legal forms, which stand before or behind a name and do not make another company.
const FORMS: &[&str] = &[
    "ag",
    "ao",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "fz",
    "gmbh",
    "inc",
    "incorporated",
    "jsc",
    "limited",
    "llc",
    "ltd",
    "oao",
    "ooo",
    "pao",
    "plc",
    "pte",
    "pty",
    "sa",
    "srl",
    "zao",
];

/// A company name reduced to its words: case, punctuation, marks, spacing, legal forms, and an address or
/// remark behind it do not make another company.
pub(crate) fn entity_key(name: &str) -> String {
    let name = name.split(['<', '(']).next().filter(|n| !n.trim().is_empty()).unwrap_or(name);
    let mut key = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '™' | '®' | '©' | '.' => {}
            letter if letter.is_alphanumeric() => key.extend(letter.to_lowercase()),
            _ if key.ends_with(' ') || key.is_empty() => {}
            _ => key.push(' '),
        }
    }
    let words: Vec<&str> = key.split(' ').filter(|w| !w.is_empty()).collect();
    let form = |word: &&str| FORMS.contains(word);
    let start = words.iter().take_while(|w| form(w)).count();
    let end = words.len() - words.iter().rev().take_while(|w| form(w)).count();
    // A name of nothing but forms keeps them.
    words.get(start..end).filter(|rest| !rest.is_empty()).unwrap_or(&words).join(" ")
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
