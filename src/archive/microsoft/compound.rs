//! Compound files ([MS-CFB]): the file system within old Office files and Windows Installer packages.
//!
//! In: a reader. Out: the directory and the places of every stream. Lenient: what one broken table does not touch is read.
//! Chains are followed only as far as a stream is long, so that loops end; the directory is a walk that meets nothing twice.

use std::io::{self, Read, Seek, SeekFrom};

use crate::bytes::{le16, le32, le64, utf16};
use crate::source::Reader;

pub(super) const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Sectors told by the table: 16 GiB in sectors of 512 bytes.
const SECTORS: usize = 32 << 20;
/// Entries of a directory.
const ENTRIES: usize = 1 << 20;
/// Bytes of all paths.
const PATHS: usize = 64 << 20;
/// Streams shorter than this stand in small sectors.
const CUTOFF: u64 = 4096;
/// Storages within storages that are shown in a path.
const DEPTH: usize = 64;
/// From here on a number is no sector.
const LAST: u32 = 0xffff_fffa;

/// A stream: its path, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub path: String,
    pub len: u64,
    start: u32,
}

/// A compound file.
pub(crate) struct Compound {
    len: u64,
    sector: u64,
    mini: u64,
    table: Vec<u32>,
    mini_table: Vec<u32>,
    /// Where the small streams stand: places within their stream, places in the file, lengths.
    pool: Vec<(u64, u64, u64)>,
    pub streams: Vec<Stream>,
    /// What kind of document the root says it is.
    pub class: [u8; 16],
    /// Behind the last sector in use.
    pub end: u64,
    /// What is broken.
    pub faults: Vec<String>,
}

