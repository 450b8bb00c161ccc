//! squashfs 4, in either byte order, under the marks that makers of devices gave it.
//!
//! In: a blob. Out: its files; every fragment is unpacked about once. Older versions are a gap that names them. Must not
//! know: what the files mean.

mod stream;

use std::collections::HashSet;
use std::io;
use std::rc::Rc;

use self::stream::File;
use super::codec::{Codec, Method};
use super::{Folders, Order, broken, cut_short, join};
use crate::archive::{Carve, Format, Inside};
use crate::fact::Reason;
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "squashfs",
    claim,
    open,
    carve: &[
        Carve { magic: b"hsqs", at: 0, sound },
        Carve { magic: b"sqsh", at: 0, sound },
        Carve { magic: b"shsq", at: 0, sound },
        Carve { magic: b"qshs", at: 0, sound },
        Carve { magic: b"hsqt", at: 0, sound },
        Carve { magic: b"tqsh", at: 0, sound },
        Carve { magic: b"sqlz", at: 0, sound },
    ],
};

/// Bytes of a block of inodes or of entries, unpacked.
const META: usize = 8192;
/// Blocks of inodes and entries kept unpacked.
const METAS: usize = 64;
/// Fragments kept unpacked.
const FRAGMENTS: usize = 4;
const NONE: u32 = 0xffff_ffff;

/// What the first bytes say.
struct Super {
    order: Order,
    version: (u16, u16),
    block_size: u32,
    inodes: u32,
    fragments: u32,
    method: u16,
    root: u64,
    used: u64,
    inode_table: u64,
    folder_table: u64,
    fragment_table: u64,
}

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    FORMAT.carve.iter().any(|carve| head.starts_with(carve.magic)) && (head.len() < 96 || order(head).is_some())
}

/// The byte order by the version, whatever the mark says: some makers turned the one and not the other.
fn order(head: &[u8]) -> Option<(Order, u16)> {
    [Order { big: false }, Order { big: true }]
        .into_iter()
        .find_map(|order| Some((order, order.u16(head, 28).filter(|major| (1..=4).contains(major))?)))
}

fn superblock(head: &[u8]) -> Option<Super> {
    let (order, major) = order(head)?;
    let (u16, u32, u64) = (|at| order.u16(head, at), |at| order.u32(head, at), |at| order.u64(head, at));
    Some(Super {
        order,
        version: (major, u16(30)?),
        inodes: u32(4)?,
        block_size: u32(12)?,
        fragments: u32(16)?,
        method: u16(20)?,
        root: u64(32)?,
        used: u64(40)?,
        inode_table: u64(64)?,
        folder_table: u64(72)?,
        fragment_table: u64(80)?,
    })
}

/// Tables in their order, and block sizes that exist.
fn plausible(head: &[u8]) -> Option<Super> {
    let sb = superblock(head)?;
    let size = sb.block_size;
    let log = sb.order.u16(head, 22)?;
    let ordered = 96 <= sb.inode_table && sb.inode_table < sb.folder_table && sb.folder_table < sb.used;
    let sized = size.is_power_of_two() && (4096..=1 << 20).contains(&size) && size.trailing_zeros() == u32::from(log);
    (sb.version == (4, 0) && ordered && sized && sb.inodes > 0 && (1..=6).contains(&sb.method)).then_some(sb)
}

fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    match order(head) {
        Some((_, 4)) => plausible(head).is_some(),
        // Block sizes of the older versions: 16 bits at 32, or 32 bits at 51.
        Some((order, 1)) => order.u16(head, 32).is_some_and(|size| size.is_power_of_two() && size >= 4096),
        Some((order, _)) => order.u32(head, 51).is_some_and(|n| n.is_power_of_two() && (4096..=1 << 20).contains(&n)),
        None => false,
    }
}

fn open(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let Some(sb) = superblock(head) else { return inside.gap(Reason::Truncated, "squashfs: the superblock is cut") };
    if sb.version.0 < 4 {
        let used = if sb.version.0 < 3 { sb.order.u32(head, 8).map(u64::from) } else { sb.order.u64(head, 63) };
        if let Some(used) = used.filter(|used| (63..=inside.blob.len()).contains(used)) {
            inside.ends_at(used);
        }
        let detail = format!("squashfs {}.{}: a layout before 4.0; not read", sb.version.0, sb.version.1);
        return inside.gap(Reason::Unsupported, detail);
    }
    let Some(sb) = plausible(head) else {
        return inside.gap(Reason::Malformed, "squashfs: the superblock does not hold together");
    };
    inside.ends_at(sb.used);
    if sb.used > inside.blob.len() {
        let detail = format!("squashfs: {} bytes where {} are declared", inside.blob.len(), sb.used);
        inside.gap(Reason::Truncated, detail);
    }
    let root = sb.root;
    let mut image = Image {
        content: inside.blob.content().clone(),
        codec: Codec::new(inside.blob.len()),
        sb,
        metas: Vec::new(),
        fragments: Vec::new(),
    };
    if let Err(error) = walk(inside, &mut image, root) {
        inside.failed("squashfs", &error);
    }
}

