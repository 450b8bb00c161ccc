//! pbzx: the payloads of Apple's installer packages, chunks of xz one after the other.
//!
//! In: a blob. Out: its plain content, a cpio archive most often.

use std::io::{self, Read, Seek, SeekFrom};

use super::super::{Carve, Format, Inside, compressed};
use crate::bytes::be64;
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "pbzx", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"pbzx";

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// A chunk no longer than the chunks are, and no longer packed than plain.
fn sound(blob: &Blob) -> bool {
    let word = |at: usize| be64(blob.head(), at).unwrap_or(0);
    let (chunk, plain, packed) = (word(4), word(12), word(20));
    (1..=1 << 30).contains(&chunk) && (1..=chunk).contains(&plain) && (1..=plain).contains(&packed)
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut chunks = Chunks { blob: inside.blob, at: 12, within: None };
    if inside.blob.len() < 12 {
        return inside.gap(crate::fact::Reason::Truncated, "pbzx: the header is cut");
    }
    inside.plain("content", &mut chunks);
    let end = chunks.at;
    inside.ends_at(end);
}

struct Chunks<'b> {
    blob: &'b Blob,
    /// The next chunk.
    at: u64,
    /// The chunk that is read, and how much of it is to come.
    within: Option<(Box<dyn Read>, u64)>,
}

impl Chunks<'_> {
    /// Goes to the next chunk. False at the end of the data, or where something else follows.
    fn next(&mut self) -> io::Result<bool> {
        let left = self.blob.len().saturating_sub(self.at);
        if left == 0 {
            return Ok(false);
        }
        let mut header = [0; 16];
        let mut reader: Reader = self.blob.reader();
        reader.seek(SeekFrom::Start(self.at))?;
        reader.read_exact(&mut header)?;
        let (plain, packed) = (be64(&header, 0).unwrap_or(0), be64(&header, 8).unwrap_or(0));
        if packed == 0 || plain == 0 || packed > plain.saturating_add(1 << 20) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk of no such length"));
        }
        if packed > left - 16 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk is cut"));
        }
        let content = self.blob.content().slice(self.at + 16, packed)?;
        let stream: Box<dyn Read> = match compressed::unpack(&content, false) {
            Some(stream) if packed != plain => Box::new(stream),
            _ => Box::new(content.reader()),
        };
        self.at += 16 + packed;
        self.within = Some((stream, plain));
        Ok(true)
    }
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((stream, left)) = &mut self.within {
                let n = stream.read(buffer)?;
                *left = left.saturating_sub(n as u64);
                if n > 0 || buffer.is_empty() {
                    return Ok(n);
                }
                if *left > 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk shorter than declared"));
                }
                self.within = None;
            }
            if !self.next()? {
                return Ok(0);
            }
        }
    }
}