impl Compound {
    pub fn open(reader: &mut Reader, len: u64) -> io::Result<Compound> {
        let mut head = [0; 512];
        reader.read_exact(&mut head)?;
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let u16_at = |at| le16(&head, at).unwrap_or_default();
        let u32_at = |at| le32(&head, at).unwrap_or_default();
        let (shift, mini) = (u16_at(30), u16_at(32));
        if !matches!(shift, 7..=16) || mini >= shift {
            return Err(bad("sectors of a size that does not exist"));
        }
        let mut file = Compound {
            len,
            sector: 1 << shift,
            mini: 1 << mini,
            table: Vec::new(),
            mini_table: Vec::new(),
            pool: Vec::new(),
            streams: Vec::new(),
            class: [0; 16],
            end: 0,
            faults: Vec::new(),
        };
        let sectors = usize::try_from(len / file.sector + 1).unwrap_or(SECTORS);
        if sectors > SECTORS {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more sectors than are read"));
        }
        file.read_table(reader, &head, sectors);
        let per = usize::try_from(file.sector / 128).unwrap_or(4);
        let directory = file.chain(u32_at(48), u64::MAX, ENTRIES / per.max(1));
        let directory = file.gather(reader, &directory, "directory");
        file.entries(&directory, u64::from(u16_at(26)));
        let mini_table = file.chain(u32_at(60), u64::MAX, sectors);
        let mini_table = file.gather(reader, &mini_table, "table of small sectors");
        file.mini_table = words(&mini_table);
        // The table speaks of every sector, also of such as the file is cut short of.
        let used = file.table.iter().rposition(|next| *next != u32::MAX).map_or(0, |last| last as u64 + 1);
        file.end = (used + 1) * file.sector;
        Ok(file)
    }

    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * self.sector
    }

    /// The table of sectors: its own sectors are listed in the header and in a chain of sectors.
    fn read_table(&mut self, reader: &mut Reader, head: &[u8], sectors: usize) {
        let per = usize::try_from(self.sector / 4).unwrap_or(128);
        let most = sectors / per + 1;
        let mut list: Vec<u32> = words(head.get(76..).unwrap_or_default());
        let mut next = le32(head, 68).unwrap_or(LAST);
        while next < LAST && list.len() <= most + 109 {
            let Ok(part) = self.read(reader, next) else {
                self.faults.push("the list of tables leads out of the file".to_owned());
                break;
            };
            let mut part = words(&part);
            next = part.pop().unwrap_or(LAST);
            list.extend(part);
        }
        list.retain(|sector| *sector < LAST);
        if list.len() > most {
            self.faults.push(format!("{} tables of sectors, more than the file has room for", list.len()));
            list.truncate(most);
        }
        let mut lost = 0;
        for sector in list {
            match self.read(reader, sector) {
                Ok(part) => self.table.extend(words(&part)),
                Err(_) => {
                    self.table.extend(std::iter::repeat_n(u32::MAX, per));
                    lost += 1;
                }
            }
        }
        if lost > 0 {
            self.faults.push(format!("{lost} tables of sectors lie outside the file"));
        }
    }

    fn read(&self, reader: &mut Reader, sector: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.sector).unwrap_or(512)];
        reader.seek(SeekFrom::Start(self.place(sector)))?;
        reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The places of a chain, neighbours put together, until so many bytes or sectors are met.
    fn chain(&self, start: u32, len: u64, most: usize) -> Vec<(u64, u64)> {
        self.follow(start, len, most, self.sector, &self.table, |sector| Some(self.place(sector)))
    }

    fn follow(
        &self,
        start: u32,
        len: u64,
        most: usize,
        size: u64,
        table: &[u32],
        place: impl Fn(u32) -> Option<u64>,
    ) -> Vec<(u64, u64)> {
        let mut places: Vec<(u64, u64)> = Vec::new();
        let (mut sector, mut left) = (start, len);
        // A chain of unknown length ends where it comes round; any other is as long as its stream.
        let mut met = vec![false; if len == u64::MAX { table.len() } else { 0 }];
        // No chain is longer than its table.
        for _ in 0..most.min(table.len()) {
            if sector >= LAST || left == 0 {
                break;
            }
            if met.get_mut(sector as usize).is_some_and(|met| std::mem::replace(met, true)) {
                break;
            }
            let Some(at) = place(sector).filter(|at| *at < self.len) else { break };
            let part = size.min(left);
            left -= part;
            match places.last_mut() {
                Some((from, have)) if *from + *have == at => *have += part,
                _ => places.push((at, part)),
            }
            sector = table.get(sector as usize).copied().unwrap_or(LAST);
        }
        places
    }

    fn gather(&mut self, reader: &mut Reader, places: &[(u64, u64)], what: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, len) in places {
            let read = reader.seek(SeekFrom::Start(*at)).and_then(|_| reader.take(*len).read_to_end(&mut bytes));
            if !matches!(read, Ok(n) if n as u64 == *len) {
                self.faults.push(format!("the {what} leads out of the file"));
                break;
            }
        }
        bytes
    }

    /// Reads the directory: a tree of names in every storage.
    fn entries(&mut self, directory: &[u8], version: u64) {
        let count = directory.len() / 128;
        let entry = |index: u32| directory.get(index as usize * 128..).and_then(|rest| rest.get(..128));
        let Some(root) = entry(0) else {
            self.faults.push("no directory".to_owned());
            return;
        };
        self.class = root.get(80..96).and_then(|class| class.try_into().ok()).unwrap_or_default();
        let word = |entry: &[u8], at| le32(entry, at).unwrap_or(u32::MAX);
        let len_of = |entry: &[u8]| {
            let len = le64(entry, 120).unwrap_or_default();
            // In version 3 the high half is not to be relied on.
            if version == 3 { len & 0xffff_ffff } else { len }
        };
        let mut at = 0;
        for (place, len) in self.chain(word(root, 116), len_of(root), usize::MAX) {
            self.pool.push((at, place, len));
            at += len;
        }
        let mut left = PATHS;
        let mut met = vec![false; count];
        if let Some(first) = met.first_mut() {
            *first = true;
        }
        let mut open = vec![(word(root, 76), String::new(), 0)];
        let mut next = 0;
        loop {
            // Streams that no storage lists are streams nevertheless.
            let (index, within, depth) = open.pop().unwrap_or_else(|| {
                while met.get(next).is_some_and(|met| *met) {
                    next += 1;
                }
                (u32::try_from(next).unwrap_or(u32::MAX), String::new(), 0)
            });
            let Some(seen) = met.get_mut(index as usize) else {
                if next >= count && open.is_empty() {
                    return;
                }
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            let Some(entry) = entry(index) else { continue };
            let kind = entry.get(66).copied().unwrap_or_default();
            if !matches!(kind, 1 | 2) {
                continue;
            }
            let bytes = usize::from(le16(entry, 64).unwrap_or_default()).clamp(2, 64) - 2;
            let name = shown(entry.get(..bytes).unwrap_or_default());
            open.push((word(entry, 72), within.clone(), depth));
            open.push((word(entry, 68), within.clone(), depth));
            let path = if within.is_empty() { name } else { format!("{within}/{name}") };
            left = left.saturating_sub(path.len() + within.len() * 2 + 64);
            if left == 0 {
                self.faults.push(format!("more than {} MiB of names; the rest was not read", PATHS >> 20));
                return;
            }
            if kind == 2 {
                self.streams.push(Stream { path, len: len_of(entry), start: word(entry, 116) });
            } else if depth < DEPTH {
                open.push((word(entry, 76), path, depth + 1));
            }
        }
    }

    /// Where a stream's bytes stand, in order.
    pub fn places(&self, stream: &Stream) -> Vec<(u64, u64)> {
        if stream.len >= CUTOFF {
            return self.chain(stream.start, stream.len, usize::MAX);
        }
        // Small sectors stand in a stream of their own; most often that is one piece.
        let place = |sector: u32| {
            let at = u64::from(sector) * self.mini;
            let next = self.pool.partition_point(|(from, ..)| *from <= at);
            let (from, place, len) = self.pool.get(next.checked_sub(1)?)?;
            (at - from < *len).then(|| place + (at - from))
        };
        self.follow(stream.start, stream.len, usize::MAX, self.mini, &self.mini_table, place)
    }

    /// A stream's bytes, if it is not longer than `most`.
    pub fn content(&self, reader: &mut Reader, stream: &Stream, most: u64) -> Option<Vec<u8>> {
        if stream.len > most {
            return None;
        }
        let mut bytes = Vec::new();
        for (at, len) in self.places(stream) {
            reader.seek(SeekFrom::Start(at)).ok()?;
            reader.take(len).read_to_end(&mut bytes).ok()?;
        }
        (bytes.len() as u64 == stream.len).then_some(bytes)
    }

    /// The stream of a name.
    pub fn stream(&self, path: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.path == path)
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// A name as it is shown: control characters by their number, as `[5]SummaryInformation`; a separator is none.
fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    for c in utf16(name).chars() {
        match c {
            '\0'..='\x1f' => text.push_str(&format!("[{}]", c as u32)),
            '/' => text.push('_'),
            _ => text.push(c),
        }
    }
    text
}

