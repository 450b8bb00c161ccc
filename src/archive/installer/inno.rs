//! Inno Setup, releases 4.0.9 and later.
//!
//! In: a program with the loader's table of offsets in it. Out: the files it installs, by their paths. The headers are read
//! by the `innospect` crate after their sizes and counts were looked at; encrypted ones stay shut.

use std::collections::HashMap;
use std::io::{self, Read};

use bzip2::read::BzDecoder;
use flate2::read::ZlibDecoder;
use innospect::records::dataentry::{DataEntry, DataFlag};
use innospect::{Error, InnoInstaller, SetupHeader, Version};

use super::super::{Format, Inside};
use super::calls::{Calls, Filtered};
use super::{Unpacked, lzma, lzma2, malformed, part};
use crate::bytes::le32;
use crate::fact::Reason;
use crate::source::Blob;

pub(in super::super) const FORMAT: Format = Format { name: "inno-setup", claim, open, carve: &[] };

/// Bytes in which the loader stands.
const LOADER: u64 = 16 << 20;
/// Bytes that the headers unpack to.
const HEADERS: u64 = 64 << 20;
/// Largest installer that is read: the crate wants it whole.
const LARGEST: u64 = 4 << 30;

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    if !head.starts_with(b"MZ") {
        return false;
    }
    if legacy(head).is_some() {
        return true;
    }
    // The table is a resource, near the end of the loader; whatever else holds the letters lacks the headers.
    super::program_end(blob).is_some() && find(blob).is_some() && setup(blob).is_some()
}

/// Early loaders say in the DOS header where the table stands, and the same number turned over.
fn legacy(head: &[u8]) -> Option<u64> {
    let (place, turned) = (le32(head, 0x34)?, le32(head, 0x38)?);
    (head.get(0x30..0x34) == Some(b"Inno") && place == !turned).then_some(u64::from(place))
}

/// Where the table of offsets stands: the first mark of any form, as the crate has it. What is looked at here must be what
/// that reads.
fn find(blob: &Blob) -> Option<u64> {
    use innospect::SetupLdrFamily as Form;
    let mut bytes = Vec::new();
    let end = super::program_end(blob).unwrap_or(LOADER).min(LOADER);
    blob.reader().take(end).read_to_end(&mut bytes).ok()?;
    const FORMS: [Form; 7] =
        [Form::V1_2_10, Form::V4_0_0, Form::V4_0_3, Form::V4_0_10, Form::V4_1_6, Form::V5_1_5, Form::V5_1_5Alt];
    FORMS.iter().filter_map(|form| memchr::memmem::find(&bytes, form.signature())).min().map(|at| at as u64)
}

/// Where the headers begin by the table, and their first bytes.
fn setup(blob: &Blob) -> Option<(u64, Vec<u8>)> {
    let at = legacy(blob.head()).or_else(|| find(blob))?;
    let mut table = Vec::new();
    part(blob, at, 128).ok()?.read_to_end(&mut table).ok()?;
    let offsets = innospect::OffsetTable::parse(&table, 0, table.len()).ok()?;
    let mut mark = Vec::new();
    part(blob, offsets.offset_setup0, 64).ok()?.read_to_end(&mut mark).ok()?;
    memchr::memmem::find(&mark, b"Setup Data (").map(|_| (offsets.offset_setup0, mark))
}

/// The release, as the headers begin with it. Only the plain form is taken: the crate must come to the same.
fn version(mark: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(crate::bytes::until_zero(mark, 64)).ok()?;
    let (numbers, rest) = text.strip_prefix("Inno Setup Setup Data (")?.split_once(')')?;
    let numbers = numbers.strip_suffix('a').unwrap_or(numbers);
    if !numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let numbers: Vec<u8> = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let (a, b, c, d) = match *numbers.as_slice() {
        [a, b, c] => (a, b, c, 0),
        [a, b, c, d] => (a, b, c, d),
        _ => return None,
    };
    let flags = match rest {
        "" => innospect::VersionFlags::empty(),
        " (u)" | " (U)" => innospect::VersionFlags::UNICODE,
        _ => return None,
    };
    let mut raw_marker = [0; 64];
    raw_marker.iter_mut().zip(mark).for_each(|(to, from)| *to = *from);
    Some(Version { a, b, c, d, flags, raw_marker })
}

