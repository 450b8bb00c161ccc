//! The records at the end of a ZIP.
//!
//! In: the last bytes of a blob, or all of it where more may stand behind the archive. Out: what the records declare, where
//! they make sense. Must not know: the entries.

use std::io::Read;

use crate::bytes::{le16, le32, le64};
use crate::source::Blob;

/// The end-of-central-directory record is 22 bytes and a comment of up to 64 KiB.
pub(in crate::archive) const TAIL: usize = (64 << 10) + 22;

/// The number of parts of a split archive whose last part ends here.
pub(super) fn last_of(tail: &[u8]) -> Option<u32> {
    let at = memchr::memmem::rfind(tail, b"PK\x05\x06")?;
    let (disk, start, comment) = (le16(tail, at + 4)?, le16(tail, at + 6)?, le16(tail, at + 20)?);
    let ends = at + 22 + usize::from(comment) == tail.len();
    (ends && (1..0xffff).contains(&disk) && start <= disk).then_some(u32::from(disk) + 1)
}

/// The end record in a tail, its place and its fields, where it makes sense: one disk, a directory that
/// fits in front of it. Data may follow it (a signature, say), so that only sense tells it from a constant.
pub(super) fn end_record(tail: &[u8], len: u64) -> Option<(usize, usize)> {
    let mut end = tail.len();
    while let Some(at) = memchr::memmem::rfind(tail.get(..end)?, b"PK\x05\x06") {
        end = at;
        let u16_at = |i: usize| le16(tail, at + i);
        let u32_at = |i: usize| le32(tail, at + i);
        let (Some(disks), Some(count), Some(size), Some(offset), Some(comment)) =
            (u32_at(4), u16_at(10), u32_at(12), u32_at(16), u16_at(20))
        else {
            continue;
        };
        let zip64 = count == u16::MAX || offset == u32::MAX;
        let before = len - tail.len() as u64 + at as u64;
        let fits = u64::from(size) + u64::from(offset) <= before && u64::from(size) >= 46 * u64::from(count);
        if disks == 0 && (zip64 || fits) {
            return Some((if zip64 { usize::MAX } else { usize::from(count) }, at + 22 + usize::from(comment)));
        }
    }
    None
}

/// Bytes of the directory, by the last end record that speaks of them.
pub(super) fn directory_size(tail: &[u8]) -> Option<u64> {
    let zip64 = memchr::memmem::rfind(tail, b"PK\x06\x06").and_then(|at| le64(tail, at + 40));
    let plain = memchr::memmem::rfind(tail, b"PK\x05\x06").and_then(|at| le32(tail, at + 12));
    zip64.or(plain.map(u64::from))
}

/// True where the tail holds the end record of a ZIP.
pub(in crate::archive) fn ends_as_zip(tail: &[u8], len: u64) -> bool {
    end_record(tail, len).is_some()
}

/// The length of an archive whose blob may hold more behind it: up to the first end record that fits its place.
pub(super) fn length(blob: &Blob) -> Option<u64> {
    let mut reader = blob.reader();
    let (mut buffer, mut kept, mut base) = (vec![0; 1 << 20], 0, 0u64);
    loop {
        let n = reader.read(buffer.get_mut(kept..)?).ok()?;
        let filled = kept + n;
        let data = buffer.get(..filled)?;
        for at in memchr::memmem::find_iter(data, b"PK\x05\x06") {
            let (Some(size), Some(offset), Some(comment)) =
                (le32(data, at + 12), le32(data, at + 16), le16(data, at + 20))
            else {
                continue;
            };
            let place = base + at as u64;
            let zip64 = offset == u32::MAX;
            if zip64 || u64::from(size) + u64::from(offset) == place {
                return Some(place + 22 + u64::from(comment)).filter(|end| *end <= blob.len());
            }
        }
        if n == 0 {
            return None;
        }
        let keep = filled.min(22);
        buffer.copy_within(filled - keep..filled, 0);
        base += (filled - keep) as u64;
        kept = keep;
    }
}
