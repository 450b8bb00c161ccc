//! Windows images (WIM, SWM): stored, XPRESS and LZX, with the names of every image in the file.
//!
//! In: a blob. Out: every file once, by its first path; other paths of the same content as names. Solid resources and LZMS
//! stay shut: their files are told by name.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};

use super::super::{Carve, Format, Inside};
use super::lzx::{Form, Lzx};
use super::xpress;
use crate::bytes::{hex, le16, le32, le64, utf16};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(in super::super) const FORMAT: Format =
    Format { name: "wim", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"MSWIM\0\0\0";
const HEADER: usize = 208;
/// Bytes of an entry in the table of contents.
const ENTRY: usize = 50;
/// Bytes that the table and each image's directory may unpack to.
const DIRECTORY: u64 = 96 << 20;
/// The same of all directories.
const DIRECTORIES: u64 = 1 << 30;
/// Largest chunk.
const CHUNK: u32 = 2 << 20;
/// Bytes of all names.
const NAMES: usize = 64 << 20;

type Hash = [u8; 20];

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

fn sound(blob: &Blob) -> bool {
    let word = |at| le32(blob.head(), at);
    word(8) == Some(208)
        && matches!(word(12), Some(0x0001_0d00 | 0x0000_0e00))
        && word(20).is_some_and(|n| n <= 1 << 26)
}

/// Where a resource stands, and how.
#[derive(Clone, Copy)]
struct Resource {
    packed: u64,
    flags: u8,
    at: u64,
    plain: u64,
}

impl Resource {
    const METADATA: u8 = 2;
    const PACKED: u8 = 4;
    const SPANNED: u8 = 8;
    const SOLID: u8 = 16;

    fn at(data: &[u8], at: usize) -> Option<Resource> {
        let size = le64(data, at)?;
        let (flags, packed) = ((size >> 56) as u8, size & 0xff_ffff_ffff_ffff);
        Some(Resource { packed, flags, at: le64(data, at + 8)?, plain: le64(data, at + 16)? })
    }
}

/// How the file packs its resources.
#[derive(Clone, Copy, PartialEq)]
enum Method {
    None,
    Xpress,
    Lzx(u32),
    Other,
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head().get(..HEADER).unwrap_or_default().to_vec();
    let (Some(flags), Some(chunk), Some(part), Some(parts), Some(table), Some(xml), Some(integrity)) = (
        le32(&head, 16),
        le32(&head, 20),
        le16(&head, 40),
        le16(&head, 42),
        Resource::at(&head, 48),
        Resource::at(&head, 72),
        Resource::at(&head, 124),
    ) else {
        return inside.gap(Reason::Truncated, "wim: its header is cut");
    };
    let method = match flags {
        flags if flags & 2 == 0 => Method::None,
        flags if flags & 0x2_0000 != 0 => Method::Xpress,
        flags if flags & 0x4_0000 != 0 => Method::Lzx(chunk.max(1).ilog2()),
        _ => Method::Other,
    };
    if method != Method::None
        && (!chunk.is_power_of_two() || !(1 << 12..=CHUNK).contains(&chunk))
        && flags & 0x8_0000 == 0
    {
        return inside.gap(Reason::Malformed, format!("wim: chunks of {chunk} bytes"));
    }
    if parts > 1 {
        let detail = format!("wim: part {part} of {parts}; the other parts are not in this file");
        inside.gap(Reason::Unsupported, detail);
    }
    let ends = [table, xml, integrity].iter().map(|one| one.at.saturating_add(one.packed)).max();
    let entries = match whole(inside.blob, table, method, chunk) {
        Ok(bytes) => bytes,
        Err(error) => return inside.failed("wim: table of contents", &error),
    };
    if let Some(end) = ends.filter(|end| *end <= inside.blob.len()) {
        inside.ends_at(end);
    }
    let entries: Vec<(Resource, u16, Hash)> = entries
        .chunks_exact(ENTRY)
        .filter_map(|entry| {
            let hash = entry.get(30..50)?.try_into().ok()?;
            Some((Resource::at(entry, 0)?, le16(entry, 24)?, hash))
        })
        .collect();
    let mut names = Names { paths: HashMap::new(), left: NAMES, faults: 0 };
    let (mut met, mut left) = (HashSet::new(), DIRECTORIES);
    for (number, (resource, ..)) in entries.iter().filter(|(r, ..)| r.flags & Resource::METADATA != 0).enumerate() {
        if !met.insert(resource.at) || inside.limits().stop.raised() {
            continue;
        }
        let Some(rest) = left.checked_sub(resource.plain.min(DIRECTORY)) else {
            inside.gap(
                Reason::Limit,
                format!("wim: more than {} MiB of directories; the rest was not read", DIRECTORIES >> 20),
            );
            break;
        };
        left = rest;
        match whole(inside.blob, *resource, method, chunk) {
            Ok(bytes) => names.read(&bytes),
            Err(error) => {
                let reason = super::super::walk::reason(&error);
                inside.gap_at(format!("image {}", number + 1), reason, format!("its directory: {error}"));
            }
        }
    }
    if names.faults > 0 {
        let detail = format!("wim: {} entries of its directories lead out of them", names.faults);
        inside.gap(Reason::Malformed, detail);
    }
    if names.left == 0 {
        inside.gap(Reason::Limit, format!("wim: more than {} MiB of names; the rest was not read", NAMES >> 20));
    }
    let mut shut = 0u64;
    for (resource, of_part, hash) in &entries {
        if !inside.go_on() {
            return;
        }
        if resource.flags & Resource::METADATA != 0 || *of_part != part {
            continue;
        }
        let paths = names.paths.remove(hash).unwrap_or_default();
        let mut paths = paths.iter();
        let solid = resource.flags & (Resource::SOLID | Resource::SPANNED) != 0;
        let packed = resource.flags & Resource::PACKED != 0;
        if solid || (packed && method == Method::Other) {
            shut += 1;
            paths.for_each(|path| inside.name_only(path));
            continue;
        }
        let first = paths.next().cloned().unwrap_or_else(|| hex(hash));
        if packed {
            match Chunks::new(inside.blob.reader(), *resource, method, chunk) {
                Ok(mut chunks) => inside.member(&first, Some(resource.plain), &mut chunks),
                Err(error) => {
                    inside.count();
                    inside.shut(&first, super::super::walk::reason(&error), error.to_string());
                }
            }
        } else {
            inside.part(&first, resource.at, resource.plain);
        }
        paths.for_each(|path| inside.name_only(path));
    }
    if shut > 0 {
        let detail = format!("wim: {shut} files compressed by a method that is not read: LZMS; told by name only");
        inside.gap(Reason::Unsupported, detail);
    }
}

/// A resource that is read at once: the table, a directory.
fn whole(blob: &Blob, resource: Resource, method: Method, chunk: u32) -> io::Result<Vec<u8>> {
    let limit = |why: &str| io::Error::new(io::ErrorKind::QuotaExceeded, why.to_owned());
    if resource.plain > DIRECTORY {
        return Err(limit("it is longer than is read"));
    }
    let mut bytes = Vec::new();
    if resource.flags & Resource::PACKED == 0 {
        let mut reader = blob.reader();
        reader.seek(SeekFrom::Start(resource.at))?;
        reader.take(resource.plain).read_to_end(&mut bytes)?;
    } else {
        Chunks::new(blob.reader(), resource, method, chunk)?.take(resource.plain).read_to_end(&mut bytes)?;
    }
    if (bytes.len() as u64) < resource.plain {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut"));
    }
    Ok(bytes)
}

/// Unpacks a resource, chunk by chunk.
struct Chunks {
    reader: Reader,
    method: Method,
    size: u64,
    /// Where the chunks begin, by the table in front of them.
    table: Vec<u64>,
    next: usize,
    base: u64,
    end: u64,
    left: u64,
    plain: Vec<u8>,
    used: usize,
}

impl Chunks {
    fn new(mut reader: Reader, resource: Resource, method: Method, chunk: u32) -> io::Result<Chunks> {
        let size = u64::from(chunk.max(1));
        let width: u64 = if resource.plain > u64::from(u32::MAX) { 8 } else { 4 };
        let count = resource.plain.div_ceil(size).saturating_sub(1);
        let bytes = count.saturating_mul(width);
        if method == Method::Other {
            let why = "compressed by a method that is not read: LZMS";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        if bytes > resource.packed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more chunks than it has room for"));
        }
        reader.seek(SeekFrom::Start(resource.at))?;
        let mut places = Vec::new();
        (&mut reader).take(bytes.min(DIRECTORY)).read_to_end(&mut places)?;
        if (places.len() as u64) < bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its table of chunks is cut"));
        }
        let mut table = vec![0];
        table.extend(match width {
            8 => places.chunks_exact(8).filter_map(|place| le64(place, 0)).collect::<Vec<_>>(),
            _ => places.chunks_exact(4).filter_map(|place| le32(place, 0).map(u64::from)).collect(),
        });
        let base = resource.at + bytes;
        let end = resource.at.saturating_add(resource.packed);
        let (left, plain) = (resource.plain, Vec::new());
        Ok(Chunks { reader, method, size, table, next: 0, base, end, left, plain, used: 0 })
    }

    fn fill(&mut self) -> io::Result<()> {
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let start = self.table.get(self.next).copied().ok_or_else(|| bad("no chunk where its table ends"))?;
        let start = self.base.saturating_add(start);
        let end = self.table.get(self.next + 1).map_or(self.end, |next| self.base.saturating_add(*next));
        let len = usize::try_from(self.left.min(self.size)).unwrap_or(usize::MAX);
        let packed = end.checked_sub(start).and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= len);
        let packed = packed.ok_or_else(|| bad("chunks that lie over each other"))?;
        self.next += 1;
        self.reader.seek(SeekFrom::Start(start))?;
        let mut data = vec![0; packed];
        self.reader.read_exact(&mut data)?;
        self.plain = match self.method {
            _ if packed == len => data,
            Method::Xpress => xpress::chunk(&data, len).map_err(bad)?,
            Method::Lzx(bits) => {
                let mut lzx = Lzx::new(bits.max(15), Form::Image).ok_or_else(|| bad("LZX: chunks of no such size"))?;
                lzx.frame(&data, len).map_err(bad)?
            }
            _ => return Err(bad("packed, and no method is stated")),
        };
        self.used = 0;
        self.left -= len as u64;
        Ok(())
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used >= self.plain.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.fill()?;
        }
        let n = self.plain.get(self.used..).unwrap_or_default().read(buffer)?;
        self.used += n;
        Ok(n)
    }
}

