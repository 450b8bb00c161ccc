//! cpio archives: newc and crc (`070701`, `070702`), the form of rpm for large files (`07070X`), odc (`070707`) and
//! binary of either byte order; several in a row with zeros or compressed ones between, as an initramfs is built.
//!
//! In: a blob, or the plain content of a compressed one as a stream. Out: its regular files.

use std::io::{self, BufReader, Read};

use super::{Carve, Format, Inside};
use crate::bytes::{be16, le16};
use crate::fact::Reason;
use crate::source::Blob;

pub(super) const FORMAT: Format = Format {
    name: "cpio",
    claim,
    open,
    carve: &[
        Carve { magic: b"070701", at: 0, sound },
        Carve { magic: b"070702", at: 0, sound },
        Carve { magic: b"070707", at: 0, sound },
    ],
};

/// The longest name that is read; longer ones are no names.
const NAME: u64 = 64 << 10;
const END: &[u8] = b"TRAILER!!!";

/// A first header whose fields are numbers and whose name is text.
pub(super) fn is_cpio(head: &[u8]) -> bool {
    let Some(form) = Form::of(head) else { return false };
    let Some(entry) = head.get(..form.header()).and_then(|header| form.read(header)) else {
        // Cut within its first header: the magic of text is enough.
        return !matches!(form, Form::Binary { .. }) && head.len() < form.header();
    };
    if matches!(form, Form::Binary { .. }) {
        // Two bytes are no magic: a name of letters must follow.
        let len = usize::try_from(entry.name).unwrap_or(usize::MAX).saturating_sub(1);
        let text = head.get(form.header()..).and_then(|rest| rest.get(..len)).unwrap_or_default();
        if text.is_empty() || !text.iter().all(|b| (b' '..0x7f).contains(b)) {
            return false;
        }
    }
    let kind = matches!(entry.mode >> 12, 1 | 2 | 4 | 6 | 8 | 10 | 12) || entry.mode == 0;
    let name = head.get(form.header()..).unwrap_or_default();
    let len = usize::try_from(entry.name).unwrap_or(usize::MAX);
    let ends = name.get(len.wrapping_sub(1)).is_none_or(|b| *b == 0);
    kind && (1..=NAME).contains(&entry.name) && ends && name.first().is_none_or(|b| *b > b' ')
}

fn claim(blob: &Blob) -> bool {
    is_cpio(blob.head())
}

fn sound(blob: &Blob) -> bool {
    is_cpio(blob.head()) && blob.len() > 110
}

#[derive(Clone, Copy)]
enum Form {
    /// Hexadecimal numbers of eight digits.
    New,
    /// The same magic of rpm's own, without any of the fields.
    Stripped,
    /// Octal numbers.
    Old,
    /// Numbers of two bytes.
    Binary { big: bool },
}

/// What a header says, as far as it matters.
struct Entry {
    mode: u64,
    size: u64,
    name: u64,
}

impl Form {
    fn of(head: &[u8]) -> Option<Form> {
        match head {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Some(Form::New),
            [b'0', b'7', b'0', b'7', b'0', b'X', ..] => Some(Form::Stripped),
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => Some(Form::Old),
            [0xc7, 0x71, ..] => Some(Form::Binary { big: false }),
            [0x71, 0xc7, ..] => Some(Form::Binary { big: true }),
            _ => None,
        }
    }

    fn header(self) -> usize {
        match self {
            Form::New => 110,
            Form::Stripped => 14,
            Form::Old => 76,
            Form::Binary { .. } => 26,
        }
    }

    /// Names and contents end at a multiple of this.
    fn step(self) -> u64 {
        match self {
            Form::New | Form::Stripped => 4,
            Form::Old => 1,
            Form::Binary { .. } => 2,
        }
    }

    fn read(self, header: &[u8]) -> Option<Entry> {
        let number = |at: usize, len: usize, base: u32| {
            let digits = std::str::from_utf8(header.get(at..at + len)?).ok()?;
            u64::from_str_radix(digits.trim(), base).ok()
        };
        match self {
            Form::New => {
                let hex = |index: usize| number(6 + index * 8, 8, 16);
                Some(Entry { mode: hex(1)?, size: hex(6)?, name: hex(11)? })
            }
            Form::Stripped => None,
            Form::Old => Some(Entry { mode: number(18, 6, 8)?, size: number(65, 11, 8)?, name: number(59, 6, 8)? }),
            Form::Binary { big } => {
                let word = |index: usize| if big { be16(header, index * 2) } else { le16(header, index * 2) };
                let word = |index: usize| word(index).map(u64::from);
                Some(Entry { mode: word(3)?, size: word(11)? << 16 | word(12)?, name: word(10)? })
            }
        }
    }
}

