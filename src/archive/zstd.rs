//! zstd (RFC 8878), with any number of frames, through `ruzstd`.
//!
//! In: a blob. Out: its plain content as one member; a tar inside is read as a stream.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::StreamingDecoder;

use super::{Carve, Format, Inside};
use crate::bytes::le32;
use crate::source::{Blob, Reader};

pub(super) const FORMAT: Format = Format { name: "zstd", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC) || skips(blob.head())
}

/// Skippable frames in front of a frame, as parallel compressors write them. One that reaches beyond what is seen here
/// counts by itself.
fn skips(head: &[u8]) -> bool {
    let mut rest = head;
    while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, behind @ ..] = rest {
        match usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok().and_then(|len| behind.get(len..)) {
            Some(next) => rest = next,
            None => return true,
        }
    }
    rest.len() < head.len() && (rest.starts_with(MAGIC) || rest.len() < 8)
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut frames = Frames { state: State::Between(inside.blob.reader()), end: 0 };
    let name = inside.blob.name();
    let stem = [".zst", ".zstd", ".tzst"].iter().find_map(|e| name.strip_suffix(e)).filter(|s| !s.is_empty());
    let inner = stem.unwrap_or("content").to_owned();
    inside.plain(&inner, &mut frames);
    if frames.end > 0 {
        inside.ends_at(frames.end);
    }
}

/// A frame header without its reserved bit whose first block unpacks.
fn sound(blob: &Blob) -> bool {
    let reserved = blob.head().get(4).is_none_or(|descriptor| descriptor & 0x18 != 0);
    let mut frames = Frames { state: State::Between(blob.reader()), end: 0 };
    !reserved && matches!(frames.read(&mut [0; 64]), Ok(1..))
}

enum State {
    Between(Reader),
    Within(Box<StreamingDecoder<Reader, ruzstd::decoding::FrameDecoder>>),
    Done,
}

/// The content of one frame after the other.
struct Frames {
    state: State,
    /// Where the last frame that was read to its end stops.
    end: u64,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(mut reader) => {
                    self.end = reader.position();
                    let ahead = reader.fill_buf()?;
                    // Frames to be skipped: a magic, a length, that many bytes.
                    if matches!(ahead, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
                        let mut header = [0; 8];
                        reader.read_exact(&mut header)?;
                        let len = le32(&header, 4).unwrap_or(0);
                        io::copy(&mut (&mut reader).take(u64::from(len)), &mut io::sink())?;
                        self.state = State::Between(reader);
                        continue;
                    }
                    // Something else follows: not ours.
                    if ahead.is_empty() || (self.end > 0 && !ahead.starts_with(MAGIC)) {
                        return Ok(0);
                    }
                    let decoder = StreamingDecoder::new(reader).map_err(io::Error::other)?;
                    self.state = State::Within(Box::new(decoder));
                }
                State::Within(mut decoder) => {
                    let n = decoder.read(buffer)?;
                    self.state = if n == 0 && !buffer.is_empty() {
                        State::Between(decoder.into_inner())
                    } else {
                        State::Within(decoder)
                    };
                    if n > 0 || buffer.is_empty() {
                        return Ok(n);
                    }
                }
            }
        }
    }
}