/// The paths by the hash of what stands there.
struct Names {
    paths: HashMap<Hash, Vec<String>>,
    left: usize,
    faults: u64,
}

impl Names {
    /// The directory of one image: security data, then folders, each a run of entries that ends with a zero.
    fn read(&mut self, data: &[u8]) {
        let root = le32(data, 0).unwrap_or_default().max(8).next_multiple_of(8);
        let mut met = HashSet::new();
        let mut open = vec![(u64::from(root), String::new())];
        while let Some((folder, path)) = open.pop() {
            if !met.insert(folder) {
                continue;
            }
            let mut at = usize::try_from(folder).unwrap_or(usize::MAX);
            loop {
                let Some(len) = le64(data, at) else {
                    self.faults += 1;
                    break;
                };
                // An entry has its fixed part; less ends the folder.
                if len <= 8 || self.left == 0 {
                    break;
                }
                let Some((name, below, streams)) = self.entry(data, at, &path) else {
                    self.faults += 1;
                    break;
                };
                if below != 0 {
                    open.push((below, name));
                }
                let next = usize::try_from(len).ok().and_then(|len| at.checked_add(len)?.checked_next_multiple_of(8));
                let Some(next) = next.and_then(|next| skip(data, next, streams)) else {
                    self.faults += 1;
                    break;
                };
                at = next;
            }
        }
    }

