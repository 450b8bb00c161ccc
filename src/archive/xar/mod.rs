//! xar archives: installer packages (`.pkg`), `.xip`, Safari extensions of Apple; own reader, because no crate is kept.
//!
//! In: a blob. Out: its files, which stand in the heap as they are or packed each by itself. Signatures and checksums of
//! the table are not checked.

pub(super) mod pbzx;
mod toc;

use std::io::{Read, Seek, SeekFrom};

use flate2::bufread::ZlibDecoder;

use super::compressed;
use super::{Carve, Format, Inside};
use crate::bytes::{be16, be64};
use crate::fact::Reason;
use crate::source::Blob;
use toc::Entry;

pub(super) const FORMAT: Format = Format { name: "xar", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"xar!\0";
/// The longest table of contents that is read.
const TABLE: u64 = 64 << 20;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// Lengths of the header and the packed and the plain table.
fn header(head: &[u8]) -> Option<(u64, u64, u64)> {
    Some((u64::from(be16(head, 4)?), be64(head, 8)?, be64(head, 16)?))
}

/// The known version, lengths that fit, and a table that begins as zlib data.
fn sound(blob: &Blob) -> bool {
    let fits = |(header, packed, plain): (u64, u64, u64)| {
        let first = usize::try_from(header).ok().and_then(|at| blob.head().get(at));
        (28..512).contains(&header) && packed <= plain.saturating_add(64) && packed < blob.len() && first == Some(&0x78)
    };
    be16(blob.head(), 6) == Some(1) && header(blob.head()).is_some_and(fits)
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some((start, packed, plain)) = header(inside.blob.head()) else {
        return inside.gap(Reason::Truncated, "xar: the header is cut; not read");
    };
    if plain > TABLE || packed > inside.blob.len() {
        let reason = if plain > TABLE { Reason::Limit } else { Reason::Truncated };
        return inside.gap(reason, format!("xar: a table of {packed} bytes, {plain} unpacked; not read"));
    }
    let mut reader = inside.blob.reader();
    let mut table = Vec::new();
    let read = reader
        .seek(SeekFrom::Start(start))
        .and_then(|_| ZlibDecoder::new(reader.take(packed)).take(TABLE).read_to_end(&mut table));
    if let Err(error) = read {
        inside.failed("xar: the table, read as far as it goes", &error);
    } else if table.len() as u64 != plain {
        let detail = format!("xar: a table of {} bytes where {plain} are declared", table.len());
        inside.gap(Reason::Malformed, detail);
    }
    let heap = start.saturating_add(packed);
    let most = inside.limits().max_members;
    let longest = inside.limits().max_name_bytes;
    let mut end = heap;
    let broken = toc::read(&String::from_utf8_lossy(&table), most, longest, &mut |met| match met {
        toc::Met::Reaches(place) => {
            end = end.max(heap.saturating_add(place));
            true
        }
        toc::Met::File(entry) => {
            inside.go_on() && {
                member(inside, heap, &entry);
                true
            }
        }
    });
    if let Some((reason, detail)) = broken {
        inside.gap(reason, format!("xar: {detail}"));
    }
    // libarchive leaves room for the table's checksum twice.
    let spare = matches!(inside.blob.len().checked_sub(end), Some(16 | 20 | 32 | 64));
    inside.ends_at(if spare { inside.blob.len() } else { end });
}

fn member(inside: &mut Inside<'_, '_>, heap: u64, entry: &Entry) {
    let Some(data) = &entry.data else {
        return if entry.kind == "file" || entry.kind == "hardlink" {
            inside.name_only(&entry.path)
        } else {
            inside.count()
        };
    };
    let start = heap.saturating_add(data.offset);
    if data.style.is_empty() || data.style.ends_with("octet-stream") {
        return inside.part(&entry.path, start, data.length);
    }
    let whole = inside.blob.len().saturating_sub(start) >= data.length;
    let Ok(content) = inside.blob.content().slice(start, data.length) else { return };
    let lzma = data.style.ends_with("x-lzma");
    if let Some(mut stream) = compressed::unpack(&content, lzma) {
        return inside.member(&entry.path, Some(data.size), &mut stream);
    }
    // What is called gzip here is zlib.
    if data.style.ends_with("x-gzip") || data.style.ends_with("zlib") {
        return inside.member(&entry.path, Some(data.size), &mut ZlibDecoder::new(content.reader()));
    }
    inside.count();
    let reason = if whole { Reason::Unsupported } else { Reason::Truncated };
    inside.shut(&entry.path, reason, format!("packed in a way that is not read: {}", data.style));
}
