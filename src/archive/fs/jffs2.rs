//! JFFS2 in either byte order: the newest of each node wins.
//!
//! In: a blob. Out: its files. Must not know: what the files mean.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};

use super::codec::{Codec, Method};
use super::nodes::{Finder, crc_zero};
use super::{Folders, Order, broken, join};
use crate::archive::{Carve, Format, Inside};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "jffs2",
    claim: |blob| order(blob.head()).is_some(),
    open,
    carve: &[
        Carve { magic: b"\x85\x19\x01\xe0", at: 0, sound },
        Carve { magic: b"\x85\x19\x02\xe0", at: 0, sound },
        Carve { magic: b"\x85\x19\x03\x20", at: 0, sound },
        Carve { magic: b"\x19\x85\xe0\x01", at: 0, sound },
        Carve { magic: b"\x19\x85\xe0\x02", at: 0, sound },
        Carve { magic: b"\x19\x85\x20\x03", at: 0, sound },
    ],
};

const ROOT: u32 = 1;
/// Nodes that are kept.
const MOST: usize = 4 << 20;
/// Bytes of one node's content, unpacked: a page of the machine that wrote it.
const PAGE: u32 = 64 << 10;
/// Without a node over so many bytes, something else follows: no block to be erased is larger.
const APART: u64 = 1 << 20;

const ENTRY: u16 = 0xe001;
const INODE: u16 = 0xe002;
const CLEAN: u16 = 0x2003;

/// The byte order of a node whose header has the right sum.
fn order(node: &[u8]) -> Option<Order> {
    let order = match node.get(..2)? {
        [0x85, 0x19] => Order { big: false },
        [0x19, 0x85] => Order { big: true },
        _ => return None,
    };
    (order.u32(node, 8)? == crc_zero(node.get(..8)?)).then_some(order)
}

/// A sum of four bytes, and a kind that begins an image.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    order(head).is_some_and(|order| order.u16(head, 2).is_some_and(|kind| matches!(kind, ENTRY | INODE | CLEAN)))
}

type Names = HashMap<Vec<u8>, (u32, u32, u8)>;

#[derive(Default)]
struct Nodes {
    /// By folder and name: version, inode, kind.
    entries: HashMap<u32, Names>,
    inodes: HashMap<u32, Vec<Data>>,
    count: usize,
    broken: u64,
    end: u64,
}