fn open(inside: &mut Inside<'_, '_>) {
    let reader = inside.blob.reader();
    if let Some(end) = read(inside, reader, false, &|_| None) {
        inside.ends_at(end);
    }
}

/// Reads the plain content of a compressed stream, to its end.
pub(super) fn stream(inside: &mut Inside<'_, '_>, reader: impl Read) {
    read(inside, reader, true, &|_| None);
}

/// What the header of an rpm says of the files whose own headers were left out.
pub(super) type Index<'i> = &'i dyn Fn(usize) -> Option<(String, u64, u64)>;

/// Reads one archive after the other, with an index of files for headers that do not name them. Gives back where the last
/// one ended; nothing where it broke. A stream is read to its end, which shows whether it is sound.
pub(super) fn read(inside: &mut Inside<'_, '_>, reader: impl Read, stream: bool, index: Index<'_>) -> Option<u64> {
    let reader = BufReader::with_capacity(64 << 10, reader);
    let mut input = Counted { inner: reader, at: 0, left: inside.left() };
    let mut ended = None;
    loop {
        if !inside.go_on() {
            return None;
        }
        let start = input.at;
        let mut header = [0; 110];
        let got = match fill(&mut input, &mut header, 0, 2) {
            Ok(got) => got,
            Err(error) => return broken(inside, start, &error),
        };
        if ended.is_some() && got < 2 {
            return Some(input.at);
        }
        // Zeros fill the last block, and stand between the archives of an initramfs.
        if ended.is_some() && header.starts_with(&[0, 0]) {
            continue;
        }
        if ended.is_some() && header.first() == Some(&0) {
            // A text magic may begin at an odd place.
            header.copy_within(1..2, 0);
            if fill(&mut input, &mut header, 1, 2).is_err() {
                return ended;
            }
        }
        let more = fill(&mut input, &mut header, 2, 6).is_ok();
        let form = header.get(..if more { 6 } else { 2 }).and_then(Form::of);
        let Some(form) = form else {
            if ended.is_some() && stream {
                if let Err(error) = io::copy(&mut input, &mut io::sink()) {
                    return broken(inside, start, &error);
                }
                let detail = format!("{} bytes behind a cpio archive; not in a known format", input.at - start);
                inside.gap_at(format!("0x{start:x}"), Reason::Unsupported, detail);
            }
            if ended.is_some() {
                return ended;
            }
            if got == 0 {
                inside.gap(Reason::Truncated, "cpio: no end mark; members may be missing");
            } else {
                let detail = "cpio: no header where one should stand; members may be missing";
                inside.gap_at(format!("0x{start:x}"), Reason::Malformed, detail);
            }
            return None;
        };
        ended = None;
        match fill(&mut input, &mut header, 6, form.header()) {
            Ok(got) if got == form.header() => {}
            Ok(_) => return broken(inside, start, &io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return broken(inside, start, &error),
        }
        let fields = header.get(..form.header()).unwrap_or_default();
        let mut link = false;
        let (name, size, regular) = match form {
            Form::Stripped => {
                let number = fields.get(6..14).and_then(|text| std::str::from_utf8(text).ok());
                let number = number.and_then(|text| usize::from_str_radix(text, 16).ok());
                let Some((name, size, mode)) = number.and_then(index) else {
                    let detail = "cpio: a file that only the index of its package names, and that is not there";
                    inside.gap_at(format!("0x{start:x}"), Reason::Malformed, detail);
                    return None;
                };
                // Magic and number, and padding as behind a name.
                if let Err(error) = skip(&mut input, 2) {
                    return broken(inside, start, &error);
                }
                (name.into_bytes(), if matches!(mode >> 12, 8 | 10) { size } else { 0 }, mode >> 12 == 8)
            }
            _ => {
                let Some(entry) = form.read(fields) else {
                    return broken(
                        inside,
                        start,
                        &io::Error::new(io::ErrorKind::InvalidData, "a header of no numbers"),
                    );
                };
                let mut name = Vec::new();
                if entry.name > NAME {
                    let error = io::Error::new(io::ErrorKind::InvalidData, format!("a name of {} bytes", entry.name));
                    return broken(inside, start, &error);
                }
                let padding = pad(form.header() as u64 + entry.name, form.step());
                let read = (&mut input).take(entry.name).read_to_end(&mut name);
                if let Err(error) = read.and_then(|_| skip(&mut input, padding)) {
                    return broken(inside, start, &error);
                }
                if (name.len() as u64) < entry.name {
                    return broken(inside, start, &io::ErrorKind::UnexpectedEof.into());
                }
                let name = crate::bytes::until_zero(&name, usize::MAX).to_vec();
                if name == END && entry.size == 0 {
                    ended = Some(input.at);
                    continue;
                }
                link = entry.mode >> 12 == 10;
                (name, entry.size, matches!(entry.mode >> 12, 8 | 0))
            }
        };
        let padding = pad(size, form.step());
        let name = String::from_utf8_lossy(&name).into_owned();
        let shown = name.trim_start_matches("./");
        let before = input.at;
        if link && size <= NAME {
            let mut target = Vec::new();
            if let Err(error) = (&mut input).take(size).read_to_end(&mut target) {
                return broken(inside, start, &error);
            }
            inside.link(shown, &target);
        } else if regular && size > 0 {
            inside.member(shown, Some(size), &mut (&mut input).take(size));
        } else if regular {
            // An empty file, or a link to one whose content stands with the last of its names.
            inside.name_only(shown);
        } else {
            inside.count();
        }
        // What was not read of it is passed over.
        let left = size.saturating_sub(input.at - before);
        if let Err(error) = skip(&mut input, left.saturating_add(padding)) {
            return broken(inside, start, &error);
        }
    }
}

fn broken(inside: &mut Inside<'_, '_>, at: u64, error: &io::Error) -> Option<u64> {
    let detail = format!("cpio: {error}; members may be missing");
    inside.gap_at(format!("0x{at:x}"), super::walk::reason(error), detail);
    None
}

fn pad(len: u64, step: u64) -> u64 {
    (step - len % step) % step
}

/// Fills a part of the buffer; how far, at the end of the data.
fn fill(input: &mut impl Read, buffer: &mut [u8], from: usize, to: usize) -> io::Result<usize> {
    let mut at = from;
    while let Some(room) = buffer.get_mut(at..to).filter(|room| !room.is_empty()) {
        match input.read(room)? {
            0 => break,
            n => at += n,
        }
    }
    Ok(at)
}

fn skip(input: &mut impl Read, len: u64) -> io::Result<()> {
    if io::copy(&mut input.take(len), &mut io::sink())? < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Counts what was read, and ends a stream whose members are passed over for ever.
struct Counted<R> {
    inner: R,
    at: u64,
    left: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.saturating_add(1 << 20)).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "the limit on unpacked bytes is reached"));
        }
        let n = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.at += n as u64;
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::seen;

    fn entry(name: &str, content: &str, mode: u32) -> Vec<u8> {
        let mut data = format!("070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}", 1, 0, 0, 1, 0).into_bytes();
        data.extend(format!("{:08x}{:08x}{:08x}{:08x}{:08x}", content.len(), 0, 0, 0, 0).bytes());
        data.extend(format!("{:08x}{:08x}{name}\0", name.len() + 1, 0).bytes());
        data.resize(data.len().next_multiple_of(4), 0);
        data.extend(content.bytes());
        data.resize(data.len().next_multiple_of(4), 0);
        data
    }

    fn archive(name: &str) -> Vec<u8> {
        [entry(name, "content", 0o100644), entry("dir", "", 0o040755), entry("TRAILER!!!", "", 0)].concat()
    }

    #[test]
    fn archives_in_a_row() {
        let mut data = archive("./one");
        data.resize(data.len().next_multiple_of(512), 0);
        data.extend(archive("two"));
        let (members, gaps) = seen("x", data.clone());
        assert_eq!((members, gaps), (vec!["one".to_owned(), "two".to_owned()], vec![]));
        data.extend([0; 100]);
        data.extend(b"rubbish");
        assert_eq!(seen("x", data).1.len(), 1);
    }

    #[test]
    fn breaks_are_gaps() {
        let data = archive("one");
        for cut in [50, 110, 114, 118, 130, data.len() - 124] {
            let (_, gaps) = seen("x", data.get(..cut).unwrap_or_default().to_vec());
            assert!(!gaps.is_empty(), "cut at {cut}");
        }
        let long = [b"070701", "f".repeat(104).as_bytes()].concat();
        assert!(!seen("x.cpio", [archive("one").get(..124).unwrap_or_default(), &long].concat()).1.is_empty());
    }
}
