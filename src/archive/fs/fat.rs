//! FAT12, FAT16 and FAT32, with long names.
//!
//! In: a blob. Out: its files, as pieces of it without a copy. Must not know: what the files mean.

use std::io;

use super::{Folders, Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "fat",
    claim: |blob| boot(blob.head()).is_some(),
    open,
    carve: &[
        Carve { magic: b"FAT12   ", at: 54, sound },
        Carve { magic: b"FAT16   ", at: 54, sound },
        Carve { magic: b"FAT32   ", at: 82, sound },
    ],
};

/// Bytes of the table read at once.
const PAGE: u64 = 64 << 10;

/// What the boot sector says, in bytes.
struct Boot {
    table: u64,
    table_len: u64,
    /// The folder at the root, where it has a place of its own.
    root: u64,
    root_len: u64,
    root_cluster: u32,
    data: u64,
    cluster: u64,
    clusters: u64,
    bits: u32,
    end: u64,
}

fn boot(head: &[u8]) -> Option<Boot> {
    let u16 = |at| le16(head, at).map(u64::from);
    let sector = u16(11)?;
    let (per_cluster, reserved, tables) = (u64::from(*head.get(13)?), u16(14)?, u64::from(*head.get(16)?));
    let long = |short: u64, at| if short == 0 { le32(head, at).map(u64::from) } else { Some(short) };
    let total = long(u16(19)?, 32)?;
    let table_sectors = long(u16(22)?, 36)?;
    let root_len = u16(17)? * 32;
    let jump = matches!(head, [0xeb, _, 0x90, ..] | [0xe9, ..]);
    let sized = matches!(sector, 512 | 1024 | 2048 | 4096) && per_cluster.is_power_of_two();
    if !jump || !sized || reserved == 0 || !(1..=2).contains(&tables) || table_sectors == 0 || *head.get(21)? < 0xf0 {
        return None;
    }
    let table = reserved * sector;
    let table_len = table_sectors * sector;
    let root = table + tables * table_len;
    let data = root + root_len.next_multiple_of(sector);
    let end = total * sector;
    let cluster = per_cluster * sector;
    let clusters = end.checked_sub(data)? / cluster;
    let bits = match clusters {
        0 => return None,
        1..4085 => 12,
        4085..65525 => 16,
        _ => 32,
    };
    // FAT32 alone has its root in the data, and says so by having no place for it.
    let bits = if root_len == 0 { 32 } else { bits };
    let holds = (clusters + 2) * u64::from(bits) / 8 <= table_len;
    let root_cluster = if bits == 32 { le32(head, 44)? } else { 0 };
    (holds && (bits == 32) == (root_len == 0)).then_some(Boot {
        table,
        table_len,
        root,
        root_len,
        root_cluster,
        data,
        cluster,
        clusters,
        bits,
        end,
    })
}

fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    head.get(510..512) == Some(&[0x55, 0xaa]) && boot(head).is_some()
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(boot) = boot(inside.blob.head()) else { return };
    let len = inside.blob.len();
    inside.ends_at(boot.end);
    if boot.end > len {
        inside.gap(Reason::Truncated, format!("fat: {len} bytes where {} are declared", boot.end));
    }
    // Each cluster belongs to one file.
    let steps = boot.clusters.saturating_mul(2).saturating_add(1024);
    let root = boot.root_cluster;
    let mut image = Image { content: inside.blob.content().clone(), boot, page: Vec::new(), from: u64::MAX, steps };
    let mut folders = Folders::new(root);
    while let Some((cluster, path)) = folders.next() {
        let shown = if path.is_empty() { "/" } else { &path };
        let entries = match image.folder(cluster) {
            Ok(entries) => entries,
            Err(error) => {
                inside.shut(shown, reason(&error), format!("fat folder: {error}"));
                continue;
            }
        };
        for entry in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &entry.name);
            if entry.folder {
                inside.count();
                folders.push(inside, entry.cluster, path);
            } else if entry.len == 0 {
                inside.name_only(&path);
            } else {
                match image.chain(entry.cluster, Some(entry.len)) {
                    Ok(pieces) => {
                        if pieces.len < entry.len {
                            let detail = format!("{} bytes where {} are declared", pieces.len, entry.len);
                            inside.shut(&path, Reason::Truncated, detail);
                        }
                        inside.mapped(&path, pieces.list);
                    }
                    Err(error) => inside.shut(&path, reason(&error), format!("fat: {error}")),
                }
            }
        }
    }
}

struct Entry {
    name: String,
    folder: bool,
    cluster: u32,
    len: u64,
}

struct Image {
    content: Content,
    boot: Boot,
    /// A part of the table, and where in it that begins.
    page: Vec<u8>,
    from: u64,
    /// Clusters that may still be followed.
    steps: u64,
}

