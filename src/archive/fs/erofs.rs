//! EROFS: files that stand as they are, in one piece or in chunks. Packed ones are gaps.
//!
//! In: a blob. Out: its files, as pieces of it without a copy. Must not know: what the files mean.

use std::collections::HashSet;
use std::io;

use super::{Folders, Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64, until_zero};
use crate::fact::Reason;
use crate::source::Content;

const MAGIC: &[u8] = b"\xe2\xe1\xf5\xe0";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "erofs",
    claim: |blob| blob.head().get(1024..1028).is_some_and(|mark| mark == MAGIC),
    open,
    carve: &[Carve { magic: MAGIC, at: 1024, sound: |blob| superblock(blob.head()).is_some_and(|sb| sb.blocks > 0) }],
};

/// Bytes of one folder.
const FOLDER: u64 = 64 << 20;

struct Super {
    block: u64,
    root: u64,
    blocks: u64,
    inodes: u64,
}

fn superblock(head: &[u8]) -> Option<Super> {
    let data = head.get(1024..1152)?;
    let bits = u32::from(*data.get(12)?);
    let block = 1u64.checked_shl(bits).filter(|_| (9..=16).contains(&bits))?;
    let (root, blocks) = (u64::from(le16(data, 14)?), u64::from(le32(data, 36)?));
    Some(Super { block, root, blocks, inodes: u64::from(le32(data, 40)?) * block })
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(sb) = superblock(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "erofs: the superblock is cut or does not hold together");
    };
    let end = sb.blocks.saturating_mul(sb.block);
    inside.ends_at(end);
    let len = inside.blob.len();
    if end > len {
        inside.gap(Reason::Truncated, format!("erofs: {len} bytes where {end} are declared"));
    }
    let root = sb.root;
    let mut image = Image { content: inside.blob.content().clone(), sb, folders: len.saturating_mul(2) + (1 << 20) };
    let (mut folders, mut met) = (Folders::new(root), HashSet::new());
    while let Some((number, path)) = folders.next() {
        let entries = match image.folder(number) {
            Ok(entries) => entries,
            Err(error) => {
                let shown = if path.is_empty() { "/" } else { &path };
                inside.shut(shown, reason(&error), format!("erofs folder: {error}"));
                continue;
            }
        };
        for (number, kind, name) in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &name);
            match kind {
                2 => {
                    inside.count();
                    folders.push(inside, number, path);
                }
                1 if !met.insert(number) => inside.name_only(&path),
                1 => match image.file(number) {
                    Ok(pieces) if pieces.len == 0 => inside.name_only(&path),
                    Ok(pieces) => inside.mapped(&path, pieces.list),
                    Err(error) => inside.shut(&path, reason(&error), format!("erofs: {error}")),
                },
                // Symbolic links: their names say something.
                7 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}

struct Image {
    content: Content,
    sb: Super,
    folders: u64,
}

impl Image {
    /// Where the bytes of a file or folder stand.
    fn file(&self, number: u64) -> io::Result<Pieces> {
        let at = number.checked_mul(32).and_then(|at| at.checked_add(self.sb.inodes));
        let at = at.ok_or_else(|| broken("an inode beyond the image"))?;
        let format = le16(&self.content.bytes(at, 2)?, 0).ok_or_else(cut_short)?;
        let (len, wide) = if format & 1 == 1 { (64, true) } else { (32, false) };
        let inode = self.content.bytes(at, len)?;
        let size = if wide { le64(&inode, 8) } else { le32(&inode, 8).map(u64::from) };
        let (Some(size), Some(start), Some(extra)) = (size, le32(&inode, 16), le16(&inode, 2)) else {
            return Err(cut_short());
        };
        // Attributes follow the inode.
        let extra = if extra == 0 { 0 } else { 12 + 4 * (u64::from(extra) - 1) };
        let behind = at + len + extra;
        let mut pieces = Pieces::new();
        let block = self.sb.block;
        let start = u64::from(start);
        match format >> 1 & 7 {
            0 => pieces.push(size, Some(start * block))?,
            2 => {
                let whole = size / block * block;
                pieces.push(whole, Some(start * block))?;
                pieces.push(size - whole, Some(behind))?;
            }
            4 => {
                let chunk = block << (start & 31);
                let indexed = start & 0x20 != 0;
                let (step, mut at) = if indexed { (8, behind.next_multiple_of(8)) } else { (4, behind) };
                while pieces.len < size {
                    let entry = self.content.bytes(at, step)?;
                    let place = le32(&entry, if indexed { 4 } else { 0 }).unwrap_or(u32::MAX);
                    let from = (place != u32::MAX).then(|| u64::from(place) * block);
                    pieces.push(chunk.min(size - pieces.len), from)?;
                    at += step;
                }
            }
            1 | 3 => return Err(io::Error::new(io::ErrorKind::Unsupported, "packed; not read")),
            _ => return Err(broken("a layout that does not exist")),
        }
        Ok(pieces)
    }

    fn folder(&mut self, number: u64) -> io::Result<Vec<(u64, u8, String)>> {
        let pieces = self.file(number)?;
        let left = self.folders.checked_sub(pieces.len).filter(|_| pieces.len <= FOLDER);
        self.folders = left.ok_or_else(|| broken("folders longer than the image"))?;
        let (content, _) = self.content.mapped(pieces.list)?;
        let data = content.bytes(0, content.len())?;
        let mut entries = Vec::new();
        for block in data.chunks(self.sb.block as usize) {
            // The first name's place tells how many entries stand before the names.
            let count = usize::from(le16(block, 8).unwrap_or(0)) / 12;
            for index in 0..count {
                let at = index * 12;
                let (Some(number), Some(from), Some(kind)) = (le64(block, at), le16(block, at + 8), block.get(at + 10))
                else {
                    return Err(cut_short());
                };
                let to = if index + 1 < count { le16(block, at + 20).map(usize::from) } else { Some(block.len()) };
                let name = to.and_then(|to| block.get(usize::from(from)..to));
                let name = until_zero(name.ok_or_else(|| broken("a name outside its block"))?, 256);
                if !matches!(name, b"." | b"..") {
                    entries.push((number, *kind, String::from_utf8_lossy(name).into_owned()));
                }
            }
        }
        Ok(entries)
    }
}
