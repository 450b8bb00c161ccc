//! WebAssembly: modules and components (core specification, component model).
//!
//! In: a file that starts with `\0asm`. Out: imports, exports, the module's own name, the tools that made it.
//! Code is not looked at; the string stage searches it.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::SYMBOLS;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/wasm", claim, extract: Read::Whole(extract) };

/// Components within components.
const DEPTH: usize = 8;
/// Bytes kept of one name.
const NAME: usize = 4096;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"\0asm")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut left = SYMBOLS;
    unit(doc.data, 0, 0, &mut left, inventory);
    if left == 0 {
        inventory.gap("", Reason::Limit, format!("more than {SYMBOLS} imports and exports; the rest was not read"));
    }
    Mine::Yes
}

/// What an entry of a table ends with: the next one can be read, or not.
type Step = Option<()>;

/// One module or component, which begins at `base` of the file.
fn unit(data: &[u8], base: usize, depth: usize, left: &mut usize, inventory: &mut Inventory<'_>) {
    let place = |at: usize| format!("0x{:x}", base + at);
    let component = match data.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => false,
        // A version of the component model's, in its own layer.
        Some([0, b'a', b's', b'm', _, 0, 1, 0]) => true,
        Some(_) => {
            return inventory.gap(place(4), Reason::Unsupported, "a version of WebAssembly that is not read");
        }
        None => return inventory.gap(place(0), Reason::Truncated, "WebAssembly that ends within its header"),
    };
    let mut cursor = Cursor { data, at: 8 };
    while cursor.at < data.len() {
        let start = cursor.at;
        let section =
            cursor.byte().zip(cursor.number()).and_then(|(id, size)| Some((id, cursor.at, cursor.take(size)?)));
        let Some((id, at, body)) = section else {
            return inventory.gap(place(start), Reason::Truncated, "a WebAssembly section leads out of the file");
        };
        let mut body = Cursor { data: body, at: 0 };
        let read = match (component, id) {
            (_, 0) => custom(&mut body, inventory),
            (false, 2) => table(&mut body, left, inventory, import),
            (false, 7) => table(&mut body, left, inventory, export),
            (true, 10) => table(&mut body, left, inventory, component_import),
            (true, 11) => table(&mut body, left, inventory, component_export),
            (true, 1 | 4) if depth < DEPTH => {
                unit(body.data, base + at, depth + 1, left, inventory);
                Some(())
            }
            (true, 1 | 4) => {
                let detail = format!("more than {DEPTH} components within one another; the inner ones were not read");
                inventory.gap(place(start), Reason::Limit, detail);
                Some(())
            }
            _ => Some(()),
        };
        if read.is_none() {
            inventory.gap(place(at + body.at), Reason::Malformed, format!("WebAssembly section {id} breaks here"));
        }
    }
}

/// A vector of entries, each read by `entry`.
fn table(
    body: &mut Cursor<'_>,
    left: &mut usize,
    inventory: &mut Inventory<'_>,
    entry: fn(&mut Cursor<'_>, &mut Inventory<'_>) -> Step,
) -> Step {
    for _ in 0..body.number()? {
        if *left == 0 || inventory.file.full() {
            return Some(());
        }
        *left -= 1;
        entry(body, inventory)?;
    }
    Some(())
}

fn import(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    let (module, field) = (body.name()?, body.name()?);
    inventory.say(FactKind::ImportModule, module, "import section");
    inventory.say(FactKind::ImportSymbol, field, "import section");
    match body.byte()? {
        0 => body.number().map(drop),
        1 => {
            // A reference type of the longer form says what it refers to.
            if matches!(body.byte()?, 0x63 | 0x64) {
                body.number()?;
            }
            body.bounds()
        }
        2 => body.bounds(),
        3 => {
            if matches!(body.byte()?, 0x63 | 0x64) {
                body.number()?;
            }
            body.byte().map(drop)
        }
        4 => {
            body.byte()?;
            body.number().map(drop)
        }
        _ => None,
    }
}

fn export(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    inventory.say(FactKind::ExportSymbol, body.name()?, "export section");
    body.byte()?;
    body.number().map(drop)
}

fn component_import(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    inventory.say(FactKind::ImportModule, body.component_name()?, "component import section");
    body.described()
}

fn component_export(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    inventory.say(FactKind::ExportSymbol, body.component_name()?, "component export section");
    // Sorts of the core have a second byte.
    if body.byte()? == 0 {
        body.byte()?;
    }
    body.number()?;
    match body.byte()? {
        0 => Some(()),
        1 => body.described(),
        _ => None,
    }
}

