//! Java class files (JVMS §4): the class a file defines, and those it refers to.
//!
//! In: a file with the magic `CAFEBABE` and a class-file version. Out: the name of the class, and of each class of
//! another package that the constant pool names. Names come from the constant pool, not from the path: only a
//! definition counts as one.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read};
use crate::bytes::{be16, be32};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "java/class", claim, extract: Read::Whole(extract) };

/// Bytes of a name that are kept.
const NAME: usize = 4096;

fn claim(head: &Head<'_>) -> bool {
    // Major versions start at 45; a universal Mach-O has its small architecture count there.
    head.data.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) && be32(head.data, 4).unwrap_or(0) & 0xffff >= 45
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let Some((pool, end)) = Pool::read(doc.data) else {
        inventory.gap("", Reason::Malformed, "the constant pool of a class file could not be read");
        return Mine::Yes;
    };
    // access_flags, then this_class.
    let Some(name) = be16(doc.data, end + 2).and_then(|index| pool.class(index)) else {
        inventory.gap("this_class", Reason::Malformed, "a class file that does not name its class");
        return Mine::Yes;
    };
    // A module descriptor defines no class; the module's name stands in its attribute.
    if name == "module-info" {
        pool.modules().for_each(|name| inventory.say(FactKind::Name, name, "module"));
    } else {
        inventory.say(FactKind::JavaClass, &name, "this_class");
    }
    let package = name.rsplit_once('/').map_or("", |(package, _)| package);
    for class in pool.classes() {
        let class = element_class(&class);
        // What stands in the same package is at hand with its own file, and every class refers to the language's own.
        let near = class.rsplit_once('/').map_or("", |(package, _)| package) == package;
        if !near && !class.is_empty() && !class.starts_with("java/") {
            inventory.say(FactKind::ClassReference, class, "constant_pool");
        }
    }
    if pool.cuts() {
        inventory.gap("constant_pool", Reason::Limit, format!("names of more than {NAME} bytes were cut"));
    }
    if reaches_end(doc.data, end + 4).is_none() {
        inventory.gap("", Reason::Truncated, "a class file that ends before its fields, methods or attributes do");
    }
    Mine::Yes
}

/// The class of an array's elements; empty for an array of numbers.
fn element_class(name: &str) -> &str {
    if !name.starts_with('[') {
        return name;
    }
    let element = name.trim_start_matches('[');
    element.strip_prefix('L').and_then(|n| n.strip_suffix(';')).unwrap_or_default()
}

/// The constant pool: where each entry stands.
struct Pool<'d> {
    data: &'d [u8],
    offsets: Vec<usize>,
}

impl<'d> Pool<'d> {
    /// Walks the pool once; gives back where it ends, too.
    fn read(data: &'d [u8]) -> Option<(Pool<'d>, usize)> {
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
        Some((Pool { data, offsets }, at))
    }

    /// The text that an entry of this tag points at.
    fn named(&self, at: usize, tag: u8) -> Option<Cow<'d, str>> {
        let name = (self.data.get(at)? == &tag).then(|| be16(self.data, at + 1)).flatten()?;
        let text = *self.offsets.get(usize::from(name))?;
        if self.data.get(text)? != &1 {
            return None;
        }
        let len = usize::from(be16(self.data, text + 1)?);
        // Long names are hostile: a pool of 65535 entries may point at one of them.
        let text = self.data.get(text + 3..text + 3 + len)?;
        Some(String::from_utf8_lossy(text.get(..NAME).unwrap_or(text)))
    }

    fn class(&self, index: u16) -> Option<Cow<'d, str>> {
        self.named(*self.offsets.get(usize::from(index)).filter(|at| **at > 0)?, 7)
    }

    /// Every class the pool names.
    fn classes(&self) -> impl Iterator<Item = Cow<'d, str>> {
        self.offsets.iter().filter(|at| **at > 0).filter_map(|at| self.named(*at, 7))
    }

    /// Whether a text is longer than is kept.
    fn cuts(&self) -> bool {
        let length = |at: usize| be16(self.data, at + 1).filter(|_| self.data.get(at) == Some(&1)).map(usize::from);
        let name = |at: usize| {
            let name = be16(self.data, at + 1).filter(|_| matches!(self.data.get(at), Some(7 | 19)))?;
            length(*self.offsets.get(usize::from(name))?)
        };
        self.offsets.iter().filter(|at| **at > 0).any(|at| name(*at).is_some_and(|length| length > NAME))
    }

    /// The modules it names; in a module's descriptor the first is its own.
    fn modules(&self) -> impl Iterator<Item = Cow<'d, str>> {
        self.offsets.iter().filter(|at| **at > 0).filter_map(|at| self.named(*at, 19)).take(1)
    }
}

/// Walks what follows `this_class`: super class, interfaces, fields, methods, attributes.
fn reaches_end(data: &[u8], at: usize) -> Option<()> {
    let mut at = at + 4 + 2 * usize::from(be16(data, at + 2)?);
    let attributes = |at: &mut usize| {
        let count = be16(data, *at)?;
        *at += 2;
        for _ in 0..count {
            let len = be32(data, *at + 2)?;
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

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    /// A class file with these class entries, the first of them its own name.
    fn class(names: &[&str]) -> Vec<u8> {
        let mut data = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52];
        data.extend((1 + 2 * names.len() as u16).to_be_bytes());
        for (index, name) in (0u16..).zip(names) {
            data.extend([&[7][..], &(2 + 2 * index).to_be_bytes()].concat());
            data.extend([&[1][..], &(name.len() as u16).to_be_bytes(), name.as_bytes()].concat());
        }
        data.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        data
    }

    #[test]
    fn names_the_class_and_what_it_refers_to_in_other_packages() {
        let data = class(&["com/acme/A", "com/acme/B", "java/lang/Object", "[[Lcom/kavsdk/X;", "[I", "Top"]);
        let (facts, gaps) = said(&EXTRACTOR, "A.class", &data);
        assert_eq!(
            facts,
            [
                "java-class this_class com/acme/A",
                "class-reference constant_pool com/kavsdk/X",
                "class-reference constant_pool Top"
            ]
        );
        assert!(gaps.is_empty(), "{gaps:?}");
        for len in 8..data.len() {
            assert!(!said(&EXTRACTOR, "A.class", &data[..len]).1.is_empty(), "cut at {len}");
        }
    }
}