    fn entry(&mut self, data: &[u8], at: usize, path: &str) -> Option<(String, u64, u16)> {
        let entry = data.get(at..)?;
        let (below, streams, len) = (le64(entry, 16)?, le16(entry, 96)?, usize::from(le16(entry, 100)?));
        let name = utf16(entry.get(102..102 + len)?);
        // Paths may not grow beyond what is kept of them.
        let full = match path {
            _ if name.is_empty() || path.len() > 4096 => path.to_owned(),
            "" => name,
            _ => format!("{path}/{name}"),
        };
        let mut hash: Hash = entry.get(64..84)?.try_into().ok()?;
        if hash == [0; 20] && streams > 0 {
            // With streams of other names beside it, the content is told among them.
            let first = usize::try_from(le64(entry, 0)?).ok()?.checked_next_multiple_of(8)?;
            let stream = entry.get(first..)?;
            if le16(stream, 36) == Some(0) {
                hash = stream.get(16..36)?.try_into().ok()?;
            }
        }
        self.left = self.left.saturating_sub(full.len() + 64);
        if below == 0 && hash != [0; 20] && self.left > 0 {
            self.paths.entry(hash).or_default().push(full.clone());
        }
        Some((full, below, streams))
    }
}

/// Passes over the further streams of an entry.
fn skip(data: &[u8], mut at: usize, streams: u16) -> Option<usize> {
    for _ in 0..streams {
        let len = usize::try_from(le64(data, at)?).ok()?.max(8);
        at = at.checked_add(len)?.checked_next_multiple_of(8)?;
    }
    Some(at)
}
