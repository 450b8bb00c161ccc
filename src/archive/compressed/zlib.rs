//! zlib streams (RFC 1950) that are files of their own: only a name claims them.
//!
//! In: a blob. Out: its plain content. The checksum is compared by `flate2`.

use flate2::bufread::ZlibDecoder;

use super::{Chain, Decoder, Streams, no_skip};
use crate::archive::{Format, Inside};
use crate::source::Blob;

pub(in crate::archive) const FORMAT: Format = Format { name: "zlib", claim, open, carve: &[] };

/// Deflate with a window of up to 32 KiB, no dictionary, and a sum that holds.
fn begins(head: &[u8]) -> bool {
    matches!(head, [method, flags, ..] if method & 0xf == 8 && method >> 4 < 8 && flags & 0x20 == 0
        && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

fn claim(blob: &Blob) -> bool {
    let name = blob.name().to_ascii_lowercase();
    (name.ends_with(".zlib") || name.ends_with(".zz")) && begins(blob.head())
}

fn open(inside: &mut Inside<'_, '_>) {
    let begin = |reader| Ok(Decoder::Zlib(ZlibDecoder::new(reader)));
    Streams::new(inside.blob.reader(), Chain { begin, skip: no_skip, more: |_| false }).open(inside);
}
