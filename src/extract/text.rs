//! Bytes to text, whatever the encoding: byte-order marks, UTF-16 without one, else UTF-8, else windows-1252.
//!
//! In: bytes. Out: text and, where it was not plain UTF-8, the name of the encoding.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Decodes a document. Never fails: a byte that fits nothing becomes U+FFFD or its windows-1252 letter.
pub(super) fn decode(data: &[u8]) -> (Cow<'_, str>, Option<&'static str>) {
    if let Some((text, name)) = utf32(data) {
        return (Cow::Owned(text), Some(name));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(data) {
        let rest = data.get(mark..).unwrap_or_default();
        let (text, _) = encoding.decode_without_bom_handling(rest);
        return (text, Some(if encoding == UTF_8 { "UTF-8 with a byte-order mark" } else { encoding.name() }));
    }
    match data.get(..4) {
        Some([0, first, 0, _]) if *first != 0 => {
            return (UTF_16BE.decode_without_bom_handling(data).0, Some("UTF-16BE"));
        }
        Some([first, 0, _, 0]) if *first != 0 => {
            return (UTF_16LE.decode_without_bom_handling(data).0, Some("UTF-16LE"));
        }
        _ => {}
    }
    match std::str::from_utf8(data) {
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(data).0, Some("windows-1252 (not valid UTF-8)")),
    }
}

/// UTF-32 with a byte-order mark, or that begins with a letter of ASCII: no web browser reads it, so neither does the
/// crate, and some tools write it.
fn utf32(data: &[u8]) -> Option<(String, &'static str)> {
    let (little, rest) = match data {
        [0xff, 0xfe, 0, 0, rest @ ..] => (true, rest),
        [0, 0, 0xfe, 0xff, rest @ ..] => (false, rest),
        [1..=0x7f, 0, 0, 0, 1..=0x7f, 0, 0, 0, ..] => (true, data),
        [0, 0, 0, 1..=0x7f, 0, 0, 0, 1..=0x7f, ..] => (false, data),
        _ => return None,
    };
    let letters = rest.chunks_exact(4).filter_map(|c| c.try_into().ok()).map(|four: [u8; 4]| {
        let number = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    });
    Some((letters.collect(), if little { "UTF-32LE" } else { "UTF-32BE" }))
}

/// Decodes XML: what its declaration says of the encoding holds where no byte-order mark says otherwise.
pub(super) fn decode_xml(data: &[u8]) -> (Cow<'_, str>, Option<&'static str>) {
    let head = data.get(..200).unwrap_or(data);
    let declared = memchr::memmem::find(head, b"encoding=").and_then(|at| {
        let rest = head.get(at + 10..)?;
        let end = rest.iter().position(|b| matches!(b, b'"' | b'\''))?;
        Encoding::for_label(rest.get(..end)?)
    });
    match declared {
        Some(encoding) if encoding != UTF_8 && Encoding::for_bom(data).is_none() && data.starts_with(b"<") => {
            // UTF-16 cannot be declared in letters of one byte.
            let encoding = if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding };
            (encoding.decode_without_bom_handling(data).0, None)
        }
        // A declared byte-order mark or UTF-8 is nothing to speak of in XML.
        _ => decode(data),
    }
}

/// The first character that is no white space, behind any byte-order mark; cheap, for claims.
pub(super) fn first_mark(head: &[u8]) -> Option<u8> {
    head.iter()
        .copied()
        .find(|b| !matches!(b, 0xef | 0xbb | 0xbf | 0xfe | 0xff | 0 | 0x1e | b' ' | b'\t' | b'\r' | b'\n'))
}

/// True for data that no text editor would show: a NUL byte near its start, as git and ripgrep judge, that
/// is not half of a UTF-16 letter.
pub(super) fn is_binary(head: &[u8]) -> bool {
    let head = head.get(..8 << 10).unwrap_or(head);
    memchr::memchr(0, head).is_some() && !is_utf16(head)
}

/// True for text in UTF-16, with a byte-order mark or in mostly Latin letters.
fn is_utf16(head: &[u8]) -> bool {
    let (head, first) = match head {
        [0xff, 0xfe, rest @ ..] => (rest, Some(0)),
        [0xfe, 0xff, rest @ ..] => (rest, Some(1)),
        _ => (head, None),
    };
    let latin = |letter: usize| {
        let units = head.chunks_exact(2);
        let all = units.len();
        let plain = units.filter(|u| {
            u.get(1 - letter) == Some(&0)
                && u.get(letter).is_some_and(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
        });
        all >= 8 && plain.count() * 10 >= all * 9
    };
    match first {
        // A mark is a claim: units that no text holds refute it.
        Some(letter) => !head.chunks_exact(2).any(|u| u == [0, 0]) || latin(letter),
        None => latin(0) || latin(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_utf16_is_no_binary() {
        let text: Vec<u8> = "KL_PLUGINS_PATH is a variable".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!is_binary(&text));
        let swapped: Vec<u8> = text.chunks_exact(2).flat_map(|u| [u[1], u[0]]).collect();
        assert!(!is_binary(&swapped));
        assert!(!is_binary(&[&[0xff, 0xfe][..], &text].concat()));
        assert!(is_binary(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0KL_PLUGINS_PATH"));
        assert!(is_binary(&[0xff, 0xfe, 0, 0, 1, 2, 0, 0]));
        assert!(!is_binary(b"plain"));
    }

    #[test]
    fn decodes_what_real_tools_write() {
        let utf16: Vec<u8> = "{\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&utf16).0, "{\"a\"}");
        let mut marked = vec![0xff, 0xfe];
        marked.extend(&utf16);
        assert_eq!(decode(&marked), (Cow::Borrowed("{\"a\"}"), Some("UTF-16LE")));
        let utf32: Vec<u8> = "{\"ü\"}".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert_eq!(decode(&utf32), (Cow::Borrowed("{\"ü\"}"), Some("UTF-32BE")));
        assert_eq!(decode(b"\xff\xfe\0\0{\0\0\0").0, "{");
        assert_eq!(decode(b"\xef\xbb\xbf{}").0, "{}");
        assert_eq!(decode(b"\xa9 Acme").0, "© Acme");
        assert_eq!(decode("© Acme".as_bytes()), (Cow::Borrowed("© Acme"), None));
        assert_eq!(decode(b"").0, "");
    }
}
