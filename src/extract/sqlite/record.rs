//! Rows of an SQLite table: numbers of variable length, and the record format.
//!
//! In: the bytes of a row. Out: [`Value`]s. Must not know: pages.

use std::borrow::Cow;

use encoding_rs::{UTF_16BE, UTF_16LE};

/// Columns of one row: SQLite's own bound.
const COLUMNS: usize = 32_767;

/// How a database writes its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    pub(super) fn by_number(number: u32) -> Encoding {
        match number {
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        }
    }
}

/// What one column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Value<'r> {
    Null,
    Integer(i64),
    Real(f64),
    /// Text, in the encoding of the database.
    Text(&'r [u8]),
    Blob(&'r [u8]),
}

impl<'r> Value<'r> {
    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, encoding: Encoding) -> Option<Cow<'r, str>> {
        let Value::Text(bytes) = self else { return None };
        Some(match encoding {
            Encoding::Utf8 => String::from_utf8_lossy(bytes),
            Encoding::Utf16Le => UTF_16LE.decode_without_bom_handling(bytes).0,
            Encoding::Utf16Be => UTF_16BE.decode_without_bom_handling(bytes).0,
        })
    }

    /// Bytes.
    pub fn blob(&self) -> Option<&'r [u8]> {
        match self {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// A number of one to nine bytes; of the ninth all bits count.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for index in 0..9 {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        if index == 8 {
            return Some(value << 8 | u64::from(*byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A whole number of some bytes, the high one first.
fn signed(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|b| b & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |n: i64, b| n << 8 | i64::from(*b))
}

/// The columns of a row. Nothing where they lead out of it.
pub(super) fn record(payload: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut rest = payload;
    let len = usize::try_from(varint(&mut rest)?).ok()?;
    let taken = payload.len() - rest.len();
    let (mut types, mut body) = (payload.get(taken..len)?, payload.get(len..)?);
    let mut columns = Vec::new();
    while !types.is_empty() && columns.len() < COLUMNS {
        let kind = varint(&mut types)?;
        let width = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (bytes, behind) = body.split_at_checked(width)?;
        body = behind;
        columns.push(match kind {
            0 => Value::Null,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            1..=6 => Value::Integer(signed(bytes)),
            kind if kind % 2 == 0 => Value::Blob(bytes),
            _ => Value::Text(bytes),
        });
    }
    Some(columns)
}
