//! ext2, ext3 and ext4: blocks by pointers and by extents, hashed folders, data within inodes, holes.
//!
//! In: a blob. Out: its files, as pieces of it without a copy. The journal is not replayed. Must not know: what the files mean.

mod inode;

use std::collections::HashSet;
use std::io;

use self::inode::{Entries, Inode};
use super::{Folders, Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "ext", claim, open, carve: &[Carve { magic: b"\x53\xef\x01\0", at: 1080, sound }] };

const ROOT: u32 = 2;
/// Bytes of one folder that are read.
const FOLDER: u64 = 64 << 20;

const ENCRYPTED: u32 = 0x800;
const COMPRESSED: u32 = 0x4;
const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;

/// What the superblock says.
struct Super {
    block: u64,
    blocks: u64,
    inodes: u32,
    first: u64,
    blocks_per_group: u32,
    inodes_per_group: u32,
    inode_len: u64,
    descriptor_len: u64,
    /// From this block of descriptors on, each stands in the groups it is of.
    meta_groups: Option<u32>,
    sparse_super: bool,
    has_types: bool,
    dirty: bool,
    journal: bool,
}

fn superblock(head: &[u8]) -> Option<Super> {
    let data = head.get(1024..2048)?;
    let (u16, u32) = (|at| le16(data, at), |at| le32(data, at));
    let (log, rev, incompatible) = (u32(0x18)?, u32(0x4c)?, u32(0x60)?);
    let wide = incompatible & 0x80 != 0;
    let sb = Super {
        block: 1024u64.checked_shl(log.min(32))?,
        blocks: u64::from(u32(4)?) | if wide { u64::from(u32(0x150)?) << 32 } else { 0 },
        inodes: u32(0)?,
        first: u64::from(u32(0x14)?),
        blocks_per_group: u32(0x20)?,
        inodes_per_group: u32(0x28)?,
        inode_len: if rev == 0 { 128 } else { u64::from(u16(0x58)?) },
        descriptor_len: if wide { u64::from(u16(0xfe)?) } else { 32 },
        meta_groups: if incompatible & 0x10 != 0 { u32(0x104) } else { None },
        sparse_super: u32(0x64)? & 1 != 0,
        has_types: incompatible & 2 != 0,
        dirty: incompatible & 4 != 0,
        journal: incompatible & 8 != 0,
    };
    let holds = u16(0x38) == Some(0xef53)
        && log <= 6
        && rev <= 1
        && sb.blocks > 0
        && sb.inodes > 0
        && sb.first == u64::from(sb.block == 1024)
        && (1..=sb.block * 8).contains(&u64::from(sb.blocks_per_group))
        && (1..=sb.block * 8).contains(&u64::from(sb.inodes_per_group))
        && sb.inode_len.is_power_of_two()
        && (128..=sb.block).contains(&sb.inode_len)
        && (32..=sb.block).contains(&sb.descriptor_len);
    holds.then_some(sb)
}

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    // Two bytes alone are chance: the state and the behaviour on errors have few values.
    le16(head, 1080) == Some(0xef53)
        && le16(head, 1082).is_some_and(|state| state <= 7)
        && le16(head, 1084).is_some_and(|errors| errors <= 3)
        && le32(head, 1100).is_some_and(|rev| rev <= 1)
}

