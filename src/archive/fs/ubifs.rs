//! UBIFS, by its nodes: the newest of each wins, the index is not needed.
//!
//! In: a blob, commonly a volume of UBI. Out: its files. Must not know: what the files mean.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use super::codec::{Codec, Method};
use super::nodes::{Blocks, crc_open};
use super::{Folders, broken, join};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "ubifs", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"\x31\x18\x10\x06";
/// Nodes that are kept.
const MOST: usize = 4 << 20;
const BLOCK: u64 = 4096;
const ROOT: u32 = 1;

/// The first node is the superblock.
fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC) && blob.head().get(20) == Some(&6)
}

/// The sum of the superblock's node.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let node = head.get(8..4096).unwrap_or_default();
    claim(blob) && le32(head, 16) == Some(4096) && le32(head, 4) == Some(crc_open(node))
}

type Names = HashMap<Vec<u8>, (u64, u32, u8)>;

#[derive(Default)]
struct Nodes {
    inodes: HashMap<u32, Inode>,
    blocks: HashMap<u32, BTreeMap<u32, Data>>,
    /// By folder and name: sequence, inode, kind.
    entries: HashMap<u32, Names>,
    cuts: HashMap<u32, (u64, u64)>,
    count: usize,
    broken: u64,
}

struct Inode {
    sequence: u64,
    size: u64,
    flags: u32,
}

#[derive(Clone, Copy)]
struct Data {
    sequence: u64,
    at: u64,
    len: u32,
    plain: u32,
    method: u16,
}

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let nodes = match scan(inside, &content) {
        Ok(nodes) => nodes,
        Err(error) => return inside.failed("ubifs", &error),
    };
    if nodes.broken > 0 {
        inside.gap(Reason::Malformed, format!("ubifs: {} nodes do not match their sums", nodes.broken));
    }
    let mut codec = Codec::new(content.len());
    let mut folders = Folders::new(ROOT);
    let mut met = HashSet::new();
    while let Some((folder, path)) = folders.next() {
        let Some(entries) = nodes.entries.get(&folder) else { continue };
        let mut entries: Vec<_> = entries.iter().filter(|(_, (_, inode, _))| *inode != 0).collect();
        entries.sort_unstable();
        for (name, (_, inode, kind)) in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &String::from_utf8_lossy(name));
            match kind {
                1 => {
                    inside.count();
                    folders.push(inside, *inode, path);
                }
                0 if !met.insert(*inode) => inside.name_only(&path),
                0 => match nodes.inodes.get(inode) {
                    None => inside.shut(&path, Reason::Malformed, "ubifs: its inode is missing"),
                    // Encrypted by fscrypt.
                    Some(one) if one.flags & 0x40 != 0 => inside.shut(&path, Reason::Encrypted, "ubifs: encrypted"),
                    Some(one) if one.size == 0 => inside.name_only(&path),
                    Some(one) => file(inside, &nodes, &content, &mut codec, (&path, *inode, one.size)),
                },
                // Symbolic links: their names say something.
                2 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}

fn file(
    inside: &mut Inside<'_, '_>,
    nodes: &Nodes,
    content: &Content,
    codec: &mut Codec,
    (path, inode, size): (&str, u32, u64),
) {
    let none = BTreeMap::new();
    let blocks = nodes.blocks.get(&inode).unwrap_or(&none);
    let cut = nodes.cuts.get(&inode).copied().unwrap_or((0, 0));
    let mut reader = Blocks::new(size, BLOCK, |block| {
        let number = u32::try_from(block).map_err(|_| broken("a file of too many blocks"))?;
        let data = blocks.get(&number).copied();
        // What was cut off before the file grew again is no more.
        let data = data.filter(|data| data.sequence > cut.0 || block * BLOCK < cut.1);
        let Some(data) = data else { return Ok(None) };
        let packed = content.bytes(data.at, u64::from(data.len))?;
        let plain = data.plain as usize;
        Ok(Some(match data.method {
            0 => packed,
            1 => codec.unpack(Method::Lzo, &packed, plain)?,
            2 => codec.unpack(Method::Deflate, &packed, plain)?,
            3 => codec.unpack(Method::Zstd, &packed, plain)?,
            other => {
                let detail = format!("ubifs: packed by method {other}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, detail));
            }
        }))
    });
    inside.member(path, Some(size), &mut reader);
}

/// Reads every node of the image.
fn scan(inside: &mut Inside<'_, '_>, content: &Content) -> io::Result<Nodes> {
    let mut nodes = Nodes::default();
    let mut finder = super::nodes::Finder::new(content.clone());
    while let Some((at, window)) = finder.next(MAGIC, 8)? {
        if inside.limits().stop.raised() {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "stopped"));
        }
        let len = le32(window, 16).unwrap_or(0) as usize;
        // The longest nodes are those of the index, and of directories beside data of one block.
        let Some(node) = window.get(..len).filter(|node| node.len() >= 24) else { continue };
        if le32(node, 4) != Some(crc_open(node.get(8..).unwrap_or_default())) {
            nodes.broken += 1;
            continue;
        }
        nodes.take(node, at);
        finder.skip(at + len as u64);
        if nodes.count > MOST {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more nodes than are followed"));
        }
    }
    Ok(nodes)
}

impl Nodes {
    /// Nothing where the node is too short for what it says it is.
    fn take(&mut self, node: &[u8], at: u64) -> Option<()> {
        let sequence = le64(node, 8)?;
        let inode = le32(node, 24)?;
        match node.get(20)? {
            0 => {
                let one = Inode { sequence, size: le64(node, 48)?, flags: le32(node, 108)? };
                if self.inodes.get(&inode).is_none_or(|old| old.sequence < sequence) {
                    self.inodes.insert(inode, one);
                    self.count += 1;
                }
            }
            1 => {
                let block = le32(node, 28)? & 0x1fff_ffff;
                let (plain, method) = (le32(node, 40)?.min(BLOCK as u32), le16(node, 44)?);
                let len = u32::try_from(node.len().checked_sub(48)?).ok()?;
                let data = Data { sequence, at: at + 48, len, plain, method };
                let blocks = self.blocks.entry(inode).or_default();
                if blocks.get(&block).is_none_or(|old| old.sequence < sequence) {
                    blocks.insert(block, data);
                    self.count += 1;
                }
            }
            2 => {
                let target = u32::try_from(le64(node, 40)?).ok()?;
                let len = usize::from(le16(node, 50)?);
                let name = node.get(56..56 + len)?;
                let entries = self.entries.entry(inode).or_default();
                if entries.get(name).is_none_or(|old| old.0 < sequence) {
                    entries.insert(name.to_vec(), (sequence, target, *node.get(49)?));
                    self.count += 1;
                }
            }
            4 => {
                let size = le64(node, 48)?;
                let cut = self.cuts.entry(inode).or_default();
                if cut.0 < sequence {
                    *cut = (sequence, size);
                }
            }
            _ => {}
        }
        Some(())
    }
}
