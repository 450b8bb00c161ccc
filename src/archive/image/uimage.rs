//! U-Boot legacy images, single and of several files.
//!
//! In: a blob. Out: what it carries, under the image's own name and an ending that tells how it is packed. Must not know: what that is.

use std::io;

use flate2::Crc;

use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, text_until_zero};
use crate::fact::Reason;
use crate::source::{Blob, Content};

const MAGIC: &[u8] = b"\x27\x05\x19\x56";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "uimage",
    claim: |blob| blob.head().starts_with(MAGIC),
    open,
    carve: &[Carve { magic: MAGIC, at: 0, sound }],
};

const HEADER: u64 = 64;
/// Files in one image.
const FILES: usize = 64;

/// The sum of the header, with nothing in the sum's own place.
fn sound(blob: &Blob) -> bool {
    let Some(header) = blob.head().get(..64) else { return false };
    let mut bare = header.to_vec();
    if let Some(sum) = bare.get_mut(4..8) {
        sum.fill(0);
    }
    let mut crc = Crc::new();
    crc.update(&bare);
    be32(header, 4) == Some(crc.sum())
}

/// The sum of a part, read piece by piece.
pub(super) fn crc(content: &Content, start: u64, len: u64) -> io::Result<u32> {
    const STEP: u64 = 1 << 20;
    let mut crc = Crc::new();
    let mut done = 0;
    while done < len {
        let n = STEP.min(len - done);
        crc.update(&content.bytes(start + done, n)?);
        done += n;
    }
    Ok(crc.sum())
}

/// The ending by which a packed file is known.
pub(super) fn ending(method: &str) -> &'static str {
    match method {
        "gzip" => ".gz",
        "bzip2" => ".bz2",
        "lzma" => ".lzma",
        "lzo" => ".lzo",
        "lz4" => ".lz4",
        "zstd" => ".zst",
        _ => "",
    }
}

/// A name from within an image, fit to stand as one step of a path.
pub(super) fn step(name: &str, instead: &str) -> String {
    let name = name.trim().replace(['/', '\\'], "_");
    if name.is_empty() { instead.to_owned() } else { name }
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let (Some(size), Some(sum), Some(kind), Some(method)) =
        (be32(head, 12), be32(head, 24), head.get(30), head.get(31))
    else {
        return inside.gap(Reason::Truncated, "uimage: the header is cut");
    };
    if !sound(inside.blob) {
        inside.gap(Reason::Malformed, "uimage: the header does not match its sum");
    }
    let (size, kind) = (u64::from(size), *kind);
    let name = text_until_zero(head.get(32..64).unwrap_or_default(), 32).into_owned();
    let end = HEADER + size;
    inside.ends_at(end);
    let content = inside.blob.content().clone();
    // What is cut is told of the part.
    if end <= content.len() && crc(&content, HEADER, size).is_ok_and(|found| found != sum) {
        inside.gap(Reason::Malformed, "uimage: the content does not match its sum");
    }
    let instead = match kind {
        2 => "kernel",
        3 => "ramdisk",
        5 => "firmware",
        6 => "script",
        7 => "filesystem",
        8 => "device-tree",
        _ => "content",
    };
    let method = ["none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd"].get(usize::from(*method)).copied();
    let Some(method) = method else {
        return inside.shut(&step(&name, instead), Reason::Unsupported, "uimage: packed by an unknown method");
    };
    let ending = ending(method);
    if !matches!(kind, 4 | 6) {
        if inside.go_on() {
            inside.part(&format!("{}{ending}", step(&name, instead)), HEADER, size);
        }
        return;
    }
    // A list of lengths, ended by zero; each file begins at a multiple of four.
    let mut lens = Vec::new();
    let mut at = HEADER;
    loop {
        let len = content.bytes(at, 4).ok().and_then(|word| be32(&word, 0));
        at += 4;
        match len {
            Some(0) => break,
            Some(len) if lens.len() < FILES => lens.push(u64::from(len)),
            _ => return inside.gap(Reason::Malformed, "uimage: a list of files without an end"),
        }
    }
    for (index, len) in lens.iter().enumerate() {
        if !inside.go_on() {
            return;
        }
        let ending = if index == 0 { ending } else { "" };
        inside.part(&format!("{}.{index}{ending}", step(&name, instead)), at, *len);
        at += len.next_multiple_of(4);
    }
}
