//! Sparse files as GNU tar writes them into pax archives, forms 0.0, 0.1 and 1.0. The older form is the crate's matter.
//!
//! In: an entry and its pax records. Out: the file with its holes. Must not know: anything else of the archive.

use std::io::{self, Read};

use tar::Entry;

/// Parts of one file. Each takes a line of text at least, so that more means a hostile map.
const PARTS: usize = 1 << 20;

/// What the pax records of an entry say of it.
#[derive(Default)]
pub(super) struct Sparse {
    /// The name; the header holds an invented one.
    pub name: Option<Vec<u8>>,
    size: Option<u64>,
    /// Where each part stands in the file, and its length.
    map: Vec<(u64, u64)>,
    /// The map stands in front of the content.
    in_front: bool,
    is: bool,
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Sparse {
    pub fn of(entry: &mut Entry<'_, impl Read>) -> Sparse {
        let mut sparse = Sparse::default();
        let Ok(Some(records)) = entry.pax_extensions() else { return sparse };
        let mut offset = None;
        for record in records.flatten() {
            let value = record.value_bytes();
            match record.key_bytes() {
                b"GNU.sparse.name" => sparse.name = Some(value.to_vec()),
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => sparse.size = number(value),
                b"GNU.sparse.major" => sparse.in_front = value == b"1",
                b"GNU.sparse.offset" => offset = number(value),
                b"GNU.sparse.numbytes" => {
                    if let (Some(offset), Some(len), true) = (offset.take(), number(value), sparse.map.len() < PARTS) {
                        sparse.map.push((offset, len));
                    }
                }
                b"GNU.sparse.map" => {
                    let mut numbers = value.split(|b| *b == b',').map_while(number);
                    while let (Some(offset), Some(len), true) =
                        (numbers.next(), numbers.next(), sparse.map.len() < PARTS)
                    {
                        sparse.map.push((offset, len));
                    }
                }
                _ => {}
            }
        }
        sparse.is = sparse.size.is_some() && (sparse.in_front || !sparse.map.is_empty() || entry.size() == 0);
        sparse
    }

    /// The file, where the entry is one of these: its length and its content.
    pub fn file<R: Read>(self, entry: R) -> io::Result<Option<(u64, Filled<R>)>> {
        let Some(size) = self.size.filter(|_| self.is) else { return Ok(None) };
        let mut entry = entry;
        let map = if self.in_front { front(&mut entry)? } else { self.map };
        let mut at = 0u64;
        for (offset, len) in &map {
            if *offset < at {
                return Err(broken("parts that lie upon one another"));
            }
            at = offset.checked_add(*len).filter(|end| *end <= size).ok_or_else(|| broken("a part behind the end"))?;
        }
        Ok(Some((size, Filled { inner: entry, map, next: 0, at: 0, size })))
    }
}

/// Reads the map in front of the content: lines of decimal numbers, filled up to blocks of 512 bytes.
fn front(entry: &mut impl Read) -> io::Result<Vec<(u64, u64)>> {
    let mut block = [0; 512];
    let mut place = block.len();
    let mut line = || -> io::Result<u64> {
        let mut value = 0u64;
        for _ in 0..20 {
            if place == block.len() {
                entry.read_exact(&mut block)?;
                place = 0;
            }
            let byte = block.get(place).copied().unwrap_or(0);
            place += 1;
            match byte {
                b'\n' => return Ok(value),
                b'0'..=b'9' => {
                    let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                    value = next.ok_or_else(|| broken("a number beyond bounds"))?;
                }
                _ => return Err(broken("no number where one should stand")),
            }
        }
        Err(broken("a number beyond bounds"))
    };
    let count = line()?;
    if count > PARTS as u64 {
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, format!("{count} parts, more than {PARTS}")));
    }
    let mut map = Vec::new();
    for _ in 0..count {
        map.push((line()?, line()?));
    }
    Ok(map)
}

/// The content with zeros in its holes.
pub(super) struct Filled<R> {
    inner: R,
    map: Vec<(u64, u64)>,
    next: usize,
    at: u64,
    size: u64,
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (offset, len) = self.map.get(self.next).copied().unwrap_or((self.size, 0));
            let hole = offset.saturating_sub(self.at);
            let data = (offset + len).saturating_sub(self.at.max(offset));
            let left = if hole > 0 { hole } else { data };
            if left == 0 {
                if self.next >= self.map.len() {
                    return Ok(0);
                }
                self.next += 1;
                continue;
            }
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let room = buffer.get_mut(..n).unwrap_or_default();
            let n = if hole > 0 {
                room.fill(0);
                n
            } else {
                let n = self.inner.read(room)?;
                if n == 0 && !room.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                n
            };
            self.at += n as u64;
            return Ok(n);
        }
    }
}
