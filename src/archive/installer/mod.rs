//! Installers that are programs: what they carry stands behind the program in a form of their own.
//!
//! In: a blob. Out: the files they install. The headers are read by the crates `nsis` and `innospect`, which are given no more
//! than what was measured before; the contents are unpacked here, as streams.

mod calls;
pub(super) mod inno;
pub(super) mod nsis;

use std::io::{self, Read, Seek, SeekFrom};

use lzma_rust2::{Lzma2Reader, LzmaReader};

use super::Inside;
use crate::bytes::{le16, le32};
use crate::source::{Blob, Reader};

/// Largest dictionary of LZMA that is given memory.
const DICTIONARY: u32 = 128 << 20;

type Unpacked = Box<dyn Read>;

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what.to_owned())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// LZMA with its five bytes of properties in front and a mark at its end.
fn lzma(mut packed: impl Read + 'static, len: u64) -> io::Result<Unpacked> {
    let mut head = [0; 5];
    packed.read_exact(&mut head)?;
    let dictionary = le32(&head, 1).unwrap_or(u32::MAX);
    if head[0] >= 9 * 5 * 5 {
        return Err(malformed("LZMA: properties that do not exist"));
    }
    if dictionary > DICTIONARY {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "LZMA: the dictionary is larger than is read"));
    }
    Ok(Box::new(LzmaReader::new_with_props(packed, len, head[0], dictionary, None).map_err(io::Error::other)?))
}

/// LZMA2 with the one byte of its dictionary's size in front.
fn lzma2(mut packed: impl Read + 'static) -> io::Result<Unpacked> {
    let mut head = [0; 1];
    packed.read_exact(&mut head)?;
    let size = u32::from(head[0]);
    if size > 32 {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "LZMA2: the dictionary is larger than is read"));
    }
    Ok(Box::new(Lzma2Reader::new(packed, (2 | size & 1) << (size / 2 + 11), None)))
}

/// A part of a blob as a stream.
fn part(blob: &Blob, start: u64, len: u64) -> io::Result<io::Take<Reader>> {
    let mut reader = blob.reader();
    reader.seek(SeekFrom::Start(start))?;
    Ok(reader.take(len))
}

/// Notes where what is installed ends. The program's signature stands behind that and belongs to it.
fn ends(inside: &mut Inside<'_, '_>, end: u64) {
    let len = inside.blob.len();
    let signed = signature(inside.blob).is_some_and(|(at, size)| {
        (end..end.saturating_add(16)).contains(&at) && at.saturating_add(size).next_multiple_of(8) >= len
    });
    if !signed && end < len {
        inside.ends_at(end);
    }
}

/// Where the headers of a Windows program say that its signatures stand.
fn signature(blob: &Blob) -> Option<(u64, u64)> {
    let head = blob.head();
    let optional = (le32(head, 0x3c)? as usize).checked_add(24)?;
    let directories = if le16(head, optional)? == 0x20b { 112 } else { 96 };
    let entry = optional + directories + 4 * 8;
    Some((u64::from(le32(head, entry)?), u64::from(le32(head, entry + 4)?)))
}

/// Where the sections of a Windows program end: what an installer carries begins there or behind.
fn program_end(blob: &Blob) -> Option<u64> {
    let head = blob.head();
    if !head.starts_with(b"MZ") {
        return None;
    }
    let pe = le32(head, 0x3c)? as usize;
    if head.get(pe..pe.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let (sections, optional) = (usize::from(le16(head, pe + 6)?), usize::from(le16(head, pe + 20)?));
    let end = |n: usize| {
        let at = pe + 24 + optional + n * 40;
        Some(u64::from(le32(head, at + 20)?) + u64::from(le32(head, at + 16)?))
    };
    (0..sections.min(96)).filter_map(end).max().filter(|end| *end < blob.len())
}
