//! VS_VERSIONINFO (Win32 version-information resource): every string of every table, in all languages.
//!
//! In: the bytes of one resource. Out: its string tables and fixed numbers. Real resources break the documented rules
//! (value lengths in bytes for words, missing padding), so lengths bound and never prove.
use crate::bytes::{le16, le32};

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
}

/// The tables of a resource, or nothing when it is no VS_VERSIONINFO; `left` counts the strings of the file.
pub(super) fn read(data: &[u8], left: &mut usize) -> Option<VersionInfo> {
    let root = Item::read(data)?;
    if root.key != "VS_VERSION_INFO" {
        return None;
    }
    let mut blocks = Vec::new();
    for info in root.children(data) {
        if info.key != "StringFileInfo" {
            continue;
        }
        for table in info.children(info.data) {
            // Tables count, too: many may hold nothing.
            if *left == 0 {
                break;
            }
            *left -= 1;
            let mut strings = Vec::new();
            for string in table.children(table.data) {
                if *left == 0 {
                    break;
                }
                *left -= 1;
                strings.push((string.key.clone(), string.text()));
            }
            blocks.push(Block { table: table.key, strings });
        }
    }
    Some(VersionInfo { blocks, fixed: fixed(&root) })
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
    fn children(&self, data: &'a [u8]) -> impl Iterator<Item = Item<'a>> {
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
                at = align(at.saturating_add(len));
                if item.is_some() {
                    return item;
                }
            }
            None
        })
    }

    /// The value as text, up to its end mark or the node's end, whatever the declared length says.
    fn text(&self) -> String {
        let bytes = self.data.get(self.value..).unwrap_or_default();
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .filter_map(|c| c.try_into().ok())
            .map(u16::from_le_bytes)
            .take_while(|u| *u != 0)
            .collect();
        String::from_utf16_lossy(&units)
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
