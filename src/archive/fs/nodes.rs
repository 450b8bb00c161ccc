//! What file systems of nodes on bare flash share: finding nodes, their sums, and files by blocks.
//!
//! In: an image. Out: the places of a mark. Must not know: any format's nodes.

use std::io::{self, Read};

use flate2::Crc;
use memchr::memmem;

use super::broken;
use crate::source::Content;

/// CRC-32 as Linux has it on flash, begun with ones and not turned at the end.
pub(in crate::archive) fn crc_open(data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(data);
    !crc.sum()
}

/// CRC-32 begun with zero and not turned at the end.
pub(in crate::archive) fn crc_zero(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    data.iter().fold(0, |crc, byte| {
        let index = (crc as u8 ^ byte) as usize;
        TABLE.get(index).copied().unwrap_or(0) ^ (crc >> 8)
    })
}

#[allow(clippy::indexing_slicing)] // Evaluated when it is compiled.
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// Bytes of an image that are looked at together, and that a node may have.
const WINDOW: usize = 1 << 20;
const NODE: usize = 128 << 10;

/// Finds a mark at aligned places, one after the other, with what follows it.
pub(super) struct Finder {
    content: Content,
    window: Vec<u8>,
    from: u64,
    at: u64,
}

impl Finder {
    pub fn new(content: Content) -> Finder {
        Finder { content, window: Vec::new(), from: 0, at: 0 }
    }

    /// The next place of the mark, and the bytes from there on: a node's whole or all that is left.
    pub fn next(&mut self, mark: &[u8], align: u64) -> io::Result<Option<(u64, &[u8])>> {
        let len = self.content.len();
        while self.at < len {
            let end = self.from + self.window.len() as u64;
            if self.at < self.from || self.at >= end || (end < len && self.at + NODE as u64 > end) {
                self.from = self.at;
                self.window = self.content.bytes(self.at, (len - self.at).min(WINDOW as u64))?;
            }
            let skip = (self.at - self.from) as usize;
            let rest = self.window.get(skip..).unwrap_or_default();
            let end = self.from + self.window.len() as u64;
            let Some(place) = memmem::find(rest, mark) else {
                // A mark may stand across two windows.
                self.at = if end >= len { len } else { end.saturating_sub(mark.len() as u64).max(self.at + 1) };
                continue;
            };
            let found = self.at + place as u64;
            if !found.is_multiple_of(align) {
                self.at = found + 1;
                continue;
            }
            if end < len && found + NODE as u64 > end {
                self.at = found;
                continue;
            }
            self.at = found + align;
            let skip = (found - self.from) as usize;
            return Ok(Some((found, self.window.get(skip..).unwrap_or_default())));
        }
        Ok(None)
    }

    /// Goes on from a place.
    pub fn skip(&mut self, to: u64) {
        self.at = self.at.max(to);
    }
}

/// A file as a stream of blocks of one length; one that is missing reads as zeros.
pub(super) struct Blocks<F> {
    left: u64,
    block_len: u64,
    next: u64,
    read: F,
    data: Vec<u8>,
    from: usize,
}

impl<F: FnMut(u64) -> io::Result<Option<Vec<u8>>>> Blocks<F> {
    /// `read` gives the block of a number, or nothing where there is none.
    pub fn new(size: u64, block_len: u64, read: F) -> Self {
        Blocks { left: size, block_len, next: 0, read, data: Vec::new(), from: 0 }
    }
}

impl<F: FnMut(u64) -> io::Result<Option<Vec<u8>>>> Read for Blocks<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from >= self.data.len() {
            if self.left == 0 || buffer.is_empty() {
                return Ok(0);
            }
            let due = self.left.min(self.block_len) as usize;
            self.data = (self.read)(self.next)?.unwrap_or_default();
            if self.data.len() as u64 > self.block_len {
                return Err(broken("a block longer than blocks are"));
            }
            self.data.resize(due, 0);
            self.next += 1;
            self.left -= due as u64;
            self.from = 0;
        }
        let n = self.data.get(self.from..).unwrap_or_default().read(buffer)?;
        self.from += n;
        Ok(n)
    }
}
