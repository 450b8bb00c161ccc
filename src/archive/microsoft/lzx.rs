//! LZX as cabinets and Windows images have it ([MS-PATCH] describes its later form).
//!
//! In: packed blocks. Out: their bytes, or what is wrong. The two forms differ in how a block states its size and in what is
//! done to calls in code.

use super::codes::{Bits, Codes};

/// Which form it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Blocks go across the frames of a folder.
    Cabinet,
    /// Each chunk stands alone.
    Image,
}

/// Bytes of a frame, across which calls are not translated.
const FRAME: usize = 32 << 10;
/// Symbols of the length code.
const LENGTHS: usize = 249;
/// The file size that Windows images take for granted in the translation of calls.
const IMAGE_SIZE: i32 = 12_000_000;

/// What decoding failed at.
pub(super) type Fault = &'static str;

const END: Fault = "LZX: the packed data ends early or holds a code that does not exist";

/// The kind of block that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Verbatim,
    Aligned,
    Plain,
}

/// A decoder with what it carries from frame to frame.
pub(super) struct Lzx {
    form: Form,
    window: Vec<u8>,
    at: usize,
    /// Bytes given out so far, by which calls are translated.
    given: u64,
    recent: [usize; 3],
    main: Vec<u8>,
    length: Vec<u8>,
    main_codes: Codes,
    length_codes: Codes,
    aligned_codes: Codes,
    kind: Kind,
    /// Bytes of the block still to come.
    left: usize,
    /// A plain block of odd length is followed by a byte of padding.
    pad: bool,
    started: bool,
    calls: i32,
}

impl Lzx {
    /// A decoder with a window of two to the power of `bits`: 15 to 21.
    pub fn new(bits: u32, form: Form) -> Option<Lzx> {
        let slots = match bits {
            15..=19 => 2 * bits as usize,
            20 => 42,
            21 => 50,
            _ => return None,
        };
        Some(Lzx {
            form,
            window: vec![0; 1 << bits],
            at: 0,
            given: 0,
            recent: [1; 3],
            main: vec![0; 256 + 8 * slots],
            length: vec![0; LENGTHS],
            main_codes: Codes::default(),
            length_codes: Codes::default(),
            aligned_codes: Codes::default(),
            kind: Kind::Plain,
            left: 0,
            pad: false,
            started: false,
            calls: if form == Form::Image { IMAGE_SIZE } else { 0 },
        })
    }

    /// The next frame, of up to 32 KiB; of an image the whole chunk.
    pub fn frame(&mut self, packed: &[u8], len: usize) -> Result<Vec<u8>, Fault> {
        let len = len.min(if self.form == Form::Image { self.window.len() } else { FRAME });
        let start = self.at;
        let mut bits = Bits::new(packed);
        if self.pad {
            bits.bytes(1);
            self.pad = false;
        }
        if !self.started && self.form == Form::Cabinet {
            self.calls = self.calls_of(&mut bits).ok_or(END)?;
        }
        self.started = true;
        let mut done = 0;
        while done < len {
            if self.left == 0 {
                self.block(&mut bits).ok_or(END)?;
            }
            let run = self.left.min(len - done);
            match self.kind {
                Kind::Plain => self.plain(&mut bits, run)?,
                _ => self.packed(&mut bits, run)?,
            }
            done += run;
            self.left -= run;
            if self.left == 0 && self.pad {
                self.pad = bits.bytes(1).is_none();
            }
        }
        let mut frame = Vec::with_capacity(len);
        let first = len.min(self.window.len() - start);
        frame.extend_from_slice(self.window.get(start..start + first).unwrap_or_default());
        frame.extend_from_slice(self.window.get(..len - first).unwrap_or_default());
        if self.calls != 0 && self.given < 1 << 30 {
            translate(&mut frame, self.given as i32, self.calls);
        }
        self.given += len as u64;
        Ok(frame)
    }

    fn calls_of(&mut self, bits: &mut Bits<'_>) -> Option<i32> {
        if bits.take(1)? == 0 {
            return Some(0);
        }
        let high = bits.take(16)?;
        Some((high << 16 | bits.take(16)?).cast_signed())
    }

    /// The header of a block.
    fn block(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let kind = bits.take(3)?;
        self.left = match self.form {
            Form::Image if bits.take(1)? == 1 => FRAME,
            Form::Image if self.window.len() < 1 << 16 => bits.take(16)? as usize,
            _ => {
                let high = bits.take(16)? as usize;
                high << 8 | bits.take(8)? as usize
            }
        };
        if self.left == 0 {
            return None;
        }
        self.kind = match kind {
            1 => Kind::Verbatim,
            2 => Kind::Aligned,
            3 => Kind::Plain,
            _ => return None,
        };
        if self.kind == Kind::Plain {
            bits.align();
            for recent in &mut self.recent {
                let offset: [u8; 4] = bits.bytes(4)?.try_into().ok()?;
                *recent = u32::from_le_bytes(offset) as usize;
            }
            self.pad = self.left % 2 == 1;
            return Some(());
        }
        if self.kind == Kind::Aligned {
            let mut lengths = [0; 8];
            for length in &mut lengths {
                *length = bits.take(3)? as u8;
            }
            self.aligned_codes = Codes::new(&lengths)?;
        }
        let (literals, matches) = self.main.split_at_mut_checked(256)?;
        lengths(bits, literals)?;
        lengths(bits, matches)?;
        self.main_codes = Codes::new(&self.main)?;
        lengths(bits, &mut self.length)?;
        self.length_codes = Codes::new(&self.length)?;
        Some(())
    }

