//! ZIP and all that is one: JAR, AAR, APK, wheel, `.docx`, self-extractors with a ZIP behind the stub.
//!
//! In: a blob. Out: its members. Follows PKWARE's APPNOTE through the `zip` crate; where the central
//! directory is missing or broken, the local headers are read as far as they go.

use std::io::{Read, Seek, SeekFrom};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};

use super::{Format, Visit, Walk, descend};
use crate::bytes::{le16, le32, le64};
use crate::fact::{Location, Reason};
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "zip", claim, open };

/// The end-of-central-directory record is 22 bytes and a comment of up to 64 KiB.
pub(super) const TAIL: usize = (64 << 10) + 22;

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    if head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"PK\x05\x06")
        || head.starts_with(b"PK\x07\x08PK")
        || is_crx(head)
    {
        return true;
    }
    // A stub in front: programs, and files that call themselves archives.
    let name = blob.name().to_ascii_lowercase();
    let named = [".zip", ".jar", ".war", ".ear", ".aar", ".apk", ".whl", ".xpi", ".ipa", ".nupkg", ".crx"]
        .iter()
        .any(|e| name.ends_with(e));
    (is_program(head) || named) && blob.tail(TAIL).is_ok_and(|tail| ends_as_zip(&tail, blob.len()))
}

/// The end record in a tail, its place and its fields, where it makes sense: one disk, a directory that
/// fits in front of it. Data may follow it (a signature, say), so that only sense tells it from a constant.
fn end_record(tail: &[u8], len: u64) -> Option<(usize, usize)> {
    let mut end = tail.len();
    while let Some(at) = memchr::memmem::rfind(tail.get(..end)?, b"PK\x05\x06") {
        end = at;
        let u16_at = |i: usize| le16(tail, at + i);
        let u32_at = |i: usize| le32(tail, at + i);
        let (Some(disks), Some(count), Some(size), Some(offset), Some(comment)) =
            (u32_at(4), u16_at(10), u32_at(12), u32_at(16), u16_at(20))
        else {
            continue;
        };
        let zip64 = count == u16::MAX || offset == u32::MAX;
        let before = len - tail.len() as u64 + at as u64;
        let fits = u64::from(size) + u64::from(offset) <= before && u64::from(size) >= 46 * u64::from(count);
        if disks == 0 && (zip64 || fits) {
            return Some((if zip64 { usize::MAX } else { usize::from(count) }, at + 22 + usize::from(comment)));
        }
    }
    None
}

/// Bytes of the directory, by the last end record that speaks of them.
fn directory_size(tail: &[u8]) -> Option<u64> {
    let zip64 = memchr::memmem::rfind(tail, b"PK\x06\x06").and_then(|at| le64(tail, at + 40));
    let plain = memchr::memmem::rfind(tail, b"PK\x05\x06").and_then(|at| le32(tail, at + 12));
    zip64.or(plain.map(u64::from))
}

/// True where the tail holds the end record of a ZIP.
pub(super) fn ends_as_zip(tail: &[u8], len: u64) -> bool {
    end_record(tail, len).is_some()
}

/// What the directory does not speak of: entries that share a name, bytes in front of and behind the archive,
/// and local entries it leaves out. Readers differ in what they see there, so it is said.
fn unlisted<R: Read + Seek>(blob: &Blob, archive: &mut ZipArchive<R>, walk: &mut Walk<'_>) {
    let at = Location::whole(&blob.path);
    if let Ok(tail) = blob.tail(TAIL)
        && let Some((declared, end)) = end_record(&tail, blob.len())
    {
        if declared != usize::MAX && declared != archive.len() {
            let what = format!(
                "zip: {declared} entries as declared, {} of different names; the others were not read",
                archive.len()
            );
            walk.gap(at.clone(), Reason::Unsupported, what);
        }
        let behind = tail.len().saturating_sub(end);
        if behind > 0 && !is_program(blob.head()) {
            walk.gap(at.clone(), Reason::Unsupported, format!("zip: {behind} bytes behind the archive; not read"));
        }
    }
    if archive.offset() > front(blob.head()) && !is_program(blob.head()) {
        walk.gap(
            at.clone(),
            Reason::Unsupported,
            format!("zip: {} bytes in front of the archive; not read", archive.offset()),
        );
    }
    let mut spans: Vec<(u64, u64)> = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        if let Ok(raw) = archive.by_index_raw(index) {
            let start = raw.header_start();
            spans.push((start, raw.data_start().unwrap_or(start).saturating_add(raw.compressed_size())));
        }
    }
    spans.sort_unstable();
    let Ok(mut reader) = blob.reader() else { return };
    let mut reached = archive.offset();
    for (start, end) in spans.into_iter().chain([(archive.central_directory_start(), u64::MAX)]) {
        if start > reached.saturating_add(30) {
            // A data descriptor or padding is short and holds no local header.
            let mut hole = [0; 64];
            let read = reader.seek(SeekFrom::Start(reached)).and_then(|_| reader.read(&mut hole)).unwrap_or(0);
            let most = usize::try_from(start - reached).unwrap_or(usize::MAX).min(read);
            if is_padding(&hole, start - reached) {
                reached = reached.max(end);
                continue;
            }
            if hole.get(..most).is_some_and(|hole| memchr::memmem::find(hole, b"PK\x03\x04").is_some()) {
                let place = Location::field(&blob.path, format!("0x{reached:x}"));
                walk.gap(place, Reason::Unsupported, "zip: an entry that the directory does not list; not read");
            }
        }
        reached = reached.max(end);
    }
}

