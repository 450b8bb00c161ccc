//! HFS+ and HFSX, as Apple's disk images hold them.
//!
//! In: a blob. Out: the data forks of its files, as pieces of it without a copy. Files packed by the file system are gaps; the
//! journal is not replayed. Must not know: what the files mean.

use std::collections::{HashMap, HashSet};
use std::io;

use super::{Folders, Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be16, be32, be64, utf16_be};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "hfsplus",
    claim: |blob| block_size(blob).is_some(),
    open,
    carve: &[
        Carve { magic: b"H+\0\x04", at: 1024, sound: |blob| block_size(blob).is_some() },
        Carve { magic: b"HX\0\x05", at: 1024, sound: |blob| block_size(blob).is_some() },
    ],
};

const ROOT: u32 = 2;
/// Records of the catalogue that are kept.
const MOST: usize = 2 << 20;
/// Set for a file whose content stands packed in an attribute or its other fork.
const PACKED: u8 = 0x20;

fn block_size(blob: &Blob) -> Option<u64> {
    let head = blob.head().get(1024..)?;
    let block = be32(head, 40)?;
    let mark = matches!(head.get(..4)?, b"H+\0\x04" | b"HX\0\x05");
    (mark && block.is_power_of_two() && (512..=1 << 20).contains(&block)).then_some(u64::from(block))
}

enum Entry {
    Folder(u32),
    /// Its number, length, and where it stands by its own record.
    File(u32, u64, Vec<(u32, u32)>),
    Packed,
    Link,
    Other,
}

type Extents = HashMap<u32, Vec<(u32, Vec<(u32, u32)>)>>;

struct Volume {
    content: Content,
    block: u64,
    /// Extents for which the catalogue has no room, by file and the block they begin with.
    more: Extents,
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(block) = block_size(inside.blob) else { return };
    let head = inside.blob.head().get(1024..).unwrap_or_default().to_vec();
    let end = u64::from(be32(&head, 44).unwrap_or(0)).saturating_mul(block);
    inside.ends_at(end);
    let content = inside.blob.content().clone();
    if end > content.len() {
        inside.gap(Reason::Truncated, format!("hfsplus: {} bytes where {end} are declared", content.len()));
    }
    let mut volume = Volume { content, block, more: HashMap::new() };
    if let Err(error) = volume.overflow(inside, &head) {
        inside.failed("hfsplus extents", &error);
    }
    let mut children: HashMap<u32, Vec<(String, Entry)>> = HashMap::new();
    if let Err(error) = volume.catalogue(inside, &head, &mut children) {
        inside.failed("hfsplus catalogue", &error);
    }
    let (mut folders, mut met) = (Folders::new(ROOT), HashSet::new());
    while let Some((folder, path)) = folders.next() {
        for (name, entry) in children.remove(&folder).unwrap_or_default() {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &name);
            match entry {
                Entry::Folder(number) => {
                    inside.count();
                    folders.push(inside, number, path);
                }
                Entry::Packed => {
                    inside.shut(&path, Reason::Unsupported, "hfsplus: packed by the file system; not read")
                }
                Entry::Link => inside.name_only(&path),
                Entry::File(_, 0, _) => inside.name_only(&path),
                Entry::File(number, ..) if !met.insert(number) => inside.name_only(&path),
                Entry::File(number, len, own) => match volume.pieces(number, len, &own) {
                    Ok(pieces) => inside.mapped(&path, pieces.list),
                    Err(error) => inside.shut(&path, reason(&error), format!("hfsplus: {error}")),
                },
                Entry::Other => inside.count(),
            }
        }
    }
}

/// Eight extents, as far as they are used.
fn extents(data: &[u8]) -> Vec<(u32, u32)> {
    let extent = |one: &[u8]| be32(one, 0).zip(be32(one, 4)).filter(|(_, count)| *count > 0);
    data.chunks_exact(8).take(8).map_while(extent).collect()
}

impl Volume {
    /// Where a file stands: by its own record, then by what overflowed.
    fn pieces(&self, number: u32, len: u64, own: &[(u32, u32)]) -> io::Result<Pieces> {
        let mut pieces = Pieces::new();
        let mut blocks = 0u32;
        let add = |list: &[(u32, u32)], pieces: &mut Pieces, blocks: &mut u32| -> io::Result<()> {
            for (start, count) in list {
                *blocks = blocks.checked_add(*count).ok_or_else(|| broken("more blocks than there are"))?;
                pieces.push(u64::from(*count) * self.block, Some(u64::from(*start) * self.block))?;
            }
            Ok(())
        };
        add(own, &mut pieces, &mut blocks)?;
        for (start, list) in self.more.get(&number).into_iter().flatten() {
            if *start != blocks {
                return Err(broken("extents that do not follow each other"));
            }
            add(list, &mut pieces, &mut blocks)?;
        }
        if pieces.len < len {
            return Err(cut_short());
        }
        pieces.end_at(len)?;
        Ok(pieces)
    }

