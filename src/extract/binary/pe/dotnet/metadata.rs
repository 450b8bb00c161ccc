//! CLI metadata (ECMA-335, partition II, 22 to 24): the root, its streams, and the cells of its tables.
//!
//! In: the bytes of the metadata. Out: rows, names and blobs on demand; nothing is held but where tables stand, so
//! counts cost nothing until a row is looked at. Must not know: what a table means.

use std::borrow::Cow;

use super::super::NAME;
use super::schema::{Column, SCHEMA, TABLES};
use crate::bytes::{le16, le32};
use crate::fact::{Inventory, Reason};

/// Streams looked at; the standard knows five, and some writers add one or two.
const STREAMS: u16 = 64;

/// The parts of the metadata that are read.
pub(super) struct Metadata<'d> {
    /// The version of the runtime it was written for.
    pub version: Cow<'d, str>,
    strings: &'d [u8],
    blobs: &'d [u8],
    tables: Vec<Table<'d>>,
}

#[derive(Default)]
struct Table<'d> {
    data: &'d [u8],
    rows: u32,
    width: usize,
    /// Where each column stands in a row, and how wide it is.
    columns: Vec<(usize, usize)>,
}

impl<'d> Metadata<'d> {
    /// Reads root and streams; says what is wrong with them.
    pub fn read(root: &'d [u8], inventory: &mut Inventory<'_>) -> Option<Metadata<'d>> {
        if !root.starts_with(b"BSJB") {
            inventory.gap(".NET", Reason::Malformed, "metadata without its mark; not read");
            return None;
        }
        let length = usize::try_from(le32(root, 12)?).ok()?;
        let Some(version) = 16usize.checked_add(length).and_then(|end| root.get(16..end)) else {
            inventory.gap(".NET", Reason::Truncated, "ends within the root of its metadata");
            return None;
        };
        let version = version.get(..memchr::memchr(0, version).unwrap_or(version.len()).min(255)).unwrap_or_default();
        let mut metadata = Metadata {
            version: String::from_utf8_lossy(version),
            strings: &[],
            blobs: &[],
            tables: (0..TABLES).map(|_| Table::default()).collect(),
        };
        let (tables, wide) = metadata.streams(root, 16 + length, inventory);
        match tables {
            Some(tables) => metadata.tables(tables, wide, inventory),
            None => inventory.gap(".NET", Reason::Malformed, "metadata without a stream of tables"),
        }
        Some(metadata)
    }

    /// Finds the streams: the one of tables, and whether every index in it is wide.
    fn streams(&mut self, root: &'d [u8], at: usize, inventory: &mut Inventory<'_>) -> (Option<&'d [u8]>, bool) {
        let (mut tables, mut wide) = (None, false);
        let count = le16(root, at + 2).unwrap_or(0);
        if count > STREAMS {
            inventory.gap(".NET", Reason::Limit, format!("more than {STREAMS} streams; the rest was not read"));
        }
        let mut at = at + 4;
        let mut seen: Vec<&[u8]> = Vec::new();
        for _ in 0..count.min(STREAMS) {
            let name = root.get(at + 8..).map(|rest| rest.get(..32).unwrap_or(rest));
            let name = name.and_then(|rest| rest.get(..memchr::memchr(0, rest)?));
            let (Some(from), Some(size), Some(name)) = (le32(root, at), le32(root, at + 4), name) else {
                inventory.gap(".NET", Reason::Malformed, "a list of streams that cannot be read to its end");
                break;
            };
            at += 8 + (name.len() + 4) / 4 * 4;
            let field = format!(".NET/{}", String::from_utf8_lossy(name));
            let rest = usize::try_from(from).ok().and_then(|from| root.get(from..)).unwrap_or_default();
            let stream = usize::try_from(size).ok().and_then(|size| rest.get(..size));
            if stream.is_none() {
                inventory.gap(&field, Reason::Malformed, "a stream that leads out of the metadata");
            }
            // Writers that hide something add a second stream of one name; the first is the one that is used.
            if seen.contains(&name) {
                inventory.gap(field, Reason::Malformed, "a second stream of this name; not read");
                continue;
            }
            seen.push(name);
            let stream = stream.unwrap_or(rest);
            match name {
                b"#Strings" => self.strings = stream,
                b"#Blob" => self.blobs = stream,
                b"#~" | b"#-" if tables.is_none() => tables = Some(stream),
                b"#JTD" => wide = true,
                _ => {}
            }
        }
        (tables, wide)
    }

    fn tables(&mut self, stream: &'d [u8], wide: bool, inventory: &mut Inventory<'_>) {
        let heaps = stream.get(6).copied().unwrap_or(0);
        let present = le32(stream, 8).zip(le32(stream, 12));
        let Some(present) = present.map(|(low, high)| u64::from(high) << 32 | u64::from(low)) else {
            inventory.gap(".NET/#~", Reason::Truncated, "ends within the head of the tables");
            return;
        };
        let mut rows = [0u32; 64];
        let mut at = 24;
        for (number, count) in rows.iter_mut().enumerate() {
            if present >> number & 1 == 1 {
                let Some(read) = le32(stream, at) else {
                    inventory.gap(".NET/#~", Reason::Truncated, "ends within the head of the tables");
                    return;
                };
                *count = read;
                at += 4;
            }
        }
        // An extra word of data, by a flag of the runtime's own.
        at += if heaps & 0x40 != 0 { 4 } else { 0 };
        if present >> TABLES != 0 {
            inventory.gap(".NET/#~", Reason::Unsupported, "tables of another standard; not read");
        }
        for ((columns, rows_of), table) in SCHEMA.iter().zip(rows).zip(&mut self.tables) {
            let mut width = 0;
            for column in *columns {
                let own = column.width(&rows, heaps, wide);
                table.columns.push((width, own));
                width += own;
            }
            table.width = width;
            let rest = stream.get(at..).unwrap_or_default();
            let held = u32::try_from(rest.len() / width.max(1)).unwrap_or(u32::MAX);
            table.data = rest;
            table.rows = rows_of.min(held);
            if held < rows_of {
                inventory.gap(".NET/#~", Reason::Truncated, format!("a table of {rows_of} rows has room for {held}"));
                return;
            }
            at = at.saturating_add(width.saturating_mul(usize::try_from(rows_of).unwrap_or(usize::MAX)));
        }
    }

    /// The rows of a table.
    pub fn rows(&self, table: usize) -> u32 {
        self.tables.get(table).map_or(0, |table| table.rows)
    }

    /// One cell; rows count from one.
    pub fn cell(&self, table: usize, row: u32, column: usize) -> Option<u32> {
        let table = self.tables.get(table).filter(|table| row >= 1 && row <= table.rows)?;
        let (offset, width) = *table.columns.get(column)?;
        let at = usize::try_from(row - 1).ok()?.checked_mul(table.width)?.checked_add(offset)?;
        if width == 2 { le16(table.data, at).map(u32::from) } else { le32(table.data, at) }
    }

    /// A name out of the heap.
    pub fn text(&self, at: u32) -> Option<Cow<'d, str>> {
        if at == 0 {
            return Some(Cow::Borrowed(""));
        }
        let rest = self.strings.get(usize::try_from(at).ok()?..).filter(|rest| !rest.is_empty())?;
        let rest = rest.get(..NAME).unwrap_or(rest);
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        rest.get(..end).map(String::from_utf8_lossy)
    }

    /// A blob out of the heap.
    pub fn blob(&self, at: u32) -> Option<&'d [u8]> {
        if at == 0 {
            return Some(&[]);
        }
        let rest = self.blobs.get(usize::try_from(at).ok()?..)?;
        let (length, used) = compressed(rest)?;
        rest.get(used..used.checked_add(length)?)
    }
}

