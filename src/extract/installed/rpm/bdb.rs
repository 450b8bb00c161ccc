//! Hash tables of Berkeley DB, in which RPM kept its packages until 2020.
//!
//! In: the bytes of a `Packages`, in either byte order. Out: one value after the other, and what stood in the way. Pages
//! are read in the order of the file, not by the table: every one holds what it holds. Must not know: what keys and
//! values mean.

use std::borrow::Cow;

use super::Broken;
use crate::bytes::{be16, be32, le16, le32};
use crate::fact::Reason;

/// The mark of a hash table, in its first page.
const MAGIC: u32 = 0x0006_1561;
/// Bytes in front of what a page holds.
const HEADER: usize = 26;
/// The types of pages: hash tables unsorted and sorted, and those on which long values go on.
const UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;
/// The types of values: on the page itself, and on others.
const INLINE: u8 = 1;
const ELSEWHERE: u8 = 3;

/// True for the first page of a hash table.
pub(super) fn begins(head: &[u8]) -> bool {
    (le32(head, 12) == Some(MAGIC) || be32(head, 12) == Some(MAGIC)) && head.get(25) == Some(&8)
}

struct Table<'d> {
    data: &'d [u8],
    little: bool,
    page: usize,
    /// The pages on which long values go on that were read so far.
    seen: Vec<bool>,
    /// Bytes of values that may still be read: true ones do not lie over each other.
    left: usize,
    broken: Broken,
}

/// Hands over every value until `take` says that it is enough.
pub(super) fn read(data: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Broken {
    let little = le32(data, 12) == Some(MAGIC);
    let word = |at: usize| if little { le32(data, at) } else { be32(data, at) };
    let size = |at: usize| word(at).and_then(|n| usize::try_from(n).ok());
    let (Some(page), Some(last)) = (size(20), size(32)) else {
        return Some((0, Reason::Truncated, "the file ends within its first page"));
    };
    if !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Some((20, Reason::Malformed, "pages of a length that none has"));
    }
    if data.get(24) != Some(&0) {
        return Some((24, Reason::Encrypted, "its pages are encrypted"));
    }
    let count = data.len() / page;
    let mut table = Table { data, little, page, seen: vec![false; count], left: data.len(), broken: None };
    if last >= count {
        table.broken(32, Reason::Truncated, "the file ends before its last page");
    }
    for number in 1..=last.min(count.saturating_sub(1)) {
        if !table.values(number, take) {
            break;
        }
    }
    table.broken
}

impl<'d> Table<'d> {
    fn broken(&mut self, at: usize, reason: Reason, what: &'static str) {
        self.broken.get_or_insert((at, reason, what));
    }

    fn half(&self, data: &[u8], at: usize) -> Option<usize> {
        (if self.little { le16(data, at) } else { be16(data, at) }).map(usize::from)
    }

    fn word(&self, data: &[u8], at: usize) -> Option<usize> {
        (if self.little { le32(data, at) } else { be32(data, at) }).and_then(|n| usize::try_from(n).ok())
    }

