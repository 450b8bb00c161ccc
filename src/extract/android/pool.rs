//! What all compiled resources are built of: chunks' numbers, the string pool, typed values.
//!
//! In: the bytes of a chunk. Out: strings and values as text.

use crate::bytes::{le16, le32};

/// Letters kept of one string.
const LONGEST: usize = 2048;

/// The kind of a value that is a string of the pool.
pub(super) const STRING: u8 = 0x03;

/// A typed value as text: strings, references to resources, numbers, truth values; others say nothing here.
pub(super) fn value(kind: u8, value: u32, pool: &Pool<'_>) -> Option<String> {
    Some(match kind {
        0x01 | 0x07 => format!("@0x{value:08x}"),
        STRING => pool.get(value)?,
        0x10 => value.cast_signed().to_string(),
        0x11 => format!("0x{value:x}"),
        0x12 => (value != 0).to_string(),
        _ => return None,
    })
}

/// The string pool, read on demand.
#[derive(Default)]
pub(super) struct Pool<'a> {
    chunk: &'a [u8],
    header: usize,
    count: u32,
    start: usize,
    utf8: bool,
}

impl<'a> Pool<'a> {
    pub fn read(chunk: &'a [u8]) -> Option<Pool<'a>> {
        // Later versions may make the header longer.
        let header = usize::from(le16(chunk, 2)?);
        (header >= 28).then_some(())?;
        Some(Pool {
            chunk,
            header,
            count: le32(chunk, 8)?,
            utf8: le32(chunk, 16)? & 0x100 != 0,
            start: le32(chunk, 20)? as usize,
        })
    }

    /// How many strings it can hold.
    pub fn count(&self) -> u32 {
        self.count.min(u32::try_from(self.chunk.len() / 4).unwrap_or(u32::MAX))
    }

    /// A string, up to [`LONGEST`]: a hostile pool points every attribute at one endless text.
    pub fn get(&self, index: u32) -> Option<String> {
        if index >= self.count {
            return None;
        }
        // The offsets stand behind the header.
        let offset = le32(self.chunk, self.header.checked_add((index as usize).checked_mul(4)?)?)? as usize;
        let rest = self.chunk.get(self.start.checked_add(offset)?..)?;
        if self.utf8 {
            // Length in characters, then in bytes, one or two bytes each.
            let skip = |at: usize| rest.get(at).map(|b| if b & 0x80 == 0 { 1 } else { 2 });
            let first = skip(0)?;
            let len = match (rest.get(first)?, rest.get(first + 1)) {
                (high, Some(low)) if high & 0x80 != 0 => usize::from(high & 0x7f) << 8 | usize::from(*low),
                (len, _) => usize::from(*len),
            };
            let text = first + skip(first)?;
            Some(String::from_utf8_lossy(rest.get(text..text + len)?.get(..len.min(LONGEST))?).into_owned())
        } else {
            let (len, text): (usize, usize) = match le16(rest, 0)? {
                high if high & 0x8000 != 0 => ((usize::from(high & 0x7fff) << 16) | usize::from(le16(rest, 2)?), 4),
                len => (usize::from(len), 2),
            };
            let bytes = rest.get(text..text.checked_add(len.checked_mul(2)?)?)?;
            let units: Vec<u16> = bytes.chunks_exact(2).take(LONGEST).filter_map(|c| le16(c, 0)).collect();
            Some(String::from_utf16_lossy(&units))
        }
    }
}
