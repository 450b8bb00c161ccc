//! Apple property lists, XML and binary, as the same tree as JSON.
//!
//! In: bytes. Out: a [`Node`], and what stood in the way of reading all of it. Binary lists may name one object many
//! times, so a small file can stand for an endless tree: depth, objects and text share one budget. Data are base64 text
//! in both forms. Must not know what any key means.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::json::Node;
use super::xml::{self, Element, Met};
use crate::bytes::utf16_be;
use crate::fact::Reason;

/// A list is read up to this size; real ones have some KiB.
pub(super) const SIZE: usize = 4 << 20;
/// Lists within lists.
const DEPTH: usize = 64;
/// Objects met in one list, as often as they are named.
const OBJECTS: usize = 200_000;

/// What stood in the way.
pub(super) type Fault = (Reason, String);

/// True where the data begins as a property list does.
pub(super) fn begins(data: &[u8]) -> bool {
    let start = data.get(..1024).unwrap_or(data);
    data.starts_with(MAGIC) || memchr::memmem::find(start, b"<plist").is_some() || start.starts_with(b"<!DOCTYPE plist")
}

/// The bytes that a base64 text of a list stands for.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(packed).unwrap_or_default()
}

/// Reads a list, as far as it goes.
pub(super) fn read(data: &[u8]) -> (Option<Node<'static>>, Option<Fault>) {
    // Sections of programs are filled up with zeros.
    let end = data.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    if data.len() > SIZE {
        return (None, Some((Reason::Limit, format!("a property list of {} bytes; not read", data.len()))));
    }
    if data.starts_with(MAGIC) {
        return binary(data);
    }
    text(data.get(..end).unwrap_or(data))
}

fn text(data: &[u8]) -> (Option<Node<'static>>, Option<Fault>) {
    let (text, _) = super::text::decode_xml(data);
    let (mut root, mut is_list) = (None, false);
    let mut left = OBJECTS;
    let fault = xml::stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, .. } => is_list = name == "plist",
        Met::Child { element, .. } if is_list && root.is_none() => root = Some(value(element, DEPTH, &mut left)),
        _ => {}
    });
    let fault = fault.map(|f| {
        let reason = match (f.limit, f.truncated) {
            (true, _) => Reason::Limit,
            (_, true) => Reason::Truncated,
            _ => Reason::Malformed,
        };
        (reason, format!("line {}, column {}: {}", f.line, f.column, f.why))
    });
    let bitten = (left == 0).then(|| (Reason::Limit, too_much()));
    let none = (root.is_none() && fault.is_none()).then(|| (Reason::Malformed, "no property list".to_owned()));
    (root, fault.or(bitten).or(none))
}

fn too_much() -> String {
    format!("more than {OBJECTS} objects, or {DEPTH} lists within one another; the rest was not read")
}

fn value(element: Element, depth: usize, left: &mut usize) -> Node<'static> {
    let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        *left = 0;
        return Node::Null;
    };
    *left = fewer;
    match element.name.as_str() {
        "dict" => {
            let mut members = Vec::new();
            let mut key: Option<String> = None;
            for child in element.children {
                if child.name == "key" {
                    key = Some(child.text);
                } else if let Some(key) = key.take() {
                    members.push((Cow::Owned(key), value(child, deeper, left)));
                }
            }
            Node::Map(members)
        }
        "array" => Node::List(element.children.into_iter().map(|child| value(child, deeper, left)).collect()),
        "true" => Node::Bool(true),
        "false" => Node::Bool(false),
        "integer" | "real" => Node::Number(element.text.trim().to_owned()),
        _ => Node::Str(Cow::Owned(element.text)),
    }
}

const MAGIC: &[u8] = b"bplist0";
/// The last bytes: widths of offsets and references, how many objects, the first of them, where the offsets stand.
const TRAILER: usize = 32;

/// A binary list.
struct Binary<'a> {
    data: &'a [u8],
    offsets: &'a [u8],
    offset_width: usize,
    reference_width: usize,
    /// Objects and bytes of text that may still be met.
    objects: usize,
    text: usize,
    fault: Option<Fault>,
}

