//! Compressed streams: what they share. Each format has a file of its own here.
//!
//! In: a blob. Out: its plain content as one member; a tar or cpio archive inside is read as a stream. Must not know:
//! what the content means.

pub(super) mod brotli;
pub(super) mod bzip2;
pub(super) mod compress;
pub(super) mod gzip;
pub(super) mod lz4;
pub(super) mod lzip;
pub(super) mod lzma;
pub(super) mod lzop;
pub(super) mod xz;
pub(super) mod zlib;
pub(super) mod zstd;

use std::io::{self, Read, Seek, SeekFrom};

use super::Inside;
use crate::source::{Blob, Content, Reader};

/// Memory one decoder may take for its dictionary. What asks for more is a gap.
pub(super) const WINDOW: u64 = 128 << 20;
/// The same as the crates count it, in KiB, with room for their models.
const WINDOW_KIB: u32 = (128 << 10) + 4096;

/// Endings of compressed files and what stands in their place once unpacked.
const ENDINGS: &[(&str, &str)] = &[
    (".tgz", ".tar"),
    (".taz", ".tar"),
    (".tbz2", ".tar"),
    (".tbz", ".tar"),
    (".tb2", ".tar"),
    (".tz2", ".tar"),
    (".txz", ".tar"),
    (".tlz", ".tar"),
    (".tzst", ".tar"),
    (".tzo", ".tar"),
    (".svgz", ".svg"),
    (".emz", ".emf"),
    (".wmz", ".wmf"),
    (".cpgz", ".cpio"),
    (".gz", ""),
    (".gzip", ""),
    (".bz2", ""),
    (".bz", ""),
    (".xz", ""),
    (".lzma", ""),
    (".lz", ""),
    (".lz4", ""),
    (".zst", ""),
    (".zstd", ""),
    (".br", ""),
    (".lzo", ""),
    (".z", ""),
    (".zlib", ""),
    (".zz", ""),
];

/// The name of the content: without the ending of its compression.
fn inner_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    for (ending, instead) in ENDINGS {
        if lower.ends_with(ending) {
            let stem = name.get(..name.len() - ending.len()).unwrap_or(name);
            if !stem.is_empty() {
                return format!("{stem}{instead}");
            }
        }
    }
    "content".to_owned()
}

/// A decoder of one stream, which gives back its reader at the first byte behind the stream.
trait Stream: Read + Sized {
    fn begin(reader: Reader) -> io::Result<Self>;
    fn rest(self) -> Reader;
}

/// How one stream follows another in a format.
struct Chain {
    /// Passes over what may stand in front of a stream.
    skip: fn(&mut Reader) -> io::Result<()>,
    /// True where these bytes begin another stream.
    more: fn(&[u8]) -> bool,
}

enum State<S> {
    Between(Reader),
    Within(S),
    Done,
}

/// The content of one stream after the other.
struct Streams<S> {
    state: State<S>,
    chain: Chain,
    first: bool,
    /// Where the last stream that was read to its end stops.
    end: u64,
}

impl<S: Stream> Streams<S> {
    fn new(reader: Reader, chain: Chain) -> Streams<S> {
        Streams { state: State::Between(reader), chain, first: true, end: 0 }
    }

    /// True where the first bytes unpack.
    fn begins(mut self) -> bool {
        matches!(self.read(&mut [0; 64]), Ok(1..))
    }

    /// Reads everything as the content of a compressed file.
    fn open(mut self, inside: &mut Inside<'_, '_>) {
        let inner = inner_name(inside.blob.name());
        inside.plain(&inner, &mut self);
        if self.end > 0 {
            inside.ends_at(self.end);
        }
    }
}

impl<S: Stream> Read for Streams<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(mut reader) => {
                    (self.chain.skip)(&mut reader)?;
                    self.end = reader.position();
                    let (ahead, got) = peek(&mut reader)?;
                    let ahead = ahead.get(..got).unwrap_or_default();
                    // What else follows is not ours.
                    if !self.first && !(self.chain.more)(ahead) {
                        return Ok(0);
                    }
                    if self.first && ahead.is_empty() && self.end > 0 {
                        return Ok(0);
                    }
                    self.first = false;
                    self.state = State::Within(S::begin(reader)?);
                }
                State::Within(mut stream) => {
                    let n = stream.read(buffer)?;
                    if n > 0 {
                        self.state = State::Within(stream);
                        return Ok(n);
                    }
                    self.state = State::Between(stream.rest());
                }
            }
        }
    }
}

/// The next bytes, which stay where they are.
fn peek(reader: &mut Reader) -> io::Result<([u8; 12], usize)> {
    let place = reader.position();
    let mut ahead = [0; 12];
    let mut got = 0;
    while let Some(room) = ahead.get_mut(got..).filter(|room| !room.is_empty()) {
        match reader.read(room)? {
            0 => break,
            n => got += n,
        }
    }
    reader.seek(SeekFrom::Start(place))?;
    Ok((ahead, got))
}

/// Nothing stands between the streams.
#[allow(clippy::unnecessary_wraps)] // One of several.
fn no_skip(_: &mut Reader) -> io::Result<()> {
    Ok(())
}

/// Frames that every reader passes over, in zstd and lz4: a magic, a length, that many bytes.
fn skip_frames(reader: &mut Reader) -> io::Result<()> {
    loop {
        let (ahead, got) = peek(reader)?;
        let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] = ahead else { return Ok(()) };
        if got < 8 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a skippable frame is cut"));
        }
        let end = reader.position().saturating_add(8 + u64::from(u32::from_le_bytes([a, b, c, d])));
        if end > reader.len() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a skippable frame reaches beyond the end"));
        }
        reader.seek(SeekFrom::Start(end))?;
    }
}

/// True where the bytes begin with a skippable frame, and nothing else is known of them.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What stands behind the skippable frames at the start.
fn behind_skippable(blob: &Blob) -> Option<[u8; 12]> {
    if !is_skippable(blob.head()) {
        return None;
    }
    let mut reader = blob.reader();
    skip_frames(&mut reader).ok()?;
    peek(&mut reader).ok().map(|(ahead, _)| ahead)
}

/// Plain content that knows where its packed form ended.
pub(super) trait Unpack: Read {
    /// Where the last stream that was read to its end stops; zero before that.
    fn end(&self) -> u64;
}

impl<S: Stream> Unpack for Streams<S> {
    fn end(&self) -> u64 {
        self.end
    }
}

/// Unpacks by the magic at the start, or as LZMA where the container says so. Nothing where there is no such magic.
pub(super) fn unpack(content: &Content, lzma: bool) -> Option<Box<dyn Unpack>> {
    let mut reader = content.reader();
    let (ahead, got) = peek(&mut reader).ok()?;
    Some(match ahead.get(..got)? {
        [0x1f, 0x8b, 8, ..] => Box::new(gzip::streams(reader)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::streams(reader)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(xz::streams(reader)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::streams(reader)),
        [b'L', b'Z', b'I', b'P', 1, ..] => Box::new(lzip::streams(reader)),
        [4, 0x22, 0x4d, 0x18, ..] => Box::new(lz4::streams(reader)),
        _ if lzma => Box::new(lzma::streams(reader)),
        _ => return None,
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn too_much(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, what.into())
}

#[cfg(test)]
mod tests;
