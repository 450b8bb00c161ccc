//! ZIP archives, for those who read what several members say together.
//!
//! In: a blob that was opened as a ZIP. Out: where its parts stand, and single members, bounded. Members are walked by
//! the archive stage; here only a few are read a second time.

use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;

use crate::bytes::{le16, le32};
use crate::source::{Blob, Reader};

/// The end record is 22 bytes and a comment of up to 64 KiB.
const TAIL: usize = (64 << 10) + 22;
/// Bytes of a directory that are read.
const DIRECTORY: u64 = 64 << 20;

/// Where the directory of an archive stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The end record's own place.
    pub record: u64,
    pub directory: u64,
    pub size: u64,
}

/// The end of the archive: the last record that is right behind the directory it speaks of, and whose comment ends with
/// the file. A comment may hold what looks like a record. Only where no comment ends so is one taken that does not.
pub(super) fn end(blob: &Blob) -> Option<End> {
    let tail = blob.tail(TAIL).ok()?;
    let before = blob.len().checked_sub(tail.len() as u64)?;
    let mut to = tail.len();
    let mut other = None;
    while let Some(at) = memchr::memmem::rfind(tail.get(..to)?, b"PK\x05\x06") {
        to = at;
        let (Some(size), Some(directory)) = (le32(&tail, at + 12), le32(&tail, at + 16)) else { continue };
        let Some(comment) = le16(&tail, at + 20) else { continue };
        let (record, size, directory) = (before + at as u64, u64::from(size), u64::from(directory));
        if directory + size != record {
            continue;
        }
        let end = End { record, directory, size };
        // Whoever wants a record of an empty archive in a comment can write one.
        if at + 22 + usize::from(comment) == tail.len() && begins_directory(blob, &end) {
            return Some(end);
        }
        other = other.or(Some(end));
    }
    other
}

/// Whether a directory stands where the record says.
fn begins_directory(blob: &Blob, end: &End) -> bool {
    read_at(blob, end.directory, 4).is_some_and(|mark| mark == b"PK\x01\x02")
}

/// Reads up to `most` bytes at a place.
pub(super) fn read_at(blob: &Blob, at: u64, most: u64) -> Option<Vec<u8>> {
    let mut reader = blob.reader();
    reader.seek(SeekFrom::Start(at)).ok()?;
    let mut data = Vec::new();
    reader.take(most).read_to_end(&mut data).ok()?;
    Some(data)
}

/// An archive whose members are read by name.
pub(super) struct Packed(ZipArchive<Reader>);

/// Why a member was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Absent,
    TooLong,
    Broken,
}

impl Packed {
    /// Opens the archive where its directory names all of `needles`, in whatever case: most archives do not, and are not
    /// parsed again.
    pub fn open(blob: &Blob, needles: &[&[u8]]) -> Option<Packed> {
        let end = end(blob).filter(|end| end.size <= DIRECTORY)?;
        let mut directory = read_at(blob, end.directory, end.size)?;
        directory.make_ascii_uppercase();
        let holds = |needle: &&[u8]| memchr::memmem::find(&directory, &needle.to_ascii_uppercase()).is_some();
        if !needles.iter().all(holds) {
            return None;
        }
        ZipArchive::new(blob.reader()).ok().map(Packed)
    }

    /// The names of all members.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.file_names().filter_map(|name| Some(name.ok()?.into_owned()))
    }

    /// A member, up to `most` bytes.
    pub fn member(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Unread> {
        let mut data = Vec::new();
        let mut take = |part: &[u8]| data.extend_from_slice(part);
        self.each(name, most, &mut take)?;
        Ok(data)
    }

    /// A member, part by part, up to `most` bytes.
    pub fn each(&mut self, name: &str, most: u64, take: &mut dyn FnMut(&[u8])) -> Result<u64, Unread> {
        let mut file = self.0.by_name(name).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => Unread::Absent,
            _ => Unread::Broken,
        })?;
        if file.size() > most {
            return Err(Unread::TooLong);
        }
        let (mut buffer, mut read) = (vec![0; 64 << 10], 0u64);
        loop {
            let n = file.read(&mut buffer).map_err(|_| Unread::Broken)?;
            read += n as u64;
            match n {
                0 => return Ok(read),
                _ if read > most => return Err(Unread::TooLong),
                _ => take(buffer.get(..n).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Limits, Source, list};

    #[test]
    fn the_comment_of_the_true_record_ends_with_the_file() {
        let record = |size: u32, directory: u32, comment: u16| {
            let mut data = b"PK\x05\x06\0\0\0\0\0\0\0\0".to_vec();
            data.extend([&size.to_le_bytes()[..], &directory.to_le_bytes(), &comment.to_le_bytes()].concat());
            data
        };
        let mut data = b"PK\x01\x02....".to_vec();
        data.extend(record(8, 0, 50));
        // One whose comment is short, then one of an empty archive.
        data.extend(record(30, 0, 0));
        data.extend(record(0, 52, 6));
        data.extend(b"behind");
        let source = Source::Bytes { name: "x.zip".to_owned(), data };
        let mut listing = list(&source, &Limits::default()).unwrap();
        let found = end(&listing.entries[0].open().unwrap()).unwrap();
        assert_eq!((found.record, found.size), (8, 8));
    }
}