/// A block of the headers, unpacked within bounds; with where the next one begins.
fn block(blob: &Blob, at: u64, version: &Version) -> io::Result<(Vec<u8>, u64)> {
    let wide = version.at_least(6, 7, 0);
    let mut head = [0; 13];
    let head = head.get_mut(..if wide { 13 } else { 9 }).unwrap_or_default();
    part(blob, at, 13)?.read_exact(head)?;
    let stored = u64::from(le32(head, 4).unwrap_or_default());
    let start = at + head.len() as u64;
    if wide && le32(head, 8) != Some(0) || stored > HEADERS {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "headers longer than are read"));
    }
    let packed = head.last() != Some(&0);
    let mut framed = Vec::new();
    part(blob, start, stored)?.read_to_end(&mut framed)?;
    // Every 4 KiB stand behind their checksum.
    let bare: Vec<u8> = framed.chunks(4100).flat_map(|chunk| chunk.get(4..).unwrap_or_default()).copied().collect();
    let bare = io::Cursor::new(bare);
    let plain: Unpacked = match packed {
        false => Box::new(bare),
        true if version.at_least(4, 1, 6) => lzma(bare, u64::MAX)?,
        true => Box::new(ZlibDecoder::new(bare)),
    };
    let mut bytes = Vec::new();
    plain.take(HEADERS + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > HEADERS {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "headers that unpack to more than is read"));
    }
    Ok((bytes, start + stored))
}

/// The crate makes room for as many records as the headers state, so that is looked at before.
fn bounded(blob: &Blob) -> io::Result<bool> {
    let (at, mark) = setup(blob).ok_or_else(|| malformed("no headers where the table says"))?;
    let version = version(&mark).ok_or_else(|| super::unsupported("a release that is not read"))?;
    if !version.at_least(4, 0, 9) {
        return Ok(true);
    }
    let mut from = at + 64;
    if version.at_least(6, 5, 0) {
        let mut head = [0; 53];
        part(blob, from, 53)?.read_exact(&mut head)?;
        // The headers themselves are encrypted: nothing is unpacked then.
        if head[4] == 2 {
            return Ok(true);
        }
        from += 53;
    }
    let (first, next) = block(blob, from, &version)?;
    let (second, _) = block(blob, next, &version)?;
    let header = SetupHeader::parse(&first, &version).map_err(|error| malformed(&error.to_string()))?;
    let counts = header.counts();
    // A record takes 20 bytes at least: no more of them are stated than have room.
    let most = |bytes: &[u8]| u32::try_from(bytes.len() / 20 + 16).unwrap_or(u32::MAX).min(1 << 20);
    let in_first = [
        counts.languages,
        counts.custom_messages,
        counts.permissions,
        counts.types,
        counts.components,
        counts.tasks,
        counts.directories,
        counts.iss_sig_keys.unwrap_or_default(),
        counts.files,
        counts.icons,
        counts.ini_entries,
        counts.registry,
        counts.install_deletes,
        counts.uninstall_deletes,
        counts.run,
        counts.uninstall_run,
    ];
    Ok(in_first.iter().all(|count| *count <= most(&first)) && counts.file_locations <= most(&second))
}

fn open(inside: &mut Inside<'_, '_>) {
    let blob = inside.blob;
    match bounded(blob) {
        Ok(true) => {}
        Ok(false) => return inside.gap(Reason::Malformed, "inno-setup: more records are stated than have room"),
        Err(error) => return inside.failed("inno-setup", &error),
    }
    let most = inside.limits().max_loaded_bytes.min(LARGEST);
    let loaded;
    let data = match blob.held() {
        Some(data) => data,
        None if blob.len() > most => {
            let detail = format!("inno-setup: {} bytes, more than the {most} held in memory", blob.len());
            return inside.gap(Reason::Limit, detail);
        }
        None => {
            let mut bytes = Vec::with_capacity(usize::try_from(blob.len()).unwrap_or(0));
            if let Err(error) = blob.reader().read_to_end(&mut bytes) {
                return inside.failed("inno-setup", &error);
            }
            loaded = bytes;
            &loaded
        }
    };
    let installer = match InnoInstaller::from_bytes(data) {
        Ok(installer) => installer,
        Err(Error::Encrypted | Error::PasswordRequired) => {
            return inside.gap(Reason::Encrypted, "inno-setup: encrypted; a password is needed");
        }
        Err(error) => return inside.gap(Reason::Malformed, format!("inno-setup: {error}")),
    };
    if installer.header().is_none() {
        let (reason, why) = match installer.is_encrypted() {
            true => (Reason::Encrypted, "its headers are encrypted; a password is needed"),
            false => (Reason::Unsupported, "a release whose headers are not read"),
        };
        return inside.gap(reason, format!("inno-setup {}: {why}", installer.version().marker_str()));
    }
    if installer.offset_table().offset_setup1 == 0 {
        let what = "inno-setup: what it installs lies in files beside it (setup-1.bin and so on)";
        inside.gap(Reason::Unsupported, what);
    }
    super::ends(inside, installer.offset_table().total_size);
    let mut names: HashMap<u32, Vec<&str>> = HashMap::new();
    for file in installer.files() {
        if file.location_index != u32::MAX {
            names.entry(file.location_index).or_default().push(&file.destination);
        } else if !file.destination.is_empty() && inside.go_on() {
            inside.name_only(&clean(&file.destination));
        }
    }
    let mut order: Vec<(usize, &DataEntry)> = installer.file_locations().iter().enumerate().collect();
    order.sort_by_key(|(index, entry)| (entry.start_offset, entry.chunk_sub_offset, *index));
    let mut chunk = Chunk::none(inside.left());
    for (index, entry) in order {
        if !inside.go_on() {
            return;
        }
        let own = u32::try_from(index).ok().and_then(|index| names.get(&index));
        let mut own = own.map(Vec::as_slice).unwrap_or_default().iter();
        let name = own.next().map_or_else(|| format!("file {index}"), |name| clean(name));
        contents(inside, &installer, entry, &name, &mut chunk);
        for other in own {
            inside.name_only(&clean(other));
        }
    }
}

