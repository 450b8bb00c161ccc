//! xz, with any number of streams and padding between them, through `lzma-rust2`.
//!
//! In: a blob. Out: its plain content. The crate compares every check: CRC32, CRC64, SHA-256.

use std::io::{self, BufRead};

use lzma_rust2::XzReader;

use super::{Chain, Decoder, Streams, WINDOW_KIB};
use crate::archive::{Carve, Format, Inside};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "xz", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"\xfd7zXZ\0";

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

pub(super) fn streams(reader: Reader) -> Streams {
    let begin = |reader| Ok(Decoder::Xz(Box::new(XzReader::new_mem_limit(reader, false, WINDOW_KIB))));
    Streams::new(reader, Chain { begin, skip, more: |ahead| ahead.starts_with(MAGIC) })
}

/// Padding is zeros.
fn skip(reader: &mut Reader) -> io::Result<()> {
    loop {
        let ahead = reader.fill_buf()?;
        let zeros = ahead.iter().take_while(|b| **b == 0).count();
        let all = zeros == ahead.len();
        reader.consume(zeros);
        if zeros == 0 || !all {
            return Ok(());
        }
    }
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

/// The header's checksum holds and the first block unpacks.
fn sound(blob: &Blob) -> bool {
    streams(blob.reader()).begins()
}
