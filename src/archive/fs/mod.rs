//! File systems: images whose files are members.
//!
//! In: a blob that begins with a file system. Out: its files, under the paths they have in it. Must not know: what the
//! files mean. Links, devices and rights are not acted on. Here is what these readers share.

pub(super) mod codec;
pub(super) mod cramfs;
pub(super) mod erofs;
pub(super) mod ext;
pub(super) mod fat;
pub(super) mod hfsplus;
pub(super) mod iso9660;
pub(super) mod jffs2;
mod lzfse;
mod lznt1;
pub(super) mod nodes;
pub(super) mod ntfs;
pub(super) mod romfs;
pub(super) mod squashfs;
pub(super) mod ubifs;
pub(super) mod udf;
mod zisofs;

use std::collections::HashSet;
use std::hash::Hash;
use std::io;

use super::Inside;
use crate::bytes::{be16, be32, be64, le16, le32, le64};
use crate::fact::Reason;
use crate::source::Extent;

/// Numbers in the byte order that an image was written in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub big: bool,
}

impl Order {
    pub fn u16(self, data: &[u8], at: usize) -> Option<u16> {
        if self.big { be16(data, at) } else { le16(data, at) }
    }

    pub fn u32(self, data: &[u8], at: usize) -> Option<u32> {
        if self.big { be32(data, at) } else { le32(data, at) }
    }

    pub fn u64(self, data: &[u8], at: usize) -> Option<u64> {
        if self.big { be64(data, at) } else { le64(data, at) }
    }
}

/// The folders still to be read. Each is read once, whatever a hostile image says of its parents.
pub(super) struct Folders<K> {
    todo: Vec<(K, String)>,
    seen: HashSet<K>,
    told: bool,
}

impl<K: Eq + Hash + Copy> Folders<K> {
    pub fn new(root: K) -> Self {
        Folders { todo: vec![(root, String::new())], seen: HashSet::from([root]), told: false }
    }

    pub fn next(&mut self) -> Option<(K, String)> {
        self.todo.pop()
    }

    /// Notes a folder. One that was met before and one whose path is endless are gaps, told once.
    pub fn push(&mut self, inside: &mut Inside<'_, '_>, folder: K, path: String) {
        let new = self.seen.insert(folder);
        if new && path.len() <= inside.limits().max_name_bytes {
            self.todo.push((folder, path));
        } else if !self.told {
            self.told = true;
            if new {
                inside.shut(&path, Reason::Limit, "a path that long is not followed");
            } else {
                inside.shut(&path, Reason::Malformed, "a folder that is met in more than one place; read once");
            }
        }
    }
}

/// The path of an entry in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What does not hold together.
pub(super) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What ends before it should.
pub(super) fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "ends before it should")
}

/// The pieces of a file in their order, neighbours joined.
pub(super) struct Pieces {
    pub list: Vec<Extent>,
    pub len: u64,
}

impl Pieces {
    /// More than any file has whose image fits on a disk.
    const MOST: usize = 4 << 20;

    pub fn new() -> Pieces {
        Pieces { list: Vec::new(), len: 0 }
    }

    pub fn push(&mut self, len: u64, from: Option<u64>) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        self.len = self.len.checked_add(len).ok_or_else(|| broken("longer than anything is"))?;
        if let Some(last) = self.list.last_mut() {
            let goes_on = match (last.from, from) {
                (None, None) => true,
                (Some(before), Some(from)) => before.checked_add(last.len) == Some(from),
                _ => false,
            };
            if goes_on {
                last.len += len;
                return Ok(());
            }
        }
        if self.list.len() >= Pieces::MOST {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "in more pieces than are followed"));
        }
        self.list.push(Extent { len, from });
        Ok(())
    }

    /// Zeros up to a place.
    pub fn hole_to(&mut self, at: u64) -> io::Result<()> {
        self.push(at.saturating_sub(self.len), None)
    }

    /// Makes it exactly so long: file systems give out whole blocks.
    pub fn end_at(&mut self, len: u64) -> io::Result<()> {
        self.hole_to(len)?;
        while self.len > len {
            let Some(last) = self.list.last_mut() else { break };
            let over = (self.len - len).min(last.len);
            last.len -= over;
            self.len -= over;
            if last.len == 0 {
                self.list.pop();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
