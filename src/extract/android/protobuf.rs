//! What app bundles hold in protobuf (aapt2's `Resources.proto`): the manifest and the table of resources.
//!
//! In: the wire format. Out: the same elements and strings that the binary forms give. Field numbers are those of the
//! published schema.

use super::axml::{self, Element};
use super::table::{FOUND, Found, Table};
use crate::extract::wire::{Field, Wire};

/// Elements within elements.
const DEPTH: usize = 64;
/// Letters kept of one text.
const LONGEST: usize = 4 << 10;

/// True where the bytes are one node with an element and nothing else.
pub(super) fn is_xml(data: &[u8]) -> bool {
    let mut wire = Wire::over(data);
    let Some(Ok((1, Field::Bytes(element)))) = wire.next() else { return false };
    // An element has five fields, all of them bytes; the first tells text from it.
    let mut inner = Wire::over(element);
    matches!(inner.next(), Some(Ok((1..=5, Field::Bytes(_)))))
}

/// Every element in order; the flag says whether all could be read.
pub(super) fn read(data: &[u8]) -> (Vec<Element>, bool) {
    let mut walk = Walk { elements: Vec::new(), text: 0, whole: true };
    walk.node(data, 0);
    (walk.elements, walk.whole)
}

struct Walk {
    elements: Vec<Element>,
    text: usize,
    whole: bool,
}

impl Walk {
    /// XmlNode: an element or a text.
    fn node(&mut self, data: &[u8], depth: usize) {
        let whole = each(data, |number, bytes| {
            if number == 1 {
                self.element(bytes, depth);
            }
        });
        self.whole &= whole;
    }

    /// XmlElement: name 3, attributes 4, children 5.
    fn element(&mut self, data: &[u8], depth: usize) {
        if depth >= DEPTH || self.elements.len() >= axml::ELEMENTS || self.text >= axml::TEXT {
            self.whole = false;
            return;
        }
        let mut attributes: Vec<(bool, (String, String))> = Vec::new();
        let (mut name, mut more) = (String::new(), false);
        let whole = each(data, |number, bytes| match number {
            3 => name = text(bytes),
            4 if attributes.len() < axml::ATTRIBUTES => attributes.push(attribute(bytes)),
            4 => more = true,
            _ => {}
        });
        self.whole &= whole && !more;
        attributes.sort_by_key(|(foreign, _)| *foreign);
        let attributes: Vec<_> = attributes.into_iter().map(|(_, pair)| pair).collect();
        self.text += name.len() + attributes.iter().map(|(k, v)| k.len() + v.len() + 48).sum::<usize>();
        self.elements.push(Element { name, attributes });
        // Whether the wire breaks was told above.
        each(data, |number, bytes| {
            if number == 5 {
                self.node(bytes, depth + 1);
            }
        });
    }
}

/// XmlAttribute: name space 1, name 2, value 3; first whether it is another's than Android's.
fn attribute(data: &[u8]) -> (bool, (String, String)) {
    let (mut own, mut key, mut value) = (false, String::new(), String::new());
    each(data, |number, bytes| match number {
        1 => own = bytes == axml::ANDROID.as_bytes(),
        2 => key = text(bytes),
        3 => value = text(bytes),
        _ => {}
    });
    (!own, (key, value))
}

/// The strings of these names in a `ResourceTable`.
pub(super) fn table(data: &[u8], names: &[&str]) -> Table {
    let mut table = Table { whole: true, ..Table::default() };
    let whole = each(data, |number, package| {
        if number == 2 {
            self::package(package, names, &mut table);
        }
    });
    table.whole &= whole;
    table
}

/// Package: name 2, types 3. Type: name 2, entries 3. Entry: name 2, values 6.
fn package(data: &[u8], names: &[&str], table: &mut Table) {
    let whole = each(data, |number, bytes| match number {
        2 if table.packages.len() < FOUND => table.packages.push(text(bytes)),
        3 => {
            let mut strings = false;
            let whole = each(bytes, |number, bytes| match number {
                2 => strings = bytes == b"string",
                3 if strings => entry(bytes, names, table),
                _ => {}
            });
            table.whole &= whole;
        }
        _ => {}
    });
    table.whole &= whole;
}

fn entry(data: &[u8], names: &[&str], table: &mut Table) {
    let mut name = String::new();
    let whole = each(data, |number, bytes| match number {
        2 => name = text(bytes),
        6 if names.contains(&name.as_str()) => {
            // ConfigValue: configuration 1, value 2.
            let (mut locale, mut value) = (String::new(), None);
            let whole = each(bytes, |number, bytes| match number {
                1 => locale = first(bytes, 3).map(text).unwrap_or_default(),
                // Value: item 4; Item: reference 1, string 2, raw string 3; Reference: name 3; String: value 1.
                2 => {
                    value = first(bytes, 4).and_then(|item| {
                        let string = first(item, 2).or_else(|| first(item, 3)).and_then(|s| first(s, 1));
                        let reference = || first(item, 1).and_then(|r| first(r, 3)).map(|r| format!("@{}", text(r)));
                        string.map(text).or_else(reference)
                    });
                }
                _ => {}
            });
            table.whole &= whole;
            if let Some(value) = value {
                table.add(Found { name: name.clone(), locale, value });
            }
        }
        _ => {}
    });
    table.whole &= whole;
}

/// The first field of this number.
fn first(data: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut wire = Wire::over(data);
    while let Some(Ok((number, field))) = wire.next() {
        match field {
            Field::Bytes(bytes) if number == wanted => return Some(bytes),
            _ => {}
        }
    }
    None
}

/// Every field that holds bytes; false where the wire breaks.
fn each<'d>(data: &'d [u8], mut take: impl FnMut(u64, &'d [u8])) -> bool {
    let mut wire = Wire::over(data);
    loop {
        match wire.next() {
            None => return true,
            Some(Err(())) => return false,
            Some(Ok((number, Field::Bytes(bytes)))) => take(number, bytes),
            Some(Ok(_)) => {}
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8][..], content].concat()
    }

    #[test]
    fn elements_come_in_order_and_bounded() {
        let attribute = [field(2, b"package"), field(3, b"com.acme")].concat();
        let child = field(5, &field(1, &field(3, b"application")));
        let data = field(1, &[field(3, b"manifest"), field(4, &attribute), child].concat());
        assert!(is_xml(&data));
        let (elements, whole) = read(&data);
        assert!(whole);
        let names: Vec<_> = elements.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["manifest", "application"]);
        assert_eq!(elements[0].attributes, [("package".to_owned(), "com.acme".to_owned())]);
        assert!(!is_xml(b"\n<?xml version='1.0'?><manifest/>"));
        assert!(!is_xml(b"\n<manifest package='a'/>"));
        // Nodes in nodes end at the bound.
        let mut deep = field(3, b"a");
        for _ in 0..40 {
            deep = [field(3, b"a"), field(5, &field(1, &deep))].concat();
            if deep.len() > 100 {
                break;
            }
        }
        assert!(read(&field(1, &deep)).1);
    }
}
