//! Numbers and texts out of untrusted bytes: what every reader of binary data asks for.
//!
//! In: bytes and a place. Out: the number there, or nothing where the data ends before. Must not know: any format.

use std::borrow::Cow;

fn at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A number of two bytes, the low one first.
pub(crate) fn le16(data: &[u8], place: usize) -> Option<u16> {
    at(data, place).map(u16::from_le_bytes)
}

/// A number of four bytes, the low one first.
pub(crate) fn le32(data: &[u8], place: usize) -> Option<u32> {
    at(data, place).map(u32::from_le_bytes)
}

/// A number of eight bytes, the low one first.
pub(crate) fn le64(data: &[u8], place: usize) -> Option<u64> {
    at(data, place).map(u64::from_le_bytes)
}

/// A number of two bytes, the high one first.
pub(crate) fn be16(data: &[u8], place: usize) -> Option<u16> {
    at(data, place).map(u16::from_be_bytes)
}

/// A number of four bytes, the high one first.
pub(crate) fn be32(data: &[u8], place: usize) -> Option<u32> {
    at(data, place).map(u32::from_be_bytes)
}

/// A number of eight bytes, the high one first.
pub(crate) fn be64(data: &[u8], place: usize) -> Option<u64> {
    at(data, place).map(u64::from_be_bytes)
}

/// The bytes up to the first zero, or to the end, or to `most`.
pub(crate) fn until_zero(data: &[u8], most: usize) -> &[u8] {
    let data = data.get(..most).unwrap_or(data);
    data.get(..memchr::memchr(0, data).unwrap_or(data.len())).unwrap_or_default()
}

/// The same as text.
pub(crate) fn text_until_zero(data: &[u8], most: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(until_zero(data, most))
}

/// UTF-16, the low byte first.
pub(crate) fn utf16(data: &[u8]) -> String {
    String::from_utf16_lossy(&data.chunks_exact(2).filter_map(|unit| le16(unit, 0)).collect::<Vec<_>>())
}

/// UTF-16, the high byte first.
pub(crate) fn utf16_be(data: &[u8]) -> String {
    String::from_utf16_lossy(&data.chunks_exact(2).filter_map(|unit| be16(unit, 0)).collect::<Vec<_>>())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hex digits as the letters they stand for, `.` for what is none.
pub(crate) fn letters(hex: &str) -> String {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let letter = |byte| char::from_u32(byte).filter(|c| c.is_ascii_graphic() || *c == ' ').unwrap_or('.');
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).map(letter).collect()
}

/// Shannon's entropy, in bits a byte: random, packed and encrypted data have nearly 8.
pub(crate) fn entropy(data: &[u8]) -> f64 {
    let mut counts = [[0u32; 256]; 4];
    for part in data.chunks(4) {
        for (count, byte) in counts.iter_mut().zip(part) {
            if let Some(count) = count.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
    }
    let all = data.len() as f64;
    (0..256)
        .map(|byte| counts.iter().filter_map(|c| c.get(byte)).sum::<u32>())
        .filter(|n| *n > 0)
        .map(|n| f64::from(n) / all)
        .map(|p| -p * p.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_data_does_not_hold_is_nothing() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((le16(&data, 6), be16(&data, 6), le16(&data, 7)), (Some(0x0807), Some(0x0708), None));
        assert_eq!(
            (le32(&data, 4), be32(&data, 0), le32(&data, usize::MAX)),
            (Some(0x0807_0605), Some(0x0102_0304), None)
        );
        assert_eq!((le64(&data, 0), be64(&data, 1)), (Some(0x0807_0605_0403_0201), None));
    }

    #[test]
    fn texts_end_where_they_do() {
        assert_eq!(
            (until_zero(b"ab\0c", 9), until_zero(b"abc", 2), until_zero(b"", 2)),
            (&b"ab"[..], &b"ab"[..], &b""[..])
        );
        assert_eq!((utf16(b"a\0\xe9\0x"), utf16_be(b"\0a\x04\x10")), ("aé".to_owned(), "aА".to_owned()));
        assert_eq!(hex(&[0, 0xfe]), "00fe");
    }
}
