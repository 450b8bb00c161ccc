//! VHD disks, fixed and dynamic, and VirtualBox's VDI.
//!
//! In: a blob. Out: the disk. Must not know: what the disk holds.

use std::io;

use super::disk::Disk;
use crate::archive::fs::broken;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, be64, le32, le64};
use crate::fact::Reason;
use crate::source::Blob;

pub(in crate::archive) const VHD: Format =
    Format { name: "vhd", claim: |blob| footer(blob).is_some(), open: open_vhd, carve: &[] };
pub(in crate::archive) const VDI: Format = Format {
    name: "vdi",
    claim: |blob| blob.head().get(64..68).is_some_and(|mark| mark == VDI_MAGIC),
    open: open_vdi,
    carve: &[Carve { magic: b"<<< Oracle VM VirtualBox Disk Image >>>", at: 0, sound: |blob| (VDI.claim)(blob) }],
};

const MAGIC: &[u8] = b"conectix";
const VDI_MAGIC: &[u8] = b"\x7f\x10\xda\xbe";
const FOOTER: u64 = 512;

/// The footer, whose bytes add up; a dynamic disk begins with a copy.
fn footer(blob: &Blob) -> Option<Vec<u8>> {
    let sums = |footer: &[u8]| {
        let sum = footer.iter().enumerate().filter(|(at, _)| !(64..68).contains(at));
        let sum = sum.fold(0u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
        footer.starts_with(MAGIC) && be32(footer, 64) == Some(!sum)
    };
    let first = blob.head().get(..FOOTER as usize).filter(|head| sums(head)).map(<[u8]>::to_vec);
    first.or_else(|| blob.tail(FOOTER as usize).ok().filter(|tail| sums(tail)))
}

fn open_vhd(inside: &mut Inside<'_, '_>) {
    let Some(footer) = footer(inside.blob) else { return };
    let (Some(size), Some(kind)) = (be64(&footer, 48), be32(&footer, 60)) else { return };
    match kind {
        2 => {
            let have = inside.blob.len().saturating_sub(FOOTER);
            inside.part("disk.raw", 0, size.max(have).min(inside.blob.len()));
        }
        3 | 4 => {
            if kind == 4 {
                inside.gap(Reason::Unsupported, "vhd: what did not change lies in another file; not read");
            }
            let mut disk = Disk::new(inside);
            if let Err(error) = dynamic(inside, &mut disk, &footer, size) {
                inside.failed("vhd", &error);
            }
            disk.finish(inside, "disk.raw", size);
        }
        kind => inside.gap(Reason::Unsupported, format!("vhd: a disk of kind {kind}; not read")),
    }
}

fn dynamic(inside: &mut Inside<'_, '_>, disk: &mut Disk, footer: &[u8], size: u64) -> io::Result<()> {
    let at = be64(footer, 16).unwrap_or(0);
    let header = disk.table(at, 1024)?;
    let (Some(table), Some(count), Some(block)) = (be64(&header, 16), be32(&header, 28), be32(&header, 32)) else {
        return Err(broken("the second header is cut"));
    };
    if !header.starts_with(b"cxsparse") || !block.is_power_of_two() || block < 512 {
        return Err(broken("the second header does not hold together"));
    }
    let block = u64::from(block);
    // Which sectors of a block are written is told before it; the others are zeros anyway.
    let bitmap = (block / 512).div_ceil(8).next_multiple_of(512);
    let entries = disk.table(table, u64::from(count) * 4)?;
    for entry in entries.chunks_exact(4) {
        if disk.len() >= size || inside.limits().stop.raised() {
            break;
        }
        match be32(entry, 0) {
            Some(u32::MAX) | None => disk.hole(block)?,
            Some(sector) => disk.plain(u64::from(sector) * 512 + bitmap, block)?,
        }
    }
    Ok(())
}

fn open_vdi(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let u32 = |at| le32(head, at);
    let (Some(kind), Some(map), Some(data), Some(size), Some(block), Some(extra), Some(count)) =
        (u32(76), u32(340), u32(344), le64(head, 368), u32(376), u32(380), u32(384))
    else {
        return inside.gap(Reason::Truncated, "vdi: the header is cut");
    };
    if !(1..=2).contains(&kind) {
        inside.gap(Reason::Unsupported, "vdi: what did not change lies in another file; not read");
    }
    if block < 4096 {
        return inside.gap(Reason::Malformed, "vdi: the header does not hold together");
    }
    let mut disk = Disk::new(inside);
    let mut read = || -> io::Result<()> {
        for entry in disk.table(u64::from(map), u64::from(count) * 4)?.chunks_exact(4) {
            let step = u64::from(block) + u64::from(extra);
            match le32(entry, 0) {
                Some(0xffff_fffe | 0xffff_ffff) | None => disk.hole(u64::from(block))?,
                Some(index) => {
                    disk.plain(u64::from(data) + u64::from(index) * step + u64::from(extra), u64::from(block))?;
                }
            }
        }
        Ok(())
    };
    if let Err(error) = read() {
        inside.failed("vdi", &error);
    }
    disk.finish(inside, "disk.raw", size);
}