fn walk(inside: &mut Inside<'_, '_>, image: &mut Image, root: u64) -> io::Result<()> {
    let mut folders = Folders::new(root);
    let mut met = HashSet::new();
    while let Some((folder, path)) = folders.next() {
        let entries = match image.folder(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let name = if path.is_empty() { "/" } else { &path };
                inside.shut(name, crate::archive::walk::reason(&error), format!("squashfs folder: {error}"));
                if error.kind() == io::ErrorKind::QuotaExceeded {
                    return Ok(());
                }
                continue;
            }
        };
        for (inode, kind, name) in entries {
            if !inside.go_on() {
                return Ok(());
            }
            let path = join(&path, &name);
            match kind {
                1 | 8 => {
                    inside.count();
                    folders.push(inside, inode, path);
                }
                2 | 9 if !met.insert(inode) => inside.name_only(&path),
                2 | 9 => match image.file(inode) {
                    Ok(file) if file.left == 0 => inside.name_only(&path),
                    Ok(mut file) => inside.member(&path, Some(file.left), &mut file),
                    Err(error) => inside.shut(&path, crate::archive::walk::reason(&error), error.to_string()),
                },
                // Symbolic links: their names say something.
                3 | 10 => inside.name_only(&path),
                _ => inside.count(),
            }
        }
    }
    Ok(())
}

struct Image {
    content: Content,
    codec: Codec,
    sb: Super,
    /// Unpacked blocks of tables: where each begins and where the next does.
    metas: Vec<(u64, u64, Rc<Vec<u8>>)>,
    fragments: Vec<(u32, Rc<Vec<u8>>)>,
}

/// A place in a table that runs over blocks.
#[derive(Clone)]
struct Cursor {
    block: u64,
    offset: usize,
}

impl Image {
    fn method(&self, data: &[u8]) -> Method {
        // Some makers kept the number of zlib and put LZMA into its place.
        match (self.sb.method, data) {
            (1, [0x78, ..]) => Method::Zlib,
            (1, [0xfd, b'7', b'z', b'X', ..]) | (4, _) => Method::Xz,
            (1, [0x5d, 0, 0, ..]) | (2, _) => Method::Lzma,
            (3, _) => Method::Lzo,
            (5, _) => Method::Lz4,
            (6, _) => Method::Zstd,
            _ => Method::Zlib,
        }
    }

    fn meta(&mut self, at: u64) -> io::Result<(u64, Rc<Vec<u8>>)> {
        if let Some((_, next, data)) = self.metas.iter().find(|(start, ..)| *start == at) {
            return Ok((*next, Rc::clone(data)));
        }
        let header = self.content.bytes(at, 2)?;
        let header = self.sb.order.u16(&header, 0).ok_or_else(cut_short)?;
        let len = u64::from(header & 0x7fff);
        let from = at.saturating_add(2);
        let mut data = self.content.bytes(from, len)?;
        if header & 0x8000 == 0 {
            data = self.codec.unpack(self.method(&data), &data, META)?;
        }
        if data.is_empty() || data.len() > META {
            return Err(broken("a table's block of no or too many bytes"));
        }
        let (next, data) = (from + len, Rc::new(data));
        if self.metas.len() >= METAS {
            self.metas.remove(0);
        }
        self.metas.push((at, next, Rc::clone(&data)));
        Ok((next, data))
    }

    /// Reads on in a table.
    fn read(&mut self, cursor: &mut Cursor, len: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(len.min(META));
        while out.len() < len {
            let (next, data) = self.meta(cursor.block)?;
            let have = data.get(cursor.offset..).ok_or_else(|| broken("a place behind its block"))?;
            let have = have.get(..len - out.len()).unwrap_or(have);
            out.extend_from_slice(have);
            cursor.offset += have.len();
            if cursor.offset >= data.len() {
                *cursor = Cursor { block: next, offset: 0 };
            }
        }
        Ok(out)
    }

    /// Where an inode is, by its reference.
    fn inode(&self, reference: u64) -> io::Result<Cursor> {
        let block = self.sb.inode_table.saturating_add(reference >> 16);
        if block >= self.sb.folder_table {
            return Err(broken("an inode outside its table"));
        }
        Ok(Cursor { block, offset: (reference & 0xffff) as usize })
    }

