//! The header of a packed Chromium extension (CRX2, CRX3), in front of its ZIP.
//!
//! In: a file that starts with `Cr24`. Out: the extension's id. The archive stage opens what is behind it.
//! The signature itself is not checked.

use super::super::{Extractor, Head, Input, Mine, Read};
use super::extension::{chromium_id, id_of_key};
use crate::bytes::le32;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/crx", claim, extract: Read::Stream(extract) };

/// Fields read of one message; a header has a handful.
const FIELDS: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    // The version is a small number; text that speaks of the mark goes on with letters.
    head.data.starts_with(b"Cr24") && matches!(head.data.get(5..8), Some([0, 0, 0]))
}

fn part(data: &[u8], at: usize, len: u32) -> Option<&[u8]> {
    data.get(at..at.checked_add(usize::try_from(len).ok()?)?)
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let head = input.blob.head();
    let read = match le32(head, 4) {
        Some(2) => le32(head, 8).and_then(|len| part(head, 16, len)).map(|key| {
            inventory.say(FactKind::ExtensionId, id_of_key(key), "public key");
        }),
        Some(3) => le32(head, 8).and_then(|len| part(head, 12, len)).map(|header| third(header, inventory)),
        Some(version) => {
            inventory.gap("0x4", Reason::Unsupported, format!("CRX version {version}; its header was not read"));
            return Mine::Yes;
        }
        None => None,
    };
    if read.is_none() {
        inventory.gap("0x8", Reason::Truncated, "the CRX header leads out of the file, or is longer than 64 KiB");
    }
    Mine::Yes
}

/// `CrxFileHeader`: the id is signed data, and must be that of one of the keys.
fn third(header: &[u8], inventory: &mut Inventory<'_>) {
    let (mut keys, mut id) = (Vec::new(), None);
    let whole = fields(header, &mut |number, value| match number {
        // Proofs by RSA and by ECDSA: the public key is their first field.
        2 | 3 => {
            fields(value, &mut |inner, key| {
                if inner == 1 {
                    keys.push(id_of_key(key));
                }
            });
        }
        10_000 => {
            fields(value, &mut |inner, bytes| {
                if inner == 1 && bytes.len() == 16 {
                    id = Some(chromium_id(bytes));
                }
            });
        }
        _ => {}
    });
    if !whole {
        inventory.gap("0xc", Reason::Malformed, "the CRX header is no protocol buffer to its end");
    }
    match id {
        Some(id) if keys.contains(&id) => inventory.say(FactKind::ExtensionId, id, "crx_id"),
        Some(id) => {
            inventory.file.say_doubted(FactKind::ExtensionId, id, "crx_id");
            inventory.gap("crx_id", Reason::Malformed, "none of the CRX header's keys belongs to the id it states");
        }
        None => inventory.gap("crx_id", Reason::Malformed, "the CRX header states no id"),
    }
}

/// Hands over the fields of a protobuf message that are bytes. False where it breaks.
fn fields<'d>(data: &'d [u8], take: &mut dyn FnMut(u64, &'d [u8])) -> bool {
    let mut rest = data;
    for _ in 0..FIELDS {
        if rest.is_empty() {
            return true;
        }
        let Some(tag) = varint(&mut rest) else { return false };
        let skip = match tag & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            5 => Some(4),
            2 => varint(&mut rest).and_then(|len| usize::try_from(len).ok()),
            _ => None,
        };
        let Some((value, behind)) = skip.and_then(|skip| rest.split_at_checked(skip)) else { return false };
        if tag & 7 == 2 {
            take(tag >> 3, value);
        }
        rest = behind;
    }
    rest.is_empty()
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_message_ends() {
        let mut seen = 0;
        assert!(fields(&[0x0a, 1, 7, 0x10, 5], &mut |_, _| seen += 1));
        assert_eq!(seen, 1);
        assert!(!fields(&[0x0a, 9, 7], &mut |_, _| {}));
        assert!(!fields(&[0xff; 20], &mut |_, _| {}));
        assert!(!fields(&[0x10; 4001], &mut |_, _| {}));
    }
}
