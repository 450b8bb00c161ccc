//! The cells of a registry hive: keys, lists of keys, values.
//!
//! In: the bytes of a hive. Out: [`Key`]s and their texts, within a budget of cells. Must not know: which keys matter.
use crate::bytes::{le16, le32};

use std::collections::HashSet;

use encoding_rs::UTF_16LE;

/// Where the cells begin: behind the base block.
const BINS: usize = 4096;
/// The registry's own limits are 255 letters of a key and 16,383 of a value.
const NAME: usize = 1024;
/// Bytes read of one value.
const VALUE: usize = 4096;
/// Bytes of a value that cost as much as a cell: many values may point to one long text.
const COST: usize = 64;
/// Values looked at of one key.
pub(super) const VALUES: u32 = 65_536;

pub(super) struct Hive<'d> {
    data: &'d [u8],
    /// Cells that may still be read.
    pub left: u32,
    /// A cell led out of the file or was none.
    pub broken: Option<usize>,
    /// A key has more than [`VALUES`].
    pub more: bool,
    /// The keys whose values were read: many links may lead to one.
    read: HashSet<u32>,
}

/// A key (`nk` cell).
#[derive(Clone, Copy)]
pub(super) struct Key<'d> {
    at: u32,
    cell: &'d [u8],
}

fn half(data: &[u8], at: usize) -> Option<usize> {
    le16(data, at).map(usize::from)
}

fn name(bytes: &[u8], narrow: bool) -> String {
    let bytes = bytes.get(..NAME).unwrap_or(bytes);
    if narrow {
        // One byte a letter: the first page of Unicode.
        bytes.iter().map(|b| char::from(*b)).collect()
    } else {
        UTF_16LE.decode_without_bom_handling(bytes).0.into_owned()
    }
}

impl<'d> Hive<'d> {
    pub fn new(data: &'d [u8], cells: u32) -> Hive<'d> {
        Hive { data, left: cells, broken: None, more: false, read: HashSet::new() }
    }

    /// The content of a cell by its offset behind the base block.
    fn cell(&mut self, offset: u32) -> Option<&'d [u8]> {
        self.left = self.left.checked_sub(1)?;
        let start = usize::try_from(offset).ok().and_then(|o| o.checked_add(BINS));
        let cell = start.and_then(|start| {
            // Cells in use have a negative size.
            let size = i32::from_le_bytes(self.data.get(start..start.checked_add(4)?)?.try_into().ok()?);
            let size = usize::try_from(size.checked_neg()?).ok()?;
            self.data.get(start.checked_add(4)?..start.checked_add(size)?)
        });
        if cell.is_none() {
            self.broken.get_or_insert(start.unwrap_or(usize::MAX));
        }
        cell
    }

