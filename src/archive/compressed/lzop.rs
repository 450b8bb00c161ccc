//! lzop: own reader of the container, LZO1X through `lzokay`.
//!
//! In: a blob. Out: its plain content. The header's and the blocks' checksums are compared.

use std::io::{self, Read};

use flate2::Crc;

use super::{inner_name, invalid, too_much};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be16, be32};
use crate::source::{Blob, Reader};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "lzop", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"\x89LZO\0\r\n\x1a\n";
/// The program writes blocks of 256 KiB and reads up to 64 MiB.
const BLOCK: usize = 64 << 20;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    let name = inner_name(inside.blob.name());
    let (flags, inner) = match header(&mut reader) {
        Ok((flags, inner)) => (flags, inner.unwrap_or(name)),
        Err(error) => return inside.shut(&name, crate::archive::walk::reason(&error), format!("lzop: {error}")),
    };
    let mut blocks = Blocks { reader, flags, block: Vec::new(), given: 0, done: false };
    inside.plain(&inner, &mut blocks);
    if blocks.done {
        inside.ends_at(blocks.reader.position());
    }
}

fn sound(blob: &Blob) -> bool {
    header(&mut blob.reader()).is_ok()
}

/// Reads the header: its flags and the base name of the content, where it has one.
fn header(reader: &mut Reader) -> io::Result<(u32, Option<String>)> {
    let mut fixed = [0; 15];
    reader.read_exact(&mut fixed)?;
    let mut seen = Vec::new();
    let mut take = |n: usize| -> io::Result<Vec<u8>> {
        let mut part = vec![0; n];
        reader.read_exact(&mut part)?;
        seen.extend_from_slice(&part);
        Ok(part)
    };
    // Two versions of what wrote it, and the one that is needed; before 0.94 the header was another.
    if be16(&fixed, 9).unwrap_or(0) < 0x940 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "written by lzop before 0.94"));
    }
    let method = take(2)?.first().copied().unwrap_or(0);
    let flags = be32(&take(4)?, 0).unwrap_or(0);
    if !matches!(method, 1..=3) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("method {method}")));
    }
    if flags & 0x800 != 0 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "with a filter"));
    }
    take(12)?;
    let len = take(1)?.first().copied().unwrap_or(0);
    let name = take(usize::from(len))?;
    let mut stated = [0; 4];
    let whole = [fixed.get(9..).unwrap_or_default(), &seen].concat();
    reader.read_exact(&mut stated)?;
    if be32(&stated, 0) != Some(sum(&whole, flags & 0x1000 != 0)) {
        return Err(invalid("the header's checksum does not hold"));
    }
    if flags & 0x40 != 0 {
        let mut len = [0; 4];
        reader.read_exact(&mut len)?;
        let len = u64::from(be32(&len, 0).unwrap_or(0)) + 4;
        if io::copy(&mut reader.take(len), &mut io::sink())? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let name = crate::source::base_name(&String::from_utf8_lossy(&name)).to_owned();
    Ok((flags, Some(name).filter(|name| !name.is_empty())))
}

/// CRC-32 or Adler-32.
fn sum(data: &[u8], crc: bool) -> u32 {
    if crc {
        let mut crc = Crc::new();
        crc.update(data);
        return crc.sum();
    }
    let (mut a, mut b) = (1u32, 0u32);
    // So many bytes fit before the sums must be reduced.
    for part in data.chunks(5552) {
        for byte in part {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

struct Blocks {
    reader: Reader,
    flags: u32,
    block: Vec<u8>,
    given: usize,
    done: bool,
}

impl Blocks {
    fn number(&mut self) -> io::Result<u32> {
        let mut word = [0; 4];
        self.reader.read_exact(&mut word)?;
        Ok(u32::from_be_bytes(word))
    }

    fn next(&mut self) -> io::Result<()> {
        let plain = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if plain == 0 {
            self.done = true;
            return Ok(());
        }
        let packed = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if plain > BLOCK {
            return Err(too_much(format!("a block of {plain} bytes, more than {BLOCK}")));
        }
        if packed > plain || packed == 0 {
            return Err(invalid("a block longer than its content"));
        }
        let has = |flag: u32| self.flags & flag != 0;
        let (adler, crc, packed_adler, packed_crc) = (has(1), has(0x100), has(2), has(0x200));
        let adler = if adler { Some(self.number()?) } else { None };
        let crc = if crc { Some(self.number()?) } else { None };
        // A block that did not shrink stands as it is and is summed once.
        for _ in [packed_adler, packed_crc].iter().filter(|has| **has && packed < plain) {
            self.number()?;
        }
        let mut data = Vec::new();
        (&mut self.reader).take(packed as u64).read_to_end(&mut data)?;
        if data.len() < packed {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a block is cut"));
        }
        if packed < plain {
            self.block.resize(plain, 0);
            match lzokay::decompress::decompress(&data, &mut self.block) {
                Ok(n) if n == plain => {}
                Ok(n) => return Err(invalid(&format!("a block of {n} bytes where {plain} are declared"))),
                Err(error) => return Err(invalid(&format!("{error:?}"))),
            }
        } else {
            self.block = data;
        }
        self.given = 0;
        let wrong = |stated: Option<u32>, crc: bool| stated.is_some_and(|stated| stated != sum(&self.block, crc));
        if wrong(adler, false) || wrong(crc, true) {
            return Err(invalid("a block's checksum does not hold"));
        }
        Ok(())
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.block.len() {
            if self.done {
                return Ok(0);
            }
            self.block.clear();
            self.given = 0;
            self.next()?;
        }
        let n = self.block.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += n;
        Ok(n)
    }
}
