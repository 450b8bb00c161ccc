//! romfs: files stand as they are.
//!
//! In: a blob. Out: its files, without a copy. Must not know: what the files mean.

use std::collections::HashSet;

use super::{Folders, join};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, text_until_zero};
use crate::fact::Reason;
use crate::source::Blob;

const MAGIC: &[u8] = b"-rom1fs-";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "romfs",
    claim: |blob| blob.head().starts_with(MAGIC),
    open,
    carve: &[Carve { magic: MAGIC, at: 0, sound }],
};

/// The words of the first 512 bytes add up to nothing.
fn sound(blob: &Blob) -> bool {
    let len = be32(blob.head(), 8).unwrap_or(0).min(512) as usize;
    let words = blob.head().get(..len).unwrap_or_default().chunks_exact(4);
    len >= 32 && words.filter_map(|word| be32(word, 0)).fold(0u32, u32::wrapping_add) == 0
}

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let size = u64::from(be32(inside.blob.head(), 8).unwrap_or(0));
    if !sound(inside.blob) {
        inside.gap(Reason::Malformed, "romfs: the header does not match its sum");
    }
    inside.ends_at(size);
    if size > content.len() {
        inside.gap(Reason::Truncated, format!("romfs: {} bytes where {size} are declared", content.len()));
    }
    // Names are as long as they need, in steps of 16 bytes.
    let name = |at: u64| {
        let bytes = content.bytes(at, 256.min(content.len().saturating_sub(at))).unwrap_or_default();
        let name = text_until_zero(&bytes, 256).into_owned();
        let behind = at + (name.len() as u64 + 1).next_multiple_of(16);
        (name, behind)
    };
    let (_, first) = name(16);
    let mut seen = HashSet::new();
    let mut folders = Folders::new(first);
    while let Some((first, path)) = folders.next() {
        let mut at = first;
        while at != 0 {
            if !inside.go_on() {
                return;
            }
            // The links to the folder itself and to the one above lead to what was seen.
            if !seen.insert(at) {
                inside.gap_at(format!("0x{at:x}"), Reason::Malformed, "romfs: an entry that is met twice");
                break;
            }
            let head = content.bytes(at, 16).unwrap_or_default();
            let (Some(next), Some(spec), Some(len)) = (be32(&head, 0), be32(&head, 4), be32(&head, 8)) else {
                inside.gap_at(format!("0x{at:x}"), Reason::Truncated, "romfs: leads out of the image");
                break;
            };
            let (own, start) = name(at + 16);
            at = u64::from(next & !15);
            if matches!(own.as_str(), "." | "..") {
                continue;
            }
            let path = join(&path, &own);
            match next & 7 {
                0 => inside.name_only(&path),
                1 => {
                    inside.count();
                    if spec & !15 != 0 {
                        folders.push(inside, u64::from(spec & !15), path);
                    }
                }
                2 if len == 0 => inside.name_only(&path),
                2 => inside.part(&path, start, u64::from(len)),
                // Symbolic links: their names say something.
                3 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}
