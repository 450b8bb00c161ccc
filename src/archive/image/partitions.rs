//! Disks in partitions: MBR with extended partitions, GPT, Apple's partition map.
//!
//! In: a blob. Out: its partitions, and what stands between them where that is not empty. Must not know: any file system.

use std::collections::HashSet;

use flate2::Crc;

use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, le32, le64, text_until_zero, utf16};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const MBR: Format = Format { name: "mbr", claim: is_mbr, open: open_mbr, carve: &[] };
pub(in crate::archive) const GPT: Format = Format {
    name: "gpt",
    claim: |blob| gpt_sector(blob).is_some(),
    open: open_gpt,
    carve: &[Carve { magic: b"EFI PART\0\0\x01\0", at: 512, sound: |blob| is_mbr_mark(blob.head()) }],
};
pub(in crate::archive) const APM: Format = Format { name: "apm", claim: is_apm, open: open_apm, carve: &[] };

const SECTOR: u64 = 512;
/// Partitions read of one table.
const MOST: usize = 1024;
/// Less than this between partitions is only alignment.
const BETWEEN: u64 = 512;

/// A partition: its name, its first byte and its length.
struct Part {
    name: String,
    start: u64,
    len: u64,
}

/// Hands out partitions and what stands between them.
fn give(inside: &mut Inside<'_, '_>, mut parts: Vec<Part>, from: u64, end: u64) {
    parts.sort_by_key(|part| part.start);
    parts.push(Part { name: String::new(), start: end, len: 0 });
    let mut at = from;
    for part in parts {
        if part.start > at && part.start - at >= BETWEEN {
            let len = (part.start - at).min(inside.blob.len().saturating_sub(at));
            if len > 0 && inside.go_on() && !empty(inside.blob.content(), at, len) {
                inside.part(&format!("unpartitioned-0x{at:x}"), at, len);
            }
        }
        at = at.max(part.start.saturating_add(part.len));
        if part.len > 0 {
            if !inside.go_on() {
                return;
            }
            inside.part(&part.name, part.start, part.len);
        }
    }
}

fn empty(content: &Content, at: u64, len: u64) -> bool {
    const STEP: u64 = 1 << 20;
    let mut done = 0;
    while done < len {
        let n = STEP.min(len - done);
        if content.bytes(at + done, n).is_ok_and(|data| data.iter().any(|b| !matches!(b, 0 | 0xff))) {
            return false;
        }
        done += n;
    }
    true
}

/// One of the four lines of an MBR.
struct Line {
    kind: u8,
    start: u64,
    sectors: u64,
}

fn is_mbr_mark(head: &[u8]) -> bool {
    head.get(510..512) == Some(&[0x55, 0xaa])
}

fn lines(sector: &[u8]) -> Option<Vec<Line>> {
    if !is_mbr_mark(sector) {
        return None;
    }
    let table = sector.get(446..510)?;
    let line = |bytes: &[u8]| {
        let line =
            Line { kind: *bytes.get(4)?, start: u64::from(le32(bytes, 8)?), sectors: u64::from(le32(bytes, 12)?) };
        matches!(bytes.first(), Some(0 | 0x80)).then_some(line)
    };
    table.chunks_exact(16).map(line).collect()
}

/// Lines that hold together: a boot sector of a file system has code or nothing in their place.
fn is_mbr(blob: &Blob) -> bool {
    let Some(lines) = lines(blob.head()) else { return false };
    let sectors = blob.len() / SECTOR;
    let used: Vec<&Line> = lines.iter().filter(|line| line.kind != 0 && line.sectors > 0).collect();
    let empty = lines.iter().filter(|line| line.kind == 0).all(|line| line.sectors == 0);
    let mut ends: Vec<(u64, u64)> = used.iter().map(|line| (line.start, line.start + line.sectors)).collect();
    ends.sort_unstable();
    let apart = ends.windows(2).all(|two| matches!(two, [(_, end), (start, _)] if end <= start));
    // Hybrid images begin with the whole of themselves, which overlaps.
    let hybrid = used.iter().any(|line| line.start == 0 && line.sectors <= sectors);
    !used.is_empty() && empty && (apart || hybrid) && used.iter().any(|line| line.start < sectors.max(1))
}