fn custom(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    match &*body.name()? {
        "name" | "component-name" => own_name(body, inventory)?,
        "producers" => {
            let fields = body.number()?;
            let mut more = fields > 100;
            for _ in 0..fields.min(100) {
                let field = body.name()?;
                let values = body.number()?;
                // What follows the values not read is no field.
                if values > 1000 {
                    more = true;
                }
                for _ in 0..values.min(1000) {
                    let (name, version) = (body.name()?, body.name()?);
                    inventory.say(FactKind::Toolchain, format!("{name} {version}"), format!("producers/{field}"));
                }
                if values > 1000 {
                    break;
                }
            }
            if more {
                let detail = "more than 100 fields of producers, or 1000 values of one; the rest was not read";
                inventory.gap("producers", Reason::Limit, detail);
            }
        }
        section @ ("sourceMappingURL" | "external_debug_info") => {
            let section = section.to_owned();
            inventory.say(FactKind::DebugFile, body.name()?, section);
        }
        _ => {}
    }
    Some(())
}

/// The first part of a name section, if it is there, is the name of the module itself.
fn own_name(body: &mut Cursor<'_>, inventory: &mut Inventory<'_>) -> Step {
    if body.rest() == 0 || body.byte()? != 0 {
        return Some(());
    }
    body.number()?;
    let name = body.name()?;
    inventory.say(FactKind::Name, name, "name section");
    Some(())
}

/// Reads forward through a part of the file.
struct Cursor<'d> {
    data: &'d [u8],
    at: usize,
}

impl<'d> Cursor<'d> {
    fn rest(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A number in LEB128, of up to 64 bits: limits of large memories have so many.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: u64) -> Option<&'d [u8]> {
        let end = self.at.checked_add(usize::try_from(len).ok()?)?;
        let part = self.data.get(self.at..end)?;
        self.at = end;
        Some(part)
    }

    fn name(&mut self) -> Option<Cow<'d, str>> {
        let len = self.number()?;
        let bytes = self.take(len)?;
        Some(String::from_utf8_lossy(bytes.get(..NAME).unwrap_or(bytes)))
    }

    /// A name with a byte in front that says its form.
    fn component_name(&mut self) -> Option<Cow<'d, str>> {
        let form = self.byte()?;
        let name = self.name()?;
        match form {
            0 | 1 => Some(name),
            // With a version that follows.
            2 => self.name().map(|suffix| Cow::Owned(format!("{name}{suffix}"))),
            _ => None,
        }
    }

    /// Limits of a table or memory.
    fn bounds(&mut self) -> Step {
        let flags = self.number()?;
        self.number()?;
        if flags & 1 != 0 {
            self.number()?;
        }
        // A page size of its own.
        if flags & 8 != 0 {
            self.number()?;
        }
        Some(())
    }

    /// What an import or export of a component is.
    fn described(&mut self) -> Step {
        match self.byte()? {
            0 => {
                self.byte()?;
            }
            // A bound, and what it is equal to; the second kind of either says no number.
            2 | 3 => {
                if self.byte()? != 0 {
                    return Some(());
                }
            }
            1 | 4 | 5 => {}
            _ => return None,
        }
        self.number().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bounded() {
        let number = |data: &[u8]| Cursor { data, at: 0 }.number();
        assert_eq!(number(&[0xe5, 0x8e, 0x26]), Some(624_485));
        assert_eq!(number(&[0x80]), None);
        assert_eq!(number(&[0xff; 20]), None);
    }

    fn read(data: &[u8]) -> (Vec<String>, Vec<Reason>) {
        let path = "x.wasm".into();
        let mut inventory = Inventory::new(&path, &path);
        unit(data, 0, 0, &mut 1000, &mut inventory);
        let facts = inventory.file.facts().map(|f| format!("{} {}", f.kind.name(), f.value)).collect();
        (facts, inventory.gaps.iter().map(|g| g.reason).collect())
    }

    #[test]
    fn what_stood_before_a_break_is_kept() {
        let mut module = b"\0asm\x01\0\0\0\x02\x07\x01\x01a\x01b\0\0".to_vec();
        assert_eq!(read(&module), (vec!["import-module a".to_owned(), "import-symbol b".to_owned()], vec![]));
        // An export section that says more bytes than there are.
        module.extend(b"\x07\x20\x01");
        assert_eq!(read(&module).1, [Reason::Truncated]);
        // A count that the section does not hold.
        let many = b"\0asm\x01\0\0\0\x07\x07\xff\xff\xff\xff\x0f\x01a";
        assert_eq!(read(many), (vec!["export-symbol a".to_owned()], vec![Reason::Malformed]));
        assert_eq!(read(b"\0asm\x09\0\0\0").1, [Reason::Unsupported]);
    }

    #[test]
    fn components_within_components_are_bounded() {
        let mut inner = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..12 {
            let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
            let len = u8::try_from(inner.len()).unwrap();
            if len >= 0x80 {
                outer.extend([len & 0x7f | 0x80, len >> 7]);
            } else {
                outer.push(len);
            }
            outer.extend(&inner);
            inner = outer;
        }
        assert_eq!(read(&inner).1, [Reason::Limit]);
    }
}
