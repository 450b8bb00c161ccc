//! ASN.1 in its Basic Encoding Rules (X.690), read leniently and without copying.
//!
//! In: bytes. Out: elements within elements. Apple's signatures use indefinite lengths and strings in parts, Microsoft's
//! break the order of DER's sets: both are refused by strict readers. Must not know what an element means.

use std::borrow::Cow;

use crate::bytes::{be32, utf16_be};

/// Elements of indefinite length within each other: finding their end means reading what is in them.
const DEPTH: usize = 24;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Element<'a> {
    /// The identifier octet: class, form and number. Numbers above thirty do not occur in what is read here.
    pub tag: u8,
    /// What stands between its header and its end.
    pub content: &'a [u8],
    /// All of it.
    pub whole: &'a [u8],
}

pub(in super::super) const INTEGER: u8 = 0x02;
pub(in super::super) const OCTETS: u8 = 0x04;
pub(in super::super) const OID: u8 = 0x06;
pub(in super::super) const SEQUENCE: u8 = 0x30;
pub(in super::super) const SET: u8 = 0x31;

/// The tag `[n]` of a constructed context-specific element.
pub(in super::super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The element at the start of the data, and what follows it.
pub(in super::super) fn read(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    read_within(data, DEPTH)
}

fn read_within(data: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let tag = *data.first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = *data.get(1)?;
    let (header, length) = match first {
        0x80 => {
            let body = data.get(2..)?;
            let length = end_of_contents(body, depth.checked_sub(1)?)?;
            let (content, rest) = (body.get(..length)?, body.get(length.checked_add(2)?..)?);
            let whole = data.get(..data.len() - rest.len())?;
            return Some((Element { tag, content, whole }, rest));
        }
        short if short < 0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            let bytes = data.get(2..2 + count).filter(|_| count <= 8)?;
            let length = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            (2 + count, usize::try_from(length).ok()?)
        }
    };
    let end = length.checked_add(header)?;
    let whole = data.get(..end)?;
    Some((Element { tag, content: whole.get(header..)?, whole }, data.get(end..)?))
}

/// How far it is to the two zero bytes that end an element of indefinite length.
fn end_of_contents(data: &[u8], depth: usize) -> Option<usize> {
    let mut rest = data;
    loop {
        if rest.starts_with(&[0, 0]) {
            return Some(data.len() - rest.len());
        }
        (_, rest) = read_within(rest, depth)?;
    }
}

/// The elements one behind the other, up to the first that cannot be read.
pub(in super::super) fn all(data: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (element, behind) = read(rest)?;
        rest = behind;
        Some(element)
    })
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub fn children(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        all(self.content)
    }

    /// The first element in it, where it is of this tag.
    pub fn inner(&self, tag: u8) -> Option<Element<'a>> {
        self.children().next().filter(|e| e.tag == tag)
    }

    /// The bytes of a string, put together where it stands in parts.
    pub fn octets(&self) -> Cow<'a, [u8]> {
        if self.tag & 0x20 == 0 {
            return Cow::Borrowed(self.content);
        }
        let mut bytes = Vec::new();
        for part in self.children() {
            // Parts of parts are allowed and not met.
            bytes.extend_from_slice(part.content);
        }
        Cow::Owned(bytes)
    }

    /// The text of a string of any of the types names are written in; `tag` where the element's own is implicit.
    pub fn text_as(&self, tag: u8) -> String {
        let bytes = self.octets();
        match tag & 0x1f {
            // BMPString: UTF-16, big end first.
            30 => utf16_be(&bytes),
            // UniversalString: UTF-32.
            28 => {
                let points = bytes.chunks_exact(4).filter_map(|c| be32(c, 0));
                points.map(|p| char::from_u32(p).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
            // TeletexString: Latin-1 in practice, unless it is UTF-8 all the same.
            20 if std::str::from_utf8(&bytes).is_err() => bytes.iter().map(|b| char::from(*b)).collect(),
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The same by its own tag.
    pub fn text(&self) -> String {
        self.text_as(self.tag)
    }
}

/// An object identifier in dotted form.
pub(in super::super) fn dotted(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut arc = 0u64;
    for byte in content.iter().take(64) {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        let _ = if text.is_empty() {
            let root = (arc / 40).min(2);
            write!(text, "{root}.{}", arc - root * 40)
        } else {
            write!(text, ".{arc}")
        };
        arc = 0;
    }
    text
}

/// A time as RFC 3339 writes it: `UTCTime` and `GeneralizedTime`, without fractions.
pub(in super::super) fn time(element: &Element<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(element.content).into_owned();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let full = match element.tag {
        0x17 => format!("{}{digits}", if digits.get(..2)? < "50" { "20" } else { "19" }),
        0x18 => digits,
        _ => return None,
    };
    let part = |from: usize, to: usize| full.get(from..to);
    let seconds = part(12, 14).unwrap_or("00");
    Some(format!("{}-{}-{}T{}:{}:{seconds}Z", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form() {
        let (short, rest) = read(&[0x04, 2, 1, 2, 9]).unwrap();
        assert_eq!((short.content, rest), (&[1, 2][..], &[9][..]));
        let (long, _) = read(&[0x04, 0x82, 0, 1, 7]).unwrap();
        assert_eq!(long.content, [7]);
        // Indefinite, with a string in two parts in it, and another behind.
        let data = [0x24, 0x80, 0x04, 1, b'a', 0x04, 1, b'b', 0, 0, 0x05, 0];
        let (parts, rest) = read(&data).unwrap();
        assert_eq!((parts.octets().as_ref(), rest), (&b"ab"[..], &[5, 0][..]));
        assert_eq!(parts.whole.len(), 10);
    }

    #[test]
    fn what_is_cut_or_endless_is_nothing() {
        for broken in [&[][..], &[0x30], &[0x30, 5, 0], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80, 4, 1, 2]] {
            assert!(read(broken).is_none(), "{broken:?}");
        }
        // Deep nesting of indefinite lengths gives up instead of recurring.
        assert!(read(&[0x30, 0x80].repeat(100_000)).is_none());
    }

    #[test]
    fn names_and_times() {
        assert_eq!(dotted(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 12]), "1.3.6.1.4.1.311.2.1.12");
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        let text = |tag, content| Element { tag, content, whole: content }.text();
        assert_eq!(text(30, &[0x04, 0x10, 0, b'o']), "Аo");
        assert_eq!(text(20, b"Gr\xfc\xdfe"), "Grüße");
        assert_eq!(text(12, "Лаборатория".as_bytes()), "Лаборатория");
        let at = |tag, content: &'static [u8]| time(&Element { tag, content, whole: content });
        assert_eq!(at(0x17, b"181025000000Z").as_deref(), Some("2018-10-25T00:00:00Z"));
        assert_eq!(at(0x18, b"20250101120000.123Z").as_deref(), Some("2025-01-01T12:00:00Z"));
        assert_eq!(at(0x17, b"x"), None);
    }
}
