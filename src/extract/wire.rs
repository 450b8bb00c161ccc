//! The wire format of protobuf: fields, one after the other.
//!
//! In: the bytes of a message. Out: numbers and what they hold. Must not know any schema.

/// One field of the wire format: number, and what it holds.
pub(super) enum Field<'d> {
    Number(u64),
    Bytes(&'d [u8]),
}

/// Reads fields one after the other.
pub(super) struct Wire<'d> {
    data: &'d [u8],
    /// How far it was read.
    pub at: usize,
}

impl<'d> Wire<'d> {
    /// A wire over these bytes.
    pub fn over(data: &'d [u8]) -> Wire<'d> {
        Wire { data, at: 0 }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.data.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The next field; nothing at the end, an error where the bytes are none.
    pub fn next(&mut self) -> Option<Result<(u64, Field<'d>), ()>> {
        if self.at >= self.data.len() {
            return None;
        }
        Some(self.field().ok_or(()))
    }

    fn field(&mut self) -> Option<(u64, Field<'d>)> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            wire @ (1 | 5) => {
                self.at = self.at.checked_add(if wire == 1 { 8 } else { 4 }).filter(|at| *at <= self.data.len())?;
                Field::Number(0)
            }
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                let end = self.at.checked_add(len)?;
                let bytes = self.data.get(self.at..end)?;
                self.at = end;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        Some((tag >> 3, field))
    }
}
