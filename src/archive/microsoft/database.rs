//! The database within a Windows Installer package: names of streams, strings, columns, rows.
//!
//! In: a compound file. Out: tables as rows of text. Every row of a table stands by columns: first all values of the first
//! one, then all of the second.

use std::collections::HashMap;

use super::compound::{Compound, Stream};
use crate::bytes::{le16, le32};
use crate::source::Reader;

/// Bytes of a stream that holds a table or strings.
const STREAM: u64 = 128 << 20;
/// Columns of all tables.
const COLUMNS: usize = 100_000;
/// Rows read of one table.
const ROWS: usize = 500_000;

/// Stream names hold two characters of a base-64 alphabet in one, to fit into 31.
pub(super) fn decode(name: &str) -> String {
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let letter = |n: u32| ALPHABET.get(n as usize & 63).map_or('?', |byte| char::from(*byte));
    let mut text = String::new();
    for c in name.chars() {
        match c as u32 {
            n @ 0x3800..0x4800 => {
                text.push(letter(n - 0x3800));
                text.push(letter((n - 0x3800) >> 6));
            }
            n @ 0x4800..0x4840 => text.push(letter(n - 0x4800)),
            0x4840 => text.push('!'),
            _ => text.push(c),
        }
    }
    text
}

/// Windows Installer's packages, patches and transforms, by the class of the root.
pub(super) fn is_installer(file: &Compound) -> bool {
    matches!(file.class.get(..4), Some([0x82 | 0x84 | 0x86, 0x10, 0x0c, 0]))
        || file.streams.iter().any(|stream| decode(&stream.path) == "!_StringPool")
}

/// A column: its name and how its values stand.
#[derive(Clone)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Short,
    Long,
}

/// The database of a package.
pub(crate) struct Database {
    strings: Vec<String>,
    wide: bool,
    tables: HashMap<String, Vec<Column>>,
    streams: HashMap<String, Stream>,
    /// What is broken, or beyond a bound.
    pub faults: Vec<String>,
}

/// A table in memory.
pub(crate) struct Table<'d> {
    database: &'d Database,
    columns: &'d [Column],
    data: Vec<u8>,
    /// How many rows it has.
    pub rows: usize,
}

impl Database {
    /// The database of a compound file, if it holds one.
    pub fn open(file: &Compound, reader: &mut Reader) -> Option<Database> {
        if !is_installer(file) {
            return None;
        }
        let streams: HashMap<String, Stream> =
            file.streams.iter().map(|stream| (decode(&stream.path), stream.clone())).collect();
        let mut database =
            Database { strings: Vec::new(), wide: false, tables: HashMap::new(), streams, faults: Vec::new() };
        let pool = database.bytes(file, reader, "!_StringPool")?;
        let data = database.bytes(file, reader, "!_StringData").unwrap_or_default();
        database.strings(&pool, &data);
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let own = vec![
            column("Table", Kind::Text),
            column("Number", Kind::Short),
            column("Name", Kind::Text),
            column("Type", Kind::Short),
        ];
        database.tables.insert("_Columns".to_owned(), own);
        let mut tables: HashMap<String, Vec<Column>> = HashMap::new();
        if let Some(table) = database.table(file, reader, "_Columns") {
            for row in 0..table.rows.min(COLUMNS) {
                let kind = match table.number(row, "Type").unwrap_or_default() {
                    kind if kind & 0x0f00 == 0x0900 && kind & 0xff == 0 => Kind::Short,
                    kind if kind & 0x0800 != 0 => Kind::Text,
                    kind if kind & 0xff <= 2 => Kind::Short,
                    _ => Kind::Long,
                };
                let name = table.text(row, "Name").to_owned();
                tables.entry(table.text(row, "Table").to_owned()).or_default().push(Column { name, kind });
            }
        }
        database.tables.extend(tables);
        Some(database)
    }

    fn bytes(&mut self, file: &Compound, reader: &mut Reader, name: &str) -> Option<Vec<u8>> {
        let stream = self.streams.get(name)?;
        let bytes = file.content(reader, stream, STREAM);
        if bytes.is_none() {
            self.faults.push(format!("the table {name} could not be read"));
        }
        bytes
    }

