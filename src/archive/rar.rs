//! RAR archives of all versions, also behind the stub of a self-extractor, through `rars`.
//!
//! In: a blob. Out: its files. The crate is held to bounds on headers, dictionaries and output; it writes each file, so that
//! one is collected before it is looked at. Encrypted files and those that go on in another volume are gaps.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;

use rars::{ArchiveMember, ArchiveReadOptions, ArchiveReader, Error, ErrorKind};
use rars::{ExtractionDecision, ExtractionErrorAction};

use super::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::{Blob, Spool, Stop};

pub(super) const FORMAT: Format = Format {
    name: "rar",
    claim,
    open,
    carve: &[Carve { magic: FOUR, at: 0, sound }, Carve { magic: FIVE, at: 0, sound }],
};

/// Versions 1.5 to 4, and from 5 on.
const FOUR: &[u8] = b"Rar!\x1a\x07\0";
const FIVE: &[u8] = b"Rar!\x1a\x07\x01\0";
/// Version 1.3.
const OLD: &[u8] = b"RE~^";
/// Bytes of headers, and memory for the reader's own.
const HEADERS: u64 = 64 << 20;
const WORKSPACE: u64 = 160 << 20;
/// A file whose filters want it whole is held whole up to here.
const BUFFERED: u64 = 16 << 20;

fn claim(blob: &Blob) -> bool {
    [FOUR, FIVE].iter().any(|magic| blob.head().starts_with(magic)) || old(blob.head())
}

/// Four letters are no magic: the lengths of the header must fit, too.
fn old(head: &[u8]) -> bool {
    head.starts_with(OLD) && le16(head, 4).is_some_and(|len| (7..512).contains(&len))
}

/// The checksum of the first header holds.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let sum = |from: usize, to: usize| {
        let mut sum = flate2::Crc::new();
        head.get(from..to).map(|header| {
            sum.update(header);
            sum.sum()
        })
    };
    if head.starts_with(FIVE) {
        // The length counts from behind itself; the first header is short.
        let Some(len) = head.get(12).filter(|len| **len < 0x80) else { return false };
        return *len > 0 && le32(head, 8).is_some_and(|stated| Some(stated) == sum(12, 13 + usize::from(*len)));
    }
    let len = usize::from(le16(head, 12).unwrap_or(0));
    let archive = head.get(9) == Some(&0x73) && (13..512).contains(&len);
    archive && le16(head, 7).is_some_and(|stated| sum(9, 7 + len).is_some_and(|sum| sum & 0xffff == u32::from(stated)))
}

