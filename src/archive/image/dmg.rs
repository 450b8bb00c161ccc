//! Apple's disk images (UDIF), known by what stands at their end.
//!
//! In: a blob. Out: the partitions that its lists describe; only packed pieces are held. Must not know: file systems.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::disk::Disk;
use super::uimage::step;
use crate::archive::fs::codec::Method;
use crate::archive::fs::{broken, cut_short};
use crate::archive::{Format, Inside};
use crate::bytes::{be32, be64};
use crate::fact::Reason;
use crate::source::Blob;

pub(in crate::archive) const FORMAT: Format =
    Format { name: "dmg", claim: |blob| trailer(blob).is_some(), open, carve: &[] };

const TRAILER: usize = 512;
const SECTOR: u64 = 512;
/// Bytes of the property list, partitions in it, and bytes of one packed piece.
const LIST: u64 = 16 << 20;
const PARTS: usize = 256;
const PIECE: u64 = 64 << 20;

fn trailer(blob: &Blob) -> Option<Vec<u8>> {
    let tail = blob.tail(TRAILER).ok()?;
    (tail.starts_with(b"koly") && be32(&tail, 4) == Some(4) && be32(&tail, 8) == Some(512)).then_some(tail)
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(tail) = trailer(inside.blob) else { return };
    let (Some(fork), Some(at), Some(len)) = (be64(&tail, 24), be64(&tail, 216), be64(&tail, 224)) else { return };
    if len == 0 || len > LIST {
        return inside.gap(Reason::Unsupported, "dmg: no property list, or one of unusual length; not read");
    }
    let list = match inside.blob.content().bytes(at, len) {
        Ok(list) => list,
        Err(error) => return inside.failed("dmg property list", &error),
    };
    let tables = tables(&list);
    if tables.is_empty() {
        inside.gap(Reason::Malformed, "dmg: a property list without partitions");
    }
    for (index, (name, table)) in tables.into_iter().enumerate() {
        if !inside.go_on() {
            return;
        }
        let name = format!("p{index}.{}", step(&name, "partition"));
        let mut disk = Disk::new(inside);
        if let Err(error) = read(inside, &mut disk, &table, fork) {
            inside.shut(&name, crate::archive::walk::reason(&error), format!("dmg: {error}"));
        }
        let len = disk.len();
        if len > 0 {
            disk.finish(inside, &name, len);
        }
    }
}

/// The names and the tables below `blkx`.
fn tables(list: &[u8]) -> Vec<(String, Vec<u8>)> {
    let between = |data: &[u8], open: &[u8], close: &[u8]| {
        let start = memmem::find(data, open)? + open.len();
        let len = memmem::find(data.get(start..)?, close)?;
        Some((start, start + len))
    };
    let Some((from, to)) = memmem::find(list, b"<key>blkx</key>")
        .and_then(|at| Some((at, list.get(at..)?)))
        .and_then(|(at, rest)| between(rest, b"<array>", b"</array>").map(|(from, to)| (at + from, at + to)))
    else {
        return Vec::new();
    };
    let mut rest = list.get(from..to).unwrap_or_default();
    let mut tables = Vec::new();
    while let Some((from, to)) = between(rest, b"<dict>", b"</dict>").filter(|_| tables.len() < PARTS) {
        let one = rest.get(from..to).unwrap_or_default();
        let name = memmem::find(one, b"<key>Name</key>")
            .or_else(|| memmem::find(one, b"<key>CFName</key>"))
            .and_then(|at| one.get(at..))
            .and_then(|one| between(one, b"<string>", b"</string>").and_then(|(from, to)| one.get(from..to)))
            .map(|name| String::from_utf8_lossy(name).into_owned());
        let text = between(one, b"<data>", b"</data>").and_then(|(from, to)| one.get(from..to));
        let text: Vec<u8> = text.unwrap_or_default().iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        if let Ok(table) = STANDARD.decode(text) {
            tables.push((name.unwrap_or_default(), table));
        }
        rest = rest.get(to..).unwrap_or_default();
    }
    tables
}

fn read(inside: &mut Inside<'_, '_>, disk: &mut Disk, table: &[u8], fork: u64) -> io::Result<()> {
    if !table.starts_with(b"mish") {
        return Err(broken("a table of blocks without its mark"));
    }
    let base = fork.saturating_add(be64(table, 24).unwrap_or(0));
    let count = be32(table, 200).unwrap_or(0) as usize;
    for piece in table.get(204..).unwrap_or_default().chunks_exact(40).take(count) {
        if inside.limits().stop.raised() {
            break;
        }
        let (Some(kind), Some(sector), Some(sectors), Some(at), Some(packed)) =
            (be32(piece, 0), be64(piece, 8), be64(piece, 16), be64(piece, 24), be64(piece, 32))
        else {
            return Err(cut_short());
        };
        let (start, len) = (sector.saturating_mul(SECTOR), sectors.saturating_mul(SECTOR));
        let at = base.saturating_add(at);
        let method = match kind {
            0x7fff_fffe => continue,
            0xffff_ffff => break,
            0 | 2 => None,
            1 => None,
            0x8000_0004 => Some(Method::Adc),
            0x8000_0005 => Some(Method::Zlib),
            0x8000_0006 => Some(Method::Bzip2),
            0x8000_0007 => Some(Method::Lzfse),
            0x8000_0008 => Some(Method::Xz),
            other => return Err(broken(&format!("a piece of unknown kind {other:08x}"))),
        };
        if start < disk.len() {
            return Err(broken("pieces that overlap"));
        }
        disk.hole_to(start)?;
        match method {
            _ if len == 0 => {}
            None if kind == 1 => {
                disk.plain(at, packed.min(len))?;
                disk.hole_to(start + len)?;
            }
            None => disk.hole(len)?,
            Some(_) if len > PIECE || packed > PIECE => disk.lose(len, broken("a piece longer than pieces are"))?,
            Some(method) => disk.packed(method, at, packed, len)?,
        }
    }
    Ok(())
}
