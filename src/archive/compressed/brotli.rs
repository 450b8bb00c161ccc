//! brotli (RFC 7932), through `brotli-decompressor`. It has no magic: only a name claims it.
//!
//! In: a blob. Out: its plain content. The format has no checksum.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};

use super::inner_name;
use crate::archive::{Format, Inside};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format = Format { name: "brotli", claim, open, carve: &[] };

fn claim(blob: &Blob) -> bool {
    let text = blob.head().iter().all(|b| *b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r'));
    blob.name().to_ascii_lowercase().ends_with(".br") && !text
}

fn open(inside: &mut Inside<'_, '_>) {
    let inner = inner_name(inside.blob.name());
    let mut decoder = Decompressor::new(inside.blob.reader(), 64 << 10);
    // Windows beyond 16 MiB are an extension that asks for up to 1 GiB.
    if inside.blob.head().starts_with(&[0x11]) {
        return inside.shut(&inner, Reason::Limit, "a brotli stream with a window beyond 16 MiB");
    }
    decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
    inside.plain(&inner, Brotli(decoder));
}

struct Brotli(Decompressor<Reader>);

impl Read for Brotli {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