    pub fn key(&mut self, offset: u32) -> Option<Key<'d>> {
        let cell = self.cell(offset)?;
        if !cell.starts_with(b"nk") || cell.len() < 76 {
            self.broken.get_or_insert(usize::try_from(offset).unwrap_or(0).saturating_add(BINS));
            return None;
        }
        Some(Key { at: offset, cell })
    }

    /// The keys below a key, handed over one by one until `take` says that it is enough.
    pub fn each(&mut self, key: Key<'d>, take: &mut dyn FnMut(&mut Self, Key<'d>) -> bool) {
        if le32(key.cell, 20) == Some(0) {
            return;
        }
        let Some(list) = le32(key.cell, 28).and_then(|at| self.cell(at)) else { return };
        if list.starts_with(b"ri") {
            for index in 0..half(list, 2).unwrap_or(0) {
                let inner = le32(list, 4 + 4 * index).and_then(|at| self.cell(at));
                // A list of lists of lists is none of Windows'.
                if !inner.is_none_or(|inner| self.list(inner, take)) || self.left == 0 {
                    return;
                }
            }
        } else {
            self.list(list, take);
        }
    }

    fn list(&mut self, list: &'d [u8], take: &mut dyn FnMut(&mut Self, Key<'d>) -> bool) -> bool {
        let step = match list.get(..2) {
            Some(b"lf" | b"lh") => 8,
            Some(b"li") => 4,
            _ => {
                self.broken.get_or_insert(0);
                return true;
            }
        };
        for index in 0..half(list, 2).unwrap_or(0) {
            let Some(at) = le32(list, 4 + step * index) else {
                self.broken.get_or_insert(0);
                return true;
            };
            if let Some(key) = self.key(at)
                && !take(self, key)
            {
                return false;
            }
            if self.left == 0 {
                return false;
            }
        }
        true
    }

    /// The key of this name below a key.
    pub fn child(&mut self, key: Key<'d>, wanted: &str) -> Option<Key<'d>> {
        let mut found = None;
        self.each(key, &mut |_, child| {
            if child.name().eq_ignore_ascii_case(wanted) {
                found = Some(child);
            }
            found.is_none()
        });
        found
    }

    /// The key at the end of a path below a key.
    pub fn below(&mut self, key: Key<'d>, path: &[&str]) -> Option<Key<'d>> {
        path.iter().try_fold(key, |key, part| self.child(key, part))
    }

    /// The texts among the values of a key that bear one of these names. A key gives them only once.
    pub fn texts(&mut self, key: Key<'d>, wanted: &[&str]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let count = le32(key.cell, 36).unwrap_or(0);
        if count == 0 || !self.read.insert(key.at) {
            return found;
        }
        self.more |= count > VALUES;
        let Some(list) = le32(key.cell, 40).and_then(|at| self.cell(at)) else { return found };
        for index in 0..usize::try_from(count.min(VALUES)).unwrap_or(0) {
            let Some(at) = le32(list, 4 * index) else {
                self.broken.get_or_insert(0);
                break;
            };
            let Some(value) = self.cell(at) else { break };
            if !value.starts_with(b"vk") {
                self.broken.get_or_insert(0);
                break;
            }
            found.extend(self.text(value, wanted));
        }
        found
    }

    /// A value of type `REG_SZ` or `REG_EXPAND_SZ` that bears one of these names.
    fn text(&mut self, value: &'d [u8], wanted: &[&str]) -> Option<(String, String)> {
        let (len, size, at, kind) = (half(value, 2)?, le32(value, 4)?, le32(value, 8)?, le32(value, 12)?);
        let narrow = half(value, 16)? & 1 != 0;
        let letters = if narrow { len } else { len / 2 };
        // By its length alone most need no look at their name.
        if !matches!(kind, 1 | 2) || !wanted.iter().any(|wanted| wanted.len() == letters) {
            return None;
        }
        let label = name(value.get(20..20_usize.checked_add(len)?)?, narrow);
        if !wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(&label)) {
            return None;
        }
        // Four bytes or fewer stand in place of their offset.
        let data = if size & 0x8000_0000 != 0 {
            value.get(8..8 + usize::try_from(size & 0x7fff_ffff).ok()?.min(4))?
        } else {
            let cell = self.cell(at)?;
            cell.get(..usize::try_from(size).ok()?.min(cell.len()))?
        };
        let data = data.get(..VALUE).unwrap_or(data);
        self.left = self.left.saturating_sub(u32::try_from(data.len() / COST).unwrap_or(u32::MAX));
        Some((label, UTF_16LE.decode_without_bom_handling(data).0.trim_end_matches('\0').to_owned()))
    }
}

impl Key<'_> {
    pub fn name(&self) -> String {
        let narrow = half(self.cell, 2).unwrap_or(0) & 0x20 != 0;
        let len = half(self.cell, 72).unwrap_or(0);
        let end = 76usize.saturating_add(len).min(self.cell.len());
        name(self.cell.get(76..end).unwrap_or_default(), narrow)
    }
}
