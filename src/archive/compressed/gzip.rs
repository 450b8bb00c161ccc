//! gzip (RFC 1952), with any number of members, through `flate2`.
//!
//! In: a blob. Out: its plain content as one member; a tar inside is read as a stream, so that a
//! large `.tar.gz` is never held whole. Zeros behind the last member are padding, as gzip itself has it.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::inner_name;
use crate::archive::{Carve, Format, Inside};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "gzip", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

/// ID1, ID2, and the only method there is: deflate.
const MAGIC: &[u8] = &[0x1f, 0x8b, 8];

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut members = members(inside.blob.reader());
    // The first header is read with the first byte; a break there is met again below, where it is noted.
    let mut first = [0];
    let start = members.read(&mut first);
    let inner = members.name.clone().unwrap_or_else(|| inner_name(inside.blob.name()));
    match start {
        Ok(n) => inside.plain(&inner, Cursor::new(first).take(n as u64).chain(&mut members)),
        Err(error) => inside.shut(&inner, crate::archive::walk::reason(&error), format!("gzip: {error}")),
    }
    if members.end > 0 {
        inside.ends_at(members.end);
    }
}

/// Flags without the reserved bits, a time or none, and the compression levels and systems that exist.
fn sound(blob: &Blob) -> bool {
    let flags_and_more = |head: &[u8]| Some((*head.get(3)?, *head.get(8)?, *head.get(9)?));
    let Some((flags, level, system)) = flags_and_more(blob.head()) else { return false };
    if flags & 0xe0 != 0 || !matches!(level, 0 | 2 | 4) || !(system <= 13 || system == 255) {
        return false;
    }
    // Chance does not make a stream that unpacks.
    let mut first = [0; 64];
    let mut decoder = GzDecoder::new(blob.reader());
    matches!(decoder.read(&mut first), Ok(1..))
}

/// Reads every member.
pub(super) fn members(reader: Reader) -> Members {
    Members { decoder: Some(GzDecoder::new(reader)), name: None, end: 0 }
}

/// The content of one gzip member after the other.
pub(in crate::archive) struct Members {
    /// Empty once everything is read.
    decoder: Option<GzDecoder<Reader>>,
    /// The base name that the first member bears, where it bears one.
    name: Option<String>,
    /// Where the last member that was read to its end stops.
    end: u64,
}

impl Members {
    /// Where the last member that was read to its end stops; zero before that.
    pub fn end(&self) -> u64 {
        self.end
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let n = decoder.read(buffer)?;
            if self.name.is_none() {
                let name = decoder.header().and_then(|h| h.filename()).map(String::from_utf8_lossy);
                self.name = name.map(|n| crate::source::base_name(&n).to_owned()).filter(|n| !n.is_empty());
            }
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(mut reader) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(0) };
            self.end = reader.position();
            loop {
                let ahead = reader.fill_buf()?;
                let (zeros, end) = (ahead.iter().take_while(|b| **b == 0).count(), ahead.len());
                match ahead.get(zeros..) {
                    Some([]) if end == 0 => return Ok(0),
                    Some([]) => reader.consume(zeros),
                    Some([0x1f, 0x8b | 0x1f, ..] | [0x1f]) => {
                        reader.consume(zeros);
                        self.decoder = Some(GzDecoder::new(reader));
                        break;
                    }
                    // Something else follows: not ours.
                    _ => return Ok(0),
                }
            }
        }
    }
}
