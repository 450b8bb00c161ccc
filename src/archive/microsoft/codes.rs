//! Canonical Huffman codes over words of sixteen bits, as LZX and XPRESS have them.
//!
//! In: lengths of codes and packed bytes. Out: symbols, or nothing where the data ends or a code does not exist.

/// Longest code in either format.
const LONGEST: usize = 16;
/// Codes up to this length are found by one look.
const QUICK: usize = 10;

/// A code as a table for short codes, and limits by length for long ones. The table is small on purpose: hostile data may
/// state new codes every few bytes.
#[derive(Default)]
pub(super) struct Codes {
    /// By the next bits: the symbol, and the length of its code in the low four bits; zero where it is longer.
    quick: Vec<u16>,
    /// By length: the first code behind those of the length, and where its symbols begin, less the first code.
    limits: [(u32, i32); LONGEST + 1],
    symbols: Vec<u16>,
}

impl Codes {
    /// Codes by the lengths of all symbols; none where more are stated than there are.
    pub fn new(lengths: &[u8]) -> Option<Codes> {
        let mut counts = [0u32; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        let mut starts = [0u32; LONGEST + 2];
        let mut codes = Codes { quick: vec![0; 1 << QUICK], limits: [(0, 0); LONGEST + 1], symbols: Vec::new() };
        let (mut code, mut index) = (0u32, 0u32);
        for length in 1..=LONGEST {
            let count = *counts.get(length)?;
            *starts.get_mut(length)? = index;
            code <<= 1;
            let first = code;
            code += count;
            if code > 1 << length {
                return None;
            }
            *codes.limits.get_mut(length)? = (code, index.cast_signed() - first.cast_signed());
            index += count;
        }
        codes.symbols = vec![0; index as usize];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let start = starts.get_mut(usize::from(*length))?;
            *codes.symbols.get_mut(*start as usize)? = u16::try_from(symbol).ok()?;
            *start += 1;
        }
        let mut at = 0;
        let mut symbols = codes.symbols.iter();
        for length in 1..=QUICK {
            for symbol in symbols.by_ref().take(*counts.get(length)? as usize) {
                let wide = 1 << (QUICK - length);
                codes.quick.get_mut(at..at + wide)?.fill(symbol << 4 | length as u16);
                at += wide;
            }
        }
        Some(codes)
    }

    /// The next symbol.
    pub fn next(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let next = bits.peek16();
        let quick = *self.quick.get((next >> (16 - QUICK)) as usize)?;
        if quick != 0 {
            bits.skip(u32::from(quick & 15))?;
            return Some(usize::from(quick >> 4));
        }
        for length in QUICK + 1..=LONGEST {
            let code = next >> (LONGEST - length);
            let (limit, shift) = *self.limits.get(length)?;
            if code < limit {
                bits.skip(length as u32)?;
                return self.symbols.get(usize::try_from(code.cast_signed() + shift).ok()?).map(|s| usize::from(*s));
            }
        }
        None
    }
}

/// Bits of words of sixteen, the low byte first, the high bit first. A word is taken only when it is needed, as the bytes
/// that stand between the words are found by that.
pub(super) struct Bits<'d> {
    data: &'d [u8],
    at: usize,
    held: u64,
    count: u32,
    /// Bits made up behind the end: to look at them is no fault, to use them is.
    made_up: u32,
}

impl<'d> Bits<'d> {
    pub fn new(data: &'d [u8]) -> Bits<'d> {
        Bits { data, at: 0, held: 0, count: 0, made_up: 0 }
    }

    fn word(&mut self) {
        let word = match (self.data.get(self.at), self.data.get(self.at + 1)) {
            (Some(low), Some(high)) => u16::from_le_bytes([*low, *high]),
            _ => {
                self.made_up += 16;
                0
            }
        };
        if self.made_up == 0 {
            self.at += 2;
        }
        self.held = self.held << 16 | u64::from(word);
        self.count += 16;
    }

    /// The next sixteen bits.
    pub fn peek16(&mut self) -> u32 {
        if self.count < 16 {
            self.word();
        }
        (self.held >> (self.count - 16)) as u32 & 0xffff
    }

    fn skip(&mut self, count: u32) -> Option<()> {
        self.count = self.count.checked_sub(count)?;
        (self.count >= self.made_up).then_some(())
    }

    /// A number of up to sixteen bits.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        if self.count < count {
            self.word();
        }
        let value = (self.held >> self.count.checked_sub(count)?) as u32 & ((1 << count) - 1);
        self.skip(count)?;
        Some(value)
    }

    /// Goes on with the next whole word, passing one to sixteen bits over: what follows is bytes.
    pub fn align(&mut self) {
        match self.count {
            0 => self.at += 2,
            1..=16 => {}
            _ => self.at -= 2,
        }
        self.count = 0;
    }

    /// Bytes that stand between the words.
    pub fn bytes(&mut self, count: usize) -> Option<&'d [u8]> {
        let bytes = self.data.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_are_more_than_there_are_and_codes_that_are_none() {
        assert!(Codes::new(&[1, 1, 1]).is_none());
        assert!(Codes::new(&[17]).is_none());
        let none = Codes::new(&[0; 8]).unwrap_or_default();
        assert_eq!(none.next(&mut Bits::new(&[0; 8])), None);
    }

    #[test]
    fn short_and_long_codes_are_found_and_the_end_is_seen() {
        // 0, 10, 110 and so on, the last two of sixteen bits.
        let lengths: Vec<u8> = (1..=16).chain([16]).collect();
        let codes = Codes::new(&lengths).unwrap_or_default();
        let data = [0xff, 0xff, 0xfe, 0xff, 0xff, 0x7f];
        let mut bits = Bits::new(&data);
        assert_eq!(codes.next(&mut bits), Some(16));
        assert_eq!(codes.next(&mut bits), Some(15));
        assert_eq!(codes.next(&mut bits), Some(0));
        let rest: Vec<_> = std::iter::from_fn(|| codes.next(&mut bits)).collect();
        assert!(rest.is_empty(), "fifteen ones are no code: {rest:?}");
    }

    #[test]
    fn bytes_stand_behind_the_word_that_is_read() {
        let mut bits = Bits::new(&[0, 0x80, 1, 2, 3, 4]);
        assert_eq!(bits.take(1), Some(1));
        bits.align();
        assert_eq!(bits.bytes(2), Some(&[1, 2][..]));
        bits.align();
        assert_eq!(bits.bytes(1), None);
    }
}
