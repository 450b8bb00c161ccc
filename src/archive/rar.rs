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
    if let Some(end) = end(state.inside.blob) {
        state.inside.ends_at(end);
    }
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

/// Where the archive ends: behind the block that says so, else behind the last one. Nothing where a block is encrypted or
/// broken.
fn end(blob: &Blob) -> Option<u64> {
    let five = blob.head().starts_with(FIVE);
    let mut at = match five {
        true => FIVE.len() as u64,
        false if blob.head().starts_with(FOUR) => FOUR.len() as u64,
        false => return None,
    };
    let block = |at: u64| {
        let bytes = blob.content().bytes(at, 64.min(blob.len().saturating_sub(at))).ok()?;
        if five { block_of_five(&bytes) } else { block_of_four(&bytes) }
    };
    // Every block takes at least seven bytes.
    while at < blob.len() {
        let Some((kind, len)) = block(at) else { break };
        at = at.checked_add(len)?;
        if kind == Block::Encryption {
            return None;
        }
        if kind == Block::End {
            break;
        }
    }
    (at <= blob.len()).then_some(at)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    End,
    Encryption,
    Other,
}

/// Kind and length of a block of version 5: a checksum, then numbers of seven bits a byte.
fn block_of_five(bytes: &[u8]) -> Option<(Block, u64)> {
    let mut at = 4;
    let mut number = || {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = *bytes.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((value, at as u64));
            }
        }
        None
    };
    let (header, from) = number()?;
    let (kind, _) = number()?;
    let (flags, _) = number()?;
    // An area of extra fields and one of data, each with a length.
    if flags & 1 != 0 {
        number()?;
    }
    let data = if flags & 2 != 0 { number()?.0 } else { 0 };
    let kind = match kind {
        5 => Block::End,
        4 => Block::Encryption,
        1..=3 => Block::Other,
        _ => return None,
    };
    Some((kind, from.checked_add(header)?.checked_add(data)?))
}

/// The same of versions 1.5 to 4: a checksum, a kind, flags, a length, and for some the length of what follows.
fn block_of_four(bytes: &[u8]) -> Option<(Block, u64)> {
    let (kind, flags, header) = (*bytes.get(2)?, le16(bytes, 3)?, u64::from(le16(bytes, 5)?));
    let mut data = 0;
    if flags & 0x8000 != 0 || matches!(kind, 0x74 | 0x7a) {
        data = u64::from(le32(bytes, 7)?);
        // Files of more than four GiB state the high half behind the fixed fields.
        if matches!(kind, 0x74 | 0x7a) && flags & 0x100 != 0 {
            data |= u64::from(le32(bytes, 32)?) << 32;
        }
    }
    let kind = match kind {
        0x7b => Block::End,
        0x73 if flags & 0x80 != 0 => Block::Encryption,
        0x72..=0x7a => Block::Other,
        _ => return None,
    };
    (header >= 7).then_some((kind, header.checked_add(data)?))
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
        self.inside.unpacked(&name, declared, spool);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_both_kinds_are_measured() {
        // Version 5: checksum, three bytes of header, kind, flags, extra length.
        assert!(block_of_five(&[0, 0, 0, 0, 3, 5, 1, 0]) == Some((Block::End, 8)));
        assert!(block_of_five(&[0, 0, 0, 0, 4, 2, 2, 0x80, 1]) == Some((Block::Other, 9 + 128)));
        assert!(block_of_five(&[0, 0, 0, 0, 4, 9, 0, 0]).is_none());
        assert!(block_of_five(&[0, 0, 0, 0, 0x80]).is_none());
        // Version 4: checksum, kind, flags, length.
        assert!(block_of_four(&[0, 0, 0x7b, 0, 0x40, 7, 0]) == Some((Block::End, 7)));
        let mut file = vec![0; 36];
        (file[2], file[4], file[5], file[7], file[3], file[32]) = (0x74, 0x80, 36, 9, 0, 1);
        assert!(block_of_four(&file) == Some((Block::Other, 36 + 9)));
        file[4] = 0x81;
        assert!(block_of_four(&file) == Some((Block::Other, 36 + 9 + (1 << 32))));
        assert!(block_of_four(&[0, 0, 0x7b, 0, 0, 6, 0]).is_none(), "no room for its own header");
    }

    #[test]
    fn an_archive_ends_behind_the_block_that_says_so() {
        let four = [FOUR, &[0, 0, 0x73, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0], &[0, 0, 0x7b, 0, 0x40, 7, 0]].concat();
        let locked = [FOUR, &[0, 0, 0x73, 0x80, 0, 13, 0, 0, 0, 0, 0, 0, 0]].concat();
        let of = |bytes: &[u8]| end(&Blob::nameless(bytes.to_vec().into()));
        assert_eq!(of(&four), Some(four.len() as u64));
        assert_eq!(of(&[&four[..], b"behind"].concat()), Some(four.len() as u64));
        assert_eq!(of(&locked), None);
        assert_eq!(of(b"MZ"), None);
    }
}