fn binary(data: &[u8]) -> (Option<Node<'static>>, Option<Fault>) {
    let broken = |why: &str| (None, Some((Reason::Malformed, format!("binary property list: {why}"))));
    let Some(trailer) = data.len().checked_sub(TRAILER).filter(|at| *at >= 8).and_then(|at| data.get(at..)) else {
        return (None, Some((Reason::Truncated, "a binary property list without its trailer".to_owned())));
    };
    let width = |at: usize| trailer.get(at).map_or(0, |w| usize::from(*w));
    let word = |at: usize| trailer.get(at..at + 8).map(number).and_then(|n| usize::try_from(n).ok());
    let (Some(count), Some(top), Some(table)) = (word(8), word(16), word(24)) else {
        return broken("numbers too large");
    };
    let (offset_width, reference_width) = (width(6), width(7));
    let fits = (1..=8).contains(&offset_width) && (1..=8).contains(&reference_width);
    let offsets = count.checked_mul(offset_width).and_then(|len| table.checked_add(len));
    let Some(offsets) = offsets.and_then(|end| data.get(table..end)).filter(|_| fits) else {
        return broken("its trailer leads out of it");
    };
    let mut list =
        Binary { data, offsets, offset_width, reference_width, objects: OBJECTS, text: data.len() * 4, fault: None };
    let root = list.object(top, DEPTH);
    (root, list.fault)
}

/// A number with its big end first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

