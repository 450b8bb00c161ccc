//! Java class files (JVMS §4): the name of the class a file defines.
//!
//! In: a file with the magic `CAFEBABE` and a class-file version. Out: one fact. The name comes from the
//! constant pool, not from the path: only a definition counts.

use super::{Doc, Extractor, Head, Mine, Read};
use crate::fact::{FactKind, Inventory, Reason};

pub(super) const EXTRACTOR: Extractor = Extractor { name: "java/class", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    // Major versions start at 45; a universal Mach-O has its small architecture count there.
    head.data.starts_with(&[0xca, 0xfe, 0xba, 0xbe])
        && head.data.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes) & 0xffff >= 45
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    match this_class(doc.data) {
        Some((name, at)) => {
            inventory.say(FactKind::JavaClass, name, "this_class");
            if reaches_end(doc.data, at).is_none() {
                inventory.gap(
                    "",
                    Reason::Truncated,
                    "a class file that ends before its fields, methods or attributes do",
                );
            }
        }
        None => inventory.gap("", Reason::Malformed, "the constant pool of a class file could not be read"),
    }
    Mine::Yes
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

/// Walks the constant pool once, noting where text and class entries stand.
fn this_class(data: &[u8]) -> Option<(String, usize)> {
    let count = be16(data, 8)?;
    let mut at = 10usize;
    let mut offsets = vec![0usize; usize::from(count)];
    let mut index = 1usize;
    while index < usize::from(count) {
        if let Some(slot) = offsets.get_mut(index) {
            *slot = at;
        }
        let (size, slots) = match data.get(at)? {
            1 => (3 + usize::from(be16(data, at + 1)?), 1),
            3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => (5, 1),
            5 | 6 => (9, 2),
            7 | 8 | 16 | 19 | 20 => (3, 1),
            15 => (4, 1),
            _ => return None,
        };
        at += size;
        index += slots;
    }
    // access_flags, then this_class.
    let class = *offsets.get(usize::from(be16(data, at + 2)?))?;
    let name = (data.get(class)? == &7).then(|| be16(data, class + 1)).flatten()?;
    let text = *offsets.get(usize::from(name))?;
    if data.get(text)? != &1 {
        return None;
    }
    let len = usize::from(be16(data, text + 1)?);
    Some((String::from_utf8_lossy(data.get(text + 3..text + 3 + len)?).into_owned(), at + 4))
}

/// Walks what follows `this_class`: super class, interfaces, fields, methods, attributes.
fn reaches_end(data: &[u8], at: usize) -> Option<()> {
    let mut at = at + 4 + 2 * usize::from(be16(data, at + 2)?);
    let attributes = |at: &mut usize| {
        let count = be16(data, *at)?;
        *at += 2;
        for _ in 0..count {
            let len = data.get(*at + 2..*at + 6)?.try_into().ok().map(u32::from_be_bytes)?;
            *at = at.checked_add(6)?.checked_add(usize::try_from(len).ok()?)?;
        }
        Some(())
    };
    // Fields, then methods.
    for _ in 0..2 {
        let count = be16(data, at)?;
        at += 2;
        for _ in 0..count {
            at += 6;
            attributes(&mut at)?;
        }
    }
    attributes(&mut at)?;
    (at <= data.len()).then_some(())
}
