//! LZFSE and LZVN, Apple's packing of pieces in disk images.
//!
//! In: one packed piece and how long it may become. Out: its plain bytes. Must not know: whose piece it is.

use std::io;

use super::{broken, cut_short};
use crate::bytes::{le32, le64};

/// Symbols and states of the four alphabets: literal lengths, match lengths, distances, literals.
const SYMBOLS: [usize; 4] = [20, 20, 64, 256];
const STATES: [usize; 4] = [64, 64, 256, 1024];

/// Unpacks blocks up to the mark of the end.
pub(super) fn unpack(mut data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(most);
    loop {
        let raw = le32(data, 4).unwrap_or(0) as usize;
        let mark = data.get(..4).ok_or_else(cut_short)?;
        if mark != b"bvx$" && out.len() + raw > most {
            return Err(broken("a block longer than it may be"));
        }
        let end = out.len() + raw;
        let used = match mark {
            b"bvx$" => return Ok(out),
            b"bvx-" => {
                out.extend_from_slice(data.get(8..8 + raw).ok_or_else(cut_short)?);
                8 + raw
            }
            b"bvxn" => {
                let len = le32(data, 8).ok_or_else(cut_short)? as usize;
                lzvn(data.get(12..12 + len).ok_or_else(cut_short)?, &mut out, end)?;
                12 + len
            }
            b"bvx2" => block(data, &mut out, end)?,
            _ => return Err(broken("lzfse: a block of unknown kind")),
        };
        if out.len() != end {
            return Err(broken("lzfse: a block of another length than declared"));
        }
        data = data.get(used..).ok_or_else(cut_short)?;
    }
}

/// Repeats what stands so far back.
fn repeat(out: &mut Vec<u8>, distance: usize, len: usize, end: usize) -> io::Result<()> {
    if distance == 0 || distance > out.len() || out.len() + len > end {
        return Err(broken("lzfse: leads out of the block"));
    }
    for _ in 0..len {
        let byte = out.get(out.len() - distance).copied().unwrap_or(0);
        out.push(byte);
    }
    Ok(())
}

fn lzvn(data: &[u8], out: &mut Vec<u8>, end: usize) -> io::Result<()> {
    let (mut at, mut distance) = (0, 0);
    loop {
        let byte = |offset: usize| data.get(at + offset).copied().map(usize::from).ok_or_else(cut_short);
        let op = byte(0)?;
        let (step, literals, len) = match op {
            0x06 => return Ok(()),
            0x0e | 0x16 => (1, 0, 0),
            0x1e | 0x26 | 0x2e | 0x36 | 0x3e | 0x70..=0x7f | 0xd0..=0xdf => {
                return Err(broken("lzvn: an undefined code"));
            }
            0xe0 => (2, byte(1)? + 16, 0),
            0xe1..=0xef => (1, op & 15, 0),
            0xf0 => (2, 0, byte(1)? + 16),
            0xf1..=0xff => (1, 0, op & 15),
            0xa0..=0xbf => {
                let word = byte(1)? | byte(2)? << 8;
                distance = word >> 2;
                (3, op >> 3 & 3, ((op & 7) << 2 | word & 3) + 3)
            }
            _ => {
                let (literals, len) = (op >> 6, (op >> 3 & 7) + 3);
                match op & 7 {
                    6 => (1, literals, len),
                    7 => {
                        distance = byte(1)? | byte(2)? << 8;
                        (3, literals, len)
                    }
                    high => {
                        distance = high << 8 | byte(1)?;
                        (2, literals, len)
                    }
                }
            }
        };
        let from = at + step;
        if out.len() + literals > end {
            return Err(broken("lzvn: a block longer than declared"));
        }
        out.extend_from_slice(data.get(from..from + literals).ok_or_else(cut_short)?);
        if len > 0 {
            repeat(out, distance, len, end)?;
        }
        at = from + literals;
    }
}

/// Bits that are read from their end.
struct Bits<'d> {
    data: &'d [u8],
    at: usize,
}

