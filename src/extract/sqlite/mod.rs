//! SQLite databases, read only: the rows of a table, in the order of their ids.
//!
//! In: the bytes of a database file. Out: [`Table`]s and rows of [`Value`]s, and what stood in the way. Every page is
//! read at most once, so that pages that lead back to each other end, and the work grows with the file alone. Tables
//! without row ids and indexes are not read, nor is a write-ahead log beside the file. Must not know: what any table
//! holds.

mod record;

use std::borrow::Cow;

pub(super) use record::Value;

use crate::bytes::{be16, be32};
use crate::fact::Reason;
use record::{Encoding, record, varint};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Pages within pages: SQLite itself goes no deeper.
const DEPTH: usize = 20;
/// Bytes of one row; SQLite's own bound is 1 GB.
const ROW: u64 = 64 << 20;
/// Tables of one database.
const TABLES: usize = 10_000;

/// Who takes the rows of a table, each with its id; false says that it is enough.
pub(super) type Take<'t> = &'t mut dyn FnMut(i64, &[Value<'_>]) -> bool;

/// True for the first bytes of a database.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// A table of a database, by its schema.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub name: String,
    /// The statement that made it.
    pub sql: String,
    root: u32,
}

/// An open database.
pub(super) struct Database<'d> {
    data: &'d [u8],
    page: usize,
    /// Bytes of each page that hold content.
    usable: usize,
    encoding: Encoding,
    /// The pages read so far.
    seen: Vec<bool>,
    /// Bytes that cells of the page at hand may still hold: true ones do not lie over each other.
    room: usize,
    /// What stood in the way first: place, reason, and what it was.
    pub fault: Option<(usize, Reason, &'static str)>,
    /// Writes go to a log beside the file first.
    pub logged: bool,
}

impl<'d> Database<'d> {
    /// Opens a database; nothing where the header is none.
    pub fn open(data: &'d [u8]) -> Option<Database<'d>> {
        if !begins(data) {
            return None;
        }
        let page = match usize::from(be16(data, 16)?) {
            1 => 65_536,
            size => size,
        };
        let usable = page.checked_sub(usize::from(*data.get(20)?))?;
        if !page.is_power_of_two() || page < 512 || usable < 480 {
            return None;
        }
        let encoding = Encoding::by_number(be32(data, 56)?);
        let mut database = Database {
            data,
            page,
            usable,
            encoding,
            seen: vec![false; data.len().div_ceil(page)],
            room: 0,
            fault: None,
            logged: data.get(19) == Some(&2),
        };
        // The count of pages holds where it was written by the same change as the rest.
        let count = be32(data, 28).filter(|_| be32(data, 24) == be32(data, 92)).unwrap_or(0);
        let whole = usize::try_from(count).ok().and_then(|count| count.checked_mul(page));
        if whole.is_none_or(|whole| whole > data.len()) || !data.len().is_multiple_of(page) {
            database.broken(28, Reason::Truncated, "the file ends before its last page");
        }
        Some(database)
    }

    fn broken(&mut self, at: usize, reason: Reason, what: &'static str) {
        self.fault.get_or_insert((at, reason, what));
    }

    /// The tables that its schema names.
    pub fn tables(&mut self) -> Vec<Table> {
        let (mut tables, encoding) = (Vec::new(), self.encoding);
        self.walk(1, 0, &mut |_, row| {
            let text = |at: usize| row.get(at).and_then(|value| value.text(encoding)).unwrap_or_default();
            let root = row.get(3).and_then(Value::integer).and_then(|root| u32::try_from(root).ok());
            if let Some(root) = root.filter(|root| *root > 0 && text(0) == "table") {
                tables.push(Table { name: text(1).into_owned(), sql: text(4).into_owned(), root });
            }
            tables.len() < TABLES
        });
        if tables.len() >= TABLES {
            self.broken(0, Reason::Limit, "more tables than are read");
        }
        tables
    }

    /// Hands over the rows of a table.
    pub fn rows(&mut self, table: &Table, take: Take<'_>) {
        self.walk(table.root, 0, take);
    }

    /// A page that was not read before, with its place in the file. Pages are numbered from one.
    fn enter(&mut self, number: u32) -> Option<(usize, &'d [u8])> {
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        let start = index.and_then(|index| index.checked_mul(self.page));
        let page = start.and_then(|start| Some((start, self.data.get(start..start.checked_add(self.page)?)?)));
        let (Some(seen), Some(page)) = (index.and_then(|index| self.seen.get_mut(index)), page) else {
            self.broken(start.unwrap_or(0), Reason::Truncated, "a page that is not in the file");
            return None;
        };
        if std::mem::replace(seen, true) {
            self.broken(page.0, Reason::Malformed, "a page that two others lead to");
            return None;
        }
        Some(page)
    }

    /// Walks the tree of a table. False once `take` said that it is enough.
    fn walk(&mut self, number: u32, depth: usize, take: Take<'_>) -> bool {
        let Some((start, page)) = self.enter(number) else { return true };
        if depth >= DEPTH {
            self.broken(start, Reason::Malformed, "pages within pages without end");
            return true;
        }
        self.room = self.usable;
        // The first page begins with the header of the file.
        let header = if number == 1 { 100 } else { 0 };
        let (kind, cells) = (page.get(header).copied(), be16(page, header + 3));
        let array = header + if kind == Some(5) { 12 } else { 8 };
        let (Some(kind @ (5 | 13)), Some(cells)) = (kind, cells) else {
            self.broken(start, Reason::Malformed, "a page of a table that is none");
            return true;
        };
        for index in 0..usize::from(cells) {
            let cell = be16(page, array + 2 * index).map(usize::from).filter(|at| *at < self.usable);
            let Some(at) = cell else {
                self.broken(start, Reason::Malformed, "a cell outside its page");
                return true;
            };
            let go_on = match kind {
                5 => be32(page, at).is_none_or(|child| self.walk(child, depth + 1, take)),
                _ => self.leaf(start, page, at, take),
            };
            if !go_on {
                return false;
            }
        }
        match be32(page, header + 8).filter(|_| kind == 5) {
            Some(last) => self.walk(last, depth + 1, take),
            None => true,
        }
    }

    /// One row: its id, and a record that may go on in other pages.
    fn leaf(&mut self, start: usize, page: &'d [u8], at: usize, take: Take<'_>) -> bool {
        let mut rest = page.get(at..self.usable).unwrap_or_default();
        let (Some(len), Some(id)) = (varint(&mut rest), varint(&mut rest)) else {
            self.broken(start, Reason::Malformed, "a cell without its length");
            return true;
        };
        if len > ROW {
            self.broken(start, Reason::Limit, "a row of more than 64 MiB; not read");
            return true;
        }
        let Some(payload) = usize::try_from(len).ok().and_then(|len| self.payload(start, rest, len)) else {
            return true;
        };
        let row = record(&payload);
        if row.is_none() {
            self.broken(start, Reason::Malformed, "a row that leads out of itself");
        }
        row.is_none_or(|row| take(id.cast_signed(), &row))
    }

    /// The bytes of a row: those in the page, and those in a chain of others.
    fn payload(&mut self, start: usize, cell: &'d [u8], len: usize) -> Option<Cow<'d, [u8]>> {
        let most = self.usable - 35;
        let local = if len <= most {
            len
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let local = least + (len - least) % (self.usable - 4);
            if local <= most { local } else { least }
        };
        let (Some(held), Some(room)) = (cell.get(..local), self.room.checked_sub(local)) else {
            self.broken(start, Reason::Malformed, "a row that leads out of its page, or lies over another");
            return None;
        };
        self.room = room;
        if local == len {
            return Some(Cow::Borrowed(held));
        }
        let Some(mut next) = be32(cell, local) else {
            self.broken(start, Reason::Malformed, "a row that leads out of its page");
            return None;
        };
        let mut payload = held.to_vec();
        while payload.len() < len {
            let (_, page) = self.enter(next)?;
            let part = page.get(4..self.usable).unwrap_or_default();
            payload.extend_from_slice(part.get(..(len - payload.len()).min(part.len())).unwrap_or_default());
            next = be32(page, 0)?;
        }
        Some(Cow::Owned(payload))
    }
}

#[cfg(test)]
mod tests;