/// Reads a stream's places one after the other.
pub(super) struct Pieces {
    reader: Reader,
    places: std::vec::IntoIter<(u64, u64)>,
    left: u64,
}

impl Pieces {
    pub fn new(reader: Reader, places: Vec<(u64, u64)>) -> Pieces {
        Pieces { reader, places: places.into_iter(), left: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some((at, len)) = self.places.next() else { return Ok(0) };
            self.reader.seek(SeekFrom::Start(at))?;
            self.left = len;
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.reader.read(buffer.get_mut(..most).unwrap_or_default())?;
        if n == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its sectors lie outside the file"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Blob, Content};

    /// A file of one table and one sector of directory, with a stream whose chain goes round.
    fn looping() -> Vec<u8> {
        let mut data = vec![0; 3 * 512];
        let mut put = |at: usize, bytes: &[u8]| data.splice(at..at + bytes.len(), bytes.iter().copied()).count();
        put(0, MAGIC);
        put(26, &[3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
        put(48, &1u32.to_le_bytes());
        put(60, &u32::MAX.to_le_bytes());
        put(68, &u32::MAX.to_le_bytes());
        put(76, &[0xff; 436]);
        put(76, &0u32.to_le_bytes());
        // The table: itself, then a sector that is its own successor.
        put(512, &[0xff; 512]);
        put(516, &1u32.to_le_bytes());
        // The root, and a stream that is its own neighbour.
        put(1024 + 64, &[2, 0, 5]);
        put(1024 + 76, &1u32.to_le_bytes());
        put(1152, b"S\0");
        put(1152 + 64, &[4, 0, 2]);
        put(1152 + 68, &1u32.to_le_bytes());
        put(1152 + 72, &1u32.to_le_bytes());
        put(1152 + 76, &1u32.to_le_bytes());
        put(1152 + 116, &1u32.to_le_bytes());
        put(1152 + 120, &u32::MAX.to_le_bytes());
        data
    }

    fn read(data: Vec<u8>) -> io::Result<Compound> {
        let blob = Blob::nameless(Content::from(data));
        Compound::open(&mut blob.reader(), blob.len())
    }

    #[test]
    fn chains_and_trees_that_go_round_end() {
        let file = read(looping());
        assert!(file.is_ok());
        let Ok(file) = file else { return };
        assert_eq!(file.streams.len(), 1);
        let have: u64 = file.streams.iter().flat_map(|stream| file.places(stream)).map(|(_, len)| len).sum();
        assert!(have <= 128 * 512, "{have} bytes of a chain that goes round");
    }

    #[test]
    fn sizes_that_do_not_exist_and_cuts_are_errors_or_faults() {
        let mut data = looping();
        data.splice(30..32, [77, 0]);
        assert!(read(data).is_err());
        for len in 0..looping().len() {
            let cut = looping().into_iter().take(len).collect();
            assert!(read(cut).is_err() || len >= 512, "cut at {len}");
        }
    }
}