fn sound(blob: &Blob) -> bool {
    // Copies of the superblock stand all over a file system: the first one says group 0.
    claim(blob) && superblock(blob.head()).is_some() && le16(blob.head(), 1024 + 0x5a) == Some(0)
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(sb) = superblock(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "ext: the superblock does not hold together");
    };
    let end = sb.blocks.saturating_mul(sb.block);
    inside.ends_at(end);
    let len = inside.blob.len();
    if end > len {
        inside.gap(Reason::Truncated, format!("ext: {len} bytes where {end} are declared"));
    }
    if sb.journal {
        return inside.gap(Reason::Unsupported, "ext: the journal of another disk; not read");
    }
    if sb.dirty {
        inside.gap(Reason::Unsupported, "ext: the journal was not replayed; the last changes may be missing");
    }
    // Each block of pointers belongs to one file, and each folder's block to one folder.
    let nodes = (len / sb.block).saturating_mul(2).saturating_add(1024);
    let content = inside.blob.content().clone();
    let mut image = Image { content, sb, nodes, folders: len.saturating_add(1 << 20) };
    let mut folders = Folders::new(ROOT);
    let mut met = HashSet::new();
    while let Some((number, path)) = folders.next() {
        let shown = if path.is_empty() { "/" } else { &path };
        let entries = match image.folder(number) {
            Ok(entries) => entries,
            Err(error) => {
                inside.shut(shown, reason(&error), format!("ext folder: {error}"));
                continue;
            }
        };
        if entries.broken {
            inside.shut(shown, Reason::Malformed, "ext: a broken entry in a folder");
        }
        for (number, name) in entries.list {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &name);
            let inode = match image.inode(number) {
                Ok(inode) => inode,
                Err(error) => {
                    inside.shut(&path, reason(&error), format!("ext inode: {error}"));
                    continue;
                }
            };
            match inode.mode & 0xf000 {
                0x4000 if inode.flags & ENCRYPTED != 0 => {
                    inside.shut(&path, Reason::Encrypted, "ext: an encrypted folder");
                }
                0x4000 => {
                    inside.count();
                    folders.push(inside, number, path);
                }
                0x8000 if inode.size == 0 || !met.insert(number) => inside.name_only(&path),
                0x8000 => file(inside, &mut image, &path, &inode),
                // Symbolic links: their names say something.
                0xa000 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}

fn file(inside: &mut Inside<'_, '_>, image: &mut Image, path: &str, inode: &Inode) {
    if inode.flags & ENCRYPTED != 0 {
        return inside.shut(path, Reason::Encrypted, "ext: an encrypted file");
    }
    if inode.flags & COMPRESSED != 0 {
        return inside.shut(path, Reason::Unsupported, "ext: a file packed by the file system");
    }
    if inode.flags & INLINE != 0 {
        let data = inode.inline();
        return inside.member(path, Some(inode.size), &mut data.get(..inode.size as usize).unwrap_or(&data));
    }
    match image.pieces(inode) {
        Ok(pieces) => inside.mapped(path, pieces.list),
        Err(error) => inside.shut(path, reason(&error), format!("ext: {error}")),
    }
}

struct Image {
    content: Content,
    sb: Super,
    /// Blocks of pointers that may still be read.
    nodes: u64,
    /// Bytes of folders that may still be read.
    folders: u64,
}

impl Image {
    /// Where a group's descriptor stands.
    fn descriptor(&self, group: u32) -> u64 {
        let per_block = (self.sb.block / self.sb.descriptor_len).max(1);
        let index = u64::from(group) / per_block;
        let within = u64::from(group) % per_block * self.sb.descriptor_len;
        let block = match self.sb.meta_groups {
            Some(from) if index >= u64::from(from) => {
                let group = index * per_block;
                let start = self.sb.first.saturating_add(group.saturating_mul(u64::from(self.sb.blocks_per_group)));
                start.saturating_add(u64::from(self.has_super(group)))
            }
            _ => self.sb.first + 1 + index,
        };
        block.saturating_mul(self.sb.block).saturating_add(within)
    }

    fn has_super(&self, group: u64) -> bool {
        let power = |base: u64| {
            let mut n = base;
            while n < group {
                n *= base;
            }
            n == group
        };
        !self.sb.sparse_super || group <= 1 || power(3) || power(5) || power(7)
    }

    fn inode(&self, number: u32) -> io::Result<Inode> {
        let index = number.checked_sub(1).filter(|_| number <= self.sb.inodes);
        let index = index.ok_or_else(|| broken("no such inode"))?;
        let descriptor =
            self.content.bytes(self.descriptor(index / self.sb.inodes_per_group), self.sb.descriptor_len)?;
        let low = le32(&descriptor, 8).ok_or_else(cut_short)?;
        let table = u64::from(low) | u64::from(le32(&descriptor, 0x28).unwrap_or(0)) << 32;
        let within = u64::from(index % self.sb.inodes_per_group) * self.sb.inode_len;
        let at = table.saturating_mul(self.sb.block).saturating_add(within);
        let data = self.content.bytes(at, self.sb.inode_len)?;
        let (Some(mode), Some(flags), Some(low), Some(high)) =
            (le16(&data, 0), le32(&data, 0x20), le32(&data, 4), le32(&data, 0x6c))
        else {
            return Err(cut_short());
        };
        // In ext2 of old, the high half is of files only.
        let high = if matches!(mode & 0xf000, 0x8000 | 0x4000) { high } else { 0 };
        Ok(Inode { mode, flags, size: u64::from(low) | u64::from(high) << 32, data })
    }

    fn folder(&mut self, number: u32) -> io::Result<Entries> {
        let inode = self.inode(number)?;
        let mut entries = Entries { list: Vec::new(), broken: false };
        if inode.flags & INLINE != 0 {
            entries.take(inode.body().get(4..).unwrap_or_default(), self.sb.has_types);
            entries.take(inode.attribute().unwrap_or_default(), self.sb.has_types);
            return Ok(entries);
        }
        let left = self.folders.checked_sub(inode.size).filter(|_| inode.size <= FOLDER);
        self.folders = left.ok_or_else(|| broken("folders longer than the image"))?;
        let pieces = self.pieces(&inode)?.list;
        let (data, missing) = self.content.mapped(pieces)?;
        for at in (0..data.len()).step_by(self.sb.block as usize) {
            let block = data.bytes(at, self.sb.block.min(data.len() - at))?;
            entries.take(&block, self.sb.has_types);
        }
        entries.broken |= missing > 0;
        Ok(entries)
    }

    /// Where the bytes of a file stand.
    fn pieces(&mut self, inode: &Inode) -> io::Result<Pieces> {
        let mut pieces = Pieces::new();
        if inode.flags & EXTENTS != 0 {
            self.extents(inode.body(), 5, &mut pieces)?;
        } else {
            let body = inode.body();
            for index in 0..15 {
                let pointer = le32(body, index * 4).ok_or_else(cut_short)?;
                let level = index.saturating_sub(11) as u32;
                self.pointer(pointer, level, inode.size, &mut pieces)?;
            }
        }
        pieces.end_at(inode.size)?;
        Ok(pieces)
    }

    fn node(&mut self, block: u64) -> io::Result<Vec<u8>> {
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| broken("blocks of pointers that name each other"))?;
        self.content.bytes(block.saturating_mul(self.sb.block), self.sb.block)
    }

    fn extents(&mut self, node: &[u8], most: u16, pieces: &mut Pieces) -> io::Result<()> {
        let (Some(0xf30a), Some(count), Some(depth)) = (le16(node, 0), le16(node, 2), le16(node, 6)) else {
            return Err(broken("a block of extents without its mark"));
        };
        if depth > most {
            return Err(broken("a tree of extents that is deeper than trees are"));
        }
        for entry in node.get(12..).unwrap_or_default().chunks_exact(12).take(usize::from(count)) {
            let (Some(first), Some(a), Some(b), Some(c)) =
                (le32(entry, 0), le32(entry, 4), le16(entry, 8), le32(entry, 8))
            else {
                break;
            };
            if depth > 0 {
                let child = self.node(u64::from(a) | u64::from(b) << 32)?;
                // One level down, always: a block that names itself ends.
                if le16(&child, 6) != Some(depth - 1) {
                    return Err(broken("a tree of extents whose levels are mixed up"));
                }
                self.extents(&child, depth - 1, pieces)?;
                continue;
            }
            let (len, high) = (a & 0xffff, a >> 16);
            let at = u64::from(first) * self.sb.block;
            if at < pieces.len {
                return Err(broken("extents that overlap"));
            }
            pieces.hole_to(at)?;
            let from = (u64::from(c) | u64::from(high) << 32).saturating_mul(self.sb.block);
            // Reserved, never written: reads as zeros.
            let (len, from) = if len > 0x8000 { (len - 0x8000, None) } else { (len, Some(from)) };
            pieces.push(u64::from(len) * self.sb.block, from)?;
        }
        Ok(())
    }

    /// A block, or at a level above zero, a block of such pointers.
    fn pointer(&mut self, block: u32, level: u32, size: u64, pieces: &mut Pieces) -> io::Result<()> {
        if pieces.len >= size {
            return Ok(());
        }
        if block == 0 {
            let covers = (self.sb.block / 4).saturating_pow(level).saturating_mul(self.sb.block);
            return pieces.push(covers.min(size - pieces.len), None);
        }
        if level == 0 {
            return pieces.push(self.sb.block, Some(u64::from(block).saturating_mul(self.sb.block)));
        }
        for pointer in self.node(u64::from(block))?.chunks_exact(4) {
            self.pointer(le32(pointer, 0).unwrap_or(0), level - 1, size, pieces)?;
        }
        Ok(())
    }
}
