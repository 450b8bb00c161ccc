//! Code that Android's own tools have made of DEX: VDEX, ODEX of Dalvik, compact DEX.
//!
//! In: files that begin as one of them. Out: the DEX files that stand in them unchanged, each to be read by itself;
//! a gap for those that are packed in another form.

use super::super::{Doc, Extractor, Head, Mine, Read};
use crate::bytes::le32;
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/optimised", claim, extract: Read::Whole(extract) };

/// DEX files of one file.
const INSIDE: usize = 1000;
const HEADER: usize = 0x70;

fn claim(head: &Head<'_>) -> bool {
    [&b"vdex0"[..], b"dey\n0", b"cdex0", b"oat\n", b"art\n"].iter().any(|magic| head.data.starts_with(magic))
}

fn number(data: &[u8], at: usize) -> Option<usize> {
    le32(data, at).map(|n| n as usize)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (mut at, mut found) = (0, 0);
    while let Some(next) = doc.data.get(at..).and_then(|rest| memchr::memmem::find(rest, b"dex\n0")) {
        let start = at + next;
        let rest = doc.data.get(start..).unwrap_or_default();
        let size = number(rest, 0x20).filter(|_| number(rest, 0x28) == Some(0x1234_5678)).unwrap_or(0);
        if size < HEADER {
            at = start + 1;
            continue;
        }
        if found == INSIDE {
            inventory.gap(format!("0x{start:x}"), Reason::Limit, format!("more than {INSIDE} DEX files; not read"));
            break;
        }
        // One that is cut short says so itself.
        inventory.embed(format!("0x{start:x}.dex"), rest.get(..size).unwrap_or(rest));
        (found, at) = (found + 1, start + size);
    }
    if found == 0 {
        let detail = "compiled or compact DEX: recognised, not read by this version";
        inventory.gap("", Reason::Unsupported, detail);
    }
    Mine::Yes
}