impl<'d> Bits<'d> {
    /// `unused` bits at the end say nothing.
    fn new(data: &'d [u8], unused: usize) -> io::Result<Bits<'d>> {
        Ok(Bits { data, at: (data.len() * 8).checked_sub(unused).ok_or_else(cut_short)? })
    }

    fn take(&mut self, count: u32) -> io::Result<usize> {
        self.at = self.at.checked_sub(count as usize).ok_or_else(cut_short)?;
        let first = self.at / 8;
        let word = match le64(self.data, first) {
            Some(word) => word,
            None => {
                let rest = self.data.get(first..).unwrap_or_default();
                rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
            }
        };
        Ok((word >> (self.at % 8)) as usize & ((1 << count) - 1))
    }
}

/// What a state says: its symbol, how many bits the next state takes, and from where that is counted.
#[derive(Clone, Copy, Default)]
struct State {
    symbol: usize,
    bits: u32,
    next: isize,
}

fn states(counts: &[usize], size: usize) -> io::Result<Vec<State>> {
    let mut table = Vec::with_capacity(size);
    for (symbol, count) in counts.iter().copied().enumerate().filter(|(_, count)| *count > 0) {
        if table.len() + count > size {
            return Err(broken("lzfse: counts that are too high"));
        }
        let bits = count.leading_zeros() - size.leading_zeros();
        let wide = ((2 * size) >> bits) - count;
        for index in 0..count {
            table.push(if index < wide {
                State { symbol, bits, next: ((count + index) << bits) as isize - size as isize }
            } else {
                State { symbol, bits: bits - 1, next: ((index - wide) << (bits - 1)) as isize }
            });
        }
    }
    table.resize(size, State::default());
    Ok(table)
}

/// Takes a symbol and goes to the next state.
fn step(table: &[State], state: &mut usize, bits: &mut Bits<'_>) -> io::Result<usize> {
    let one = table.get(*state).ok_or_else(|| broken("lzfse: no such state"))?;
    let next = one.next + bits.take(one.bits)? as isize;
    *state = usize::try_from(next).map_err(|_| broken("lzfse: no such state"))?;
    Ok(one.symbol)
}

/// A number: its symbol's first value, and as many bits more as the symbol has.
fn value(
    table: &[State],
    state: &mut usize,
    bits: &mut Bits<'_>,
    extra: impl Fn(usize) -> (usize, u32),
) -> io::Result<usize> {
    let one = *table.get(*state).ok_or_else(|| broken("lzfse: no such state"))?;
    let (base, count) = extra(one.symbol);
    // The bits of the next state stand above those of the value.
    let next = one.next + bits.take(one.bits)? as isize;
    *state = usize::try_from(next).map_err(|_| broken("lzfse: no such state"))?;
    Ok(base + bits.take(count)?)
}

/// Lengths up to fifteen are themselves.
fn length(symbol: usize, more: [(usize, u32); 4]) -> (usize, u32) {
    symbol.checked_sub(16).and_then(|index| more.get(index).copied()).unwrap_or((symbol, 0))
}

/// Four distances for each number of bits.
fn distance(symbol: usize) -> (usize, u32) {
    let bits = (symbol / 4) as u32;
    ((((1usize << bits) - 1) * 4) + ((symbol % 4) << bits), bits)
}

/// How often each symbol of each alphabet stands, itself packed.
fn counts(data: &[u8]) -> io::Result<Vec<usize>> {
    let mut at = 0;
    let mut take = |look: bool, count: usize| -> usize {
        let mut value = 0;
        for bit in 0..count {
            let place = at + bit;
            let byte = data.get(place / 8).copied().unwrap_or(0);
            value |= usize::from(byte >> (place % 8) & 1) << bit;
        }
        if !look {
            at += count;
        }
        value
    };
    let mut counts = Vec::new();
    for _ in 0..SYMBOLS.iter().sum() {
        let code = take(true, 5);
        let (bits, value) = match code {
            _ if code & 3 == 0 => (2, 0),
            _ if code & 3 == 2 => (2, 1),
            _ if code & 7 == 1 => (3, 2),
            _ if code & 7 == 5 => (3, 3),
            _ if code & 7 == 3 => (5, 4 + (code >> 3)),
            _ if code & 15 == 7 => (8, 8 + (take(true, 8) >> 4)),
            _ => (14, 24 + (take(true, 14) >> 4)),
        };
        take(false, bits);
        counts.push(value);
    }
    if at > data.len() * 8 { Err(cut_short()) } else { Ok(counts) }
}

/// One block; how many bytes it takes.
fn block(data: &[u8], out: &mut Vec<u8>, end: usize) -> io::Result<usize> {
    let word = |at| le64(data, at).ok_or_else(cut_short);
    let (a, b, c) = (word(8)?, word(16)?, word(24)?);
    let field = |word: u64, at: u32, bits: u32| (word >> at) as usize & ((1 << bits) - 1);
    let (literals, literal_len, matches) = (field(a, 0, 20), field(a, 20, 20), field(a, 40, 20));
    let (literal_unused, number_len, number_unused) = (7 - field(a, 60, 3), field(b, 40, 20), 7 - field(b, 60, 3));
    let header = field(c, 0, 32);
    let counts = counts(data.get(32..header).ok_or_else(cut_short)?)?;
    let mut rest = counts.as_slice();
    let mut tables = Vec::new();
    for (symbols, size) in SYMBOLS.into_iter().zip(STATES) {
        let (own, behind) = rest.split_at_checked(symbols).ok_or_else(cut_short)?;
        tables.push(states(own, size)?);
        rest = behind;
    }
    let [ls, ms, ds, bytes] = tables.as_slice() else { return Err(cut_short()) };
    let numbers = header + literal_len;
    let all = numbers + number_len;
    let mut bits = Bits::new(data.get(header..numbers).ok_or_else(cut_short)?, literal_unused)?;
    let mut four = [field(b, 0, 10), field(b, 10, 10), field(b, 20, 10), field(b, 30, 10)];
    let mut plain = Vec::with_capacity(literals);
    while plain.len() < literals {
        for state in &mut four {
            plain.push(step(bytes, state, &mut bits)? as u8);
        }
    }
    let mut bits = Bits::new(data.get(numbers..all).ok_or_else(cut_short)?, number_unused)?;
    let (mut l, mut m, mut d) = (field(c, 32, 10), field(c, 42, 10), field(c, 52, 10));
    let (mut from, mut back) = (0, 0);
    for _ in 0..matches {
        let count = value(ls, &mut l, &mut bits, |s| length(s, [(16, 2), (20, 3), (28, 5), (60, 8)]))?;
        let len = value(ms, &mut m, &mut bits, |s| length(s, [(16, 3), (24, 5), (56, 8), (312, 11)]))?;
        let new = value(ds, &mut d, &mut bits, distance)?;
        if new != 0 {
            back = new;
        }
        if out.len() + count > end {
            return Err(broken("lzfse: a block longer than declared"));
        }
        out.extend_from_slice(plain.get(from..from + count).ok_or_else(cut_short)?);
        from += count;
        if len > 0 {
            repeat(out, back, len, end)?;
        }
    }
    Ok(all)
}
