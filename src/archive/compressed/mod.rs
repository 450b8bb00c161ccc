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

use ::bzip2::bufread::BzDecoder;
use flate2::bufread::ZlibDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use self::lz4::Lz4;
use self::lzip::Lzip;
use self::zstd::Zstd;
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

/// How a stream begins and how one follows another in a format.
struct Chain {
    /// Makes the decoder of the stream that begins here.
    begin: fn(Reader) -> io::Result<Decoder>,
    /// Passes over what may stand in front of a stream.
    skip: fn(&mut Reader) -> io::Result<()>,
    /// True where these bytes begin another stream.
    more: fn(&[u8]) -> bool,
}

/// The decoder of one stream: what a new format of streams adds here, the compiler asks for below.
enum Decoder {
    Bzip2(BzDecoder<Reader>),
    Lz4(Lz4),
    Lzip(Box<Lzip>),
    Lzma(Box<LzmaReader<Reader>>),
    Xz(Box<XzReader<Reader>>),
    Zlib(ZlibDecoder<Reader>),
    Zstd(Zstd),
}

impl Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Bzip2(decoder) => decoder.read(buffer),
            Decoder::Lz4(decoder) => decoder.read(buffer),
            Decoder::Lzip(decoder) => decoder.read(buffer),
            Decoder::Lzma(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => decoder.read(buffer),
            Decoder::Zlib(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
        }
    }

    /// The reader at the first byte behind the stream.
    fn rest(self) -> Reader {
        match self {
            Decoder::Bzip2(decoder) => decoder.into_inner(),
            Decoder::Lz4(decoder) => decoder.rest(),
            Decoder::Lzip(decoder) => decoder.rest(),
            Decoder::Lzma(decoder) => lzma::rest(*decoder),
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::Zlib(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.rest(),
        }
    }
}

enum State {
    Between(Reader),
    Within(Decoder),
    Done,
}

/// The content of one stream after the other.
pub(super) struct Streams {
    state: State,
    chain: Chain,
    first: bool,
    /// Where the last stream that was read to its end stops.
    end: u64,
}

impl Streams {
    fn new(reader: Reader, chain: Chain) -> Streams {
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

impl Read for Streams {
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
                    self.state = State::Within((self.chain.begin)(reader)?);
                }
                State::Within(mut decoder) => {
                    let n = decoder.read(buffer)?;
                    if n > 0 {
                        self.state = State::Within(decoder);
                        return Ok(n);
                    }
                    self.state = State::Between(decoder.rest());
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
pub(super) enum Unpacked {
    Gzip(gzip::Members),
    Streams(Streams),
}

impl Unpacked {
    /// Where the last stream that was read to its end stops; zero before that.
    pub fn end(&self) -> u64 {
        match self {
            Unpacked::Gzip(members) => members.end(),
            Unpacked::Streams(streams) => streams.end,
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Gzip(members) => members.read(buffer),
            Unpacked::Streams(streams) => streams.read(buffer),
        }
    }
}

/// Unpacks by the magic at the start, or as LZMA where the container says so. Nothing where there is no such magic.
pub(super) fn unpack(content: &Content, lzma: bool) -> Option<Unpacked> {
    let mut reader = content.reader();
    let (ahead, got) = peek(&mut reader).ok()?;
    Some(Unpacked::Streams(match ahead.get(..got)? {
        [0x1f, 0x8b, 8, ..] => return Some(Unpacked::Gzip(gzip::members(reader))),
        [b'B', b'Z', b'h', ..] => bzip2::streams(reader),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => xz::streams(reader),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::streams(reader),
        [b'L', b'Z', b'I', b'P', 1, ..] => lzip::streams(reader),
        [4, 0x22, 0x4d, 0x18, ..] => lz4::streams(reader),
        _ if lzma => lzma::streams(reader),
        _ => return None,
    }))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn too_much(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, what.into())
}

#[cfg(test)]
mod tests;