/// A number of one, two or four bytes, and how many they are.
pub(super) fn compressed(data: &[u8]) -> Option<(usize, usize)> {
    match *data {
        [a @ 0..=0x7f, ..] => Some((usize::from(a), 1)),
        [a @ 0x80..=0xbf, b, ..] => Some((usize::from(a & 0x3f) << 8 | usize::from(b), 2)),
        [a @ 0xc0..=0xdf, b, c, d, ..] => {
            let high = usize::from(a & 0x1f) << 24 | usize::from(b) << 16;
            Some((high | usize::from(c) << 8 | usize::from(d), 4))
        }
        _ => None,
    }
}

impl Column {
    /// How many bytes it takes: an index is as wide as what it counts asks for.
    fn width(&self, rows: &[u32; 64], heaps: u8, wide: bool) -> usize {
        let count = |table: usize| rows.get(table).copied().unwrap_or(0);
        let small = match self {
            Column::Word => return 2,
            Column::Long => return 4,
            Column::Text => heaps & 1 == 0,
            Column::Guid => heaps & 2 == 0,
            Column::Blob => heaps & 4 == 0,
            Column::Row(table) => count(*table) <= 0xffff,
            Column::Coded(coded) => coded.tables.iter().all(|table| count(*table) < 1 << (16 - coded.bits)),
        };
        if small && !wide { 2 } else { 4 }
    }
}
