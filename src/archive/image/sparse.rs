//! Android's sparse images.
//!
//! In: a blob. Out: the plain image, of which only patterns are made anew. Must not know: what it holds.

use std::io;

use super::disk::Disk;
use crate::archive::fs::broken;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;

const MAGIC: &[u8] = b"\x3a\xff\x26\xed";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "android-sparse",
    claim: |blob| blob.head().starts_with(MAGIC),
    open,
    carve: &[Carve { magic: MAGIC, at: 0, sound: |blob| header(blob.head()).is_some() }],
};

struct Header {
    len: u64,
    chunk: u64,
    block: u64,
    blocks: u64,
    chunks: u32,
}

fn header(head: &[u8]) -> Option<Header> {
    let header = Header {
        len: u64::from(le16(head, 8)?),
        chunk: u64::from(le16(head, 10)?),
        block: u64::from(le32(head, 12)?),
        blocks: u64::from(le32(head, 16)?),
        chunks: le32(head, 20)?,
    };
    let holds = le16(head, 4)? == 1
        && header.len >= 28
        && header.chunk >= 12
        && (512..=1 << 20).contains(&header.block)
        && header.block.is_multiple_of(4);
    holds.then_some(header)
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(header) = header(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "android-sparse: the header is cut or does not hold together");
    };
    let mut disk = Disk::new(inside);
    match read(inside, &mut disk, &header) {
        Ok(end) => inside.ends_at(end),
        Err(error) => inside.failed("android-sparse", &error),
    }
    let len = header.blocks * header.block;
    if disk.len() != len {
        let detail = format!("android-sparse: {} bytes where {len} are declared", disk.len());
        inside.gap(Reason::Truncated, detail);
    }
    let name = inside.blob.name();
    let name = name.strip_suffix(".img").map_or_else(|| "disk.raw".to_owned(), |stem| format!("{stem}.raw"));
    disk.finish(inside, &name, len);
}

fn read(inside: &mut Inside<'_, '_>, disk: &mut Disk, header: &Header) -> io::Result<u64> {
    let mut at = header.len;
    for _ in 0..header.chunks {
        if inside.limits().stop.raised() {
            break;
        }
        let chunk = disk.content.bytes(at, 12)?;
        let (Some(kind), Some(blocks), Some(total)) = (le16(&chunk, 0), le32(&chunk, 4), le32(&chunk, 8)) else {
            break;
        };
        let len = u64::from(blocks) * header.block;
        let data = at + header.chunk;
        match kind {
            0xcac1 => disk.plain(data, len)?,
            0xcac2 => fill(disk, &disk.content.bytes(data, 4)?, len)?,
            0xcac3 => disk.hole(len)?,
            0xcac4 => {}
            _ => return Err(broken("a chunk of no known kind")),
        }
        let next = at + u64::from(total);
        if next < data {
            return Err(broken("a chunk shorter than its header"));
        }
        at = next;
    }
    Ok(at)
}

/// Four bytes again and again.
fn fill(disk: &mut Disk, pattern: &[u8], mut len: u64) -> io::Result<()> {
    if pattern.iter().all(|b| *b == 0) {
        return disk.hole(len);
    }
    let step = pattern.repeat(16 << 10);
    while len > 0 {
        let n = len.min(step.len() as u64);
        disk.unpacked(step.get(..n as usize).unwrap_or_default())?;
        len -= n;
    }
    Ok(())
}
