//! ZIP and all that is one: JAR, AAR, APK, wheel, `.docx`, self-extractors with a ZIP behind the stub.
//!
//! In: a blob. Out: its members. Follows PKWARE's APPNOTE through the `zip` crate; where the central
//! directory is missing or broken, the local headers are read as far as they go.

mod end;

use std::io::{Read, Seek, SeekFrom};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};
use flate2::Crc;

pub(super) use self::end::{TAIL, ends_as_zip};
use self::end::{directory_size, end_record, last_of, length};
use super::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(super) const FORMAT: Format =
    Format { name: "zip", claim, open, carve: &[Carve { magic: b"PK\x03\x04", at: 0, sound }] };

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    if head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"PK\x05\x06")
        || head.starts_with(b"PK\x07\x08PK")
        || is_crx(head)
        || is_jmod(head)
    {
        return true;
    }
    // A stub in front: programs, and files that call themselves archives.
    let name = blob.name().to_ascii_lowercase();
    let named = [".zip", ".jar", ".war", ".ear", ".aar", ".apk", ".whl", ".xpi", ".ipa", ".nupkg", ".crx"]
        .iter()
        .any(|e| name.ends_with(e));
    let ends = |tail: Vec<u8>| ends_as_zip(&tail, blob.len()) || name.ends_with(".zip") && last_of(&tail).is_some();
    (is_stub(head) || named) && blob.tail(TAIL).is_ok_and(ends)
}

/// What the directory does not speak of: entries that share a name, bytes in front of and behind the archive,
/// and local entries it leaves out. Readers differ in what they see there, so it is said.
fn unlisted<R: Read + Seek>(archive: &mut ZipArchive<R>, inside: &mut Inside<'_, '_>) {
    let blob = inside.blob;
    if let Ok(tail) = blob.tail(TAIL)
        && let Some((declared, end)) = end_record(&tail, blob.len())
    {
        if declared != usize::MAX && declared != archive.len() {
            let what = format!(
                "zip: {declared} entries as declared, {} of different names; the others were not read",
                archive.len()
            );
            inside.gap(Reason::Unsupported, what);
        }
        let behind = tail.len().saturating_sub(end);
        if behind > 0 && !is_stub(blob.head()) {
            inside.gap(Reason::Unsupported, format!("zip: {behind} bytes behind the archive; not read"));
        }
    }
    if archive.offset() > front(blob.head()) && !is_stub(blob.head()) {
        inside.gap(Reason::Unsupported, format!("zip: {} bytes in front of the archive; not read", archive.offset()));
    }
    let mut spans: Vec<(u64, u64)> = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        if let Ok(raw) = archive.by_index_raw(index) {
            let start = raw.header_start();
            spans.push((start, raw.data_start().unwrap_or(start).saturating_add(raw.compressed_size())));
        }
    }
    spans.sort_unstable();
    let mut reader = blob.reader();
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
                let place = format!("0x{reached:x}");
                inside.gap_at(place, Reason::Unsupported, "zip: an entry that the directory does not list; not read");
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

/// A module of a Java runtime under construction: four bytes, then the ZIP.
fn is_jmod(head: &[u8]) -> bool {
    head.starts_with(b"JM\x01\0PK\x03\x04")
}

/// Bytes that a header of the format's own takes in front of the ZIP.
fn front(head: &[u8]) -> u64 {
    if is_jmod(head) || head.starts_with(b"PK\x07\x08PK") {
        return 4;
    }
    let word = |at: usize| le32(head, at).map_or(0, u64::from);
    match word(4) {
        _ if !is_crx(head) => 0,
        2 => 16 + word(8) + word(12),
        _ => 12 + word(8),
    }
}

/// A program or a script that unpacks what stands behind it.
fn is_stub(head: &[u8]) -> bool {
    super::is_program(head) || head.starts_with(b"#!")
}

/// A local header that makes sense: a version and a method that exist, a date, a name of printable characters.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let plausible = || {
        let (version, method, name) = (le16(head, 4)? & 0xff, le16(head, 8)?, usize::from(le16(head, 26)?));
        let method = matches!(method, 0..=10 | 12 | 14 | 93 | 95..=99);
        let name = head.get(30..30 + name).filter(|name| !name.is_empty())?;
        Some(version <= 63 && method && name.iter().all(|b| *b >= b' ' && *b != 0x7f))
    };
    plausible() == Some(true)
}

