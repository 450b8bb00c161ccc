//! Microsoft cabinets ([MS-CAB]): stored, MSZIP and LZX; what is packed as Quantum stays shut.
//!
//! In: a blob. Out: its members; each folder is unpacked once, from its start to the last file in it. A set of several
//! cabinets lies in several files: what goes across them is told with the name of the other one.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};

use super::super::{Carve, Format, Inside};
use super::lzx::{Form, Lzx};
use crate::bytes::{le16, le32, until_zero};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(in super::super) const FORMAT: Format =
    Format { name: "cab", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"MSCF\0\0\0\0";
/// Most bytes that a block unpacks to.
const FRAME: usize = 32 << 10;
/// Bytes of a cabinet's name, a disk's, a file's: 255 and a zero by the format.
const NAME: usize = 256;
/// Times a folder is begun anew for files that lie over each other; tools write none.
const AGAIN: usize = 8;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// The one version there is, known flags, places that fit each other.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let look = || {
        let (size, files) = (le32(head, 8)?, le32(head, 16)?);
        let (version, folders, count, flags) = (le16(head, 24)?, le16(head, 26)?, le16(head, 28)?, le16(head, 30)?);
        let zero = le32(head, 12)? == 0 && le32(head, 20)? == 0;
        Some(zero && version == 0x103 && folders > 0 && count > 0 && flags < 8 && files >= 44 && files < size)
    };
    look() == Some(true)
}

/// What the header says.
struct Header {
    size: u64,
    files: u64,
    count: u16,
    previous: Option<String>,
    next: Option<String>,
    /// Bytes reserved in front of each block's data.
    reserved: u64,
    /// Where the reserved bytes of the header say that a signature stands.
    signature: Option<(u64, u64)>,
    folders: Vec<Folder>,
}

#[derive(Clone)]
struct Folder {
    start: u64,
    blocks: u16,
    method: u16,
}

/// A file of the directory.
struct File {
    name: String,
    size: u32,
    start: u32,
    folder: u16,
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    let header = match header(&mut reader) {
        Ok(header) => header,
        Err(error) => return inside.failed("cab: header", &error),
    };
    let len = inside.blob.len();
    let mut end = header.size;
    if let Some((start, size)) = header.signature.filter(|(start, size)| *size > 0 && start + size <= len) {
        end = end.max(start + size);
        if inside.go_on() {
            inside.part("[Signature].p7s", start, size);
        }
    }
    if header.size > len {
        inside.gap(Reason::Truncated, format!("cab: {len} bytes where {} are declared", header.size));
    }
    inside.ends_at(end);
    let (mut files, fault) = directory(&mut reader, &header);
    let broken = fault.map(|error| ("cab: directory", error));
    // A folder that began in another cabinet cannot be unpacked from here, not even the files that begin here.
    let begun = files.iter().any(|file| matches!(file.folder, 0xfffd | 0xffff));
    for file in &mut files {
        match file.folder {
            0xfffd | 0xffff => file.folder = 0,
            // Its start is here, its end is not.
            0xfffe => file.folder = u16::try_from(header.folders.len().saturating_sub(1)).unwrap_or(0),
            _ => {}
        }
    }
    files.sort_by_key(|file| (file.folder, file.start));
    // Bytes that may be unpacked only to be passed over: folders may share their data, and begin far off.
    let mut passing = inside.left();
    let mut rest = files.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|file| file.folder == first.folder).count();
        let (these, others) = rest.split_at_checked(same).unwrap_or_default();
        rest = others;
        if !folder(inside, &header, first.folder, these, begun, &mut passing) {
            return;
        }
    }
    if let Some((what, error)) = broken {
        inside.failed(what, &error);
    }
}

