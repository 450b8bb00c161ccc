//! VMDK disks: sparse, and stream-optimised with packed grains. A descriptor by itself names the files that hold its disk.
//!
//! In: a blob. Out: the disk. Must not know: what the disk holds.

use std::io;

use super::disk::Disk;
use crate::archive::fs::broken;
use crate::archive::fs::codec::Method;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64, text_until_zero};
use crate::fact::Reason;

const MAGIC: &[u8] = b"KDMV";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "vmdk",
    claim: |blob| blob.head().starts_with(MAGIC) || blob.head().starts_with(DESCRIPTOR),
    open,
    carve: &[Carve { magic: MAGIC, at: 0, sound: |blob| header(blob.head()).is_some_and(|h| h.line_ends) }],
};

const DESCRIPTOR: &[u8] = b"# Disk DescriptorFile";
const SECTOR: u64 = 512;
/// A directory at the end, told by a copy of the header there.
const AT_END: u64 = u64::MAX;

struct Header {
    flags: u32,
    sectors: u64,
    grain: u64,
    text: u64,
    text_len: u64,
    per_table: u32,
    directory: u64,
    method: u16,
    line_ends: bool,
}

fn header(head: &[u8]) -> Option<Header> {
    let header = Header {
        flags: le32(head, 8)?,
        sectors: le64(head, 12)?,
        grain: le64(head, 20)?,
        text: le64(head, 28)?,
        text_len: le64(head, 36)?,
        per_table: le32(head, 44)?,
        directory: le64(head, 56)?,
        line_ends: head.get(73..77)? == b"\n \r\n",
        method: le16(head, 77)?,
    };
    let holds = head.starts_with(MAGIC)
        && header.grain.is_power_of_two()
        && (8..=2048).contains(&header.grain)
        && (1..=4096).contains(&header.per_table)
        && header.sectors < 1 << 50;
    holds.then_some(header)
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    if head.starts_with(DESCRIPTOR) {
        let text = text_until_zero(head, 64 << 10).into_owned();
        return inside.gap(Reason::Unsupported, format!("vmdk: a descriptor; the disk lies in {}", extents(&text)));
    }
    let Some(mut header) = header(head) else {
        return inside.gap(Reason::Malformed, "vmdk: the header is cut or does not hold together");
    };
    let content = inside.blob.content().clone();
    if header.text != 0 {
        let text = content.bytes(header.text.saturating_mul(SECTOR), header.text_len.min(128) * SECTOR);
        let text = text_until_zero(&text.unwrap_or_default(), 64 << 10).into_owned();
        let parent = text.lines().find_map(|line| line.strip_prefix("parentCID="));
        if parent.is_some_and(|parent| !parent.trim().eq_ignore_ascii_case("ffffffff")) {
            inside.gap(Reason::Unsupported, "vmdk: what did not change lies in another file; not read");
        }
    }
    if header.directory == AT_END {
        let copy = content.len().checked_sub(2 * SECTOR).and_then(|at| content.bytes(at, SECTOR).ok());
        match copy.and_then(|copy| self::header(&copy)) {
            Some(copy) if copy.directory != AT_END => header = copy,
            _ => return inside.gap(Reason::Truncated, "vmdk: the directory at its end is missing"),
        }
    }
    if header.flags & 0x1_0000 != 0 && header.method != 1 {
        return inside.gap(Reason::Unsupported, format!("vmdk: packed by method {}", header.method));
    }
    let mut disk = Disk::new(inside);
    if let Err(error) = read(inside, &mut disk, &header) {
        inside.failed("vmdk", &error);
    }
    disk.finish(inside, "disk.raw", header.sectors * SECTOR);
}

/// The files that a descriptor names.
fn extents(text: &str) -> String {
    let lines = text.lines().filter(|line| ["RW ", "RDONLY ", "NOACCESS "].iter().any(|how| line.starts_with(how)));
    let names: Vec<&str> = lines.filter_map(|line| line.split('"').nth(1)).take(16).collect();
    if names.is_empty() { "no file that it names".to_owned() } else { names.join(", ") }
}

fn read(inside: &mut Inside<'_, '_>, disk: &mut Disk, header: &Header) -> io::Result<()> {
    let (len, grain) = (header.sectors * SECTOR, header.grain * SECTOR);
    let covers = grain * u64::from(header.per_table);
    let tables = len.div_ceil(covers);
    let directory = disk.table(header.directory.saturating_mul(SECTOR), tables.saturating_mul(4))?;
    for pointer in directory.chunks_exact(4) {
        if inside.limits().stop.raised() {
            break;
        }
        let at = u64::from(le32(pointer, 0).unwrap_or(0));
        if at == 0 {
            disk.hole(covers)?;
            continue;
        }
        for entry in disk.table(at * SECTOR, u64::from(header.per_table) * 4)?.chunks_exact(4) {
            if disk.len() >= len {
                break;
            }
            let sector = u64::from(le32(entry, 0).unwrap_or(0));
            let at = sector * SECTOR;
            match sector {
                0 | 1 => disk.hole(grain)?,
                _ if header.flags & 0x1_0000 == 0 => disk.plain(at, grain)?,
                _ => match disk.content.bytes(at, 12).ok().and_then(|mark| le32(&mark, 8)) {
                    Some(packed) if u64::from(packed) <= grain * 2 => {
                        // The last grain may be shorter than grains are.
                        let due = grain.min(len - disk.len());
                        disk.packed_up_to(Method::Zlib, at + 12, u64::from(packed), grain, due)?;
                    }
                    _ => disk.lose(grain, broken("a grain without its mark"))?,
                },
            }
        }
    }
    Ok(())
}
