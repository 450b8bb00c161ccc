//! DEX (Dalvik executable format 035 to 041): the classes a file defines, and those it refers to.
//!
//! In: a file that starts with `dex\n`; from 041 on several headers may share it. Out: one fact per class definition,
//! and one per class that is referred to and not defined. Strings are left to the string stage: to name a class in a
//! text is not to use it.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read};
use crate::bytes::le32;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/dex", claim, extract: Read::Whole(extract) };

/// The header up to 040; that of 041 is 8 bytes longer.
const HEADER: usize = 0x70;
/// Headers of one file; the largest applications have a few dozen.
const HEADERS: usize = 1000;
/// Bytes of names that are looked at in all: hostile tables point a million types at one long text.
const NAMES: usize = 256 << 20;
/// Bytes of a name that are looked at.
const NAME: usize = 4096;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"dex\n")
}

fn number(data: &[u8], at: usize) -> Option<usize> {
    le32(data, at).map(|n| n as usize)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let data = doc.data;
    let (mut at, mut left) = (0, NAMES);
    for _ in 0..HEADERS {
        match header(data, at, &mut left, inventory) {
            // Each header of a container may point to the same tables, so all of them share one budget.
            Some(next) if !inventory.file.full() && left > 0 => at = next,
            _ => return Mine::Yes,
        }
    }
    inventory.gap(
        format!("0x{at:x}"),
        Reason::Limit,
        format!("more than {HEADERS} DEX headers; the rest was not read"),
    );
    Mine::Yes
}

/// Reads what the header at this place speaks of. Gives back where the next one stands.
fn header(data: &[u8], at: usize, left: &mut usize, inventory: &mut Inventory) -> Option<usize> {
    let rest = data.get(at..).unwrap_or_default();
    let field = if at == 0 { String::new() } else { format!("0x{at:x}/") };
    // ENDIAN_CONSTANT; the reverse order is in the specification and was never shipped.
    if number(rest, 0x28) != Some(0x1234_5678) {
        inventory.gap(field, Reason::Unsupported, "a DEX header that is cut short or in reverse byte order");
        return None;
    }
    if rest.len() < HEADER {
        inventory.gap(field, Reason::Truncated, "ends within its DEX header");
        return None;
    }
    let own = number(rest, 0x20).unwrap_or(0);
    if own > rest.len() {
        let detail = format!("the header speaks of {own} bytes and the file has {}", rest.len());
        inventory.gap(&field, Reason::Truncated, detail);
    }
    if !classes(data, rest, &field, left, inventory) {
        *left = 0;
        let detail = format!("more than {} MiB of names of classes; the rest was not read", NAMES >> 20);
        inventory.gap(field, Reason::Limit, detail);
        return None;
    }
    let end = at.saturating_add(own);
    // In a container each header is followed by the next; all places are counted from the start of the file.
    let shared = number(rest, 0x24).is_some_and(|size| size >= HEADER + 8);
    let whole = if shared { number(rest, HEADER).unwrap_or(0).max(end) } else { end };
    if whole > data.len() && own <= rest.len() {
        let detail = format!("the header speaks of {whole} bytes in all and the file has {}", data.len());
        inventory.gap(&field, Reason::Truncated, detail);
    }
    if shared && own >= HEADER && end < whole && data.get(end..).is_some_and(|next| next.starts_with(b"dex\n")) {
        return Some(end);
    }
    if data.len().saturating_sub(whole) > 16 && own > 0 {
        let detail = format!("{} bytes behind the DEX that its header speaks of; not read", data.len() - whole);
        inventory.gap(format!("0x{whole:x}"), Reason::Unsupported, detail);
    }
    None
}

/// Takes a name, and what it costs to look it up, from the budget. False where that is used up.
fn charge(left: &mut usize, name: usize) -> bool {
    left.checked_sub(name.saturating_add(8)).map(|rest| *left = rest).is_some()
}

/// Classes defined, then those only referred to. False where the budget is used up.
fn classes(data: &[u8], header: &[u8], field: &str, left: &mut usize, inventory: &mut Inventory) -> bool {
    let number = |at: usize| number(header, at).unwrap_or(0);
    let tables = Tables { data, strings: number(0x3c), types: number(0x44), definitions: number(0x64) };
    let size = number(0x60);
    // Each definition takes 32 bytes and each type four, so the file bounds how many there can be.
    let possible = size.min(data.len() / 32);
    let types = number(0x40).min(data.len() / 4);
    let mut defined = vec![false; types];
    let mut read = 0;
    while read < possible && !inventory.file.full() {
        let Some((class, name)) = tables.definition(read) else { break };
        if !charge(left, name.len()) {
            return false;
        }
        inventory.say(FactKind::JavaClass, class_name(&name).unwrap_or(&name), format!("{field}class_defs"));
        if let Some(slot) = defined.get_mut(class) {
            *slot = true;
        }
        read += 1;
    }
    // What is not read because the bounds are reached is said once, for all readers.
    if read < size && !inventory.file.full() {
        let detail = format!("{read} of {size} class definitions could be read");
        inventory.gap(format!("{field}class_defs"), Reason::Truncated, detail);
    }
    let mut broken = 0usize;
    for (index, _) in defined.iter().enumerate().filter(|(_, defined)| !**defined) {
        if inventory.file.full() {
            return true;
        }
        let name = tables.type_name(index);
        if !charge(left, name.as_ref().map_or(NAME, |name| name.len())) {
            return false;
        }
        match name {
            // Arrays stand beside the type of their elements; every class refers to the language's own.
            Some(name) => {
                if let Some(name) = class_name(&name).filter(|name| !name.starts_with("java/")) {
                    inventory.say(FactKind::ClassReference, name, format!("{field}type_ids"));
                }
            }
            None => broken += 1,
        }
    }
    if broken > 0 || types < number(0x40) {
        let detail = format!("{} types could not be read", broken + number(0x40) - types);
        inventory.gap(format!("{field}type_ids"), Reason::Truncated, detail);
    }
    true
}