/// Hands over the files of one folder. False when nothing more is to be opened.
fn folder(
    inside: &mut Inside<'_, '_>,
    header: &Header,
    number: u16,
    files: &[File],
    begun: bool,
    passing: &mut u64,
) -> bool {
    let folder = header.folders.get(usize::from(number));
    let shut = match folder {
        None => Some((Reason::Malformed, "its folder does not exist".to_owned())),
        Some(_) if begun && number == 0 => {
            let other = header.previous.as_deref().unwrap_or("another one");
            Some((Reason::Unsupported, format!("begins in the cabinet {other}, which is not part of this file")))
        }
        Some(folder) => match folder.method & 15 {
            0 | 1 => None,
            2 => Some((Reason::Unsupported, "compressed by a method that is not read: Quantum".to_owned())),
            3 if (15..=21).contains(&(folder.method >> 8 & 31)) => None,
            method => Some((Reason::Malformed, format!("method {method} does not exist"))),
        },
    };
    let mut stream = folder.map(|folder| Stream::new(inside.blob.reader(), folder.clone(), header.reserved));
    let mut again = AGAIN;
    for file in files {
        if !inside.go_on() {
            return false;
        }
        if file.size == 0 {
            inside.name_only(&file.name);
            continue;
        }
        let (None, Some(stream)) = (&shut, &mut stream) else {
            inside.count();
            if let Some((reason, why)) = &shut {
                inside.shut(&file.name, *reason, why);
            }
            continue;
        };
        let start = u64::from(file.start);
        if start < stream.given {
            if again == 0 {
                inside.count();
                inside.shut(&file.name, Reason::Limit, "too many files lie over each other; not read");
                continue;
            }
            again -= 1;
            stream.restart(inside.blob.reader());
        }
        // A length that the folder's blocks cannot hold is none to go by.
        let fits = start + u64::from(file.size) <= u64::from(stream.folder.blocks) * FRAME as u64;
        let mut member = stream.file(start, u64::from(file.size), inside, passing);
        if let Some(next) = header.next.as_deref().filter(|_| usize::from(number) + 1 == header.folders.len()) {
            member.continued = Some(next);
        }
        inside.member(&file.name, fits.then_some(u64::from(file.size)), &mut member);
        if !fits {
            let detail = format!("{} bytes are declared, more than its folder holds", file.size);
            inside.shut(&file.name, Reason::Malformed, detail);
        }
    }
    if let Some(stream) = stream.filter(|stream| stream.checksums > 0) {
        let detail = format!("the checksums of {} blocks do not fit", stream.checksums);
        inside.gap_at(format!("folder {number}"), Reason::Malformed, detail);
    }
    true
}

fn exact<const N: usize>(reader: &mut Reader) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text that ends with a zero.
fn text(reader: &mut Reader, utf8: bool) -> io::Result<String> {
    let start = reader.position();
    let mut bytes = Vec::new();
    reader.take(NAME as u64 + 1).read_to_end(&mut bytes)?;
    let text = until_zero(&bytes, bytes.len());
    if text.len() == bytes.len() {
        let short = bytes.len() <= NAME;
        let kind = if short { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        return Err(io::Error::new(kind, "a name without an end"));
    }
    reader.seek(SeekFrom::Start(start + text.len() as u64 + 1))?;
    Ok(match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) if utf8 => String::from_utf8_lossy(text).into_owned(),
        // The code page is the packer's and is not said.
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned(),
    })
}

fn header(reader: &mut Reader) -> io::Result<Header> {
    let head: [u8; 36] = exact(reader)?;
    let u16_at = |at| le16(&head, at).unwrap_or_default();
    let u32_at = |at| le32(&head, at).unwrap_or_default();
    let (count_of_folders, count, flags) = (u16_at(26), u16_at(28), u16_at(30));
    let mut header = Header {
        size: u64::from(u32_at(8)),
        files: u64::from(u32_at(16)),
        count,
        previous: None,
        next: None,
        reserved: 0,
        signature: None,
        folders: Vec::new(),
    };
    let mut per_folder = 0;
    if flags & 4 != 0 {
        let sizes: [u8; 4] = exact(reader)?;
        let own = i64::from(le16(&sizes, 0).unwrap_or_default());
        per_folder = i64::from(sizes[2]);
        header.reserved = u64::from(sizes[3]);
        let after = reader.position().saturating_add_signed(own);
        if own == 20 {
            let reserve: [u8; 20] = exact(reader)?;
            let place = |at| le32(&reserve, at).map(u64::from);
            if le16(&reserve, 2) == Some(16) {
                header.signature = place(4).zip(place(8));
            }
        }
        reader.seek(SeekFrom::Start(after))?;
    }
    if flags & 1 != 0 {
        header.previous = Some(text(reader, false)?);
        text(reader, false)?;
    }
    if flags & 2 != 0 {
        header.next = Some(text(reader, false)?);
        text(reader, false)?;
    }
    for _ in 0..count_of_folders {
        let folder: [u8; 8] = exact(reader)?;
        let (start, blocks, method) = (le32(&folder, 0), le16(&folder, 4), le16(&folder, 6));
        header.folders.push(Folder {
            start: u64::from(start.unwrap_or_default()),
            blocks: blocks.unwrap_or_default(),
            method: method.unwrap_or_default(),
        });
        reader.seek(SeekFrom::Current(per_folder))?;
    }
    Ok(header)
}