fn open(inside: &mut Inside<'_, '_>) {
    let limits = inside.limits();
    let most = limits.max_member_bytes.min(inside.left());
    let options = ArchiveReadOptions::new()
        .with_max_header_count(limits.max_members)
        .with_max_header_bytes(HEADERS)
        .with_max_reader_workspace_bytes(WORKSPACE)
        .with_rar50_dictionary_size_limit(super::compressed::WINDOW)
        .with_rar50_buffered_decode_limit(BUFFERED)
        .with_max_member_output_bytes(most)
        .with_max_total_output_bytes(inside.left());
    let archive = match ArchiveReader::read_reader_with_options(inside.blob.reader(), options) {
        Ok(archive) => archive,
        Err(error) => {
            let (reason, what) = told(&error);
            return inside.gap(reason, format!("rar: {what}; not read"));
        }
    };
    let threshold = limits.max_held_bytes / 2;
    let stop = limits.stop.clone();
    let state = RefCell::new(Reading { inside, file: None });
    let stopped = Cell::new(false);
    let decide = |member: &ArchiveMember| {
        let mut state = state.borrow_mut();
        state.finish(None);
        if !state.inside.go_on() {
            stopped.set(true);
            return Ok(ExtractionDecision::Stop);
        }
        let name = member.meta.name_lossy().replace('\\', "/");
        let meta = &member.meta;
        if meta.is_directory || meta.is_redirection {
            state.inside.count();
            return Ok(ExtractionDecision::Skip);
        }
        let shut = if meta.is_encrypted {
            Some((Reason::Encrypted, "encrypted; a password is needed".to_owned()))
        } else if meta.is_split_before || meta.is_split_after {
            Some((Reason::Unsupported, "goes on in another volume; volumes are not joined".to_owned()))
        } else if meta.unpacked_size > most && meta.unpacked_size != u64::MAX {
            Some((Reason::Limit, format!("{} bytes as declared, more than {most}", meta.unpacked_size)))
        } else {
            None
        };
        if let Some((reason, detail)) = shut {
            state.inside.count();
            state.inside.shut(&name, reason, detail);
            return Ok(ExtractionDecision::Skip);
        }
        let spool = Rc::new(RefCell::new(Spool::new(threshold)));
        state.file = Some(File { name, size: meta.unpacked_size, spool: Rc::clone(&spool) });
        Ok(ExtractionDecision::Extract(Box::new(Sink { spool, stop: stop.clone() })))
    };
    let failed = |_: &ArchiveMember, error: &Error| {
        state.borrow_mut().finish(Some(error));
        Ok(ExtractionErrorAction::Continue)
    };
    let result = archive.extract_with_control_and_errors(options, decide, failed);
    let mut state = state.borrow_mut();
    match result {
        Ok(_) => state.finish(None),
        Err(error) => {
            if state.file.is_some() {
                state.finish(Some(&error));
            }
            let (reason, what) = told(&error);
            state.inside.gap(reason, format!("rar: {what}; members may be missing"));
        }
    }
}

/// A file that is being written.
struct File {
    name: String,
    size: u64,
    spool: Rc<RefCell<Spool>>,
}

struct Reading<'i, 'a, 'l> {
    inside: &'i mut Inside<'a, 'l>,
    file: Option<File>,
}

impl Reading<'_, '_, '_> {
    /// Hands on the file that was written; what stood before a break counts, too.
    fn finish(&mut self, error: Option<&Error>) {
        let Some(File { name, size, spool }) = self.file.take() else { return };
        let spool = std::mem::replace(&mut *spool.borrow_mut(), Spool::new(0));
        let declared = error.is_none().then_some(size).filter(|size| *size != u64::MAX);
        if let Some(error) = error {
            let (reason, what) = told(error);
            self.inside.shut(&name, reason, format!("{what}, after {} bytes", spool.len()));
        }
        if spool.len() == 0 && error.is_none() && size == 0 {
            return self.inside.name_only(&name);
        }
        match spool.finish() {
            Ok(content) => self.inside.member(&name, declared, &mut content.reader()),
            Err(error) => self.inside.shut(&name, Reason::Unreadable, format!("temporary file: {error}")),
        }
    }
}

struct Sink {
    spool: Rc<RefCell<Spool>>,
    stop: Stop,
}

impl Write for Sink {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.stop.raised() {
            return Err(io::Error::other("stopped (time limit or interrupt)"));
        }
        self.spool.borrow_mut().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Kind and words for an error of the crate.
fn told(error: &Error) -> (Reason, String) {
    let text = error.to_string();
    // Nothing here decrypts: that is left out of the crate.
    if text.contains("encryption is disabled") {
        return (Reason::Encrypted, "encrypted; a password is needed".to_owned());
    }
    let reason = match error.kind() {
        ErrorKind::PasswordRequired | ErrorKind::BadPassword => Reason::Encrypted,
        ErrorKind::UnsupportedFormat | ErrorKind::UnsupportedFeature => Reason::Unsupported,
        ErrorKind::ResourceLimit | ErrorKind::Cancelled => Reason::Limit,
        _ if matches!(error, Error::TooShort) => Reason::Truncated,
        _ => Reason::Malformed,
    };
    (reason, text)
}