    /// A tree's file, by its fork in the header.
    fn tree(&self, head: &[u8], at: usize, number: u32) -> io::Result<Content> {
        let (len, own) = (be64(head, at).ok_or_else(cut_short)?, head.get(at + 16..at + 80).unwrap_or_default());
        let pieces = self.pieces(number, len, &extents(own))?;
        Ok(self.content.mapped(pieces.list)?.0)
    }

    fn overflow(&mut self, inside: &mut Inside<'_, '_>, head: &[u8]) -> io::Result<()> {
        let tree = self.tree(head, 192, 3)?;
        let (mut more, mut count): (Extents, usize) = (HashMap::new(), 0);
        leaves(inside, &tree, |record| {
            let (Some(0), Some(file), Some(start)) = (record.get(2), be32(record, 4), be32(record, 8)) else {
                return true;
            };
            let list = extents(record.get(12..).unwrap_or_default());
            more.entry(file).or_default().push((start, list));
            count += 1;
            count < MOST
        })?;
        self.more = more;
        Ok(())
    }

    fn catalogue(
        &self,
        inside: &mut Inside<'_, '_>,
        head: &[u8],
        children: &mut HashMap<u32, Vec<(String, Entry)>>,
    ) -> io::Result<()> {
        let tree = self.tree(head, 272, 4)?;
        let mut count = 0;
        leaves(inside, &tree, |record| {
            if let Some((parent, name, entry)) = entry(record) {
                children.entry(parent).or_default().push((name, entry));
                count += 1;
            }
            count < MOST
        })
    }
}

/// One record: its parent, its name, what it is. Threads say nothing new.
fn entry(record: &[u8]) -> Option<(u32, String, Entry)> {
    let parent = be32(record, 2)?;
    let name_len = usize::from(be16(record, 6)?) * 2;
    let name = utf16_be(record.get(8..8 + name_len)?).replace('/', ":");
    let body = record.get(2 + usize::from(be16(record, 0)?)..)?;
    let number = be32(body, 8)?;
    let entry = match be16(body, 0)? {
        1 => Entry::Folder(number),
        2 => {
            let mode = be16(body, 42)? & 0xf000;
            if body.get(48..56)? == b"hlnkhfs+" {
                Entry::Link
            } else if mode != 0 && mode != 0x8000 {
                Entry::Other
            } else if body.get(41)? & PACKED != 0 {
                Entry::Packed
            } else {
                Entry::File(number, be64(body, 88)?, extents(body.get(104..168)?))
            }
        }
        _ => return None,
    };
    Some((parent, name, entry))
}

/// Hands out every record of every leaf, in order, until told to stop.
fn leaves(inside: &mut Inside<'_, '_>, tree: &Content, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    if tree.len() == 0 {
        return Ok(());
    }
    let header = tree.bytes(0, 128)?;
    let (Some(mut node), Some(size)) = (be32(&header, 24), be16(&header, 32)) else { return Err(cut_short()) };
    if !size.is_power_of_two() || size < 512 {
        return Err(broken("nodes of a size that does not exist"));
    }
    let size = u64::from(size);
    let mut left = tree.len() / size;
    while node != 0 {
        left = left.checked_sub(1).ok_or_else(|| broken("leaves that go round"))?;
        if inside.limits().stop.raised() {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "stopped"));
        }
        let data = tree.bytes(u64::from(node) * size, size)?;
        if data.get(8) != Some(&0xff) {
            return Err(broken("a leaf that is none"));
        }
        let count = usize::from(be16(&data, 10).unwrap_or(0));
        let place =
            |index: usize| data.len().checked_sub(2 * (index + 1)).and_then(|at| be16(&data, at)).map(usize::from);
        for index in 0..count {
            let (Some(from), Some(to)) = (place(index), place(index + 1)) else { break };
            let record = data.get(from..to).ok_or_else(|| broken("a record outside its node"))?;
            if !take(record) {
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more records than are followed"));
            }
        }
        node = be32(&data, 0).unwrap_or(0);
    }
    Ok(())
}
