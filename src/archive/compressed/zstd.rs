//! zstd (RFC 8878), with any number of frames, through the reference library.
//!
//! In: a blob. Out: its plain content. The library compares each frame's checksum where it has one.

use std::io::{self, Read};

use ::zstd::stream::read::Decoder as Frame;

use super::{Chain, Streams, WINDOW, behind_skippable, is_skippable, skip_frames, too_much};
use crate::archive::{Carve, Format, Inside};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "zstd", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

/// Frames of the versions before 0.8 have other marks: they are not read.
const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// Parallel compressors put skippable frames in front. Where nothing but such is seen, they are these.
fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
        || is_skippable(blob.head()) && !behind_skippable(blob).is_some_and(|ahead| super::lz4::is_frame(&ahead))
}

pub(super) fn streams(reader: Reader) -> Streams {
    let begin = |reader| Zstd::begin(reader).map(super::Decoder::Zstd);
    Streams::new(reader, Chain { begin, skip: skip_frames, more: |ahead| ahead.starts_with(MAGIC) })
}

fn open(inside: &mut Inside<'_, '_>) {
    streams(inside.blob.reader()).open(inside);
}

/// A frame header without its reserved bit whose first block unpacks.
fn sound(blob: &Blob) -> bool {
    let reserved = blob.head().get(4).is_none_or(|descriptor| descriptor & 0x18 != 0);
    !reserved && streams(blob.reader()).begins()
}

/// One frame.
pub(super) struct Zstd(Frame<'static, Reader>);

impl Zstd {
    fn begin(mut reader: Reader) -> io::Result<Zstd> {
        // Only frames of today's format reach the library.
        let (ahead, got) = super::peek(&mut reader)?;
        if !ahead.get(..got).is_some_and(|ahead| ahead.starts_with(MAGIC)) {
            return Err(super::invalid("no zstd frame where one should begin"));
        }
        let mut frame = Frame::with_buffer(reader)?.single_frame();
        frame.window_log_max(WINDOW.ilog2())?;
        Ok(Zstd(frame))
    }

    pub fn rest(self) -> Reader {
        self.0.finish()
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let memory = error.to_string().contains("too much memory");
            if memory { too_much(format!("a window of more than {WINDOW} bytes")) } else { error }
        })
    }
}