#[derive(Clone, Copy)]
struct Data {
    version: u32,
    size: u32,
    offset: u32,
    at: u64,
    len: u32,
    plain: u32,
    method: u8,
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(order) = order(inside.blob.head()) else { return };
    let content = inside.blob.content().clone();
    let mut nodes = match scan(inside, &content, order) {
        Ok(nodes) => nodes,
        Err(error) => return inside.failed("jffs2", &error),
    };
    inside.ends_at(nodes.end);
    if nodes.broken > 0 {
        inside.gap(Reason::Malformed, format!("jffs2: {} nodes do not match their sums", nodes.broken));
    }
    let mut codec = Codec::new(content.len());
    let mut folders = Folders::new(ROOT);
    let mut met = HashSet::new();
    while let Some((folder, path)) = folders.next() {
        let Some(entries) = nodes.entries.remove(&folder) else { continue };
        let mut entries: Vec<_> = entries.into_iter().filter(|(_, (_, inode, _))| *inode != 0).collect();
        entries.sort_unstable();
        for (name, (_, inode, kind)) in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &String::from_utf8_lossy(&name));
            match kind {
                4 => {
                    inside.count();
                    folders.push(inside, inode, path);
                }
                8 if !met.insert(inode) => inside.name_only(&path),
                8 => match nodes.inodes.remove(&inode) {
                    None => inside.shut(&path, Reason::Malformed, "jffs2: its inode is missing"),
                    Some(data) => file(inside, &content, &mut codec, &path, data),
                },
                // Symbolic links: their names say something.
                10 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
}

fn file(inside: &mut Inside<'_, '_>, content: &Content, codec: &mut Codec, path: &str, mut data: Vec<Data>) {
    data.sort_by_key(|one| one.version);
    let size = data.last().map_or(0, |last| u64::from(last.size));
    if size == 0 {
        return inside.name_only(path);
    }
    let mut parts: BTreeMap<u64, (u64, Data)> = BTreeMap::new();
    for one in data {
        let (start, end) = (u64::from(one.offset), u64::from(one.offset) + u64::from(one.plain));
        // A file that shrank forgets what was behind.
        if let Some((at, (until, before))) = parts.range(..start).next_back().map(|(at, part)| (*at, *part))
            && until > start
        {
            parts.insert(at, (start, before));
            if until > end {
                parts.insert(end, (until, before));
            }
        }
        while let Some((at, (until, before))) = parts.range(start..end).next().map(|(at, part)| (*at, *part)) {
            parts.remove(&at);
            if until > end {
                parts.insert(end, (until, before));
            }
        }
        let size = u64::from(one.size);
        parts.split_off(&size);
        if end > start {
            parts.insert(start, (end, one));
        }
    }
    let parts = parts.into_iter().map(|(start, (end, data))| (start, end, data)).collect::<Vec<_>>().into_iter();
    let mut reader = File { content, codec, parts: parts.peekable(), at: 0, size, data: Vec::new(), from: 0 };
    inside.member(path, Some(size), &mut reader);
}

/// A file as a stream of its parts, with zeros between them.
struct File<'c, I: Iterator<Item = (u64, u64, Data)>> {
    content: &'c Content,
    codec: &'c mut Codec,
    parts: std::iter::Peekable<I>,
    at: u64,
    size: u64,
    data: Vec<u8>,
    from: usize,
}

impl<I: Iterator<Item = (u64, u64, Data)>> File<'_, I> {
    fn next_part(&mut self) -> io::Result<()> {
        self.from = 0;
        let next = self.parts.peek().map_or(self.size, |(start, ..)| (*start).min(self.size));
        if next > self.at {
            let zeros = (next - self.at).min(u64::from(PAGE));
            self.data = vec![0; zeros as usize];
            self.at += zeros;
            return Ok(());
        }
        let Some((start, end, data)) = self.parts.next() else { return Err(broken("nothing left")) };
        let plain = unpack(self.content, self.codec, &data)?;
        let skip = (start - u64::from(data.offset)) as usize;
        let end = end.min(self.size);
        let len = (end.saturating_sub(start)) as usize;
        let part = plain.get(skip..skip.saturating_add(len));
        self.data = part.ok_or_else(|| broken("a node's content shorter than declared"))?.to_vec();
        self.at = end;
        Ok(())
    }
}

impl<I: Iterator<Item = (u64, u64, Data)>> Read for File<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.from >= self.data.len() {
            if self.at >= self.size || buffer.is_empty() {
                return Ok(0);
            }
            self.next_part()?;
        }
        let n = self.data.get(self.from..).unwrap_or_default().read(buffer)?;
        self.from += n;
        Ok(n)
    }
}

fn unpack(content: &Content, codec: &mut Codec, data: &Data) -> io::Result<Vec<u8>> {
    let packed = content.bytes(data.at, u64::from(data.len))?;
    let plain = data.plain as usize;
    match data.method {
        0 => Ok(packed),
        1 => Ok(vec![0; plain]),
        2 => rtime(&packed, plain),
        6 => {
            // A mark of two bytes stands where zlib's would.
            codec.unpack(Method::Zlib, &packed, plain)
        }
        7 => codec.unpack(Method::Lzo, &packed, plain),
        8 => {
            let reader = lzma_rust2::LzmaReader::new(packed.as_slice(), plain as u64, 0, 0, 0, 0x2000, None)?;
            let mut out = Vec::new();
            reader.take(plain as u64).read_to_end(&mut out)?;
            Ok(out)
        }
        other => {
            let name = match other {
                3 | 5 => "rubin".to_owned(),
                other => format!("method {other}"),
            };
            Err(io::Error::new(io::ErrorKind::Unsupported, format!("jffs2: packed by {name}")))
        }
    }
}

