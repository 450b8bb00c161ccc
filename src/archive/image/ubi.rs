//! UBI: volumes of flash, whose blocks stand in any order.
//!
//! In: a blob. Out: its volumes, as pieces of it without a copy. Must not know: the file systems in them.

use std::collections::BTreeMap;

use crate::archive::fs::nodes::crc_open;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be16, be32, be64};
use crate::fact::Reason;
use crate::source::{Content, Extent};

const MAGIC: &[u8] = b"UBI#";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "ubi",
    claim: |blob| blob.head().starts_with(MAGIC),
    open,
    carve: &[Carve { magic: b"UBI#\x01\0\0\0", at: 0, sound: |blob| Erase::of(blob.head()).is_some() }],
};

/// The volume that says what the others are called.
const LAYOUT: u32 = 0x7fff_efff;
/// Blocks of flash are no longer than this.
const LONGEST: u64 = 8 << 20;
const SHORTEST: u64 = 4096;
/// Blocks without a header, one behind the other, before something else is taken to follow.
const BLANK: u64 = 16;

/// The header of a block.
struct Erase {
    volume: u64,
    data: u64,
    sequence: u32,
}

impl Erase {
    fn of(head: &[u8]) -> Option<Erase> {
        let bare = head.get(..60)?;
        if !bare.starts_with(MAGIC) || be32(head, 60)? != crc_open(bare) {
            return None;
        }
        let erase =
            Erase { volume: u64::from(be32(bare, 16)?), data: u64::from(be32(bare, 20)?), sequence: be32(bare, 24)? };
        (erase.volume >= 64 && erase.data >= erase.volume + 64 && erase.data < LONGEST).then_some(erase)
    }
}

/// A block of a volume.
struct Block {
    sequence: u64,
    at: u64,
    len: u64,
}

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let Some(first) = Erase::of(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "ubi: the first header does not match its sum or is cut");
    };
    let len = content.len();
    let size = block_size(&content, &first).unwrap_or(len);
    let mut volumes: BTreeMap<u32, BTreeMap<u32, Block>> = BTreeMap::new();
    let (mut at, mut end, mut blank, mut broken) = (0, 0, 0, 0u64);
    while at < len {
        if inside.limits().stop.raised() {
            return inside.gap(Reason::Limit, "ubi: stopped");
        }
        let head = content.bytes(at, 64).unwrap_or_default();
        let Some(erase) = Erase::of(&head).filter(|erase| erase.sequence == first.sequence) else {
            broken += u64::from(head.starts_with(MAGIC));
            blank += 1;
            if blank > BLANK && inside.blob.open_ended {
                break;
            }
            at += size;
            continue;
        };
        blank = 0;
        end = (at + size).min(len);
        let header = content.bytes(at + erase.volume, 64).unwrap_or_default();
        if header.starts_with(b"UBI!") && block(&header, at, &erase, size, &mut volumes).is_none() {
            broken += 1;
        }
        at += size;
    }
    inside.ends_at(end);
    if broken > 0 {
        inside.gap(Reason::Malformed, format!("ubi: {broken} headers do not match their sums"));
    }
    if !len.is_multiple_of(size) && !inside.blob.open_ended {
        inside.gap(Reason::Truncated, "ubi: the last block is cut");
    }
    let names = names(&content, volumes.remove(&LAYOUT));
    if volumes.is_empty() {
        inside.gap(Reason::Truncated, "ubi: no block of any volume");
    }
    for (id, blocks) in volumes {
        if !inside.go_on() {
            return;
        }
        let name = names.get(&id).cloned().unwrap_or_else(|| format!("volume{id}"));
        // A hostile number of one block must not make a disk of nothing.
        let last = blocks.keys().next_back().copied().unwrap_or(0);
        let whole = blocks.values().map(|block| block.len).max().unwrap_or(0);
        if u64::from(last) > len / size * 4 + 1024 {
            inside.shut(&name, Reason::Malformed, "ubi: a block's number is beyond its volume");
            continue;
        }
        let mut next = 0;
        let mut extents = Vec::new();
        for (number, block) in blocks {
            if number > next {
                extents.push(Extent { len: u64::from(number - next) * whole, from: None });
            }
            extents.push(Extent { len: block.len, from: Some(block.at) });
            next = number + 1;
        }
        inside.mapped(&name, extents);
    }
}

/// How far the next header is from the first.
fn block_size(content: &Content, first: &Erase) -> Option<u64> {
    let mut at = (first.data + 1).next_multiple_of(SHORTEST).max(SHORTEST);
    while at <= LONGEST && at < content.len() {
        let head = content.bytes(at, 64).ok()?;
        if Erase::of(&head).is_some() {
            return Some(at);
        }
        at += SHORTEST;
    }
    None
}

fn block(
    header: &[u8],
    at: u64,
    erase: &Erase,
    size: u64,
    volumes: &mut BTreeMap<u32, BTreeMap<u32, Block>>,
) -> Option<()> {
    if be32(header, 60)? != crc_open(header.get(..60)?) {
        return None;
    }
    let (volume, number) = (be32(header, 8)?, be32(header, 12)?);
    let (used, pad) = (u64::from(be32(header, 20)?), u64::from(be32(header, 28)?));
    let room = size.checked_sub(erase.data)?.checked_sub(pad)?;
    // A static volume says how much of each block is content.
    let len = if header.get(5) == Some(&2) { used.min(room) } else { room };
    let one = Block { sequence: be64(header, 40)?, at: at + erase.data, len };
    let blocks = volumes.entry(volume).or_default();
    if blocks.get(&number).is_none_or(|old| old.sequence < one.sequence) {
        blocks.insert(number, one);
    }
    Some(())
}

/// What the volumes are called.
fn names(content: &Content, layout: Option<BTreeMap<u32, Block>>) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    // The same stands in two blocks.
    for block in layout.into_iter().flat_map(BTreeMap::into_values) {
        let table = content.bytes(block.at, block.len.min(128 * 172)).unwrap_or_default();
        for (id, record) in table.chunks_exact(172).enumerate() {
            let len = usize::from(be16(record, 14).unwrap_or(0));
            let sum = be32(record, 168) == record.get(..168).map(crc_open);
            if let Some(name) = record.get(16..16 + len.min(127)).filter(|name| sum && !name.is_empty()) {
                let name = super::uimage::step(&String::from_utf8_lossy(name), "volume");
                names.entry(id as u32).or_insert(name);
            }
        }
    }
    names
}