/// The files, and what broke.
fn directory(reader: &mut Reader, header: &Header) -> (Vec<File>, Option<io::Error>) {
    let mut files = Vec::new();
    let mut read = || -> io::Result<()> {
        reader.seek(SeekFrom::Start(header.files))?;
        for _ in 0..header.count {
            let entry: [u8; 16] = exact(reader)?;
            let utf8 = le16(&entry, 14).is_some_and(|attributes| attributes & 0x80 != 0);
            files.push(File {
                size: le32(&entry, 0).unwrap_or_default(),
                start: le32(&entry, 4).unwrap_or_default(),
                folder: le16(&entry, 8).unwrap_or_default(),
                name: text(reader, utf8)?.replace('\\', "/"),
            });
        }
        Ok(())
    };
    let fault = read().err();
    (files, fault)
}

/// How a folder is packed.
enum Method {
    Stored,
    Zip(Box<Decompress>),
    Lzx(Box<Lzx>),
}

/// A folder as it unpacks, block by block.
struct Stream {
    reader: Reader,
    folder: Folder,
    reserved: u64,
    method: Method,
    blocks: u16,
    at: u64,
    /// The plain bytes of the last block, and how many of them were given out.
    block: Vec<u8>,
    /// What MSZIP may refer to: the last 32 KiB.
    history: Vec<u8>,
    used: usize,
    given: u64,
    checksums: u32,
    failed: Option<(io::ErrorKind, String)>,
}

impl Stream {
    fn new(reader: Reader, folder: Folder, reserved: u64) -> Stream {
        let method = match folder.method & 15 {
            1 => Method::Zip(Box::new(Decompress::new(false))),
            3 => Lzx::new(u32::from(folder.method >> 8 & 31), Form::Cabinet)
                .map_or(Method::Stored, |lzx| Method::Lzx(Box::new(lzx))),
            _ => Method::Stored,
        };
        let (blocks, at) = (folder.blocks, folder.start);
        let (block, history) = (Vec::new(), Vec::new());
        Stream {
            reader,
            folder,
            reserved,
            method,
            blocks,
            at,
            block,
            history,
            used: 0,
            given: 0,
            checksums: 0,
            failed: None,
        }
    }

    fn restart(&mut self, reader: Reader) {
        *self = Stream { checksums: self.checksums, ..Stream::new(reader, self.folder.clone(), self.reserved) };
    }