impl<'a> Binary<'a> {
    fn broken(&mut self, reason: Reason, why: impl Into<String>) -> Option<Node<'static>> {
        if self.fault.is_none() {
            self.fault = Some((reason, format!("binary property list: {}", why.into())));
        }
        None
    }

    fn object(&mut self, index: usize, depth: usize) -> Option<Node<'static>> {
        let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), self.objects.checked_sub(1)) else {
            self.objects = 0;
            return self.broken(Reason::Limit, too_much());
        };
        self.objects = fewer;
        let at = index.checked_mul(self.offset_width).and_then(|at| self.offsets.get(at..at + self.offset_width));
        let at = at.map(number).and_then(|at| usize::try_from(at).ok());
        let body = at.and_then(|at| self.data.get(at..)).and_then(<[u8]>::split_first);
        let Some((&marker, body)) = body else {
            return self.broken(Reason::Malformed, format!("object {index} stands nowhere"));
        };
        let low = usize::from(marker & 0x0f);
        let node = match marker >> 4 {
            0 => Some(match marker {
                8 => Node::Bool(false),
                9 => Node::Bool(true),
                _ => Node::Null,
            }),
            1 => body.get(..1usize << low.min(4)).map(|n| Node::Number(number(n).to_string())),
            2 => match low {
                2 => body
                    .get(..4)
                    .and_then(|b| b.try_into().ok())
                    .map(|b| Node::Number(f32::from_be_bytes(b).to_string())),
                _ => body
                    .get(..8)
                    .and_then(|b| b.try_into().ok())
                    .map(|b| Node::Number(f64::from_be_bytes(b).to_string())),
            },
            // A date, in seconds since 2001: nobody asks for it.
            3 => Some(Node::Null),
            8 => Some(Node::Null),
            4..=7 => self.string(marker, body),
            0x0a..=0x0d => return self.collection(marker, body, deeper),
            _ => None,
        };
        if node.is_none() {
            return self.broken(Reason::Malformed, format!("object {index} could not be read"));
        }
        node
    }

    /// How many elements an object has, and what stands behind that.
    fn count(low: usize, body: &'a [u8]) -> Option<(usize, &'a [u8])> {
        if low != 0x0f {
            return Some((low, body));
        }
        let (&marker, body) = body.split_first()?;
        let width = 1usize << (marker & 0x0f).min(3);
        let (count, rest) = (body.get(..width)?, body.get(width..)?);
        (marker >> 4 == 1).then_some(())?;
        Some((usize::try_from(number(count)).ok()?, rest))
    }

    fn string(&mut self, marker: u8, body: &'a [u8]) -> Option<Node<'static>> {
        let (count, body) = Self::count(usize::from(marker & 0x0f), body)?;
        let kind = marker >> 4;
        let bytes = body.get(..if kind == 6 { count.checked_mul(2)? } else { count })?;
        let Some(left) = self.text.checked_sub(bytes.len()) else {
            self.broken(Reason::Limit, "one text stands in it many times; the rest was not read");
            return Some(Node::Null);
        };
        self.text = left;
        Some(Node::Str(Cow::Owned(match kind {
            4 => STANDARD.encode(bytes),
            6 => utf16_be(bytes),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        })))
    }

    fn collection(&mut self, marker: u8, body: &'a [u8], depth: usize) -> Option<Node<'static>> {
        let width = self.reference_width;
        let is_map = marker >> 4 == 0x0d;
        let read = Self::count(usize::from(marker & 0x0f), body).and_then(|(count, body)| {
            let len = count.checked_mul(width)?;
            let rest = if is_map { body.get(len..len.checked_mul(2)?)? } else { &[] };
            Some((body.get(..len)?, rest))
        });
        let Some((first, second)) = read else { return self.broken(Reason::Malformed, "a list longer than the file") };
        let reference = |bytes: &[u8]| usize::try_from(number(bytes)).unwrap_or(usize::MAX);
        if is_map {
            let mut members = Vec::new();
            for (key, value) in first.chunks_exact(width).zip(second.chunks_exact(width)) {
                if self.objects == 0 {
                    break;
                }
                let key = self.object(reference(key), depth);
                let Some(Node::Str(key)) = key else { continue };
                members.extend(self.object(reference(value), depth).map(|value| (key, value)));
            }
            return Some(Node::Map(members));
        }
        let mut items = Vec::new();
        for item in first.chunks_exact(width) {
            if self.objects == 0 {
                break;
            }
            items.extend(self.object(reference(item), depth));
        }
        Some(Node::List(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binary list of these objects.
    fn made(objects: &[&[u8]]) -> Vec<u8> {
        let mut data = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for object in objects {
            offsets.extend((data.len() as u16).to_be_bytes());
            data.extend(*object);
        }
        let table = data.len() as u64;
        data.extend(offsets);
        data.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        for number in [objects.len() as u64, 0, table] {
            data.extend(number.to_be_bytes());
        }
        data
    }

    #[test]
    fn both_forms_are_one_tree() {
        let binary =
            made(&[&[0xd2, 1, 2, 3, 4], b"\x51a", b"\x51b", b"\x62\x04\x1a\x04\x1b", &[0xa2, 5, 6], &[9], b"\x42hi"]);
        let xml = "<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"x\" \"y\">\n<plist version=\"1.0\"><dict><key>a</key>\
                   <string>КЛ</string><key>b</key><array><true/><data> aG\nk= </data></array></dict></plist>\0\0";
        for data in [&binary[..], xml.as_bytes()] {
            let (node, fault) = read(data);
            let node = node.unwrap();
            assert_eq!((node.str("a"), fault), (Some("КЛ"), None));
            let items = node.get("b").unwrap().items();
            assert_eq!((items[0].text(), bytes(items[1].text().unwrap())), (Some("true"), b"hi".to_vec()));
        }
    }

    #[test]
    fn endless_ones_end() {
        // A list that holds itself.
        let (_, fault) = read(&made(&[&[0xa1, 0]]));
        assert_eq!(fault.unwrap().0, Reason::Limit);
        // Each of thirty lists holds the next one ten times.
        let lists: Vec<Vec<u8>> =
            (1..=30u8).map(|next| std::iter::once(0xaa).chain(std::iter::repeat_n(next, 10)).collect()).collect();
        let mut objects: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        objects.push(b"\x51x");
        assert_eq!(read(&made(&objects)).1.unwrap().0, Reason::Limit);
        // One long text, named by many.
        let long = [&b"\x5f\x11\x7f\x00"[..], &[b'A'; 0x7f00]].concat();
        let many = [&[0xaf, 0x11, 0x01, 0x00][..], &[1; 256]].concat();
        assert_eq!(read(&made(&[&many, &long])).1.unwrap().0, Reason::Limit);
        let deep = format!("<plist>{}", "<array>".repeat(100_000));
        assert_eq!(read(deep.as_bytes()).1.unwrap().0, Reason::Limit);
    }

    #[test]
    fn broken_ones_say_so() {
        assert_eq!(read(b"bplist00").1.unwrap().0, Reason::Truncated);
        assert_eq!(read(&made(&[&[0xa1, 9]])).1.unwrap().0, Reason::Malformed);
        let mut wild = made(&[&[9]]);
        let end = wild.len();
        wild[end - 24..end - 16].fill(0xff);
        assert_eq!(read(&wild).1.unwrap().0, Reason::Malformed);
        let (node, fault) = read(b"<plist><dict><key>a</key><string>b</string>");
        assert_eq!((node.unwrap().str("a"), fault.unwrap().0), (Some("b"), Reason::Truncated));
    }
}
