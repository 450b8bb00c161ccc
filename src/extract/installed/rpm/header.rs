//! The header of an RPM package: an index of tags, and a store of what they hold.
//!
//! In: the bytes of a header, as packages and databases hold it. Out: texts and numbers by tag. Every tag of interest is
//! looked up in one pass, and no text is read beyond the store. Must not know: where the header stood.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::bytes::be32;

/// Tags of one header: librpm's own bound is some 65,000.
const TAGS: usize = 65_536;
/// Bytes of one header: librpm's own bound.
const SIZE: usize = 256 << 20;
/// Bytes read of one text: a million tags may point to one of them.
const TEXT: usize = 4096;
/// An entry of the index: tag, type, place in the store, count.
const ENTRY: usize = 16;

/// The tags read, by their numbers.
pub(in super::super::super) mod tag {
    pub const NAME: u32 = 1000;
    pub const VERSION: u32 = 1001;
    pub const RELEASE: u32 = 1002;
    pub const EPOCH: u32 = 1003;
    pub const SUMMARY: u32 = 1004;
    pub const DESCRIPTION: u32 = 1005;
    pub const DISTRIBUTION: u32 = 1010;
    pub const VENDOR: u32 = 1011;
    pub const LICENSE: u32 = 1014;
    pub const PACKAGER: u32 = 1015;
    pub const URL: u32 = 1020;
    pub const ARCH: u32 = 1022;
    /// Whole paths, as packages of the last century have them.
    pub const OLD_FILES: u32 = 1027;
    pub const SOURCE: u32 = 1044;
    pub const DIR_INDEXES: u32 = 1116;
    pub const BASE_NAMES: u32 = 1117;
    pub const DIR_NAMES: u32 = 1118;
}

/// The types of what a tag holds.
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const I18N: u32 = 9;

/// One entry of the index.
#[derive(Clone, Copy)]
struct Tag<'d> {
    kind: u32,
    count: usize,
    data: &'d [u8],
}

/// A header.
pub(in super::super::super) struct Header<'d> {
    tags: HashMap<u32, Tag<'d>>,
    /// A tag leads out of the store: the others were read.
    pub broken: bool,
}

/// Why a header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super::super) enum Fault {
    /// It states more than the bytes hold.
    Short,
    /// It states more than any header has.
    Huge,
}

/// The whole length of a header by its first eight bytes: two counts, an index and a store.
pub(in super::super::super) fn length(data: &[u8]) -> Result<usize, Fault> {
    let word = |at: usize| be32(data, at).and_then(|n| usize::try_from(n).ok()).ok_or(Fault::Short);
    let (tags, store) = (word(0)?, word(4)?);
    if tags > TAGS || store > SIZE {
        return Err(Fault::Huge);
    }
    Ok(8 + tags * ENTRY + store)
}

impl<'d> Header<'d> {
    /// Reads a header that begins with its two counts.
    pub fn read(data: &'d [u8]) -> Result<Header<'d>, Fault> {
        let len = length(data)?;
        let tags = usize::try_from(be32(data, 0).unwrap_or(0)).unwrap_or(0);
        let index = data.get(8..8 + tags * ENTRY).ok_or(Fault::Short)?;
        let store = data.get(8 + tags * ENTRY..len).ok_or(Fault::Short)?;
        let mut header = Header { tags: HashMap::new(), broken: false };
        for entry in index.chunks_exact(ENTRY) {
            let word = |at: usize| be32(entry, at).unwrap_or(0);
            let place = usize::try_from(word(8)).unwrap_or(usize::MAX);
            // Tags below these number regions and signatures, whose places are no places in the store.
            if word(0) < tag::NAME {
                continue;
            }
            match store.get(place..) {
                Some(data) => {
                    let count = usize::try_from(word(12)).unwrap_or(usize::MAX);
                    header.tags.entry(word(0)).or_insert(Tag { kind: word(4), count, data });
                }
                None => header.broken = true,
            }
        }
        Ok(header)
    }

    /// The texts that a tag holds, as many as the store has of them.
    pub fn texts(&self, tag: u32) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        let tag = self.tags.get(&tag).filter(|tag| matches!(tag.kind, STRING | STRINGS | I18N));
        let (mut left, mut rest) = tag.map_or((0, &[][..]), |tag| match tag.kind {
            STRING => (1, tag.data),
            _ => (tag.count, tag.data),
        });
        std::iter::from_fn(move || {
            left = usize::checked_sub(left, 1)?;
            let end = memchr::memchr(0, rest)?;
            let text = rest.get(..end)?;
            rest = rest.get(end + 1..).unwrap_or_default();
            Some(String::from_utf8_lossy(text.get(..TEXT).unwrap_or(text)))
        })
    }