    /// The strings by number: their lengths stand in the pool, one behind the other, in the code page that it names.
    fn strings(&mut self, pool: &[u8], data: &[u8]) {
        let (page, flags) = (le16(pool, 0).unwrap_or_default(), le16(pool, 2).unwrap_or_default());
        self.wide = flags & 0x8000 != 0;
        let encoding = encoding(page);
        let (mut at, mut from) = (4, 0usize);
        self.strings.push(String::new());
        while let (Some(low), Some(uses)) = (le16(pool, at), le16(pool, at + 2)) {
            at += 4;
            let mut len = usize::from(low);
            if low == 0 && uses != 0 {
                // Longer than 64 KiB: the length stands in the next place; its high half there or here.
                let (Some(low), Some(high)) = (le16(pool, at), le16(pool, at + 2)) else { break };
                at += 4;
                let long = usize::from(high) << 16 | usize::from(low);
                let fits = from.checked_add(long).is_some_and(|end| end <= data.len());
                len = if fits { long } else { usize::from(uses) << 16 | usize::from(low) };
            }
            let end = from.saturating_add(len);
            let bytes = data.get(from..end).unwrap_or_default();
            if bytes.len() != len && self.faults.is_empty() {
                self.faults.push("strings that lead out of their table".to_owned());
            }
            from = end;
            self.strings.push(encoding.decode_without_bom_handling(bytes).0.into_owned());
        }
    }

    /// A table, if the package has it.
    pub fn table(&mut self, file: &Compound, reader: &mut Reader, name: &str) -> Option<Table<'_>> {
        let data = self.bytes(file, reader, &format!("!{name}"))?;
        let wide = self.wide;
        let width: usize = self.tables.get(name)?.iter().map(|column| width(column.kind, wide)).sum();
        let rows = data.len().checked_div(width)?;
        if rows > ROWS {
            self.faults.push(format!("the table {name} has more than {ROWS} rows; not read"));
            return None;
        }
        if data.len() % width != 0 {
            self.faults.push(format!("the table {name} is cut"));
        }
        let columns = self.tables.get(name)?;
        Some(Table { database: self, columns, data, rows })
    }
}

fn width(kind: Kind, wide: bool) -> usize {
    match kind {
        Kind::Text if wide => 3,
        Kind::Text | Kind::Short => 2,
        Kind::Long => 4,
    }
}

/// The encoding of a code page; the Western one where it is neutral or not known.
fn encoding(page: u16) -> &'static encoding_rs::Encoding {
    let label = match page {
        65001 => "utf-8".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        874 | 1250..=1258 => format!("windows-{page}"),
        _ => "windows-1252".to_owned(),
    };
    encoding_rs::Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252)
}

impl Table<'_> {
    fn raw(&self, row: usize, name: &str) -> Option<(u32, Kind)> {
        let mut before = 0;
        for column in self.columns {
            let width = width(column.kind, self.database.wide);
            if column.name == name {
                let at = before * self.rows + row * width;
                let value = match width {
                    2 => u32::from(le16(&self.data, at)?),
                    3 => u32::from(le16(&self.data, at)?) | u32::from(*self.data.get(at + 2)?) << 16,
                    _ => le32(&self.data, at)?,
                };
                return Some((value, column.kind));
            }
            before += width;
        }
        None
    }

    /// A number; zero stands for none.
    pub fn number(&self, row: usize, name: &str) -> Option<i64> {
        match self.raw(row, name)? {
            (0, _) => None,
            (value, Kind::Long) => Some(i64::from(value ^ 0x8000_0000)),
            (value, _) => Some(i64::from(value ^ 0x8000)),
        }
    }

    /// A text; empty where there is none.
    pub fn text(&self, row: usize, name: &str) -> &str {
        match self.raw(row, name) {
            Some((value, Kind::Text)) => self.database.strings.get(value as usize).map_or("", String::as_str),
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_streams_are_unpacked() {
        // Two letters in one, the mark of a table, and letters as they are.
        let packed = |a: u32, b: u32| char::from_u32(0x3800 + a + (b << 6)).unwrap_or('?');
        let name: String = ['\u{4840}', packed(15, 44), packed(47, 40)].iter().collect();
        assert_eq!(decode(&name), "!File");
        assert_eq!(decode("[5]SummaryInformation"), "[5]SummaryInformation");
    }
}
