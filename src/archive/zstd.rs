//! zstd (RFC 8878), with any number of frames, through `ruzstd`.
//!
//! In: a blob. Out: its plain content as one member; a tar inside is read as a stream.

use std::io::{self, BufRead, Cursor, Read};

use ruzstd::decoding::StreamingDecoder;

use super::tar;
use super::{Format, Visit, Walk, descend};
use crate::bytes::le32;
use crate::fact::{Location, Reason};
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "zstd", claim, open };

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

fn open(blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let at = Location::whole(&blob.path);
    let reader = match blob.reader() {
        Ok(reader) => reader,
        Err(error) => return walk.gap(at, Reason::Unreadable, error.to_string()),
    };
    let mut frames = Frames { state: State::Between(reader) };
    let mut head = Vec::new();
    // A break within the first block is met again below, where it is noted.
    let start = (&mut frames).take(512).read_to_end(&mut head).err();
    if start.is_none() && tar::is_tar(&head) {
        return tar::read(blob, Cursor::new(head).chain(frames), walk, visit);
    }
    let name = blob.name();
    let stem = [".zst", ".zstd", ".tzst"].iter().find_map(|e| name.strip_suffix(e)).filter(|s| !s.is_empty());
    let inner = stem.unwrap_or("content").to_owned();
    walk.members += 1;
    let at = Location { path: format!("{}!/{inner}", blob.path).into(), field: String::new() };
    if let Some(error) = start {
        walk.gap(at.clone(), Reason::Malformed, format!("zstd: {error}"));
        frames.state = State::Done;
    }
    if let Some(data) = walk.read_member(&at, None, &mut Cursor::new(head).chain(frames))
        && !data.is_empty()
    {
        descend(blob, &inner, data, walk, visit);
    }
}

enum State<R: Read> {
    Between(R),
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
    Done,
}

/// The content of one frame after the other.
struct Frames<R: Read> {
    state: State<R>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(mut reader) => {
                    let ahead = reader.fill_buf()?;
                    if ahead.is_empty() {
                        return Ok(0);
                    }
                    // Frames to be skipped: a magic, a length, that many bytes.
                    if matches!(ahead, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
                        let mut header = [0; 8];
                        reader.read_exact(&mut header)?;
                        let len = le32(&header, 4).unwrap_or(0);
                        io::copy(&mut (&mut reader).take(u64::from(len)), &mut io::sink())?;
                        self.state = State::Between(reader);
                        continue;
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
