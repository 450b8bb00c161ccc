//! Signatures at the end of scripts (PowerShell, Windows Script Host): a block of comments that holds a signed message.
//!
//! In: the text of a script. Out: its signers. The digest is made over the text before the block as UTF-16, with the byte
//! order mark it has; PowerShell's way. That of the older script hosts is not compared.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::authenticode::{Stated, stated};
use super::cms::{self, Message};
use super::{Verdict, say};
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "signature/script", claim, extract: Read::Whole(extract) };

const ENDINGS: &[&str] =
    &[".ps1", ".psm1", ".psd1", ".ps1xml", ".psc1", ".cdxml", ".mof", ".vbs", ".vbe", ".js", ".jse", ".wsf"];
const BEGIN: &str = "SIG # Begin signature block";
const END: &str = "SIG # End signature block";
/// The marks of the older script hosts.
const OLD: &str = "SIG ''";

fn claim(head: &Head<'_>) -> bool {
    let name = head.name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let begin = |line: &str| line.contains(BEGIN) || line.contains("SIG '' Begin signature block");
    let Some(start) = text.lines().position(begin) else { return Mine::No };
    let mut encoded = String::new();
    let mut ended = false;
    // What stands in the block and is no part of a comment runs, and no digest covers it.
    let mut loose = text.lines().nth(start).is_some_and(|line| !opens_comment(line));
    for line in text.lines().skip(start + 1) {
        if ended {
            loose |= !line.trim().is_empty();
            continue;
        }
        if line.contains(END) || line.contains("SIG '' End signature block") {
            ended = true;
            loose |= !opens_comment(line) || !line.trim_end().ends_with(['k', '/', '>']);
            continue;
        }
        // `# line`, `<!-- SIG # line -->`, `/* SIG # line */`, `'' SIG '' line`, `// SIG // line`.
        let line = line.trim();
        let marked = ["SIG #", OLD, "SIG //"].iter().find_map(|mark| line.split_once(mark));
        loose |= marked.is_none() && !line.starts_with('#');
        let line = marked.map_or(line, |(_, rest)| rest);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '-' | '>' | '<' | '!'));
        let line = line.strip_suffix(" */").or_else(|| line.strip_suffix("*/")).unwrap_or(line);
        loose |= !line.chars().all(plain);
        encoded.extend(line.chars().filter(|c| plain(*c)));
    }
    if !ended {
        inventory.gap("SIG", Reason::Truncated, "a signature block without its end");
    }
    let decoded = BASE64_STANDARD.decode(&encoded).ok();
    match decoded.as_deref().and_then(cms::read) {
        Some(message) => {
            let powershell = text.lines().nth(start).is_some_and(|line| line.contains(BEGIN));
            let mut left = 8_usize;
            let mut compare = |message: &Message<'_>, _: &mut Inventory<'_>| {
                if !powershell {
                    let why = "the digest of this kind of script is not made by this version";
                    return Verdict::NotChecked(why.to_owned());
                }
                if loose {
                    return Verdict::Mismatch("text beside the signature block, which no digest covers".to_owned());
                }
                // A text is turned over whole for each signature: no script holds more than a few.
                left = left.saturating_sub(1);
                match stated(message) {
                    Ok(stated) if left > 0 => compare(doc.data, &stated),
                    Ok(_) => Verdict::NotChecked("one of many signatures".to_owned()),
                    Err(verdict) => verdict,
                }
            };
            say(&message, "SIG", &mut compare, inventory);
        }
        None => inventory.gap("SIG", Reason::Malformed, "a signature block that holds no signed message"),
    }
    Mine::Yes
}

/// True where nothing but the sign of a comment stands in front of the block's mark.
fn opens_comment(line: &str) -> bool {
    let front = line.split("SIG").next().unwrap_or_default().trim();
    ["#", "<!--", "/*", "''", "//"].contains(&front)
}

/// Compares the text before the block. What has no byte order mark is read as UTF-8 by newer versions of PowerShell and
/// in the code page of the signer's machine by older ones.
fn compare(data: &[u8], stated: &Stated<'_>) -> Verdict {
    let (mark, decoded) = match data {
        [0xff, 0xfe, rest @ ..] => (true, vec![encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0]),
        [0xfe, 0xff, rest @ ..] => (true, vec![encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0]),
        [0xef, 0xbb, 0xbf, rest @ ..] => (true, vec![String::from_utf8_lossy(rest)]),
        _ => {
            (false, vec![String::from_utf8_lossy(data), encoding_rs::WINDOWS_1252.decode_without_bom_handling(data).0])
        }
    };
    let mut verdict = Verdict::NotChecked("the signature block was not found again".to_owned());
    for text in decoded {
        let Some(block) = text.find(BEGIN).and_then(|at| text.get(..at)) else { continue };
        // Without the line break in front of the block's first line.
        let before = block.rfind('\n').and_then(|end| block.get(..end)).unwrap_or_default();
        let before = before.strip_suffix('\r').unwrap_or(before);
        let mut hasher = stated.algorithm.hasher();
        if mark {
            hasher.update(&[0xff, 0xfe]);
        }
        let mut units = Vec::with_capacity(1 << 13);
        for unit in before.encode_utf16() {
            units.extend(unit.to_le_bytes());
            if units.len() >= 1 << 13 {
                hasher.update(&units);
                units.clear();
            }
        }
        hasher.update(&units);
        verdict = Verdict::of(stated.algorithm, &stated.digest, &hasher.finish(), "the script");
        if matches!(verdict, Verdict::Valid(_)) {
            break;
        }
    }
    verdict
}
