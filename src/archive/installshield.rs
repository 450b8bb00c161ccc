//! InstallShield cabinets, version 5 and later: a directory (`data1.hdr`, or within `data1.cab`) and the data beside it.
//!
//! In: a blob. Out: where the directory and the data are in one file, the files; else their names, and a gap that says which
//! file the data is in.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use super::{Format, Inside};
use crate::bytes::{le16, le32, le64, text_until_zero, utf16};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(super) const FORMAT: Format = Format { name: "installshield", claim, open, carve: &[] };

/// Bytes of a directory that are read, and of a name.
const DIRECTORY: u64 = 64 << 20;
const NAME: usize = 1024;
/// Bytes of a file's entry from version 6 on.
const ENTRY: usize = 0x57;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(b"ISc(")
}

/// The directory in memory.
struct Directory {
    data: Vec<u8>,
    version: u32,
    /// Where the table of files stands in it; names are told from there.
    table: usize,
    folders: usize,
    entries: usize,
}

/// A file as its entry says it.
struct File {
    name: usize,
    folder: usize,
    flags: u16,
    plain: u64,
    packed: u64,
    at: u64,
}

fn open(inside: &mut Inside<'_, '_>) {
    let blob = inside.blob;
    let word = |at| le32(blob.head(), at).unwrap_or_default();
    let (number, start, len) = (word(4), u64::from(word(12)), u64::from(word(16)));
    let version = match number >> 24 {
        1 => number >> 12 & 15,
        2 | 4 => (number & 0xffff) / 100,
        _ => 0,
    };
    if len == 0 || start == 0 {
        let what = "installshield: its directory is in another file of the set (data1.hdr beside data1.cab)";
        return inside.gap(Reason::Unsupported, what);
    }
    if version < 5 {
        return inside
            .gap(Reason::Unsupported, format!("installshield: version {version} (0x{number:08x}) is not read"));
    }
    let mut data = Vec::new();
    let mut reader = blob.reader();
    let read = reader.seek(SeekFrom::Start(start)).and_then(|_| reader.take(DIRECTORY).read_to_end(&mut data));
    // The length is that of the descriptor: the table of files stands behind it.
    if !matches!(read, Ok(n) if n as u64 >= len) {
        inside.gap(Reason::Truncated, "installshield: its directory is cut");
    }
    let field = |at| le32(&data, at).unwrap_or_default() as usize;
    let (table, folders, count, entries) = (field(0x0c), field(0x1c), field(0x28), field(0x2c));
    let directory = Directory { data, version, table, folders, entries };
    let beside = blob.name().to_ascii_lowercase().ends_with(".hdr");
    let (mut absent, mut broken, mut left) = (0u64, 0u64, DIRECTORY as usize);
    for index in 0..count {
        if !inside.go_on() || left == 0 {
            break;
        }
        let Some(file) = directory.file(index) else {
            // Entries stand one behind the other: where one is outside, so are the next.
            broken += (count - index) as u64;
            break;
        };
        // Taken out, or never filled in.
        if file.flags & 8 != 0 || file.name == 0 {
            continue;
        }
        let name = directory.path(&file);
        left = left.saturating_sub(name.len() + 16);
        let packed = if file.flags & 4 != 0 { file.packed } else { file.plain };
        if beside || file.flags & 1 != 0 || file.at == 0 || file.at.saturating_add(packed) > blob.len() {
            absent += 1;
            inside.name_only(&name);
            continue;
        }
        match chunks(blob, &file) {
            Ok(mut plain) => inside.member(&name, Some(file.plain), &mut plain),
            Err(error) => {
                inside.count();
                inside.shut(&name, super::walk::reason(&error), error.to_string());
            }
        }
    }
    if broken > 0 {
        inside.gap(Reason::Malformed, format!("installshield: {broken} entries lead out of the directory"));
    }
    if absent > 0 {
        let what = format!("installshield: the data of {absent} files is in other files of the set; told by name only");
        inside.gap(Reason::Unsupported, what);
    }
}

impl Directory {
    fn file(&self, index: usize) -> Option<File> {
        let word = |at: usize| le32(&self.data, at);
        if self.version == 5 {
            let at = self.table.checked_add(self.folders.checked_add(index)?.checked_mul(4)?)?;
            let at = self.table.checked_add(word(at)? as usize)?;
            return Some(File {
                name: word(at)? as usize,
                folder: word(at + 4)? as usize,
                flags: le16(&self.data, at + 8)?,
                plain: u64::from(word(at + 10)?),
                packed: u64::from(word(at + 14)?),
                at: u64::from(word(at + 38)?),
            });
        }
        let at = self.table.checked_add(self.entries)?.checked_add(index.checked_mul(ENTRY)?)?;
        Some(File {
            flags: le16(&self.data, at)?,
            plain: le64(&self.data, at + 2)?,
            packed: le64(&self.data, at + 10)?,
            at: le64(&self.data, at + 18)?,
            name: word(at + 0x3a)? as usize,
            folder: usize::from(le16(&self.data, at + 0x3e)?),
        })
    }

    fn text(&self, at: usize) -> Option<String> {
        let data = self.data.get(self.table.checked_add(at)?..)?;
        if self.version < 17 {
            return Some(text_until_zero(data, NAME).into_owned());
        }
        let units = data.chunks_exact(2).take(NAME).take_while(|unit| *unit != [0, 0]).count();
        data.get(..units * 2).map(utf16)
    }

    fn path(&self, file: &File) -> String {
        let name = self.text(file.name).unwrap_or_default();
        let folder = (file.folder < self.folders)
            .then(|| le32(&self.data, self.table.checked_add(file.folder.checked_mul(4)?)?))
            .flatten()
            .and_then(|at| self.text(at as usize))
            .filter(|folder| !folder.is_empty());
        folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}")).replace('\\', "/")
    }
}

/// A file's data: whole, or in chunks of deflate, each behind its length.
struct Chunks {
    reader: io::Take<Reader>,
    packed: bool,
    plain: Vec<u8>,
    used: usize,
    /// How many bytes came before, by which hidden data is shown again.
    place: Option<usize>,
}

fn chunks(blob: &Blob, file: &File) -> io::Result<Chunks> {
    let packed = file.flags & 4 != 0;
    let mut reader = blob.reader();
    reader.seek(SeekFrom::Start(file.at))?;
    let reader = reader.take(if packed { file.packed } else { file.plain });
    Ok(Chunks { reader, packed, plain: Vec::new(), used: 0, place: (file.flags & 2 != 0).then_some(0) })
}

impl Chunks {
    fn take(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        (&mut self.reader).take(len as u64).read_to_end(&mut data)?;
        if let Some(place) = &mut self.place {
            // Turned by two bits and shifted by a running number.
            for byte in &mut data {
                *byte = (*byte ^ 0xd5).rotate_right(2).wrapping_sub((*place % 0x47) as u8);
                *place += 1;
            }
        }
        Ok(data)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.used = 0;
        if !self.packed {
            self.plain = self.take(64 << 10)?;
            return Ok(());
        }
        let len = self.take(2)?;
        let Some(len) = le16(&len, 0) else {
            self.plain.clear();
            return Ok(());
        };
        let data = self.take(usize::from(len))?;
        let mut plain = Vec::new();
        DeflateDecoder::new(data.as_slice()).take(1 << 20).read_to_end(&mut plain)?;
        if plain.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk that holds nothing"));
        }
        self.plain = plain;
        Ok(())
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used >= self.plain.len() {
            self.fill()?;
        }
        let n = self.plain.get(self.used..).unwrap_or_default().read(buffer)?;
        self.used += n;
        Ok(n)
    }
}
