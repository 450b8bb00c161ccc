//! DEX (Dalvik executable format 035 to 041): the classes a file defines.
//!
//! In: a file that starts with `dex\n`. Out: one fact per class definition. Strings and references are
//! left to the string stage: to name a class is not to hold it.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/dex", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"dex\n")
}

fn u32_at(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let data = doc.data;
    // ENDIAN_CONSTANT; the reverse order is in the specification and was never shipped.
    if u32_at(data, 0x28) != Some(0x1234_5678) {
        inventory.gap("", Reason::Unsupported, "a DEX header that is cut short or in reverse byte order");
        return Mine::Yes;
    }
    if data.len() < 0x70 {
        inventory.gap("", Reason::Truncated, "ends within its DEX header");
        return Mine::Yes;
    }
    let whole = u32_at(data, 0x20).unwrap_or(0);
    if data.len().saturating_sub(whole) > 16 && whole > 0 {
        let detail = format!("{} bytes behind the DEX that its header speaks of; not read", data.len() - whole);
        inventory.gap(format!("0x{whole:x}"), Reason::Unsupported, detail);
    }
    if whole > data.len() {
        let detail = format!("the header speaks of {whole} bytes and the file has {}", data.len());
        inventory.gap("", Reason::Truncated, detail);
    }
    let size = u32_at(data, 0x60).unwrap_or(0);
    // Each definition takes 32 bytes, so the file bounds how many there can be.
    let possible = size.min(data.len() / 32);
    let mut read = 0;
    while read < possible && !inventory.file.full() {
        let Some(name) = class_name(data, read) else { break };
        inventory.say(FactKind::JavaClass, name, "class_defs");
        read += 1;
    }
    // What is not read because the bounds are reached is said once, for all readers.
    if read < size && !inventory.file.full() {
        inventory.gap("class_defs", Reason::Truncated, format!("{read} of {size} class definitions could be read"));
    }
    Mine::Yes
}

/// class_def → type_id → string_id → descriptor, `Lcom/example/Name;` without its frame.
fn class_name(data: &[u8], index: usize) -> Option<Cow<'_, str>> {
    let class = u32_at(data, u32_at(data, 0x64)?.checked_add(index * 32)?)?;
    let kind = u32_at(data, u32_at(data, 0x44)?.checked_add(class.checked_mul(4)?)?)?;
    let string = u32_at(data, u32_at(data, 0x3c)?.checked_add(kind.checked_mul(4)?)?)?;
    let rest = data.get(string..)?;
    // A ULEB128 length in UTF-16 units stands first; the text ends with a NUL.
    let start = rest.iter().take(5).position(|b| b & 0x80 == 0)? + 1;
    let text = rest.get(start..)?;
    let end = memchr::memchr(0, text.get(..4096).unwrap_or(text))?;
    // Modified UTF-8 differs from UTF-8 only in NUL and in letters beyond the first plane.
    let name = text.get(..end)?;
    let name = name.strip_prefix(b"L").and_then(|n| n.strip_suffix(b";")).unwrap_or(name);
    Some(String::from_utf8_lossy(name))
}
