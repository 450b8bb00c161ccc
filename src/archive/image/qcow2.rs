//! QCOW2 disks, versions 2 and 3, with packed clusters.
//!
//! In: a blob. Out: the disk in its present state. What lies in a backing file, and snapshots, are gaps. Must not know: what the disk holds.

use std::io;

use super::disk::Disk;
use crate::archive::fs::broken;
use crate::archive::fs::codec::Method;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, be64};
use crate::fact::Reason;

const MAGIC: &[u8] = b"QFI\xfb";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "qcow2",
    claim: |blob| blob.head().starts_with(MAGIC),
    open,
    carve: &[Carve {
        magic: MAGIC,
        at: 0,
        sound: |blob| header(blob.head()).is_some_and(|h| h.tables < blob.len() && h.crypt <= 2),
    }],
};

struct Header {
    version: u32,
    backing: u64,
    backing_len: u32,
    bits: u32,
    size: u64,
    crypt: u32,
    count: u32,
    tables: u64,
    snapshots: u32,
    features: u64,
    zstd: bool,
}

fn header(head: &[u8]) -> Option<Header> {
    let version = be32(head, 4)?;
    let late = version >= 3;
    let header = Header {
        version,
        backing: be64(head, 8)?,
        backing_len: be32(head, 16)?,
        bits: be32(head, 20)?,
        size: be64(head, 24)?,
        crypt: be32(head, 32)?,
        count: be32(head, 36)?,
        tables: be64(head, 40)?,
        snapshots: be32(head, 60)?,
        features: if late { be64(head, 72)? } else { 0 },
        zstd: late && be32(head, 100)? > 104 && head.get(104) == Some(&1),
    };
    ((1..=3).contains(&version) && (version == 1 || (9..=21).contains(&header.bits))).then_some(header)
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(header) = header(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "qcow2: the header is cut or does not hold together");
    };
    if header.version == 1 {
        return inside.gap(Reason::Unsupported, "qcow version 1: not read");
    }
    if header.crypt != 0 {
        return inside.shut("disk.raw", Reason::Encrypted, "qcow2: the disk is encrypted");
    }
    if header.features & 4 != 0 || header.features & 16 != 0 {
        return inside.gap(Reason::Unsupported, "qcow2: data in another file, or parts of clusters; not read");
    }
    if header.backing != 0 {
        let name = inside.blob.content().bytes(header.backing, u64::from(header.backing_len.min(1023)));
        let name = String::from_utf8_lossy(&name.unwrap_or_default()).into_owned();
        inside.gap(Reason::Unsupported, format!("qcow2: what did not change lies in another file, {name}; not read"));
    }
    if header.snapshots > 0 {
        inside.gap(Reason::Unsupported, format!("qcow2: {} snapshots; not read", header.snapshots));
    }
    let mut disk = Disk::new(inside);
    if let Err(error) = read(inside, &mut disk, &header) {
        inside.failed("qcow2", &error);
    }
    disk.finish(inside, "disk.raw", header.size);
}

fn read(inside: &mut Inside<'_, '_>, disk: &mut Disk, header: &Header) -> io::Result<()> {
    const PLACE: u64 = 0x00ff_ffff_ffff_fe00;
    let cluster = 1u64 << header.bits;
    let covers = cluster * (cluster / 8);
    if u64::from(header.count) < header.size.div_ceil(covers) {
        return Err(broken("the first table is shorter than the disk needs"));
    }
    let shift = 62 - (header.bits - 8);
    let method = if header.zstd { Method::Zstd } else { Method::Deflate };
    let first = disk.table(header.tables, u64::from(header.count) * 8)?;
    for pointer in first.chunks_exact(8) {
        if disk.len() >= header.size || inside.limits().stop.raised() {
            break;
        }
        let at = be64(pointer, 0).unwrap_or(0) & PLACE;
        if at == 0 {
            disk.hole(covers)?;
            continue;
        }
        for entry in disk.table(at, cluster)?.chunks_exact(8) {
            if disk.len() >= header.size {
                break;
            }
            let entry = be64(entry, 0).unwrap_or(0);
            if entry >> 62 & 1 == 1 {
                let at = entry & ((1 << shift) - 1);
                let sectors = (entry & 0x3fff_ffff_ffff_ffff) >> shift;
                let len = ((sectors + 1) * 512).saturating_sub(at & 511);
                // The last sector may not be filled.
                let len = len.min(disk.content.len().saturating_sub(at));
                packed(disk, method, at, len, cluster)?;
            } else if entry & PLACE == 0 || (entry & 1 == 1 && header.version >= 3) {
                disk.hole(cluster)?;
            } else {
                disk.plain(entry & PLACE, cluster)?;
            }
        }
    }
    Ok(())
}

/// A packed cluster is followed by what the rest of its last sector holds.
fn packed(disk: &mut Disk, method: Method, at: u64, len: u64, cluster: u64) -> io::Result<()> {
    match method {
        Method::Zstd => disk.packed_loosely(at, len, cluster),
        method => disk.packed(method, at, len, cluster),
    }
}
