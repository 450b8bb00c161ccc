//! Nullsoft installers (NSIS), every release from 1.x on, ANSI and Unicode: zlib, bzip2 and LZMA, solid or not.
//!
//! In: a program with the installer's header behind it. Out: the files it installs, by their paths; plug-ins and the
//! uninstaller's code among them. The header and its script are read by the `nsis` crate.

use std::io::{self, Cursor, Read};

use ::nsis::NsisInstaller;
use ::nsis::decompress::bzip2::decompress_bzip2;
use ::nsis::decompress::{CompressionMethod, CompressionMode, DecodeLimit, decompress_header};
use flate2::read::DeflateDecoder;

use super::super::{Format, Inside};
use super::{Unpacked, lzma, part, program_end, unsupported};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::Blob;

pub(in super::super) const FORMAT: Format = Format { name: "nsis", claim, open, carve: &[] };

const MARK: &[u8] = b"\xef\xbe\xad\xdeNullsoftInst";
/// Bytes of the first header: flags, mark, length of the header, length of all.
const FIRST: u64 = 28;
/// How far behind the program's end the first header is looked for: it stands at a multiple of 512.
const REACH: u64 = 1 << 20;
/// Longest header that is unpacked, and bytes of the file it must stand in.
const HEADER: u32 = 8 << 20;
const FRONT: u64 = 96 << 20;
/// Bytes of a string at most: NSIS itself stops at 1024 characters, its largest builds at 8192.
const STRING: usize = 32 << 10;
/// Files that may fail to unpack, before the rest is left.
const MISSES: u32 = 64;
/// Bytes of all names.
const NAMES: usize = 64 << 20;
/// Bytes that a stream of bzip2 may unpack to: its form here is read at once.
const BZIP2: usize = 64 << 20;

/// Where the first header stands.
fn place(blob: &Blob) -> Option<u64> {
    let end = program_end(blob)?;
    let mut at = end.next_multiple_of(512).saturating_sub(512);
    let mut reader = part(blob, at, REACH + 512).ok()?;
    let mut block = [0; 512];
    while reader.read_exact(&mut block).is_ok() {
        if block.get(4..20) == Some(MARK) && at >= end.saturating_sub(511) {
            return Some(at);
        }
        at += 512;
    }
    // A file that is cut within the mark.
    let cut = end.next_multiple_of(512);
    if (7..20).contains(&blob.len().saturating_sub(cut)) {
        let rest = blob.tail(usize::try_from(blob.len() - cut).ok()?).ok()?;
        return MARK.starts_with(rest.get(4..)?).then_some(cut);
    }
    // The last block may be shorter.
    let tail = blob.tail(1024).ok()?;
    let from = blob.len() - tail.len() as u64;
    memchr::memmem::rfind(&tail, MARK)
        .map(|found| from + found as u64)
        .and_then(|found| found.checked_sub(4))
        .filter(|found| *found >= end && found % 512 == 0)
}

fn claim(blob: &Blob) -> bool {
    place(blob).is_some()
}

/// A file: where its data stands in the block of data, and its path.
struct File {
    name: String,
    at: u64,
}