    fn page(&self, number: usize) -> Option<&'d [u8]> {
        let start = number.checked_mul(self.page)?;
        self.data.get(start..start.checked_add(self.page)?)
    }

    /// The values on one page: every second item, behind its key.
    fn values(&mut self, number: usize, take: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let Some(page) = self.page(number) else { return true };
        if !matches!(page.get(25), Some(&(UNSORTED | HASH))) {
            return true;
        }
        let count = self.half(page, 20).unwrap_or(0);
        for index in (1..count).step_by(2) {
            let place = |index: usize| self.half(page, HEADER + 2 * index);
            // Items are set from the end of the page to its start: each ends where the one before it began.
            let (start, end) = (place(index), place(index - 1));
            let item = start.zip(end).and_then(|(start, end)| page.get(start..end));
            let at = number * self.page + HEADER + 2 * index;
            let Some((kind, rest)) = item.and_then(<[u8]>::split_first) else {
                self.broken(at, Reason::Malformed, "a value outside its page");
                return true;
            };
            let value = match *kind {
                INLINE => Some(Cow::Borrowed(rest)),
                ELSEWHERE => self.long(at, rest),
                // Duplicates: RPM's table of packages has none.
                _ => continue,
            };
            let Some(value) = value else { continue };
            let Some(left) = self.left.checked_sub(value.len()) else {
                self.broken(at, Reason::Malformed, "values that lie over each other");
                return false;
            };
            self.left = left;
            if !take(&value) {
                return false;
            }
        }
        true
    }

    /// A value on pages of its own: the first of them, and the whole length.
    fn long(&mut self, at: usize, item: &[u8]) -> Option<Cow<'d, [u8]>> {
        let (Some(mut next), Some(len)) = (self.word(item, 3), self.word(item, 7)) else {
            self.broken(at, Reason::Malformed, "a long value without its place");
            return None;
        };
        let mut value = Vec::new();
        while value.len() < len {
            let page = self.page(next).filter(|_| next != 0);
            let (Some(page), Some(seen)) = (page, self.seen.get_mut(next)) else {
                self.broken(at, Reason::Truncated, "a value goes on on a page that is not in the file");
                return None;
            };
            if std::mem::replace(seen, true) || page.get(25) != Some(&OVERFLOW) {
                self.broken(at, Reason::Malformed, "a value goes on on a page that is none of its own");
                return None;
            }
            let held = self.half(page, 22).unwrap_or(0).min(len - value.len());
            let Some(part) = page.get(HEADER..HEADER + held) else {
                self.broken(at, Reason::Malformed, "a value that leads out of its page");
                return None;
            };
            value.extend_from_slice(part);
            next = self.word(page, 16)?;
        }
        Some(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of 512 bytes behind the first one of a table.
    fn made(pages: &[Vec<u8>]) -> Vec<u8> {
        let mut data = vec![0; 512];
        data[12..16].copy_from_slice(&MAGIC.to_le_bytes());
        data[20..24].copy_from_slice(&512u32.to_le_bytes());
        data[25] = 8;
        data[32..36].copy_from_slice(&(pages.len() as u32).to_le_bytes());
        data.extend(pages.iter().flatten());
        data
    }

    /// A page of this type; of long values with what follows and how much it holds.
    fn page(kind: u8, next: u32, held: u16) -> Vec<u8> {
        let mut page = vec![b'v'; 512];
        page[..HEADER].fill(0);
        page[16..20].copy_from_slice(&next.to_le_bytes());
        page[22..24].copy_from_slice(&held.to_le_bytes());
        page[25] = kind;
        page
    }

    /// A page with a key and this item.
    fn table(item: &[u8]) -> Vec<u8> {
        let mut page = page(HASH, 0, 0);
        page[20] = 2;
        let at = 507 - item.len();
        page[26..28].copy_from_slice(&507u16.to_le_bytes());
        page[28..30].copy_from_slice(&(at as u16).to_le_bytes());
        page[at..507].copy_from_slice(item);
        page
    }

    fn long(first: u32, len: u32) -> Vec<u8> {
        [&[ELSEWHERE, 0, 0, 0][..], &first.to_le_bytes(), &len.to_le_bytes()].concat()
    }

    fn run(data: &[u8]) -> (Vec<usize>, Option<Reason>) {
        let mut seen = Vec::new();
        let broken = read(data, &mut |value| {
            seen.push(value.len());
            true
        });
        (seen, broken.map(|(_, reason, _)| reason))
    }

    #[test]
    fn values_stand_on_their_page_or_on_others() {
        assert_eq!(run(&made(&[table(&[INLINE, 1, 2, 3])])), (vec![3], None));
        let data = made(&[table(&long(2, 500)), page(OVERFLOW, 3, 486), page(OVERFLOW, 0, 14)]);
        assert!(begins(&data));
        assert_eq!(run(&data), (vec![500], None));
        assert_eq!(run(&data[..1200]), (vec![], Some(Reason::Truncated)));
    }

    #[test]
    fn pages_that_lead_back_end() {
        let back = made(&[table(&long(2, 1 << 30)), page(OVERFLOW, 2, 486)]);
        assert_eq!(run(&back), (vec![], Some(Reason::Malformed)));
        let own = made(&[table(&long(1, 10))]);
        assert_eq!(run(&own).1, Some(Reason::Malformed));
        for first in [0, u32::MAX] {
            assert_eq!(run(&made(&[table(&long(first, 10))])).1, Some(Reason::Truncated));
        }
        // Pages that hold nothing, without end.
        let empty = made(&[table(&long(2, 10)), page(OVERFLOW, 3, 0), page(OVERFLOW, 2, 0)]);
        assert_eq!(run(&empty).1, Some(Reason::Malformed));
        // Many items that are one.
        let mut many = table(&[[INLINE].as_slice(), &[b'x'; 100]].concat());
        many[20] = 100;
        for index in 1..50 {
            many.copy_within(26..30, 26 + 4 * index);
        }
        let (seen, broken) = run(&made(&[many]));
        assert!(seen.len() <= 10 && broken == Some(Reason::Malformed));
        let mut wild = made(&[]);
        wild[20..24].fill(0xff);
        assert_eq!(run(&wild).1, Some(Reason::Malformed));
    }
}