    /// The file that stands at a place in the folder; what is in front of it is passed over.
    fn file<'s>(&'s mut self, start: u64, len: u64, inside: &Inside<'_, '_>, passing: &mut u64) -> Member<'s> {
        while self.given < start && *passing > 0 && !inside.limits().stop.raised() {
            match self.fill() {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let n = usize::try_from(start - self.given).unwrap_or(usize::MAX).min(n);
                    self.use_up(n);
                    *passing = passing.saturating_sub(n as u64);
                }
            }
        }
        if *passing == 0 && self.given < start && self.failed.is_none() {
            let why = "too much would be unpacked only to be passed over; not read";
            // Not as an interruption: readers try again after those.
            self.failed = Some((io::ErrorKind::Unsupported, why.to_owned()));
            self.block.clear();
            self.used = 0;
        }
        Member { reached: self.given == start, stream: self, left: len, continued: None }
    }

    fn use_up(&mut self, n: usize) {
        self.used += n;
        self.given += n as u64;
    }

    /// Makes at least one byte ready, but for the end; how many are.
    fn fill(&mut self) -> io::Result<usize> {
        while self.used >= self.block.len() {
            if let Some((kind, why)) = &self.failed {
                return Err(io::Error::new(*kind, why.clone()));
            }
            if self.blocks == 0 {
                return Ok(0);
            }
            self.blocks -= 1;
            match self.next() {
                Ok(block) => (self.block, self.used) = (block, 0),
                Err(error) => {
                    self.failed = Some((error.kind(), error.to_string()));
                    return Err(error);
                }
            }
        }
        Ok(self.block.len() - self.used)
    }

    /// The next block's plain bytes.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        self.reader.seek(SeekFrom::Start(self.at))?;
        let head: [u8; 8] = exact(&mut self.reader)?;
        let (stated, packed, plain) = (le32(&head, 0), le16(&head, 4), le16(&head, 6));
        let (packed, plain) = (usize::from(packed.unwrap_or_default()), usize::from(plain.unwrap_or_default()));
        self.reader.seek(SeekFrom::Start(self.at + 8 + self.reserved))?;
        let mut data = vec![0; packed];
        self.reader.read_exact(&mut data)?;
        self.at += 8 + self.reserved + packed as u64;
        // It goes over the reserved bytes, too, which are of use to nobody: only blocks without are compared.
        if self.reserved == 0 && stated.is_some_and(|sum| sum != 0 && sum != checksum(&data, checksum(&head[4..], 0))) {
            self.checksums += 1;
        }
        if plain == 0 {
            let why = "goes on in the next cabinet, which is not part of this file";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        if plain > FRAME {
            return Err(bad("a block of more than 32 KiB"));
        }
        let block = match &mut self.method {
            Method::Stored => data,
            Method::Zip(decoder) => {
                let block = zip_block(decoder, &self.history, &data, plain).map_err(bad)?;
                self.history.extend_from_slice(&block);
                self.history.drain(..self.history.len().saturating_sub(FRAME));
                block
            }
            Method::Lzx(lzx) => lzx.frame(&data, plain).map_err(bad)?,
        };
        if block.len() != plain {
            return Err(bad("a block unpacks to another length than it states"));
        }
        Ok(block)
    }
}

/// One block of MSZIP: two letters and a deflate stream that may refer to the block before.
fn zip_block(decoder: &mut Decompress, before: &[u8], data: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
    let data = data.strip_prefix(b"CK").ok_or("MSZIP: a block without its mark")?;
    decoder.reset(false);
    if !before.is_empty() {
        decoder.set_dictionary(before).map_err(|_| "MSZIP: the block before is of no use")?;
    }
    let mut plain = Vec::with_capacity(len);
    match decoder.decompress_vec(data, &mut plain, FlushDecompress::Finish) {
        Ok(Status::Ok | Status::StreamEnd | Status::BufError) => Ok(plain),
        Err(_) => Err("MSZIP: broken data"),
    }
}

/// The format's checksum, which goes by words of four bytes.
fn checksum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |last, byte| last << 8 | u32::from(*byte))
}

/// One file of a folder.
struct Member<'s> {
    stream: &'s mut Stream,
    left: u64,
    /// False where the folder ended before its start.
    reached: bool,
    /// The cabinet in which the folder goes on.
    continued: Option<&'s str>,
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let result = self.stream.fill();
        let ready = match (result, self.continued) {
            (Ok(0), Some(next)) | (Err(_), Some(next)) if self.stream.failed.is_none() || self.stream.blocks == 0 => {
                let why = format!("goes on in the cabinet {next}, which is not part of this file");
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            (Ok(0), _) | (Ok(_), _) if !self.reached => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its folder ends before it"));
            }
            (result, _) => result?,
        };
        let n = ready.min(buffer.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let from = self.stream.block.get(self.stream.used..self.stream.used + n).unwrap_or_default();
        if let Some(to) = buffer.get_mut(..n) {
            to.copy_from_slice(from);
        }
        self.stream.use_up(n);
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_goes_by_words_and_takes_the_rest_backwards() {
        assert_eq!(checksum(&[1, 0, 0, 0, 2, 0, 0, 0], 4), 7);
        assert_eq!(checksum(&[0xaa, 0xbb], 0), 0xaabb);
    }

    #[test]
    fn a_constant_in_a_program_is_no_cabinet() {
        let blob = |bytes: &[u8]| Blob::nameless(crate::source::Content::from(bytes.to_vec()));
        assert!(!sound(&blob(MAGIC)));
        let mut head = [0; 64];
        head.iter_mut().zip(MAGIC).for_each(|(to, from)| *to = *from);
        assert!(!sound(&blob(&head)));
        for (at, value) in [(8, 64), (16, 44), (24, 3), (25, 1), (26, 1), (28, 1)] {
            head.get_mut(at).into_iter().for_each(|byte| *byte = value);
        }
        assert!(sound(&blob(&head)));
    }
}