    fn plain(&mut self, bits: &mut Bits<'_>, mut run: usize) -> Result<(), Fault> {
        while run > 0 {
            let n = run.min(self.window.len() - self.at);
            let from = bits.bytes(n).ok_or(END)?;
            self.window.get_mut(self.at..self.at + n).ok_or(END)?.copy_from_slice(from);
            self.at = (self.at + n) & (self.window.len() - 1);
            run -= n;
        }
        Ok(())
    }

    fn packed(&mut self, bits: &mut Bits<'_>, run: usize) -> Result<(), Fault> {
        let mask = self.window.len() - 1;
        let mut done = 0;
        while done < run {
            let symbol = self.main_codes.next(bits).ok_or(END)?;
            let Some(rest) = symbol.checked_sub(256) else {
                *self.window.get_mut(self.at).ok_or(END)? = symbol as u8;
                self.at = (self.at + 1) & mask;
                done += 1;
                continue;
            };
            let mut length = (rest & 7) + 2;
            if rest & 7 == 7 {
                length += self.length_codes.next(bits).ok_or(END)?;
            }
            let offset = self.offset(bits, rest >> 3).ok_or(END)?;
            if offset == 0 || offset > self.window.len() {
                return Err("LZX: a match beyond the window");
            }
            if done + length > run {
                return Err("LZX: a match across the end of a frame or block");
            }
            self.copy(offset, length);
            done += length;
        }
        Ok(())
    }

    fn offset(&mut self, bits: &mut Bits<'_>, slot: usize) -> Option<usize> {
        if let Some(recent) = self.recent.get(slot).copied() {
            *self.recent.get_mut(slot)? = self.recent[0];
            self.recent[0] = recent;
            return Some(recent);
        }
        let (base, extra) = match slot {
            3 => (3, 0),
            4..=37 => {
                let extra = slot / 2 - 1;
                ((2 + slot % 2) << extra, extra as u32)
            }
            _ => ((slot - 34) << 17, 17),
        };
        let low = match (self.kind, extra) {
            (Kind::Aligned, 3..) => {
                let high = wide(bits, extra - 3)? << 3;
                high + self.aligned_codes.next(bits)?
            }
            _ => wide(bits, extra)?,
        };
        let offset = base + low - 2;
        self.recent = [offset, self.recent[0], self.recent[1]];
        Some(offset)
    }

    fn copy(&mut self, offset: usize, length: usize) {
        let mask = self.window.len() - 1;
        let from = self.at.wrapping_sub(offset) & mask;
        if offset >= length && from + length <= self.window.len() && self.at + length <= self.window.len() {
            self.window.copy_within(from..from + length, self.at);
        } else {
            for n in 0..length {
                let byte = self.window.get((from + n) & mask).copied().unwrap_or_default();
                if let Some(to) = self.window.get_mut((self.at + n) & mask) {
                    *to = byte;
                }
            }
        }
        self.at = (self.at + length) & mask;
    }
}

fn wide(bits: &mut Bits<'_>, count: u32) -> Option<usize> {
    if count <= 16 {
        return Some(bits.take(count)? as usize);
    }
    let high = bits.take(count - 16)? as usize;
    Some(high << 16 | bits.take(16)? as usize)
}

/// Lengths of codes, each as the difference to what it was before.
fn lengths(bits: &mut Bits<'_>, lengths: &mut [u8]) -> Option<()> {
    let mut before = [0; 20];
    for length in &mut before {
        *length = bits.take(4)? as u8;
    }
    let codes = Codes::new(&before)?;
    let less = |old: u8, by: usize| ((usize::from(old) + 17 - by) % 17) as u8;
    let mut at = 0;
    while let Some(old) = lengths.get(at).copied() {
        let (run, value) = match codes.next(bits)? {
            17 => (4 + bits.take(4)? as usize, 0),
            18 => (20 + bits.take(5)? as usize, 0),
            19 => {
                let run = 4 + bits.take(1)? as usize;
                (run, less(old, codes.next(bits).filter(|by| *by < 17)?))
            }
            by => (1, less(old, by)),
        };
        let end = (at + run).min(lengths.len());
        lengths.get_mut(at..end)?.fill(value);
        at = end;
    }
    Some(())
}

/// Makes the targets of calls relative again: the packer had made them absolute.
fn translate(frame: &mut [u8], start: i32, size: i32) {
    let Some(end) = frame.len().checked_sub(10) else { return };
    let mut at = 0;
    while let Some(found) = frame.get(at..end).and_then(|rest| memchr::memchr(0xe8, rest)) {
        at += found;
        let here = start.wrapping_add(at as i32);
        if let Some(target) = frame.get_mut(at + 1..at + 5)
            && let Ok(bytes) = <[u8; 4]>::try_from(&*target)
        {
            let absolute = i32::from_le_bytes(bytes);
            if absolute >= here.wrapping_neg() && absolute < size {
                let relative = if absolute >= 0 { absolute.wrapping_sub(here) } else { absolute.wrapping_add(size) };
                target.copy_from_slice(&relative.to_le_bytes());
            }
        }
        at += 5;
    }
}
