//! Discs as they are read bit by bit: sectors of 2,352 bytes with their headers and sums.
//!
//! In: a blob. Out: the disc with the content of its sectors only, without a copy. Must not know: what the disc holds.

use crate::archive::{Format, Inside};
use crate::source::{Blob, Extent};

pub(in crate::archive) const FORMAT: Format = Format { name: "raw-cd", claim, open, carve: &[] };

const SECTOR: u64 = 2352;
const DATA: u64 = 2048;

fn claim(blob: &Blob) -> bool {
    const SYNC: &[u8] = b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0";
    let head = blob.head();
    head.starts_with(SYNC) && head.get(2352..2364) == Some(SYNC) && matches!(head.get(15), Some(1 | 2))
}

fn open(inside: &mut Inside<'_, '_>) {
    let sectors = inside.blob.len() / SECTOR;
    // Mode 2 has a header of eight bytes more.
    let skip = if inside.blob.head().get(15) == Some(&2) { 24 } else { 16 };
    inside.ends_at(sectors * SECTOR);
    inside.mapped("disc.iso", (0..sectors).map(|sector| Extent { len: DATA, from: Some(sector * SECTOR + skip) }));
}