fn kind(kind: u8) -> &'static str {
    match kind {
        0x01 | 0x04 | 0x06 | 0x0b | 0x0c | 0x0e => "fat",
        0x07 => "ntfs",
        0x11 | 0x14 | 0x16 | 0x1b | 0x1c | 0x1e => "hidden-fat",
        0x27 => "recovery",
        0x82 => "swap",
        0x83 => "linux",
        0x8e => "lvm",
        0xa5 | 0xa6 | 0xa9 => "bsd",
        0xaf => "hfs",
        0xda => "data",
        0xef => "efi",
        0xfd => "raid",
        _ => "",
    }
}

fn mbr_name(number: usize, line: &Line) -> String {
    match kind(line.kind) {
        "" => format!("p{number}.type-{:02x}", line.kind),
        name => format!("p{number}.{name}"),
    }
}

fn open_mbr(inside: &mut Inside<'_, '_>) {
    let Some(first) = lines(inside.blob.head()) else { return };
    if first.iter().any(|line| line.kind == 0xee) {
        inside.gap(Reason::Malformed, "mbr: stands for a GPT that is missing or broken");
    }
    let (mut parts, mut seen) = (Vec::new(), HashSet::new());
    let mut logical = 5;
    for (index, line) in first.iter().enumerate().filter(|(_, line)| line.kind != 0 && line.sectors > 0) {
        if !matches!(line.kind, 0x05 | 0x0f | 0x85) {
            // What begins with the first byte is the whole again.
            if line.start > 0 && line.kind != 0xee {
                let (start, len) = (line.start * SECTOR, line.sectors * SECTOR);
                parts.push(Part { name: mbr_name(index + 1, line), start, len });
            }
            continue;
        }
        let mut at = line.start;
        while seen.insert(at) {
            if seen.len() > MOST {
                inside.gap(Reason::Limit, format!("mbr: more than {MOST} logical partitions"));
                break;
            }
            let sector = inside.blob.content().bytes(at.saturating_mul(SECTOR), SECTOR);
            let Some(links) = sector.ok().and_then(|sector| lines(&sector)) else {
                inside.gap_at(format!("sector {at}"), Reason::Malformed, "mbr: a broken extended partition");
                break;
            };
            let mut next = None;
            for link in links.iter().take(2).filter(|link| link.sectors > 0) {
                if matches!(link.kind, 0x05 | 0x0f | 0x85) {
                    next = Some(line.start + link.start);
                } else if link.kind != 0 {
                    let (start, len) = ((at + link.start) * SECTOR, link.sectors * SECTOR);
                    parts.push(Part { name: mbr_name(logical, link), start, len });
                    logical += 1;
                }
            }
            let Some(next) = next else { break };
            at = next;
        }
    }
    let end = parts.iter().map(|part| part.start + part.len).max().unwrap_or(0);
    let len = inside.blob.len();
    give(inside, parts, SECTOR, len.max(end));
}

/// The size of sectors, by where the header stands.
fn gpt_sector(blob: &Blob) -> Option<u64> {
    let head = blob.head();
    [512, 4096]
        .into_iter()
        .find(|at| head.get(*at..).is_some_and(|rest| rest.starts_with(b"EFI PART")))
        .map(|at| at as u64)
}

/// A header and its table, where both sums agree.
fn gpt_table(content: &Content, at: u64, sector: u64) -> Option<(Vec<u8>, usize, u64)> {
    let mut header = content.bytes(at, 512).ok()?;
    let len = le32(&header, 12).filter(|len| (92..=512).contains(len))? as usize;
    let sum = le32(&header, 16)?;
    let (entries, count, size) = (le64(&header, 72)?, le32(&header, 80)?, le32(&header, 84)?);
    // Each header names its own place and the other's.
    let last = le64(&header, 24)?.max(le64(&header, 32)?);
    header.get_mut(16..20)?.fill(0);
    let bytes = u64::from(count) * u64::from(size);
    if !header.starts_with(b"EFI PART") || crc(header.get(..len)?) != sum || size < 128 || bytes > 1 << 20 {
        return None;
    }
    let table = content.bytes(entries.checked_mul(sector)?, bytes).ok()?;
    (crc(&table) == le32(&header, 88)?).then_some((table, size as usize, last))
}

