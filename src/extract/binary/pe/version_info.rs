//! VS_VERSIONINFO (Win32 version-information resource): every string of every table, in all languages.
//!
//! In: the bytes of one resource. Out: its string tables and fixed numbers. Real resources break the documented rules
//! (value lengths in bytes for words, missing padding), so lengths bound and never prove; what a length hides is told.

use std::cell::Cell;

use crate::bytes::{le16, le32, utf16};

/// One StringTable.
pub(super) struct Block {
    /// Its key: language and code page as eight hex digits.
    pub table: String,
    /// Keys and values in their order.
    pub strings: Vec<(String, String)>,
}

/// What one resource holds.
pub(super) struct VersionInfo {
    pub blocks: Vec<Block>,
    /// File and product version of VS_FIXEDFILEINFO: numbers that the texts may contradict.
    pub fixed: Option<(String, String)>,
    /// Some node is longer than what holds it, or cannot be read: strings may be missing or cut.
    pub lost: bool,
}

/// What compilers miscount at the end of a node: its padding.
const SLACK: usize = 4;

/// The tables of a resource, or nothing when it is no VS_VERSIONINFO; `left` counts the strings of the file.
pub(super) fn read(data: &[u8], left: &mut usize) -> Option<VersionInfo> {
    let root = Item::read(data)?;
    let lost = Cell::new(usize::from(le16(data, 0)?) > data.len() + SLACK);
    if root.key != "VS_VERSION_INFO" {
        return None;
    }
    let mut blocks = Vec::new();
    for info in root.children(data, &lost) {
        if info.key != "StringFileInfo" {
            continue;
        }
        for table in info.children(info.data, &lost) {
            // Tables count, too: many may hold nothing.
            if *left == 0 {
                break;
            }
            *left -= 1;
            let mut strings = Vec::new();
            for string in table.children(table.data, &lost) {
                if *left == 0 {
                    break;
                }
                *left -= 1;
                strings.push((string.key.clone(), string.text(&lost)));
            }
            blocks.push(Block { table: table.key, strings });
        }
    }
    Some(VersionInfo { blocks, fixed: fixed(&root), lost: lost.get() })
}

/// The numbers of VS_FIXEDFILEINFO, known by its signature.
fn fixed(root: &Item<'_>) -> Option<(String, String)> {
    let value = root.data.get(root.value..).filter(|value| le32(value, 0) == Some(0xfeef_04bd))?;
    let version = |at: usize| {
        let (high, low) = (le32(value, at)?, le32(value, at + 4)?);
        Some(format!("{}.{}.{}.{}", high >> 16, high & 0xffff, low >> 16, low & 0xffff))
    };
    version(8).zip(version(16))
}

/// One node: length, value length, type, key, padding, value, padding, children.
struct Item<'a> {
    key: String,
    data: &'a [u8],
    /// Where the value starts.
    value: usize,
    /// Length of the value as declared, in bytes where the type says binary.
    value_len: usize,
}

impl<'a> Item<'a> {
    fn read(data: &'a [u8]) -> Option<Item<'a>> {
        let len = usize::from(le16(data, 0)?);
        if len < 6 {
            return None;
        }
        let data = data.get(..len).unwrap_or(data);
        let value_len = usize::from(le16(data, 2)?);
        let (key, end) = wide(data, 6)?;
        Some(Item { key, data, value: align(end), value_len })
    }

    /// The nodes behind the value.
    fn children(&self, data: &'a [u8], lost: &Cell<bool>) -> impl Iterator<Item = Item<'a>> {
        // Only the root has a binary value before its children.
        let mut at = align(self.value.saturating_add(if self.key == "VS_VERSION_INFO" { self.value_len } else { 0 }));
        let end = self.data.len();
        std::iter::from_fn(move || {
            while at.saturating_add(6) <= end {
                let rest = data.get(at..end)?;
                let len = usize::from(le16(rest, 0)?);
                if len < 6 {
                    // Padding of a careless compiler: look at the next word.
                    at = at.saturating_add(4);
                    continue;
                }
                let item = Item::read(rest);
                if item.is_none() || len > rest.len() + SLACK {
                    lost.set(true);
                }
                at = align(at.saturating_add(len));
                if item.is_some() {
                    return item;
                }
            }
            None
        })
    }

    /// The value as text, up to its end mark or the node's end, whatever the declared length says.
    fn text(&self, lost: &Cell<bool>) -> String {
        let bytes = self.data.get(self.value..).unwrap_or_default();
        let end = bytes.chunks_exact(2).position(|unit| unit == [0, 0]);
        // A text without its end mark, and shorter than it is said to be by either way to count, is cut.
        if end.is_none() && self.value_len > bytes.len() / 2 + SLACK {
            lost.set(true);
        }
        utf16(bytes.get(..2 * end.unwrap_or(bytes.len() / 2)).unwrap_or_default())
    }
}

/// A NUL-ended UTF-16 string at `at`, and where it ends.
fn wide(data: &[u8], at: usize) -> Option<(String, usize)> {
    let mut units = Vec::new();
    let mut at = at;
    loop {
        let unit = le16(data, at)?;
        at += 2;
        if unit == 0 {
            return Some((String::from_utf16_lossy(&units), at));
        }
        if units.len() >= 512 {
            return None;
        }
        units.push(unit);
    }
}

/// The next multiple of four.
fn align(at: usize) -> usize {
    at.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node: its key, its value in words or its children, and what is added to its true length.
    fn node(key: &str, value: &str, children: &[u8], more: u16) -> Vec<u8> {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mut body = [wide(key), vec![0, 0]].concat();
        body.resize(align(body.len() + 6) - 6, 0);
        let words = if value.is_empty() { 0 } else { value.len() as u16 + 1 };
        if words > 0 {
            body.extend([wide(value), vec![0, 0]].concat());
        }
        body.extend(children);
        let len = (body.len() as u16 + 6).saturating_add(more);
        let mut node = [&len.to_le_bytes()[..], &words.to_le_bytes(), &1u16.to_le_bytes(), &body].concat();
        node.resize(align(node.len()), 0);
        node
    }

    fn resource(first_more: u16) -> Vec<u8> {
        let strings = [node("Comments", "x", &[], first_more), node("CompanyName", "AO Acme", &[], 0)].concat();
        let info = node("StringFileInfo", "", &node("040904b0", "", &strings, 0), 0);
        node("VS_VERSION_INFO", "", &info, 0)
    }

    fn told(data: &[u8]) -> (Vec<String>, bool) {
        let read = read(data, &mut 100).expect("a version resource");
        let strings = read.blocks.into_iter().flat_map(|b| b.strings);
        (strings.map(|(key, value)| format!("{key}={value}")).collect(), read.lost)
    }

    #[test]
    fn what_a_length_hides_is_told() {
        assert_eq!(told(&resource(0)), (vec!["Comments=x".to_owned(), "CompanyName=AO Acme".to_owned()], false));
        // The first string says that it reaches over the second.
        assert_eq!(told(&resource(0xff00)), (vec!["Comments=x".to_owned()], true));
        // Cut anywhere, the resource tells that something is missing.
        let whole = resource(0);
        for len in 40..whole.len() - 8 {
            assert!(read(&whole[..len], &mut 100).is_none_or(|read| read.lost), "cut at {len}");
        }
    }
}