impl Image {
    fn table(&mut self, at: u64) -> io::Result<u8> {
        let page = at / PAGE * PAGE;
        if page != self.from {
            let len = PAGE.min(self.boot.table_len.saturating_sub(page));
            self.page = self.content.bytes(self.boot.table + page, len)?;
            self.from = page;
        }
        self.page.get((at - page) as usize).copied().ok_or_else(cut_short)
    }

    /// The cluster behind another, none at the end of its file.
    fn next(&mut self, cluster: u32) -> io::Result<Option<u32>> {
        let at = u64::from(cluster) * u64::from(self.boot.bits) / 8;
        let mut value = 0;
        for index in 0..(u64::from(self.boot.bits).div_ceil(8)) {
            value |= u32::from(self.table(at + index)?) << (8 * index);
        }
        let value = match self.boot.bits {
            12 if cluster % 2 == 1 => value >> 4,
            12 => value & 0xfff,
            16 => value,
            _ => value & 0x0fff_ffff,
        };
        let end = if self.boot.bits == 32 { 0x0fff_fff8 } else { (1 << self.boot.bits) - 8 };
        Ok((value < end).then_some(value))
    }

    fn chain(&mut self, first: u32, len: Option<u64>) -> io::Result<Pieces> {
        let mut pieces = Pieces::new();
        let mut at = Some(first);
        while let Some(cluster) = at.filter(|_| len.is_none_or(|len| pieces.len < len)) {
            let index = u64::from(cluster).checked_sub(2).filter(|index| *index < self.boot.clusters);
            let index = index.ok_or_else(|| broken("a chain that leads out of the image"))?;
            self.steps = self.steps.checked_sub(1).ok_or_else(|| broken("chains of clusters that cross"))?;
            pieces.push(self.boot.cluster, Some(self.boot.data + index * self.boot.cluster))?;
            at = self.next(cluster)?;
        }
        if let Some(len) = len.filter(|len| *len < pieces.len) {
            pieces.end_at(len)?;
        }
        Ok(pieces)
    }

    fn folder(&mut self, cluster: u32) -> io::Result<Vec<Entry>> {
        let data = if cluster == 0 {
            self.content.bytes(self.boot.root, self.boot.root_len)?
        } else {
            let pieces = self.chain(cluster, None)?;
            // A folder has 65,536 entries at most.
            let len = pieces.len.min(65_536 * 32);
            self.content.mapped(pieces.list)?.0.bytes(0, len)?
        };
        let mut entries = Vec::new();
        let mut long: Vec<u16> = Vec::new();
        for entry in data.chunks_exact(32) {
            let (Some(first), Some(attributes)) = (entry.first(), entry.get(11)) else { break };
            match (first, attributes) {
                (0, _) => break,
                (0xe5, _) => long.clear(),
                (_, 0x0f) => {
                    if first & 0x40 != 0 {
                        long.clear();
                    }
                    // The parts of a long name stand last part first.
                    let part = [1..11, 14..26, 28..32].map(|range| entry.get(range).unwrap_or_default()).concat();
                    let mut part: Vec<u16> = part.chunks_exact(2).filter_map(|unit| le16(unit, 0)).collect();
                    part.extend_from_slice(&long);
                    long = part;
                    long.truncate(20 * 13);
                }
                (_, attributes) if attributes & 0x08 != 0 => long.clear(),
                (_, attributes) => {
                    let end = long.iter().position(|unit| *unit == 0).unwrap_or(long.len());
                    let name = String::from_utf16_lossy(long.get(..end).unwrap_or_default());
                    let name = if name.is_empty() { short(entry) } else { name };
                    long.clear();
                    let high = if self.boot.bits == 32 { le16(entry, 20).unwrap_or(0) } else { 0 };
                    let cluster = u32::from(le16(entry, 26).unwrap_or(0)) | u32::from(high) << 16;
                    let len = u64::from(le32(entry, 28).unwrap_or(0));
                    if !matches!(name.as_str(), "." | "..") {
                        entries.push(Entry { name, folder: attributes & 0x10 != 0, cluster, len });
                    }
                }
            }
        }
        Ok(entries)
    }
}

/// The name of eight and three letters.
fn short(entry: &[u8]) -> String {
    let case = entry.get(12).copied().unwrap_or(0);
    let part = |range: std::ops::Range<usize>, lower: bool| {
        let text = String::from_utf8_lossy(entry.get(range).unwrap_or_default()).trim_end().to_owned();
        if lower { text.to_lowercase() } else { text }
    };
    let (stem, ending) = (part(0..8, case & 8 != 0), part(8..11, case & 16 != 0));
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
}
