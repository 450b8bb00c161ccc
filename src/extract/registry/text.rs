//! Exported registry text: `.reg` files.
//!
//! In: text that starts with `REGEDIT4` or `Windows Registry Editor Version`. Out: the keys it sets. Keys that it
//! deletes are not said: a removal tool lists those of others.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "registry/text", claim, extract: Read::Whole(extract) };

/// Keys said of one file, and bytes of each.
const KEYS: usize = 100_000;
const KEY: usize = 4096;

fn starts(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("REGEDIT4") || text.starts_with("Windows Registry Editor Version")
}

fn claim(head: &Head<'_>) -> bool {
    starts(&text::decode(head.data.get(..256).unwrap_or(head.data)).0)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut left = KEYS;
    for (number, line) in text.lines().enumerate() {
        let Some(key) = line.trim().strip_prefix("[HK") else { continue };
        if left == 0 || inventory.file.full() {
            inventory.gap(
                format!("line {}", number + 1),
                Reason::Limit,
                format!("more than {KEYS} keys; the rest was not read"),
            );
            break;
        }
        left -= 1;
        let key = key.strip_suffix(']').unwrap_or(key);
        inventory.say(FactKind::RegistryKey, format!("HK{}", cut(key, KEY)), format!("line {}", number + 1));
    }
    Mine::Yes
}
