//! Files packed by zisofs within ISO 9660 images.
//!
//! In: where the packed file stands. Out: its plain bytes as a stream. Must not know: the file system around it.

use std::io::{self, Read};

use super::codec::{Codec, Method};
use super::{broken, cut_short};
use crate::bytes::le32;
use crate::source::Content;

const MAGIC: &[u8] = &[0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07];

/// True where a packed file begins.
pub(super) fn packed(content: &Content, start: u64) -> bool {
    content.bytes(start, 8).is_ok_and(|head| head == MAGIC)
}

/// A packed file as a stream.
pub(super) struct Zisofs {
    content: Content,
    codec: Codec,
    start: u64,
    /// Where the next block's pointer stands.
    pointer: u64,
    size: u64,
    left: u64,
    block: usize,
    data: Vec<u8>,
    from: usize,
}

impl Zisofs {
    pub fn new(content: Content, start: u64, len: u64) -> io::Result<Zisofs> {
        let head = content.bytes(start, 16)?;
        let size = u64::from(le32(&head, 8).ok_or_else(cut_short)?);
        let (Some(header), Some(log @ 15..=17)) = (head.get(12), head.get(13)) else {
            return Err(broken("a block size that does not exist"));
        };
        let pointer = start + u64::from(*header) * 4;
        let codec = Codec::new(len);
        Ok(Zisofs { content, codec, start, pointer, size, left: size, block: 1 << log, data: Vec::new(), from: 0 })
    }

    /// Bytes of the plain file.
    pub fn len(&self) -> u64 {
        self.size
    }
}

impl Read for Zisofs {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from >= self.data.len() {
            if self.left == 0 {
                return Ok(0);
            }
            let pointers = self.content.bytes(self.pointer, 8)?;
            let (Some(begin), Some(end)) = (le32(&pointers, 0), le32(&pointers, 4)) else { return Err(cut_short()) };
            self.pointer += 4;
            let due = usize::try_from(self.left).unwrap_or(self.block).min(self.block);
            // Two pointers alike are a block of zeros.
            self.data = if begin == end {
                vec![0; due]
            } else {
                let len = end.checked_sub(begin).filter(|len| *len <= 1 << 20);
                let len = len.ok_or_else(|| broken("a block's end before its begin"))?;
                let packed = self.content.bytes(self.start + u64::from(begin), u64::from(len))?;
                self.codec.unpack(Method::Zlib, &packed, due)?
            };
            if self.data.len() != due {
                return Err(cut_short());
            }
            self.left -= due as u64;
            self.from = 0;
        }
        let n = self.data.get(self.from..).unwrap_or_default().read(buffer)?;
        self.from += n;
        Ok(n)
    }
}