fn open(inside: &mut Inside<'_, '_>) {
    let blob = inside.blob;
    let Some(place) = place(blob) else { return };
    let mut first = [0; FIRST as usize];
    match part(blob, place, FIRST).and_then(|mut reader| reader.read_exact(&mut first)) {
        Ok(()) => {}
        Err(error) => return inside.failed("nsis: first header", &error),
    }
    let (header, all) = (le32(&first, 20).unwrap_or_default(), u64::from(le32(&first, 24).unwrap_or_default()));
    if header > HEADER || place > FRONT {
        let detail = format!("nsis: a header of {header} bytes at {place}, more than is read");
        return inside.gap(Reason::Limit, detail);
    }
    if place + all > blob.len() {
        let detail = format!("nsis: {} bytes where {all} are declared", blob.len() - place);
        inside.gap(Reason::Truncated, detail);
    }
    // No more is handed over than the header may take: the crate would unpack the whole of it.
    let most = place + FIRST + u64::from(header) * 2 + (1 << 20);
    let mut front = Vec::new();
    if let Err(error) = blob.reader().take(most).read_to_end(&mut front) {
        return inside.failed("nsis", &error);
    }
    let after = usize::try_from(place + FIRST).ok().and_then(|at| front.get(at..)).unwrap_or_default();
    match decompress_header(after, header as usize) {
        Ok((plain, ..)) if !bounded(&plain) => {
            return inside.gap(Reason::Limit, "nsis: strings longer than any installer has; not read");
        }
        Ok(_) => {}
        Err(error) => return inside.gap(Reason::Malformed, format!("nsis: {error}")),
    }
    let parsed = NsisInstaller::builder(&front).max_decompressed_size(header as usize + (1 << 16)).parse();
    let installer = match parsed {
        Ok(installer) => installer,
        Err(error) => return inside.gap(Reason::Malformed, format!("nsis: {error}")),
    };
    super::ends(inside, place + all);
    let mut files = names(&installer, inside);
    let method = installer.compression();
    // One file may be extracted to several places.
    files.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    files.dedup_by(|a, b| a.at == b.at && a.name == b.name);
    match installer.compression_mode() {
        CompressionMode::NonSolid => {
            let base = installer.data_block_offset() as u64;
            apart(inside, base, method, &files);
        }
        CompressionMode::Solid => {
            let skip = 4 + installer.header_data().len() as u64;
            solid(inside, place + FIRST, all.saturating_sub(FIRST), skip, method, &files);
        }
    }
}

/// Whether strings are as short as any real one: the crate reads one for every instruction, and each to its end.
fn bounded(header: &[u8]) -> bool {
    let longest = |zeros: &mut dyn Iterator<Item = usize>| {
        let (mut before, mut longest) = (0, 0);
        for at in zeros.chain([header.len()]) {
            longest = longest.max(at.saturating_sub(before));
            before = at;
        }
        longest
    };
    let wide = le32(header, 28).and_then(|at| le16(header, at as usize)) == Some(0);
    let pairs = header.windows(2).enumerate().filter(|(_, pair)| *pair == [0, 0]).map(|(at, _)| at);
    longest(&mut memchr::memchr_iter(0, header)) <= STRING && (!wide || longest(&mut { pairs }) <= STRING)
}

/// The files of the script, each by its path: the folder set before it, then its name.
fn names(installer: &NsisInstaller<'_>, inside: &mut Inside<'_, '_>) -> Vec<File> {
    let mut files = Vec::new();
    let mut folder = String::new();
    let (mut left, mut unnamed) = (NAMES, 0);
    for entry in installer.entries() {
        let Ok(entry) = entry else { break };
        let Some(code) = installer.resolve_opcode(entry.which()) else { continue };
        let is_folder = code.mnemonic == "EW_CREATEDIR" && entry.offset(1) != 0;
        if !is_folder && code.mnemonic != "EW_EXTRACTFILE" {
            continue;
        }
        if left == 0 {
            inside.gap(Reason::Limit, format!("nsis: more than {} MiB of names; the rest was not read", NAMES >> 20));
            break;
        }
        let text = installer.read_string(entry.offset(usize::from(!is_folder)));
        let text = text.map(|text| text.to_path()).unwrap_or_default();
        left = left.saturating_sub(text.len() + folder.len() + 64);
        if is_folder {
            folder = text;
        } else {
            unnamed += u64::from(text.is_empty());
            let rooted = text.starts_with('$') || folder.is_empty();
            let name = if rooted { text } else { format!("{folder}/{text}") };
            files.push(File { name, at: u64::from(entry.offset(2).cast_unsigned()) });
        }
    }
    if unnamed > 0 {
        inside.gap(Reason::Malformed, format!("nsis: {unnamed} files whose names could not be read"));
    }
    files
}

