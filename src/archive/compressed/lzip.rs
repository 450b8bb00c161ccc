//! lzip, with any number of members: own frame, LZMA through `lzma-rust2`.
//!
//! In: a blob. Out: its plain content. The trailer's checksum and both sizes are compared.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use lzma_rust2::LzmaReader;

use super::{Chain, Decoder, Streams, WINDOW, invalid, no_skip, too_much};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le32, le64};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "lzip", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"LZIP\x01";

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

pub(super) fn streams(reader: Reader) -> Streams {
    let begin = |reader| Lzip::begin(reader).map(|lzip| Decoder::Lzip(Box::new(lzip)));
    Streams::new(reader, Chain { begin, skip: no_skip, more: |ahead| ahead.starts_with(MAGIC) })
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

fn sound(blob: &Blob) -> bool {
    streams(blob.reader()).begins()
}

/// One member.
pub(super) struct Lzip {
    /// Empty once the trailer is read.
    decoder: Option<LzmaReader<Reader>>,
    behind: Option<Reader>,
    start: u64,
    sum: Crc,
    len: u64,
}

impl Lzip {
    fn begin(mut reader: Reader) -> io::Result<Lzip> {
        let start = reader.position();
        let mut header = [0; 6];
        reader.read_exact(&mut header)?;
        let coded = header.last().copied().unwrap_or(0);
        let base = 1u64 << (coded & 31);
        let dictionary = base - base / 16 * u64::from(coded >> 5);
        if dictionary > WINDOW {
            return Err(too_much(format!("a dictionary of {dictionary} bytes, more than {WINDOW}")));
        }
        let dictionary = u32::try_from(dictionary).unwrap_or(u32::MAX);
        let decoder = LzmaReader::new(reader, u64::MAX, 3, 0, 2, dictionary, None)?;
        Ok(Lzip { decoder: Some(decoder), behind: None, start, sum: Crc::new(), len: 0 })
    }

    pub fn rest(self) -> Reader {
        let Some(decoder) = self.decoder else { return self.behind.unwrap_or_else(Reader::nothing) };
        decoder.into_inner()
    }

    fn trailer(&self, reader: &mut Reader) -> io::Result<()> {
        let mut trailer = [0; 20];
        reader.read_exact(&mut trailer)?;
        let whole = reader.position().saturating_sub(self.start);
        let stated = (le32(&trailer, 0), le64(&trailer, 4), le64(&trailer, 12));
        if stated == (Some(self.sum.sum()), Some(self.len), Some(whole)) {
            Ok(())
        } else {
            Err(invalid("the checksum or a size of an lzip member does not hold"))
        }
    }
}

impl Read for Lzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        let n = decoder.read(buffer)?;
        self.sum.update(buffer.get(..n).unwrap_or_default());
        self.len += n as u64;
        if n == 0
            && let Some(decoder) = self.decoder.take()
        {
            let (mut reader, ahead) = decoder.into_parts();
            let end = reader.position().saturating_sub(ahead.len() as u64);
            reader.seek(SeekFrom::Start(end))?;
            let checked = self.trailer(&mut reader);
            self.behind = Some(reader);
            checked?;
        }
        Ok(n)
    }
}
