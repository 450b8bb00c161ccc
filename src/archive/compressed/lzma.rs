//! LZMA alone (`.lzma`), through `lzma-rust2`.
//!
//! In: a blob. Out: its plain content. The format has no magic and no checksum: a name claims it, or a header as
//! encoders write it, before data that unpacks.

use std::io::{self, Read, Seek, SeekFrom};

use lzma_rust2::LzmaReader;

use super::{Chain, Decoder, Streams, WINDOW, WINDOW_KIB, no_skip, too_much};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le32, le64};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "lzma", claim, open, carve: &[Carve { magic: b"\x5d\0\0", at: 0, sound }] };

/// The five fields of a header that a decoder could take: properties, dictionary, size, and the first byte of the
/// range coder, which is always zero.
fn possible(head: &[u8]) -> Option<(u8, u32, u64)> {
    let (properties, dictionary, size) = (*head.first()?, le32(head, 1)?, le64(head, 5)?);
    (properties < 9 * 5 * 5 && *head.get(13)? == 0).then_some((properties, dictionary, size))
}

/// A header as encoders write it: a dictionary of two to the n, or half as much again, and a size that is unknown or
/// below what anybody packs.
fn plausible(head: &[u8]) -> bool {
    let Some((properties, dictionary, size)) = possible(head) else { return false };
    let round = dictionary.is_power_of_two() || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two());
    let dictionary = round && (1 << 12..=1 << 30).contains(&dictionary);
    matches!(properties, 0x5d | 0x5e | 0x2c | 0x5b | 0x6c | 0x66)
        && dictionary
        && (size == u64::MAX || (1..1 << 38).contains(&size))
}

/// Chance passes a header; it does not make data that unpacks for long.
fn unpacks(blob: &Blob) -> bool {
    const ENOUGH: u64 = 64 << 10;
    let Ok(stream) = begin(blob.reader()) else { return false };
    let mut content = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut content).is_ok() && !content.is_empty() && content.iter().any(|b| *b != 0)
}

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    let name = blob.name().to_ascii_lowercase();
    let named = name.ends_with(".lzma") || name.ends_with(".tlz");
    (named && possible(head).is_some()) || sound(blob)
}

pub(super) fn streams(reader: Reader) -> Streams {
    Streams::new(
        reader,
        Chain {
            begin: |reader| begin(reader).map(|lzma| Decoder::Lzma(Box::new(lzma))),
            skip: no_skip,
            more: |_| false,
        },
    )
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

fn sound(blob: &Blob) -> bool {
    plausible(blob.head()) && unpacks(blob)
}

/// A decoder within the bounds on memory.
fn begin(mut reader: Reader) -> io::Result<LzmaReader<Reader>> {
    let start = reader.position();
    let mut header = [0; 13];
    reader.read_exact(&mut header)?;
    let dictionary = le32(&header, 1).unwrap_or(0);
    // A stream shorter than its dictionary needs no more than itself: the crate sees to that.
    let size = le64(&header, 5).unwrap_or(u64::MAX);
    if u64::from(dictionary).min(size) > WINDOW {
        return Err(too_much(format!("a dictionary of {dictionary} bytes, more than {WINDOW}")));
    }
    if u64::from(dictionary) > WINDOW {
        let properties = header.first().copied().unwrap_or(0);
        return LzmaReader::new_with_props(reader, size, properties, dictionary, None);
    }
    reader.seek(SeekFrom::Start(start))?;
    LzmaReader::new_mem_limit(reader, WINDOW_KIB, None)
}

/// The reader at the first byte behind the stream.
pub(super) fn rest(decoder: LzmaReader<Reader>) -> Reader {
    let (mut reader, ahead) = decoder.into_parts();
    let end = reader.position().saturating_sub(ahead.len() as u64);
    // Within the data: it cannot fail.
    let _ = reader.seek(SeekFrom::Start(end));
    reader
}