fn open(inside: &mut Inside<'_, '_>) {
    let cut;
    let mut blob = inside.blob;
    if blob.open_ended
        && let Some(end) = length(blob)
        && let Ok(content) = blob.content().slice(0, end)
    {
        inside.ends_at(end);
        cut = Blob::nameless(content);
        blob = &cut;
    }
    // The crate reads the whole directory at once, whatever its size.
    let entries = blob.tail(TAIL).ok().and_then(|tail| directory_size(&tail)).unwrap_or(0) / 46;
    let most = inside.limits().max_members;
    if entries > most {
        let detail = format!("zip: a directory of up to {entries} entries, more than {most}");
        inside.gap(Reason::Limit, format!("{detail}; read by its local headers as far as they go"));
        return stream(inside);
    }
    if let Ok(tail) = blob.tail(TAIL)
        && !ends_as_zip(&tail, blob.len())
        && let Some(parts) = last_of(&tail)
    {
        let detail = format!("zip: the last of {parts} parts of a split archive; the parts are not joined");
        inside.gap(Reason::Unsupported, detail);
        return stream(inside);
    }
    if blob.head().starts_with(b"PK\x07\x08PK") && !blob.tail(TAIL).is_ok_and(|tail| ends_as_zip(&tail, blob.len())) {
        let detail = "zip: the first part of a split archive; read by its local headers as far as they go";
        inside.gap(Reason::Unsupported, detail);
        return stream(inside);
    }
    let mut archive = match ZipArchive::new(blob.reader()) {
        Ok(archive) => archive,
        Err(error) => {
            inside.gap(reason(&error), format!("zip: {error}; read by its local headers as far as they go"));
            return stream(inside);
        }
    };
    if !inside.blob.open_ended {
        unlisted(&mut archive, inside);
    }
    for index in 0..archive.len() {
        if !inside.go_on() {
            return;
        }
        let (name, shut, method) = match archive.by_index_raw(index) {
            // A folder with content, or a link longer than a path, is a file that hides.
            Ok(raw) if raw.is_dir() && raw.size() == 0 => {
                inside.count();
                continue;
            }
            Ok(raw) => (name(raw.name().ok().as_deref(), raw.name_raw()), raw.encrypted(), raw.compression()),
            Err(error) => {
                inside.count();
                inside.gap_at(format!("entry {index}"), reason(&error), error.to_string());
                continue;
            }
        };
        if shut {
            inside.count();
            inside.shut(&name, Reason::Encrypted, "encrypted member; a password is needed");
            continue;
        }
        match read(&mut archive, index, method, inside, &name) {
            Ok(()) => {}
            Err((reason, detail)) => {
                inside.count();
                inside.shut(&name, reason, detail);
            }
        }
    }
}

/// Reads one member: the crate unpacks deflate, LZMA and PPMd, our own readers of streams the others, because these hold
/// to bounds on memory.
fn read(
    archive: &mut ZipArchive<Reader>,
    index: usize,
    method: CompressionMethod,
    inside: &mut Inside<'_, '_>,
    name: &str,
) -> Result<(), (Reason, String)> {
    let told = |error: ZipError| (reason(&error), error.to_string());
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        let raw = archive.by_index_raw(index).map_err(told)?;
        let (start, packed, size, sum) = (raw.data_start(), raw.compressed_size(), raw.size(), raw.crc32());
        drop(raw);
        let start = start.ok_or((Reason::Malformed, "no content where it should stand".to_owned()))?;
        let content = inside.blob.content().slice(start, packed).map_err(|e| (Reason::Unreadable, e.to_string()))?;
        // The crate has no names for those it does not read.
        #[allow(deprecated)]
        let number = method.to_u16();
        match number {
            12 | 93 | 95 => {
                let broken = || (Reason::Malformed, format!("does not begin as method {method:?} does"));
                let stream = super::compressed::unpack(&content, false).ok_or_else(broken)?;
                inside.member(
                    name,
                    Some(size),
                    &mut Summed { inner: stream, sum: Crc::new(), stated: sum, len: 0, size },
                );
                return Ok(());
            }
            9 => {}
            14 | 98 => {
                let mut head = [0; 9];
                let _ = content.reader().read(&mut head);
                within_memory(number, &head)?;
            }
            _ => return Err((Reason::Unsupported, format!("compressed by a method that is not read: {method:?}"))),
        }
    }
    let mut file = archive.by_index(index).map_err(told)?;
    // The declared size is only a promise; the reading itself is bounded.
    inside.member(name, Some(file.size()), &mut file);
    Ok(())
}

/// What LZMA and PPMd ask for by the first bytes of a member.
fn within_memory(method: u16, head: &[u8]) -> Result<(), (Reason, String)> {
    let asked = match method {
        14 => le32(head, 5).map_or(0, u64::from),
        // Order, memory in MiB, and a version.
        _ => le16(head, 0).map_or(0, |word| (u64::from(word >> 4 & 0xff) + 1) << 20),
    };
    if asked > super::compressed::WINDOW {
        return Err((Reason::Limit, format!("needs {asked} bytes of memory to unpack; not read")));
    }
    Ok(())
}

/// Compares the checksum at the end.
struct Summed<R> {
    inner: R,
    sum: Crc,
    stated: u32,
    len: u64,
    size: u64,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..n).unwrap_or_default());
        self.len += n as u64;
        if n == 0 && !buffer.is_empty() && self.len == self.size && self.sum.sum() != self.stated {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "Invalid checksum"));
        }
        Ok(n)
    }
}

/// Reads local headers one after the other, until the first break.
fn stream(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    if reader.seek(SeekFrom::Start(front(inside.blob.head()))).is_err() {
        return;
    }
    while inside.go_on() {
        // What the crate would make room for is looked at first.
        let place = reader.position();
        let mut head = [0; 30];
        let read = reader.read_exact(&mut head).is_ok();
        let method = le16(&head, 8).unwrap_or(0);
        if read && matches!(method, 14 | 98) {
            let behind = u64::from(le16(&head, 26).unwrap_or(0)) + u64::from(le16(&head, 28).unwrap_or(0));
            let mut first = [0; 9];
            let begins = reader.seek(SeekFrom::Start(place + 30 + behind)).and_then(|_| reader.read(&mut first));
            if begins.is_ok()
                && let Err((reason, detail)) = within_memory(method, &first)
            {
                return inside.gap_at(format!("0x{place:x}"), reason, format!("zip: a member {detail}"));
            }
        }
        if reader.seek(SeekFrom::Start(place)).is_err() {
            return;
        }
        match ::zip::read::read_zipfile_from_stream(&mut reader) {
            Ok(Some(mut file)) => {
                let name = name(file.name().ok().as_deref(), file.name_raw());
                if file.is_dir() {
                    inside.count();
                    continue;
                }
                inside.member(&name, None, &mut file);
                // A member that could not be read to its end leaves no place to go on from.
                if !file.read(&mut [0]).is_ok_and(|n| n == 0) {
                    return;
                }
            }
            _ => return,
        }
    }
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
