//! The filter that Inno Setup puts over programs before it packs them.
//!
//! In: a file as it unpacks, and the form of the filter. Out: the file as it was. Must not know: what it is.

use std::io::{self, Read};

/// How the targets of calls were made absolute before packing.
pub(super) struct Calls {
    /// From 5.3.9 on the high byte is turned over for targets behind.
    pub flip: bool,
    /// Before 5.2 any target was changed, byte by byte.
    pub early: bool,
}

/// Undoes that, block by block: no call goes across the end of one.
pub(super) struct Filtered<R> {
    inner: R,
    form: Calls,
    block: Vec<u8>,
    used: usize,
    at: u64,
    /// Of the early form: what is left of a target, and how many bytes of it.
    carry: (u32, u32),
}

const BLOCK: usize = 64 << 10;

impl<R: Read> Filtered<R> {
    pub fn new(inner: R, form: Calls) -> Self {
        Filtered { inner, form, block: Vec::new(), used: 0, at: 0, carry: (0, 0) }
    }

    fn undo_early(&mut self) {
        let (mut rest, mut left) = self.carry;
        for (n, byte) in self.block.iter_mut().enumerate() {
            if left == 0 {
                if matches!(*byte, 0xe8 | 0xe9) {
                    rest = (self.at as u32).wrapping_add(n as u32).wrapping_add(5).wrapping_neg();
                    left = 4;
                }
            } else {
                rest = rest.wrapping_add(u32::from(*byte));
                *byte = rest as u8;
                rest >>= 8;
                left -= 1;
            }
        }
        self.carry = (rest, left);
    }

    fn undo(&mut self) {
        let mut n = 0;
        while let Some(found) = self.block.get(n..).and_then(|rest| memchr::memchr2(0xe8, 0xe9, rest)) {
            n += found;
            let Some(target) = self.block.get_mut(n + 1..n + 5) else { return };
            if let [low, middle, high, sign @ (0 | 0xff)] = target {
                let behind = (self.at as u32).wrapping_add(n as u32).wrapping_add(5) & 0xff_ffff;
                let absolute = u32::from_le_bytes([*low, *middle, *high, 0]);
                let relative = absolute.wrapping_sub(behind);
                [*low, *middle, *high, _] = relative.to_le_bytes();
                if self.form.flip && relative & 0x80_0000 != 0 {
                    *sign = !*sign;
                }
            }
            n += 5;
        }
    }
}

impl<R: Read> Read for Filtered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used >= self.block.len() {
            self.at += self.block.len() as u64;
            self.block.clear();
            self.used = 0;
            (&mut self.inner).take(BLOCK as u64).read_to_end(&mut self.block)?;
            if self.form.early { self.undo_early() } else { self.undo() }
        }
        let n = self.block.get(self.used..).unwrap_or_default().read(buffer)?;
        self.used += n;
        Ok(n)
    }
}
