//! The folders of a cabinet as they unpack.
//!
//! In: where a folder begins and how it is packed. Out: its files as streams, and how many checksums did not fit. Must
//! not know: what the files are called.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};

use super::super::lzx::{Form, Lzx};
use super::header::{Folder, exact};
use crate::archive::Inside;
use crate::bytes::{le16, le32};
use crate::source::Reader;

/// Most bytes that a block unpacks to.
pub(super) const FRAME: usize = 32 << 10;

/// How a folder is packed.
enum Method {
    Stored,
    Zip(Box<Decompress>),
    Lzx(Box<Lzx>),
}

/// A folder as it unpacks, block by block.
pub(super) struct Stream {
    reader: Reader,
    pub folder: Folder,
    reserved: u64,
    method: Method,
    blocks: u16,
    at: u64,
    /// The plain bytes of the last block, and how many of them were given out.
    block: Vec<u8>,
    /// What MSZIP may refer to: the last 32 KiB.
    history: Vec<u8>,
    used: usize,
    pub given: u64,
    pub checksums: u32,
    failed: Option<(io::ErrorKind, String)>,
}

impl Stream {
    pub fn new(reader: Reader, folder: Folder, reserved: u64) -> Stream {
        let method = match folder.method & 15 {
            1 => Method::Zip(Box::new(Decompress::new(false))),
            3 => Lzx::new(u32::from(folder.method >> 8 & 31), Form::Cabinet)
                .map_or(Method::Stored, |lzx| Method::Lzx(Box::new(lzx))),
            _ => Method::Stored,
        };
        let (blocks, at) = (folder.blocks, folder.start);
        let (block, history) = (Vec::new(), Vec::new());
        Stream {
            reader,
            folder,
            reserved,
            method,
            blocks,
            at,
            block,
            history,
            used: 0,
            given: 0,
            checksums: 0,
            failed: None,
        }
    }

    /// Goes back to the start of the folder.
    pub fn restart(&mut self, reader: Reader) {
        *self = Stream { checksums: self.checksums, ..Stream::new(reader, self.folder.clone(), self.reserved) };
    }

    /// The file that stands at a place in the folder; what is in front of it is passed over.
    pub fn file<'s>(&'s mut self, start: u64, len: u64, inside: &Inside<'_, '_>, passing: &mut u64) -> Member<'s> {
        while self.given < start && *passing > 0 && !inside.limits().stop.raised() {
            match self.fill() {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let n = usize::try_from(start - self.given).unwrap_or(usize::MAX).min(n);
                    self.use_up(n);
                    *passing = passing.saturating_sub(n as u64);
                }
            }
        }
        if *passing == 0 && self.given < start && self.failed.is_none() {
            let why = "too much would be unpacked only to be passed over; not read";
            // Not as an interruption: readers try again after those.
            self.failed = Some((io::ErrorKind::Unsupported, why.to_owned()));
            self.block.clear();
            self.used = 0;
        }
        Member { reached: self.given == start, stream: self, left: len, continued: None }
    }

    fn use_up(&mut self, n: usize) {
        self.used += n;
        self.given += n as u64;
    }

    /// Makes at least one byte ready, but for the end; how many are.
    fn fill(&mut self) -> io::Result<usize> {
        while self.used >= self.block.len() {
            if let Some((kind, why)) = &self.failed {
                return Err(io::Error::new(*kind, why.clone()));
            }
            if self.blocks == 0 {
                return Ok(0);
            }
            self.blocks -= 1;
            match self.next() {
                Ok(block) => (self.block, self.used) = (block, 0),
                Err(error) => {
                    self.failed = Some((error.kind(), error.to_string()));
                    return Err(error);
                }
            }
        }
        Ok(self.block.len() - self.used)
    }

    /// The next block's plain bytes.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        self.reader.seek(SeekFrom::Start(self.at))?;
        let head: [u8; 8] = exact(&mut self.reader)?;
        let (stated, packed, plain) = (le32(&head, 0), le16(&head, 4), le16(&head, 6));
        let (packed, plain) = (usize::from(packed.unwrap_or_default()), usize::from(plain.unwrap_or_default()));
        self.reader.seek(SeekFrom::Start(self.at + 8 + self.reserved))?;
        let mut data = vec![0; packed];
        self.reader.read_exact(&mut data)?;
        self.at += 8 + self.reserved + packed as u64;
        // It goes over the reserved bytes, too, which are of use to nobody: only blocks without are compared.
        if self.reserved == 0 && stated.is_some_and(|sum| sum != 0 && sum != checksum(&data, checksum(&head[4..], 0))) {
            self.checksums += 1;
        }
        if plain == 0 {
            let why = "goes on in the next cabinet, which is not part of this file";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        if plain > FRAME {
            return Err(bad("a block of more than 32 KiB"));
        }
        let block = match &mut self.method {
            Method::Stored => data,
            Method::Zip(decoder) => {
                let block = zip_block(decoder, &self.history, &data, plain).map_err(bad)?;
                self.history.extend_from_slice(&block);
                self.history.drain(..self.history.len().saturating_sub(FRAME));
                block
            }
            Method::Lzx(lzx) => lzx.frame(&data, plain).map_err(bad)?,
        };
        if block.len() != plain {
            return Err(bad("a block unpacks to another length than it states"));
        }
        Ok(block)
    }
}

/// One block of MSZIP: two letters and a deflate stream that may refer to the block before.
fn zip_block(decoder: &mut Decompress, before: &[u8], data: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
    let data = data.strip_prefix(b"CK").ok_or("MSZIP: a block without its mark")?;
    decoder.reset(false);
    if !before.is_empty() {
        decoder.set_dictionary(before).map_err(|_| "MSZIP: the block before is of no use")?;
    }
    let mut plain = Vec::with_capacity(len);
    match decoder.decompress_vec(data, &mut plain, FlushDecompress::Finish) {
        Ok(Status::Ok | Status::StreamEnd | Status::BufError) => Ok(plain),
        Err(_) => Err("MSZIP: broken data"),
    }
}

/// The format's checksum, which goes by words of four bytes.
fn checksum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |last, byte| last << 8 | u32::from(*byte))
}

/// One file of a folder.
pub(super) struct Member<'s> {
    stream: &'s mut Stream,
    left: u64,
    /// False where the folder ended before its start.
    reached: bool,
    /// The cabinet in which the folder goes on.
    pub continued: Option<&'s str>,
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let result = self.stream.fill();
        let ready = match (result, self.continued) {
            (Ok(0), Some(next)) | (Err(_), Some(next)) if self.stream.failed.is_none() || self.stream.blocks == 0 => {
                let why = format!("goes on in the cabinet {next}, which is not part of this file");
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            (Ok(0), _) | (Ok(_), _) if !self.reached => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its folder ends before it"));
            }
            (result, _) => result?,
        };
        let ready = ready.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let block = self.stream.block.get(self.stream.used..self.stream.used + ready);
        let n = block.unwrap_or_default().read(buffer)?;
        self.stream.use_up(n);
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_goes_by_words_and_takes_the_rest_backwards() {
        assert_eq!(checksum(&[1, 0, 0, 0, 2, 0, 0, 0], 4), 7);
        assert_eq!(checksum(&[0xaa, 0xbb], 0), 0xaabb);
    }
}