/// Each byte is followed by how far what came behind its last like is repeated.
fn rtime(packed: &[u8], plain: usize) -> io::Result<Vec<u8>> {
    let mut last = [0usize; 256];
    let mut out = Vec::with_capacity(plain);
    for pair in packed.chunks(2) {
        let (Some(byte), repeat) = (pair.first(), pair.get(1).copied().unwrap_or(0)) else { break };
        out.push(*byte);
        let place = last.get_mut(usize::from(*byte));
        let from = place.map_or(0, |place| std::mem::replace(place, out.len()));
        for index in 0..usize::from(repeat) {
            let again = out.get(from + index).copied().ok_or_else(|| broken("rtime: leads out of the block"))?;
            out.push(again);
        }
        if out.len() >= plain {
            break;
        }
    }
    out.truncate(plain);
    Ok(out)
}

/// Reads every node, up to where something else follows.
fn scan(inside: &mut Inside<'_, '_>, content: &Content, order: Order) -> io::Result<Nodes> {
    let mark: &[u8] = if order.big { &[0x19, 0x85] } else { &[0x85, 0x19] };
    let mut nodes = Nodes::default();
    let mut finder = Finder::new(content.clone());
    while let Some((at, window)) = finder.next(mark, 4)? {
        if inside.limits().stop.raised() {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "stopped"));
        }
        if inside.blob.open_ended && at > nodes.end.saturating_add(APART) {
            break;
        }
        if self::order(window).is_none() {
            continue;
        }
        let len = order.u32(window, 4).unwrap_or(0) as usize;
        let Some(node) = window.get(..len).filter(|node| node.len() >= 12) else {
            nodes.broken += 1;
            continue;
        };
        nodes.end = at + (len as u64).next_multiple_of(4);
        let kind = order.u16(node, 2).unwrap_or(0);
        if matches!(kind, ENTRY | INODE) && nodes.take(node, at, order, kind).is_none() {
            nodes.broken += 1;
        }
        // Padding and clean marks are nodes, too, and may be long.
        finder.skip(if kind == CLEAN { at + 12 } else { nodes.end });
        if nodes.count > MOST {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more nodes than are followed"));
        }
    }
    nodes.end = nodes.end.min(content.len());
    Ok(nodes)
}

impl Nodes {
    /// Nothing where a node is short or its sum is wrong.
    fn take(&mut self, node: &[u8], at: u64, order: Order, kind: u16) -> Option<()> {
        let u32 = |at| order.u32(node, at);
        self.count += 1;
        if kind == ENTRY {
            let name = node.get(40..40 + usize::from(*node.get(28)?))?;
            if u32(32)? != crc_zero(node.get(..32)?) || u32(36)? != crc_zero(name) {
                return None;
            }
            let (version, inode) = (u32(16)?, u32(20)?);
            let entries = self.entries.entry(u32(12)?).or_default();
            if entries.get(name).is_none_or(|old| old.0 < version) {
                entries.insert(name.to_vec(), (version, inode, *node.get(29)?));
            }
            return Some(());
        }
        let (len, plain) = (u32(48)?, u32(52)?);
        let method = *node.get(56)?;
        let data = node.get(68..68usize.checked_add(len as usize)?)?;
        // A hole has no bytes and may be long.
        if u32(64)? != crc_zero(node.get(..60)?) || u32(60)? != crc_zero(data) || (plain > PAGE && method != 1) {
            return None;
        }
        let data = Data { version: u32(16)?, size: u32(28)?, offset: u32(44)?, at: at + 68, len, plain, method };
        // A hole reads as zeros anyway where nothing else stands.
        let data = if method == 1 && plain > PAGE { Data { plain: 0, ..data } } else { data };
        self.inodes.entry(u32(12)?).or_default().push(data);
        Some(())
    }
}