    /// The entries of a folder: inode, kind and name.
    fn folder(&mut self, reference: u64) -> io::Result<Vec<(u64, u16, String)>> {
        let order = self.sb.order;
        let mut cursor = self.inode(reference)?;
        let head = self.read(&mut cursor, 16)?;
        let (size, block, offset) = match order.u16(&head, 0) {
            Some(1) => {
                let rest = self.read(&mut cursor, 16)?;
                (order.u16(&rest, 8).map(u32::from), order.u32(&rest, 0), order.u16(&rest, 10))
            }
            Some(8) => {
                let rest = self.read(&mut cursor, 24)?;
                (order.u32(&rest, 4), order.u32(&rest, 8), order.u16(&rest, 18))
            }
            _ => return Err(broken("a folder whose inode is of another kind")),
        };
        let (Some(size), Some(block), Some(offset)) = (size, block, offset) else { return Err(cut_short()) };
        let mut cursor =
            Cursor { block: self.sb.folder_table.saturating_add(u64::from(block)), offset: usize::from(offset) };
        // Three bytes stand for the entries `.` and `..`, which are not written.
        let mut left = size.saturating_sub(3) as usize;
        let mut entries = Vec::new();
        while left >= 12 {
            let head = self.read(&mut cursor, 12)?;
            left -= 12;
            let (Some(count), Some(start)) = (order.u32(&head, 0), order.u32(&head, 4)) else { break };
            if count >= 256 {
                return Err(broken("more entries than a folder's part holds"));
            }
            for _ in 0..=count {
                let entry = self.read(&mut cursor, 8)?;
                let (Some(offset), Some(kind), Some(len)) =
                    (order.u16(&entry, 0), order.u16(&entry, 4), order.u16(&entry, 6))
                else {
                    break;
                };
                let len = usize::from(len) + 1;
                if len > 256 {
                    return Err(broken("a name longer than names are"));
                }
                let name = self.read(&mut cursor, len)?;
                left = left.saturating_sub(8 + len);
                let inode = u64::from(start) << 16 | u64::from(offset);
                entries.push((inode, kind, String::from_utf8_lossy(&name).into_owned()));
            }
        }
        Ok(entries)
    }

    fn file(&mut self, reference: u64) -> io::Result<File<'_>> {
        let order = self.sb.order;
        let mut cursor = self.inode(reference)?;
        let head = self.read(&mut cursor, 16)?;
        let (start, fragment, offset, size) = match order.u16(&head, 0) {
            Some(2) => {
                let rest = self.read(&mut cursor, 16)?;
                let start = order.u32(&rest, 0).map(u64::from);
                (start, order.u32(&rest, 4), order.u32(&rest, 8), order.u32(&rest, 12).map(u64::from))
            }
            Some(9) => {
                let rest = self.read(&mut cursor, 40)?;
                (order.u64(&rest, 0), order.u32(&rest, 28), order.u32(&rest, 32), order.u64(&rest, 8))
            }
            _ => return Err(broken("a file whose inode is of another kind")),
        };
        let (Some(at), Some(fragment), Some(offset), Some(left)) = (start, fragment, offset, size) else {
            return Err(cut_short());
        };
        let fragment = (fragment != NONE).then_some((fragment, offset));
        Ok(File { image: self, cursor, at, fragment, left, block: Rc::default(), from: 0, until: 0 })
    }

    /// Bytes at a place, of the length and packing that a number of a table states.
    fn block(&mut self, at: u64, size: u32) -> io::Result<Vec<u8>> {
        const PLAIN: u32 = 1 << 24;
        let len = size & (PLAIN - 1);
        if len > self.sb.block_size {
            return Err(broken("a block longer than blocks are"));
        }
        let data = self.content.bytes(at, u64::from(len))?;
        if size & PLAIN != 0 {
            return Ok(data);
        }
        self.codec.unpack(self.method(&data), &data, self.sb.block_size as usize)
    }

    fn fragment(&mut self, index: u32) -> io::Result<Rc<Vec<u8>>> {
        if let Some(place) = self.fragments.iter().position(|(one, _)| *one == index) {
            // The one used last goes last.
            let one = self.fragments.remove(place);
            let data = Rc::clone(&one.1);
            self.fragments.push(one);
            return Ok(data);
        }
        if index >= self.sb.fragments {
            return Err(broken("a fragment behind the last"));
        }
        let order = self.sb.order;
        let pointer = self.sb.fragment_table.saturating_add(u64::from(index / 512) * 8);
        let block = order.u64(&self.content.bytes(pointer, 8)?, 0).ok_or_else(cut_short)?;
        let entry = self.read(&mut Cursor { block, offset: (index % 512) as usize * 16 }, 16)?;
        let (Some(at), Some(size)) = (order.u64(&entry, 0), order.u32(&entry, 8)) else { return Err(cut_short()) };
        let data = Rc::new(self.block(at, size)?);
        if self.fragments.len() >= FRAGMENTS {
            self.fragments.remove(0);
        }
        self.fragments.push((index, Rc::clone(&data)));
        Ok(data)
    }
}
