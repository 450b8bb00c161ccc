//! XPRESS with Huffman codes ([MS-XCA] 2.1), chunk by chunk.
//!
//! In: a packed chunk. Out: its bytes, or what is wrong.

use super::codes::{Bits, Codes};

/// Symbols: 256 literals, and matches by the bits of their offset and the start of their length.
const SYMBOLS: usize = 512;

const END: &str = "XPRESS: the packed data ends early or holds a code that does not exist";

pub(super) fn chunk(packed: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
    let (lengths, data) = packed.split_at_checked(SYMBOLS / 2).ok_or(END)?;
    let lengths: Vec<u8> = lengths.iter().flat_map(|pair| [pair & 15, pair >> 4]).collect();
    let codes = Codes::new(&lengths).ok_or(END)?;
    let mut bits = Bits::new(data);
    let mut plain = Vec::with_capacity(len);
    while plain.len() < len {
        let symbol = codes.next(&mut bits).ok_or(END)?;
        if symbol < 256 {
            plain.push(symbol as u8);
            continue;
        }
        let width = (symbol as u32 >> 4) & 15;
        let mut length = symbol & 15;
        // A longer length stands between the words, by the one that is read ahead here.
        bits.peek16();
        let offset = (1 << width) | bits.take(width).ok_or(END)? as usize;
        if length == 15 {
            let more = bits.bytes(1).and_then(|byte| byte.first().copied()).ok_or(END)?;
            length += usize::from(more);
            if more == 255 {
                let wide: [u8; 2] = bits.bytes(2).and_then(|wide| wide.try_into().ok()).ok_or(END)?;
                length = usize::from(u16::from_le_bytes(wide));
            }
        }
        length += 3;
        let from = plain.len().checked_sub(offset).ok_or("XPRESS: a match in front of the data")?;
        if plain.len() + length > len {
            return Err("XPRESS: a match across the end of the chunk");
        }
        for at in from..from + length {
            plain.push(plain.get(at).copied().unwrap_or_default());
        }
    }
    Ok(plain)
}