fn crc(data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(data);
    crc.sum()
}

fn open_gpt(inside: &mut Inside<'_, '_>) {
    let Some(sector) = gpt_sector(inside.blob) else { return };
    let (content, len) = (inside.blob.content().clone(), inside.blob.len());
    let table = gpt_table(&content, sector, sector).or_else(|| {
        inside.gap(Reason::Malformed, "gpt: the first header or its table is broken");
        gpt_table(&content, len.checked_sub(sector)?, sector)
    });
    let Some((table, size, last_sector)) = table else {
        return inside.gap(Reason::Malformed, "gpt: no header holds together; partitions not read");
    };
    let mut parts = Vec::new();
    for (index, entry) in table.chunks_exact(size).enumerate() {
        let (Some(kind), Some(first), Some(last)) = (entry.get(..16), le64(entry, 32), le64(entry, 40)) else { break };
        if kind.iter().all(|b| *b == 0) {
            continue;
        }
        if first == 0 || last < first {
            inside.gap_at(
                format!("entry {}", index + 1),
                Reason::Malformed,
                "gpt: a partition that ends before it begins",
            );
            continue;
        }
        if parts.len() >= MOST {
            inside.gap(Reason::Limit, format!("gpt: more than {MOST} partitions"));
            break;
        }
        let label = utf16(entry.get(56..128).unwrap_or_default());
        let label = label.trim_end_matches('\0').replace('/', "_");
        let name = if label.is_empty() { gpt_kind(kind) } else { label };
        let len = (last - first).saturating_add(1).saturating_mul(sector);
        parts.push(Part { name: format!("p{}.{name}", index + 1), start: first.saturating_mul(sector), len });
    }
    // The second header ends the disk, behind a table like the first.
    let end = last_sector.saturating_add(1).saturating_mul(sector);
    let tables = sector + table.len() as u64;
    let last = parts.iter().map(|part| part.start.saturating_add(part.len)).max().unwrap_or(0);
    inside.ends_at(end.max(last));
    if end > len {
        inside.gap(Reason::Truncated, format!("gpt: {len} bytes where {end} are declared"));
    }
    give(inside, parts, sector * 2 + table.len() as u64, end.min(len).saturating_sub(tables).max(last));
}

fn gpt_kind(guid: &[u8]) -> String {
    match guid.get(..4) {
        Some([0x28, 0x73, 0x2a, 0xc1]) => "efi".to_owned(),
        Some([0xaf, 0x3d, 0xc6, 0x0f]) => "linux".to_owned(),
        Some([0xa2, 0xa0, 0xd0, 0xeb]) => "data".to_owned(),
        Some(first) => format!("type-{:08x}", le32(first, 0).unwrap_or(0)),
        None => String::new(),
    }
}

fn is_apm(blob: &Blob) -> bool {
    let head = blob.head();
    head.get(512..516).is_some_and(|mark| mark == b"PM\0\0") && be32(head, 516).is_some_and(|n| (1..=256).contains(&n))
}

fn open_apm(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let mut parts = Vec::new();
    let mut count = 1;
    let mut index = 0;
    while index < count {
        index += 1;
        let entry = content.bytes(index * SECTOR, SECTOR).unwrap_or_default();
        let (Some(b"PM"), Some(n), Some(start), Some(len)) =
            (entry.get(..2), be32(&entry, 4), be32(&entry, 8), be32(&entry, 12))
        else {
            inside.gap_at(format!("entry {index}"), Reason::Malformed, "apm: a broken entry");
            break;
        };
        count = u64::from(n).min(256);
        let kind = text_until_zero(entry.get(48..80).unwrap_or_default(), 32).into_owned();
        if matches!(kind.as_str(), "Apple_partition_map" | "Apple_Free") {
            continue;
        }
        let (start, len) = (u64::from(start) * SECTOR, u64::from(len) * SECTOR);
        parts.push(Part { name: format!("p{index}.{kind}"), start, len });
    }
    let last = parts.iter().map(|part| part.start + part.len).max().unwrap_or(0);
    let len = inside.blob.len();
    give(inside, parts, (count + 1) * SECTOR, len.max(last));
}
