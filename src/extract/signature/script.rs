//! Signatures at the end of scripts (PowerShell, Windows Script Host): a block of comments that holds a signed message.
//!
//! In: the text of a script. Out: its signers. The digest is not compared: it is made over a form of the text that only
//! the script host's own reader defines.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
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
    for line in text.lines().skip(start + 1) {
        if line.contains(END) || line.contains("SIG '' End signature block") {
            ended = true;
            break;
        }
        // `# line`, `<!-- SIG # line -->`, `/* SIG # line */`, `'' SIG '' line`, `// SIG // line`.
        let line =
            ["SIG #", OLD, "SIG //"].iter().find_map(|mark| line.split_once(mark)).map_or(line, |(_, rest)| rest);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '-' | '>' | '<' | '!'));
        let line = line.strip_suffix(" */").or_else(|| line.strip_suffix("*/")).unwrap_or(line);
        encoded.extend(line.chars().filter(|c| plain(*c)));
    }
    if !ended {
        inventory.gap("SIG", Reason::Truncated, "a signature block without its end");
    }
    let decoded = BASE64_STANDARD.decode(&encoded).ok();
    match decoded.as_deref().and_then(cms::read) {
        Some(message) => {
            let mut compare = |_: &Message<'_>, _: &mut Inventory<'_>| {
                Verdict::NotChecked("the digest of a script is not made by this version".to_owned())
            };
            say(&message, "SIG", &mut compare, inventory);
        }
        None => inventory.gap("SIG", Reason::Malformed, "a signature block that holds no signed message"),
    }
    Mine::Yes
}