/// Where the tables of one header stand.
struct Tables<'d> {
    data: &'d [u8],
    strings: usize,
    types: usize,
    definitions: usize,
}

impl<'d> Tables<'d> {
    /// class_def → type_id: its index and descriptor.
    fn definition(&self, index: usize) -> Option<(usize, Cow<'d, str>)> {
        let class = number(self.data, self.definitions.checked_add(index.checked_mul(32)?)?)?;
        Some((class, self.type_name(class)?))
    }

    /// type_id → string_id → descriptor.
    fn type_name(&self, index: usize) -> Option<Cow<'d, str>> {
        let kind = number(self.data, self.types.checked_add(index.checked_mul(4)?)?)?;
        let string = number(self.data, self.strings.checked_add(kind.checked_mul(4)?)?)?;
        let rest = self.data.get(string..)?;
        // A ULEB128 length in UTF-16 units stands first; the text ends with a NUL.
        let start = rest.iter().take(5).position(|b| b & 0x80 == 0)? + 1;
        let text = rest.get(start..)?;
        let end = memchr::memchr(0, text.get(..NAME).unwrap_or(text))?;
        // Modified UTF-8 differs from UTF-8 only in NUL and in letters beyond the first plane.
        Some(String::from_utf8_lossy(text.get(..end)?))
    }
}

/// `Lcom/example/Name;` without its frame; nothing for arrays and numbers.
fn class_name(descriptor: &str) -> Option<&str> {
    descriptor.strip_prefix('L').and_then(|n| n.strip_suffix(';'))
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    /// A file of these types, the first of which it defines; `base` is where it stands in its container.
    fn dex(types: &[&str], base: usize, version: u8) -> Vec<u8> {
        let header = if version >= 41 { 0x78 } else { 0x70 };
        let le = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let (strings, ids) = (header, header + 4 * types.len());
        let definitions = ids + 4 * types.len();
        let mut texts = Vec::new();
        let mut data = vec![0; definitions + 32];
        for (index, name) in types.iter().enumerate() {
            let at = base + data.len() + texts.len();
            data[strings + 4 * index..][..4].copy_from_slice(&le(at));
            data[ids + 4 * index..][..4].copy_from_slice(&le(index));
            texts.extend([&[name.len() as u8][..], name.as_bytes(), &[0]].concat());
        }
        data.extend(texts);
        data[..8].copy_from_slice(&[b'd', b'e', b'x', b'\n', b'0', b'0' + version / 10, b'0' + version % 10, 0]);
        let whole = data.len();
        for (at, n) in [
            (0x20, whole),
            (0x24, header),
            (0x28, 0x1234_5678),
            (0x38, types.len()),
            (0x3c, base + strings),
            (0x40, types.len()),
            (0x44, base + ids),
            (0x60, 1),
            (0x64, base + definitions),
        ] {
            data[at..at + 4].copy_from_slice(&le(n));
        }
        data
    }

    #[test]
    fn what_is_defined_and_what_is_referred_to() {
        let data = dex(&["Lcom/acme/A;", "Ljava/lang/Object;", "[I", "I", "Lcom/kavsdk/X;"], 0, 35);
        let (facts, gaps) = said(&EXTRACTOR, "classes.dex", &data);
        assert_eq!(facts, ["java-class class_defs com/acme/A", "class-reference type_ids com/kavsdk/X"]);
        assert!(gaps.is_empty(), "{gaps:?}");
        for len in 8..data.len() {
            assert!(!said(&EXTRACTOR, "classes.dex", &data[..len]).1.is_empty(), "cut at {len}");
        }
    }

    #[test]
    fn every_header_of_a_container_is_read() {
        let mut data = dex(&["Lcom/acme/A;"], 0, 41);
        let first = data.len();
        data.extend(dex(&["Lcom/acme/B;"], first, 41));
        let whole = u32::try_from(data.len()).unwrap().to_le_bytes();
        data[0x70..0x74].copy_from_slice(&whole);
        data[first + 0x70..first + 0x74].copy_from_slice(&whole);
        let (facts, gaps) = said(&EXTRACTOR, "classes.dex", &data);
        assert_eq!(
            facts,
            ["java-class class_defs com/acme/A", &format!("java-class 0x{first:x}/class_defs com/acme/B")]
        );
        assert!(gaps.is_empty(), "{gaps:?}");
        assert!(!said(&EXTRACTOR, "classes.dex", &data[..first]).1.is_empty());
    }
}
