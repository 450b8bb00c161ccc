//! lz4 frames, and the older frames of the Linux kernel, through `lz4_flex`.
//!
//! In: a blob. Out: its plain content. Checksums are compared where a frame has them; the old frames have none.

use std::io::{self, Read, Seek, SeekFrom};

use lz4_flex::frame::FrameDecoder;

use super::{Chain, Decoder, Streams, behind_skippable, invalid, skip_frames};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::le32;
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "lz4",
    claim,
    open,
    carve: &[Carve { magic: MAGIC, at: 0, sound }, Carve { magic: OLD, at: 0, sound }],
};

const MAGIC: &[u8] = b"\x04\x22\x4d\x18";
const OLD: &[u8] = b"\x02\x21\x4c\x18";
/// What a block of an old frame holds, and what it may take when it does not shrink.
const OLD_BLOCK: usize = 8 << 20;
const OLD_PACKED: usize = OLD_BLOCK + OLD_BLOCK / 255 + 16;

/// A frame of either kind.
pub(super) fn is_frame(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || head.starts_with(OLD)
}

fn claim(blob: &Blob) -> bool {
    is_frame(blob.head()) || behind_skippable(blob).is_some_and(|ahead| is_frame(&ahead))
}

pub(super) fn streams(reader: Reader) -> Streams {
    let begin = |reader| Lz4::begin(reader).map(Decoder::Lz4);
    Streams::new(reader, Chain { begin, skip: skip_frames, more: is_frame })
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

/// The header's checksum holds, where it has one, and the first block unpacks.
fn sound(blob: &Blob) -> bool {
    let version = blob.head().get(4).is_some_and(|flags| flags >> 6 == 1 && flags & 2 == 0);
    (version || blob.head().starts_with(OLD)) && streams(blob.reader()).begins()
}

/// One frame of either kind.
pub(super) enum Lz4 {
    Frame(Box<FrameDecoder<Ending>>),
    Old(Old),
}

impl Lz4 {
    fn begin(mut reader: Reader) -> io::Result<Lz4> {
        let (ahead, _) = super::peek(&mut reader)?;
        if ahead.starts_with(OLD) {
            reader.seek(SeekFrom::Current(4))?;
            return Ok(Lz4::Old(Old { reader, block: Vec::new(), given: 0, last: false }));
        }
        Ok(Lz4::Frame(Box::new(FrameDecoder::new(Ending { reader, ended: false }))))
    }

    pub fn rest(self) -> Reader {
        match self {
            Lz4::Frame(decoder) => decoder.into_inner().reader,
            Lz4::Old(old) => old.reader,
        }
    }
}

impl Read for Lz4 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Lz4::Old(old) => old.read(buffer),
            Lz4::Frame(decoder) => {
                let n = decoder.read(buffer)?;
                // The crate takes the end of the data for the end of the frame.
                if n == 0 && decoder.get_ref().ended {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an lz4 frame without its end mark"));
                }
                Ok(n)
            }
        }
    }
}

/// Notes that more was asked for than there is.
pub(super) struct Ending {
    reader: Reader,
    ended: bool,
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.ended |= n == 0 && !buffer.is_empty();
        Ok(n)
    }
}

/// Blocks of eight MiB, each behind its packed length, to the end or to what is no length.
pub(super) struct Old {
    reader: Reader,
    block: Vec<u8>,
    given: usize,
    last: bool,
}

impl Old {
    fn next(&mut self) -> io::Result<bool> {
        let (ahead, got) = super::peek(&mut self.reader)?;
        let len = le32(&ahead, 0).and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
        // A block that is not full is the last; the kernel's build puts the unpacked size behind it.
        if got < 4 || self.last || len == 0 || len > OLD_PACKED {
            return if got == 0 || self.given > 0 { Ok(false) } else { Err(invalid("no block of an old lz4 frame")) };
        }
        self.reader.seek(SeekFrom::Current(4))?;
        let mut packed = Vec::new();
        (&mut self.reader).take(len as u64).read_to_end(&mut packed)?;
        if packed.len() < len {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a block of an old lz4 frame is cut"));
        }
        self.block.resize(OLD_BLOCK, 0);
        let n =
            lz4_flex::block::decompress_into(&packed, &mut self.block).map_err(|error| invalid(&error.to_string()))?;
        self.block.truncate(n);
        self.last = n < OLD_BLOCK;
        self.given = 0;
        Ok(true)
    }
}

impl Read for Old {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.block.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let n = self.block.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += n;
        Ok(n)
    }
}