/// A path without its constants' braces.
fn clean(path: &str) -> String {
    path.replace('\\', "/").replace(['{', '}'], "")
}

/// A chunk as it unpacks: files stand in it one behind the other.
struct Chunk {
    start: u32,
    at: u64,
    plain: io::Result<Unpacked>,
    /// Bytes that may be unpacked only to be passed over.
    passing: u64,
}

impl Chunk {
    fn none(passing: u64) -> Chunk {
        Chunk { start: 0, at: u64::MAX, plain: Err(malformed("not begun")), passing }
    }
}

fn contents(
    inside: &mut Inside<'_, '_>,
    installer: &InnoInstaller<'_>,
    entry: &DataEntry,
    name: &str,
    chunk: &mut Chunk,
) {
    if entry.flags.contains(&DataFlag::ChunkEncrypted) {
        inside.count();
        return inside.shut(name, Reason::Encrypted, "encrypted member; a password is needed");
    }
    if entry.first_slice > 0 || entry.last_slice > 0 || installer.offset_table().offset_setup1 == 0 {
        inside.count();
        return inside.shut(name, Reason::Unsupported, "lies in another file of the set");
    }
    if chunk.start != entry.start_offset || chunk.at > entry.chunk_sub_offset {
        let plain = begin(inside.blob, installer, entry);
        *chunk = Chunk { start: entry.start_offset, at: 0, plain, passing: chunk.passing };
    }
    let mut stream = match &mut chunk.plain {
        Ok(stream) => stream,
        Err(error) => {
            let (reason, why) = (super::super::walk::reason(error), error.to_string());
            inside.count();
            return inside.shut(name, reason, why);
        }
    };
    let by = entry.chunk_sub_offset - chunk.at;
    let Some(passing) = chunk.passing.checked_sub(by) else {
        inside.count();
        return inside.shut(name, Reason::Limit, "too much would be unpacked only to be passed over; not read");
    };
    chunk.passing = passing;
    let passed = io::copy(&mut (&mut stream).take(by), &mut io::sink());
    if !matches!(passed, Ok(n) if n == by) {
        chunk.plain = Err(malformed("the packed data breaks before it"));
        inside.count();
        return inside.shut(name, Reason::Malformed, "the packed data breaks before it");
    }
    let mut plain = stream.take(entry.original_size);
    if entry.flags.contains(&DataFlag::CallInstructionOptimized) {
        let version = installer.version();
        let form = Calls { flip: version.at_least(5, 3, 9), early: !version.at_least(5, 2, 0) };
        inside.member(name, Some(entry.original_size), &mut Filtered::new(&mut plain, form));
    } else {
        inside.member(name, Some(entry.original_size), &mut plain);
    }
    chunk.at = entry.chunk_sub_offset + entry.original_size - plain.limit();
}

/// The stream of a chunk, behind its mark.
fn begin(blob: &Blob, installer: &InnoInstaller<'_>, entry: &DataEntry) -> io::Result<Unpacked> {
    let at = installer.offset_table().offset_setup1.saturating_add(u64::from(entry.start_offset));
    let mut packed = part(blob, at, entry.chunk_compressed_size.saturating_add(4))?;
    let mut mark = [0; 4];
    packed.read_exact(&mut mark)?;
    if mark != *b"zlb\x1a" {
        return Err(malformed("no data where its place is"));
    }
    if !entry.flags.contains(&DataFlag::ChunkCompressed) {
        return Ok(Box::new(packed));
    }
    use innospect::header::CompressMethod as Method;
    match installer.header().and_then(|header| header.tail().compress_method) {
        Some(Method::Zlib) => Ok(Box::new(ZlibDecoder::new(packed))),
        Some(Method::Bzip2) => Ok(Box::new(BzDecoder::new(packed))),
        Some(Method::Lzma1) => lzma(packed, u64::MAX),
        Some(Method::Lzma2) => lzma2(packed),
        _ => Err(super::unsupported("compressed by a method that is not read")),
    }
}
