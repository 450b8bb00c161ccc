//! The files of squashfs as streams.
//!
//! In: where a file's blocks begin. Out: its bytes, block by block. Must not know: how files are found.

use std::io;
use std::rc::Rc;

use super::{Cursor, Image, broken, cut_short};

/// A file as a stream: its blocks, then its part of a fragment.
pub(super) struct File<'i> {
    pub image: &'i mut Image,
    /// Where the next block's size stands.
    pub cursor: Cursor,
    /// Where the next block stands.
    pub at: u64,
    pub fragment: Option<(u32, u32)>,
    /// Bytes that are due and not unpacked yet.
    pub left: u64,
    pub block: Rc<Vec<u8>>,
    pub from: usize,
    pub until: usize,
}

impl File<'_> {
    fn next_block(&mut self) -> io::Result<()> {
        let whole = self.image.sb.block_size as usize;
        let due = usize::try_from(self.left).unwrap_or(whole).min(whole);
        self.from = 0;
        if let Some((index, offset)) = self.fragment.filter(|_| due < whole) {
            self.block = self.image.fragment(index)?;
            self.from = offset as usize;
        } else {
            let size = self.image.read(&mut self.cursor, 4)?;
            let size = self.image.sb.order.u32(&size, 0).ok_or_else(cut_short)?;
            if size == 0 {
                self.block = Rc::new(vec![0; due]);
            } else {
                self.block = Rc::new(self.image.block(self.at, size)?);
                self.at = self.at.saturating_add(u64::from(size & 0x00ff_ffff));
            }
        }
        self.until = self.from.saturating_add(due);
        if self.until > self.block.len() {
            return Err(broken("a block shorter than its file needs"));
        }
        self.left -= due as u64;
        Ok(())
    }
}

impl io::Read for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from >= self.until {
            if self.left == 0 || buffer.is_empty() {
                return Ok(0);
            }
            self.next_block()?;
        }
        let n = self.block.get(self.from..self.until).unwrap_or_default().read(buffer)?;
        self.from += n;
        Ok(n)
    }
}
