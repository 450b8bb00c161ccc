//! cramfs in either byte order.
//!
//! In: a blob. Out: its files. Must not know: what the files mean.

use std::io;

use super::codec::{Codec, Method};
use super::nodes::Blocks;
use super::{Folders, Order, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::until_zero;
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "cramfs",
    claim: |blob| order(blob.head()).is_some(),
    open,
    carve: &[Carve { magic: b"\x45\x3d\xcd\x28", at: 0, sound }, Carve { magic: b"\x28\xcd\x3d\x45", at: 0, sound }],
};

const BLOCK: u64 = 4096;
/// Bytes of folders in all: the field of a size has 24 bits.
const FOLDERS: u64 = 256 << 20;

fn order(head: &[u8]) -> Option<Order> {
    match head.get(..4)? {
        [0x45, 0x3d, 0xcd, 0x28] => Some(Order { big: false }),
        [0x28, 0xcd, 0x3d, 0x45] => Some(Order { big: true }),
        _ => None,
    }
}

fn sound(blob: &Blob) -> bool {
    blob.head().get(16..32).is_some_and(|text| text == b"Compressed ROMFS")
}

#[derive(Clone, Copy)]
struct Inode {
    mode: u16,
    size: u64,
    name: usize,
    at: u64,
}

fn inode(order: Order, data: &[u8]) -> Option<Inode> {
    let (mode, size, place) = (order.u16(data, 0)?, order.u32(data, 4)?, order.u32(data, 8)?);
    // Fields of bits stand the other way round, too.
    let (size, name, at) = if order.big {
        (size >> 8, place >> 26, place & 0x03ff_ffff)
    } else {
        (size & 0x00ff_ffff, place & 0x3f, place >> 6)
    };
    Some(Inode { mode, size: u64::from(size), name: name as usize * 4, at: u64::from(at) * 4 })
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let Some(order) = order(head) else { return };
    let (Some(size), Some(flags), Some(root)) =
        (order.u32(head, 4), order.u32(head, 8), head.get(64..76).and_then(|data| inode(order, data)))
    else {
        return inside.gap(Reason::Truncated, "cramfs: the header is cut");
    };
    if !sound(inside.blob) {
        return inside.gap(Reason::Malformed, "cramfs: the header does not hold together");
    }
    let size = if flags & 1 != 0 { u64::from(size) } else { inside.blob.len() };
    inside.ends_at(size);
    if size > inside.blob.len() {
        let detail = format!("cramfs: {} bytes where {size} are declared", inside.blob.len());
        inside.gap(Reason::Truncated, detail);
    }
    if flags & 0x800 != 0 {
        return inside.gap(Reason::Unsupported, "cramfs: extended block pointers; not read");
    }
    let content = inside.blob.content().clone();
    let mut codec = Codec::new(content.len());
    let mut left = FOLDERS;
    let mut folders = Folders::new((root.at, root.size));
    while let Some(((at, size), path)) = folders.next() {
        let entries = match folder(&content, order, (at, size), &mut left) {
            Ok(entries) => entries,
            Err(error) => {
                let shown = if path.is_empty() { "/" } else { &path };
                inside.shut(shown, reason(&error), format!("cramfs folder: {error}"));
                continue;
            }
        };
        for (inode, name) in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &name);
            match inode.mode & 0xf000 {
                0x4000 => {
                    inside.count();
                    if inode.size > 0 {
                        folders.push(inside, (inode.at, inode.size), path);
                    }
                }
                0x8000 if inode.size == 0 => inside.name_only(&path),
                0x8000 => {
                    let blocks = inode.size.div_ceil(BLOCK);
                    let mut start = inode.at + blocks * 4;
                    let mut reader = Blocks::new(inode.size, BLOCK, |block| {
                        let end = order.u32(&content.bytes(inode.at + block * 4, 4)?, 0).ok_or_else(cut_short)?;
                        let begin = std::mem::replace(&mut start, u64::from(end));
                        let len = u64::from(end).checked_sub(begin).filter(|len| *len <= BLOCK * 2);
                        let len = len.ok_or_else(|| broken("a block's end before its begin"))?;
                        if len == 0 {
                            return Ok(None);
                        }
                        let packed = content.bytes(begin, len)?;
                        codec.unpack(Method::Zlib, &packed, BLOCK as usize).map(Some)
                    });
                    inside.member(&path, Some(inode.size), &mut reader);
                }
                // Symbolic links: their names say something.
                0xa000 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}

fn folder(content: &Content, order: Order, (at, size): (u64, u64), left: &mut u64) -> io::Result<Vec<(Inode, String)>> {
    *left = left.checked_sub(size).ok_or_else(|| broken("folders that overlap"))?;
    let data = content.bytes(at, size)?;
    let mut entries = Vec::new();
    let mut rest = data.as_slice();
    while rest.len() >= 12 {
        let Some(inode) = inode(order, rest) else { break };
        let name = rest.get(12..12 + inode.name).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| broken("an entry without a name"))?;
        entries.push((inode, String::from_utf8_lossy(until_zero(name, 256)).into_owned()));
        rest = rest.get(12 + inode.name..).unwrap_or_default();
    }
    Ok(entries)
}
