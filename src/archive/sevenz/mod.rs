//! 7z archives, also behind the stub of a self-extractor, through `sevenz-rust2`.
//!
//! In: a blob. Out: its files. The start header and the counts of the header are looked at here first, because the crate
//! makes room for what they state; whatever needs a password is a gap.

mod header;

use std::io::{self, Read};

use sevenz_rust2::{Archive, BlockDecoder, Error, Password};

use super::{Carve, Format, Inside};
use crate::bytes::{le32, le64};
use crate::fact::Reason;
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "7z", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Magic, version, checksum, and the place of the header.
const START: u64 = 32;
/// Memory for one coder, and for the header unpacked.
const CODER_KIB: usize = (128 << 10) + 4096;
const HEADER_KIB: usize = 64 << 10;
/// The coder that encrypts.
const AES: &[u8] = &[6, 0xf1, 7, 1];

/// What the start header says of the header: its place behind the start, its length and its checksum.
struct Start {
    offset: u64,
    len: u64,
}

/// Nothing where its checksum does not hold.
fn start(head: &[u8]) -> Option<Start> {
    let fields = head.get(12..32)?;
    let mut sum = flate2::Crc::new();
    sum.update(fields);
    (le32(head, 8)? == sum.sum()).then_some(Start { offset: le64(fields, 0)?, len: le64(fields, 8)? })
}

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// The checksum of the start header holds: no chance, and no constant of a program.
fn sound(blob: &Blob) -> bool {
    blob.head().get(6) == Some(&0) && start(blob.head()).is_some_and(|start| start.len > 0)
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let Some(start) = start(head) else {
        let cut = head.len() < 32;
        let reason = if cut { Reason::Truncated } else { Reason::Malformed };
        return inside.gap(reason, "7z: the start header is cut or its checksum does not hold; not read");
    };
    if start.len == 0 {
        return inside.ends_at(START);
    }
    let end = START.saturating_add(start.offset).saturating_add(start.len);
    let len = inside.blob.len();
    if end > len {
        let volume = inside.blob.name().ends_with(".001");
        let what = if volume { "the first volume of an archive; " } else { "" };
        let detail = format!("7z: {what}the header is {} bytes beyond the end; not read", end - len);
        return inside.gap(if volume { Reason::Unsupported } else { Reason::Truncated }, detail);
    }
    inside.ends_at(end);
    match header::check(inside.blob, START + start.offset, start.len) {
        Ok(()) => {}
        Err((reason, detail)) => return inside.gap(reason, format!("7z: {detail}; not read")),
    }
    let mut reader = inside.blob.reader();
    let password = Password::empty();
    let archive = match Archive::read_with_memory_limit(&mut reader, &password, HEADER_KIB) {
        Ok(archive) => archive,
        Err(error) => {
            let (reason, what) = told(&error);
            return inside.gap(reason, format!("7z: the header: {what}; not read"));
        }
    };
    for index in 0..archive.blocks.len() {
        if !block(inside, &archive, index, &password) {
            return;
        }
    }
    // Empty files and folders lie in no block.
    for (file, block) in archive.files.iter().zip(&archive.stream_map.file_block_index) {
        if block.is_some() {
            continue;
        }
        if !inside.go_on() {
            return;
        }
        if file.is_directory() || file.is_anti_item() {
            inside.count();
        } else {
            inside.name_only(file.name());
        }
    }
}

/// Reads the files of one block. False where the walk is at its end.
fn block(inside: &mut Inside<'_, '_>, archive: &Archive, index: usize, password: &Password) -> bool {
    let mut reader = inside.blob.reader();
    let decoder = BlockDecoder::new_with_memory_limit(1, CODER_KIB, index, archive, password, &mut reader);
    let files: Vec<_> = decoder.entries().iter().map(|file| (file.name().to_owned(), file.has_stream())).collect();
    let encrypted = archive.blocks.get(index).is_some_and(|b| b.coders.iter().any(|c| c.encoder_method_id() == AES));
    let (mut read, mut ended) = (0, false);
    let result = if encrypted {
        Err(Error::PasswordRequired)
    } else {
        decoder
            .for_each_entries(&mut |file: &sevenz_rust2::ArchiveEntry, content: &mut dyn Read| {
                if !inside.go_on() {
                    ended = true;
                    return Ok(false);
                }
                read += 1;
                if file.is_directory() {
                    inside.count();
                } else if !file.has_stream() || file.size() == 0 {
                    inside.name_only(file.name());
                } else {
                    let mut content = Sticky { inner: content, broken: false };
                    inside.member(file.name(), Some(file.size()), &mut content);
                    if content.broken {
                        return Err(Error::Other("broken before".into()));
                    }
                    // What a limit left of it is unpacked for those behind it, within bounds of its own.
                    let most = file.size().min(inside.left());
                    io::copy(&mut content.take(most), &mut io::sink())?;
                }
                Ok(true)
            })
            .map(|_| ())
    };
    if ended {
        return false;
    }
    if let Err(error) = result {
        let (reason, what) = told(&error);
        // A solid block is one stream: what follows the break is lost.
        for (name, _) in files.iter().skip(read).filter(|(_, stream)| *stream) {
            if !inside.go_on() {
                return false;
            }
            inside.count();
            inside.shut(name, reason, what.clone());
        }
    }
    true
}

/// Notes that a stream broke.
struct Sticky<'r> {
    inner: &'r mut dyn Read,
    broken: bool,
}

impl Read for Sticky<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.broken |= result.is_err();
        result
    }
}

/// Kind and words for an error of the crate.
fn told(error: &Error) -> (Reason, String) {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => {
            (Reason::Encrypted, "encrypted; a password is needed".to_owned())
        }
        Error::UnsupportedCompressionMethod(name) if name.contains("AES") || name.contains("06F10701") => {
            (Reason::Encrypted, "encrypted; a password is needed".to_owned())
        }
        Error::UnsupportedCompressionMethod(name) => {
            (Reason::Unsupported, format!("compressed by a method that is not read: {name}"))
        }
        Error::Unsupported(_) | Error::ExternalUnsupported | Error::UnsupportedVersion { .. } => {
            (Reason::Unsupported, error.to_string())
        }
        Error::MaxMemLimited { .. } => (Reason::Limit, "needs more memory than one decoder may take".to_owned()),
        Error::Io(error, _) => (super::walk::reason(error), error.to_string()),
        _ => (Reason::Malformed, error.to_string()),
    }
}
