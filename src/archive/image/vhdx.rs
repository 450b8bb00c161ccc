//! VHDX disks. The log is not replayed.
//!
//! In: a blob. Out: the disk. Must not know: what the disk holds.

use std::io;

use super::disk::Disk;
use crate::archive::fs::broken;
use crate::archive::{Format, Inside};
use crate::bytes::{le16, le32, le64};
use crate::fact::Reason;

pub(in crate::archive) const FORMAT: Format =
    Format { name: "vhdx", claim: |blob| blob.head().starts_with(b"vhdxfile"), open, carve: &[] };

const BAT: [u8; 16] = *b"\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08";
const METADATA: [u8; 16] = *b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e";
const PARAMETERS: [u8; 16] = *b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b";
const SIZE: [u8; 16] = *b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8";
const SECTOR: [u8; 16] = *b"\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f";

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let dirty = [64 << 10, 128 << 10].into_iter().filter_map(|at| content.bytes(at, 4096).ok());
    let newest = dirty.filter(|h| h.starts_with(b"head")).max_by_key(|h| le64(h, 8));
    if newest.is_some_and(|h| h.get(48..64).is_some_and(|log| log.iter().any(|b| *b != 0))) {
        inside.gap(Reason::Unsupported, "vhdx: the log was not replayed; the last changes may be missing");
    }
    let mut disk = Disk::new(inside);
    match read(inside, &mut disk) {
        Ok(size) => disk.finish(inside, "disk.raw", size),
        Err(error) => inside.failed("vhdx", &error),
    }
}

fn read(inside: &mut Inside<'_, '_>, disk: &mut Disk) -> io::Result<u64> {
    let missing = |what: &str| broken(&format!("no {what}"));
    let regions = disk.content.bytes(192 << 10, 64 << 10)?;
    if !regions.starts_with(b"regi") {
        return Err(missing("table of regions"));
    }
    let region = |id: [u8; 16]| {
        let entry = regions.get(16..)?.chunks_exact(32).take(2047).find(|entry| entry.starts_with(&id))?;
        Some((le64(entry, 16)?, u64::from(le32(entry, 24)?)))
    };
    let (bat, bat_len) = region(BAT).ok_or_else(|| missing("table of blocks"))?;
    let (meta, _) = region(METADATA).ok_or_else(|| missing("metadata"))?;
    let table = disk.content.bytes(meta, 64 << 10)?;
    let item = |id: [u8; 16]| {
        let count = usize::from(le16(&table, 10)?);
        let entry = table.get(32..)?.chunks_exact(32).take(count).find(|entry| entry.starts_with(&id))?;
        disk.content.bytes(meta + u64::from(le32(entry, 16)?), 8).ok()
    };
    let parameters = item(PARAMETERS).ok_or_else(|| missing("block size"))?;
    let size = item(SIZE).and_then(|data| le64(&data, 0)).ok_or_else(|| missing("disk size"))?;
    let sector = item(SECTOR).and_then(|data| le32(&data, 0)).unwrap_or(512);
    let (block, flags) = (le32(&parameters, 0).unwrap_or(0), le32(&parameters, 4).unwrap_or(0));
    if !block.is_power_of_two() || !(1 << 20..=256 << 20).contains(&block) || !matches!(sector, 512 | 4096) {
        return Err(broken("a block or sector size that does not exist"));
    }
    if flags & 2 != 0 {
        inside.gap(Reason::Unsupported, "vhdx: what did not change lies in another file; not read");
    }
    let block = u64::from(block);
    let ratio = (u64::from(sector) << 23) / block;
    // After so many blocks stands the place of their bitmap.
    let blocks = size.div_ceil(block);
    let entries = blocks.saturating_add(blocks.saturating_sub(1) / ratio);
    let bat = disk.table(bat, entries.saturating_mul(8).min(bat_len))?;
    for (index, entry) in bat.chunks_exact(8).enumerate() {
        if inside.limits().stop.raised() {
            break;
        }
        if (index as u64 + 1).is_multiple_of(ratio + 1) {
            continue;
        }
        let entry = le64(entry, 0).unwrap_or(0);
        match entry & 7 {
            6 | 7 => disk.plain(entry >> 20 << 20, block)?,
            _ => disk.hole(block)?,
        }
    }
    Ok(size)
}