    /// The first text that a tag holds; nothing for an empty one, or for the mark of none.
    pub fn text(&self, tag: u32) -> Option<Cow<'d, str>> {
        self.texts(tag).next().filter(|text| !text.is_empty() && text != "(none)")
    }

    /// The numbers that a tag holds, as many as the store has of them.
    pub fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'d> {
        let tag = self.tags.get(&tag).filter(|tag| tag.kind == INT32);
        let (count, data) = tag.map_or((0, &[][..]), |tag| (tag.count, tag.data));
        data.chunks_exact(4).take(count).filter_map(|four| be32(four, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of these entries and this store.
    fn made(entries: &[[u32; 4]], store: &[u8]) -> Vec<u8> {
        let mut data = (entries.len() as u32).to_be_bytes().to_vec();
        data.extend((store.len() as u32).to_be_bytes());
        data.extend(entries.iter().flatten().flat_map(|n| n.to_be_bytes()));
        data.extend(store);
        data
    }

    #[test]
    fn tags_hold_texts_and_numbers() {
        let entries = [[tag::NAME, STRING, 0, 1], [tag::BASE_NAMES, STRINGS, 5, 2], [tag::EPOCH, INT32, 12, 1]];
        let data = made(&entries, b"acme\0a\0bc\0\0\0\0\0\0\x02");
        let header = Header::read(&data).unwrap();
        assert_eq!(header.text(tag::NAME).as_deref(), Some("acme"));
        assert_eq!(header.texts(tag::BASE_NAMES).collect::<Vec<_>>(), ["a", "bc"]);
        assert_eq!(header.numbers(tag::EPOCH).collect::<Vec<_>>(), [2]);
        assert!(!header.broken && header.text(tag::VENDOR).is_none() && header.numbers(tag::NAME).next().is_none());
    }

    #[test]
    fn counts_without_end_end() {
        let word = |n: u32| n.to_be_bytes();
        for (tags, store) in [(1 << 31, 16), (u32::MAX, u32::MAX), (16, 1 << 31)] {
            let data = [&word(tags)[..], &word(store), &[0; 32]].concat();
            assert_eq!(Header::read(&data).err(), Some(Fault::Huge));
        }
        assert_eq!(Header::read(&[&word(2)[..], &word(9), &[0; 32]].concat()).err(), Some(Fault::Short));
        assert_eq!(Header::read(&[0; 3]).err(), Some(Fault::Short));
        // A text that never ends, more texts than there are, a place outside.
        let entries = [
            [tag::NAME, STRING, 2, 1],
            [tag::BASE_NAMES, STRINGS, 0, u32::MAX],
            [tag::DIR_INDEXES, INT32, 0, u32::MAX],
            [tag::VENDOR, STRING, 99, 1],
        ];
        let data = made(&entries, b"a\0bcde");
        let header = Header::read(&data).unwrap();
        assert_eq!(header.texts(tag::BASE_NAMES).count(), 1);
        assert_eq!((header.numbers(tag::DIR_INDEXES).count(), header.text(tag::NAME)), (1, None));
        assert!(header.broken);
    }
}