/// An entry without name and content whose extra field fills the hole: Android's build tools align with such.
fn is_padding(hole: &[u8; 64], len: u64) -> bool {
    let zero = |from: usize, to: usize| hole.get(from..to).is_some_and(|part| part.iter().all(|b| *b == 0));
    let extra = le16(hole, 28).unwrap_or(0);
    hole.starts_with(b"PK\x03\x04") && zero(18, 28) && 30 + u64::from(extra) == len
}

/// A packed Chromium extension: a header with keys and signatures, then the ZIP.
fn is_crx(head: &[u8]) -> bool {
    head.starts_with(b"Cr24") && matches!(head.get(5..8), Some([0, 0, 0]))
}

/// Bytes that a header of the format's own takes in front of the ZIP.
fn front(head: &[u8]) -> u64 {
    let word = |at: usize| le32(head, at).map_or(0, u64::from);
    match word(4) {
        _ if !is_crx(head) => 0,
        2 => 16 + word(8) + word(12),
        _ => 12 + word(8),
    }
}

fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"MZ") || head.starts_with(b"\x7fELF") || head.starts_with(b"#!")
}

fn open(blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let at = Location::whole(&blob.path);
    let reader = match blob.reader() {
        Ok(reader) => reader,
        Err(error) => return walk.gap(at, Reason::Unreadable, error.to_string()),
    };
    // The crate reads the whole directory at once, whatever its size.
    let entries = blob.tail(TAIL).ok().and_then(|tail| directory_size(&tail)).unwrap_or(0) / 46;
    if entries > walk.limits.max_members {
        let detail = format!("zip: a directory of up to {entries} entries, more than {}", walk.limits.max_members);
        walk.gap(at, Reason::Limit, format!("{detail}; read by its local headers as far as they go"));
        return stream(blob, walk, visit);
    }
    let mut archive = match ZipArchive::new(reader) {
        Ok(archive) => archive,
        Err(error) => {
            let reason = reason(&error);
            walk.gap(at, reason, format!("zip: {error}; read by its local headers as far as they go"));
            return stream(blob, walk, visit);
        }
    };
    unlisted(blob, &mut archive, walk);
    for index in 0..archive.len() {
        if !walk.go_on(blob) {
            return;
        }
        walk.members += 1;
        let (name, shut, method) = match archive.by_index_raw(index) {
            // A folder with content, or a link longer than a path, is a file that hides.
            Ok(raw) if raw.is_dir() && raw.size() == 0 => continue,
            Ok(raw) => (name(raw.name().ok().as_deref(), raw.name_raw()), raw.encrypted(), raw.compression()),
            Err(error) => {
                walk.gap(Location::field(&blob.path, format!("entry {index}")), reason(&error), error.to_string());
                continue;
            }
        };
        let at = member(blob, &name);
        if shut {
            walk.gap(at, Reason::Encrypted, "encrypted member; a password is needed");
            continue;
        }
        if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
            walk.gap(at, Reason::Unsupported, format!("compressed by a method that is not read: {method:?}"));
            continue;
        }
        let data = match archive.by_index(index) {
            // The declared size is only a promise; the reading itself is bounded.
            Ok(mut file) => {
                let declared = Some(file.size());
                walk.read_member(&at, declared, &mut file)
            }
            Err(error) => {
                walk.gap(at, reason(&error), error.to_string());
                continue;
            }
        };
        if let Some(data) = data {
            descend(blob, &name, data, walk, visit);
        }
    }
}

/// Reads local headers one after the other, until the first break.
fn stream(blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let Ok(mut reader) = blob.reader() else { return };
    if reader.seek(SeekFrom::Start(front(blob.head()))).is_err() {
        return;
    }
    while walk.go_on(blob) {
        let (name, data) = match ::zip::read::read_zipfile_from_stream(&mut reader) {
            Ok(Some(mut file)) => {
                walk.members += 1;
                let name = name(file.name().ok().as_deref(), file.name_raw());
                if file.is_dir() {
                    continue;
                }
                let at = member(blob, &name);
                let data = walk.read_member(&at, None, &mut file);
                // A member that could not be read to its end leaves no place to go on from.
                let whole = file.read(&mut [0]).is_ok_and(|n| n == 0);
                if !whole {
                    if let Some(data) = data {
                        descend(blob, &name, data, walk, visit);
                    }
                    return;
                }
                (name, data)
            }
            _ => return,
        };
        if let Some(data) = data {
            descend(blob, &name, data, walk, visit);
        }
    }
}

fn member(blob: &Blob, name: &str) -> Location {
    Location { path: format!("{}!/{}", blob.path, name.trim_start_matches('/')).into(), field: String::new() }
}

fn name(decoded: Option<&str>, raw: &[u8]) -> String {
    decoded.map_or_else(|| String::from_utf8_lossy(raw).into_owned(), str::to_owned)
}

fn reason(error: &ZipError) -> Reason {
    match error {
        ZipError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Reason::Truncated,
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => Reason::Unsupported,
        ZipError::InvalidPassword => Reason::Encrypted,
        ZipError::InvalidArchive(why) if why.contains("EOCD") || why.contains("end of central") => Reason::Truncated,
        _ => Reason::Malformed,
    }
}
