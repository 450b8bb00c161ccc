//! compress (`.Z`): LZW with codes of 9 to 16 bits; own reader, because no kept crate reads it.
//!
//! In: a blob. Out: its plain content. The format has neither length nor checksum: a cut between two codes is not seen.

use std::io::{self, BufRead, Read};

use super::{inner_name, invalid};
use crate::archive::{Format, Inside};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format = Format { name: "compress", claim, open, carve: &[] };

/// The code that empties the table, where the stream has one.
const CLEAR: u16 = 256;

/// The magic, and a width that exists: with only two bytes to go by, the flags must hold, too.
fn claim(blob: &Blob) -> bool {
    matches!(blob.head(), [0x1f, 0x9d, flags, ..] if flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1f)))
}

fn open(inside: &mut Inside<'_, '_>) {
    let inner = inner_name(inside.blob.name());
    let mut reader = inside.blob.reader();
    reader.consume(2);
    let mut flags = [0];
    if reader.read_exact(&mut flags).is_ok() {
        inside.plain(&inner, Lzw::new(reader, flags[0]));
    }
}

struct Lzw {
    reader: Reader,
    /// Most bits of a code, and whether there is a code to clear the table.
    most: u32,
    block: bool,
    /// Of each code behind the literals: the code before its last byte, and that byte.
    before: Vec<u16>,
    last: Vec<u8>,
    /// Codes in use.
    used: usize,
    bits: u32,
    /// Codes are written in groups of eight of one width: what is left of the group.
    group: Vec<u8>,
    place: usize,
    previous: Option<(u16, u8)>,
    /// What is unpacked and not given out, the last byte first.
    out: Vec<u8>,
    done: bool,
    /// A break that is told once what stood before it is given out.
    failure: Option<io::Error>,
}

impl Lzw {
    fn new(reader: Reader, flags: u8) -> Lzw {
        let most = u32::from(flags & 0x1f);
        let block = flags & 0x80 != 0;
        Lzw {
            reader,
            most,
            block,
            before: vec![0; 1 << most],
            last: vec![0; 1 << most],
            used: if block { 257 } else { 256 },
            bits: 9,
            group: Vec::new(),
            place: 0,
            previous: None,
            out: Vec::new(),
            done: false,
            failure: None,
        }
    }

    /// The next code, or none at the end.
    fn code(&mut self) -> io::Result<Option<u16>> {
        // The width grows when the table holds all codes of it; the rest of the group is then padding.
        if self.used > (1 << self.bits) - 1 && self.bits < self.most {
            self.bits += 1;
            self.place = usize::MAX;
        }
        let width = self.bits as usize;
        if self.place.saturating_add(width) > self.group.len() * 8 {
            self.group.clear();
            self.place = 0;
            (&mut self.reader).take(width as u64).read_to_end(&mut self.group)?;
            if self.group.len() * 8 < width {
                return Ok(None);
            }
        }
        let at = self.place / 8;
        let byte = |i: usize| u32::from(self.group.get(at + i).copied().unwrap_or(0));
        let word = byte(0) | byte(1) << 8 | byte(2) << 16;
        let code = (word >> (self.place % 8)) & ((1 << self.bits) - 1);
        self.place += width;
        Ok(u16::try_from(code).ok())
    }

    fn next(&mut self) -> io::Result<()> {
        let Some(code) = self.code()? else {
            self.done = true;
            return Ok(());
        };
        if code == CLEAR && self.block {
            self.used = 257;
            self.bits = 9;
            self.place = usize::MAX;
            self.previous = None;
            return Ok(());
        }
        let Some((previous, first)) = self.previous else {
            // The first code stands for itself.
            let byte = u8::try_from(code).map_err(|_| invalid("the first code of a table is no byte"))?;
            self.out.push(byte);
            self.previous = Some((code, byte));
            return Ok(());
        };
        let mut at = usize::from(code);
        if at > self.used || (at == self.used && self.used >= self.before.len()) {
            return Err(invalid("a code that is not in the table"));
        }
        if at == self.used {
            // The code being made: what the previous one stands for, and its first byte again.
            self.out.push(first);
            at = usize::from(previous);
        }
        let mut steps = 0;
        while at > 255 {
            let (Some(before), Some(last)) = (self.before.get(at), self.last.get(at)) else {
                return Err(invalid("a code that is not in the table"));
            };
            self.out.push(*last);
            at = usize::from(*before);
            steps += 1;
            if steps > 1 << 16 {
                return Err(invalid("a table that goes round"));
            }
        }
        let byte = u8::try_from(at).unwrap_or(0);
        self.out.push(byte);
        if self.used < 1 << self.most
            && let (Some(before), Some(last)) = (self.before.get_mut(self.used), self.last.get_mut(self.used))
        {
            (*before, *last) = (previous, byte);
            self.used += 1;
        }
        self.previous = Some((code, byte));
        Ok(())
    }
}

impl Read for Lzw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        if let Some(error) = self.failure.take() {
            self.done = true;
            return Err(error);
        }
        while given < buffer.len() {
            if self.out.is_empty() {
                if self.done {
                    break;
                }
                match self.next() {
                    Ok(()) => continue,
                    Err(error) if given > 0 => {
                        self.failure = Some(error);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            let n = self.out.len().min(buffer.len() - given);
            let from = self.out.len() - n;
            for (to, byte) in buffer.get_mut(given..).unwrap_or_default().iter_mut().zip(self.out.drain(from..).rev()) {
                *to = byte;
            }
            given += n;
        }
        Ok(given)
    }
}
