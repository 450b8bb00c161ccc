//! zlib streams (RFC 1950) that are files of their own: only a name claims them.
//!
//! In: a blob. Out: its plain content. The checksum is compared by `flate2`.

use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;

use super::{Chain, Stream, Streams, no_skip};
use crate::archive::{Format, Inside};
use crate::source::{Blob, Reader};

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
    Streams::<Zlib>::new(inside.blob.reader(), Chain { skip: no_skip, more: |_| false }).open(inside);
}

struct Zlib(ZlibDecoder<Reader>);

impl Stream for Zlib {
    fn begin(reader: Reader) -> io::Result<Zlib> {
        Ok(Zlib(ZlibDecoder::new(reader)))
    }

    fn rest(self) -> Reader {
        self.0.into_inner()
    }
}

impl Read for Zlib {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
