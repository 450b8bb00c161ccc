//! The table of compiled resources (`resources.arsc`): packages, and the strings somebody asks for.
//!
//! In: the bytes of a table, and names of strings or the number of one resource. Out: what they are in each language.
//! Must not know which names tell what.

use super::pool::{self, Pool};
use crate::bytes::{le16, le32};

/// Strings kept of one table.
pub(super) const FOUND: usize = 4096;
/// Chunks of a table; applications have thousands.
const CHUNKS: usize = 1_000_000;
/// Entries, and letters of their names, that are looked at in all: hostile names are all one long text.
const ENTRIES: usize = 64 << 20;

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) enum Want<'w> {
    /// Strings of these names.
    Names(&'w [&'w str]),
    /// The resource of this number.
    Id(u32),
}

/// A string of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub name: String,
    /// Language and region; empty for what is used elsewhere.
    pub locale: String,
    pub value: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub packages: Vec<String>,
    pub found: Vec<Found>,
    /// It could be read to its end.
    pub whole: bool,
    /// More was found than is kept.
    pub more: bool,
}

impl Table {
    pub fn add(&mut self, found: Found) {
        if self.found.len() < FOUND {
            self.found.push(found);
        } else {
            self.more = true;
        }
    }
}

pub(super) fn is_table(data: &[u8]) -> bool {
    data.starts_with(&[2, 0, 12, 0])
}

pub(super) fn read(data: &[u8], want: Want<'_>) -> Table {
    let mut table = Table::default();
    let mut budget = (CHUNKS, ENTRIES);
    table.whole = whole(data, want, &mut table, &mut budget).is_some();
    table
}

/// A chunk at this place, and where the next begins.
fn chunk<'d>(data: &'d [u8], at: usize, budget: &mut (usize, usize)) -> Option<(u16, &'d [u8], usize)> {
    budget.0 = budget.0.checked_sub(1)?;
    let size = le32(data, at.checked_add(4)?)? as usize;
    let end = at.checked_add(size).filter(|_| size >= 8)?;
    Some((le16(data, at)?, data.get(at..end)?, end))
}

fn whole(data: &[u8], want: Want<'_>, table: &mut Table, budget: &mut (usize, usize)) -> Option<()> {
    let data = data.get(..le32(data, 4)? as usize)?;
    let mut values = Pool::default();
    let mut at = usize::from(le16(data, 2)?);
    while at < data.len() {
        let (kind, part, next) = chunk(data, at, budget)?;
        match kind {
            0x0001 => values = Pool::read(part)?,
            0x0200 => package(part, want, &values, table, budget)?,
            _ => {}
        }
        at = next;
    }
    Some(())
}

fn package(
    data: &[u8],
    want: Want<'_>,
    values: &Pool<'_>,
    table: &mut Table,
    budget: &mut (usize, usize),
) -> Option<()> {
    let id = le32(data, 8)?;
    let units = data.get(12..268)?.chunks_exact(2).filter_map(|c| le16(c, 0)).take_while(|unit| *unit != 0);
    let name = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if table.packages.len() < FOUND {
        table.packages.push(name);
    }
    let mut pool = |at: usize| Pool::read(chunk(data, le32(data, at)? as usize, budget)?.1);
    let (types, keys) = (pool(268)?, pool(276)?);
    // The keys that are wanted, by their index; sorted, as they come.
    let mut wanted: Vec<u32> = Vec::new();
    match want {
        Want::Names(names) => {
            for index in 0..keys.count() {
                let key = keys.get(index).unwrap_or_default();
                budget.1 = budget.1.checked_sub(key.len() + 1)?;
                if names.contains(&key.as_str()) {
                    wanted.push(index);
                }
            }
        }
        Want::Id(number) if number >> 24 == id => {}
        Want::Id(_) => return Some(()),
    }
    let mut at = usize::from(le16(data, 2)?);
    while at < data.len() {
        let (kind, part, next) = chunk(data, at, budget)?;
        at = next;
        if kind != 0x0201 {
            continue;
        }
        let number = u32::from(*part.get(8)?);
        let this = match want {
            Want::Names(_) => number > 0 && types.get(number - 1).as_deref() == Some("string"),
            Want::Id(id) => (id >> 16) & 0xff == number,
        };
        if this {
            let locale = locale(part);
            entries(part, budget, &mut |index, key, kind, value| {
                let this = match want {
                    Want::Names(_) => wanted.binary_search(&key).is_ok(),
                    Want::Id(id) => id & 0xffff == index,
                };
                // Names and values are long: beyond what is kept none is made.
                if this && table.found.len() >= FOUND {
                    table.more = true;
                } else if this && let Some((value, name)) = pool::value(kind, value, values).zip(keys.get(key)) {
                    table.add(Found { name, locale: locale.clone(), value });
                }
            })?;
        }
    }
    Some(())
}

/// Every simple entry of a type: its index, key, kind of value and value.
fn entries(data: &[u8], budget: &mut (usize, usize), take: &mut dyn FnMut(u32, u32, u8, u32)) -> Option<()> {
    const SPARSE: u8 = 1;
    const SHORT: u8 = 2;
    let flags = *data.get(9)?;
    let count = le32(data, 12)?;
    let start = le32(data, 16)? as usize;
    let offsets = usize::from(le16(data, 2)?);
    for nth in 0..count {
        budget.1 = budget.1.checked_sub(1)?;
        let place = nth as usize;
        let (index, offset) = if flags & SPARSE != 0 {
            let at = offsets.checked_add(place.checked_mul(4)?)?;
            (u32::from(le16(data, at)?), usize::from(le16(data, at + 2)?) * 4)
        } else if flags & SHORT != 0 {
            match le16(data, offsets.checked_add(place.checked_mul(2)?)?)? {
                u16::MAX => continue,
                offset => (nth, usize::from(offset) * 4),
            }
        } else {
            match le32(data, offsets.checked_add(place.checked_mul(4)?)?)? {
                u32::MAX => continue,
                offset => (nth, offset as usize),
            }
        };
        let at = start.checked_add(offset)?;
        let flags = le16(data, at + 2)?;
        if flags & 8 != 0 {
            // A compact one: the key in place of the size, the kind of value in the flags.
            take(index, u32::from(le16(data, at)?), (flags >> 8) as u8, le32(data, at + 4)?);
        } else if flags & 1 == 0 {
            let value = at.checked_add(usize::from(le16(data, at)?))?;
            take(index, le32(data, at + 4)?, *data.get(value.checked_add(3)?)?, le32(data, value + 4)?);
        }
    }
    Some(())
}

/// Language and region of a type's configuration, `de` or `pt-BR`.
fn locale(data: &[u8]) -> String {
    let code = |at: usize, base: u8| -> String {
        let (first, second) = (data.get(at).copied().unwrap_or(0), data.get(at + 1).copied().unwrap_or(0));
        if first & 0x80 != 0 {
            // Three letters in fifteen bits.
            let letters = [second & 0x1f, (second >> 5) | (first & 3) << 3, (first & 0x7c) >> 2];
            return letters.iter().map(|l| char::from(base.saturating_add(*l))).collect();
        }
        [first, second].iter().take_while(|b| **b != 0).map(|b| char::from(*b)).collect()
    };
    let (language, region) = (code(28, b'a'), code(30, b'0'));
    if region.is_empty() { language } else { format!("{language}-{region}") }
}