fn stream(method: CompressionMethod, mut packed: io::Take<crate::source::Reader>) -> io::Result<Unpacked> {
    Ok(match method {
        CompressionMethod::None => Box::new(packed),
        CompressionMethod::Deflate => Box::new(DeflateDecoder::new(packed)),
        CompressionMethod::Lzma => lzma(packed, u64::MAX)?,
        CompressionMethod::Bzip2 => {
            let mut bytes = Vec::new();
            packed.read_to_end(&mut bytes)?;
            let plain =
                decompress_bzip2(&bytes, DecodeLimit::Capped(BZIP2)).map_err(|e| unsupported(&e.to_string()))?;
            Box::new(Cursor::new(plain.data))
        }
    })
}

/// Each file is packed by itself, behind its length.
fn apart(inside: &mut Inside<'_, '_>, base: u64, method: CompressionMethod, files: &[File]) {
    let blob = inside.blob;
    let mut before: Option<u64> = None;
    // What is unpacked at once and then does not fit is counted by nobody else.
    let mut misses = 0;
    for file in files {
        if !inside.go_on() {
            return;
        }
        if misses > MISSES {
            return inside.gap(Reason::Limit, "nsis: too many files that could not be unpacked; the rest was not read");
        }
        let at = base.saturating_add(file.at);
        if before.replace(file.at) == Some(file.at) {
            // The same bytes were looked at under another name.
            inside.name_only(&file.name);
            continue;
        }
        let mut head = [0; 4];
        let len =
            part(blob, at, 4).and_then(|mut reader| reader.read_exact(&mut head)).map(|()| u32::from_le_bytes(head));
        let result = len.and_then(|len| {
            let (packed, len) = (len >> 31 == 1, u64::from(len & 0x7fff_ffff));
            if !packed {
                inside.part(&file.name, at + 4, len);
                return Ok(());
            }
            let mut plain = stream(method, part(blob, at + 4, len)?)?;
            inside.member(&file.name, None, &mut plain);
            Ok(())
        });
        if let Err(error) = result {
            misses += 1;
            inside.count();
            inside.shut(&file.name, super::super::walk::reason(&error), error.to_string());
        }
    }
}

/// All is one stream: the header, then each file behind its length. Files come in the order of their places.
fn solid(inside: &mut Inside<'_, '_>, start: u64, len: u64, skip: u64, method: CompressionMethod, files: &[File]) {
    let opened = part(inside.blob, start, len).and_then(|packed| stream(method, packed));
    let mut plain = match opened {
        Ok(plain) => plain,
        Err(error) => return inside.failed("nsis", &error),
    };
    let mut at = 0;
    let mut fault = pass(&mut plain, skip).err();
    let mut before: Option<u64> = None;
    for file in files {
        if !inside.go_on() {
            return;
        }
        if before.replace(file.at) == Some(file.at) {
            inside.name_only(&file.name);
            continue;
        }
        if fault.is_none() {
            fault = file
                .at
                .checked_sub(at)
                .ok_or_else(|| super::malformed("files that lie over each other"))
                .and_then(|by| pass(&mut plain, by))
                .err();
        }
        let mut head = [0; 4];
        if fault.is_none() {
            fault = plain.read_exact(&mut head).err();
        }
        if let Some(error) = &fault {
            inside.count();
            inside.shut(&file.name, super::super::walk::reason(error), format!("nsis: {error}"));
            continue;
        }
        let len = u64::from(u32::from_le_bytes(head) & 0x7fff_ffff);
        let mut member = (&mut plain).take(len);
        inside.member(&file.name, Some(len), &mut member);
        let left = member.limit();
        at = file.at + 4 + len;
        if left > 0 {
            fault = pass(&mut plain, left).err();
        }
    }
}

/// Passes over bytes of a stream.
fn pass(plain: &mut Unpacked, by: u64) -> io::Result<()> {
    let n = io::copy(&mut plain.take(by), &mut io::sink())?;
    if n < by { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the packed data ends early")) } else { Ok(()) }
}
