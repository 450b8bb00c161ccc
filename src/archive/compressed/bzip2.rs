//! bzip2, with any number of streams, through the `bzip2` crate on its port to Rust.
//!
//! In: a blob. Out: its plain content. Each block's and each stream's checksum is compared by the crate.

use ::bzip2::bufread::BzDecoder;

use super::{Chain, Decoder, Streams, no_skip};
use crate::archive::{Carve, Format, Inside};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "bzip2", claim, open, carve: &[Carve { magic: BLOCK, at: 4, sound }] };

/// The mark of a block, pi; and of the end of a stream, its square root.
const BLOCK: &[u8] = b"1AY&SY";
const END: &[u8] = b"\x17\x72\x45\x38\x50\x90";

/// A stream's first bytes, as far as there are any: text may begin with the same three letters.
fn begins(head: &[u8]) -> bool {
    let mark = head.get(4..10).or(head.get(4..)).unwrap_or_default();
    matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', ..]) && (BLOCK.starts_with(mark) || END.starts_with(mark))
}

fn claim(blob: &Blob) -> bool {
    begins(blob.head())
}

pub(super) fn streams(reader: Reader) -> Streams {
    let begin = |reader| Ok(Decoder::Bzip2(BzDecoder::new(reader)));
    Streams::new(reader, Chain { begin, skip: no_skip, more: begins })
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

fn sound(blob: &Blob) -> bool {
    begins(blob.head()) && streams(blob.reader()).begins()
}
