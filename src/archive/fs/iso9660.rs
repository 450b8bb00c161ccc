//! ISO 9660, with Rock Ridge and Joliet names, files in several extents, zisofs, and the boot images of El Torito.
//!
//! In: a blob. Out: its files, of every tree of names; one that stands in two trees is read once. Must not know: UDF, which
//! may stand beside it and is asked for what it has more.

use std::collections::HashSet;
use std::io;

use super::zisofs::{Zisofs, packed};
use super::{Folders, broken, join};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, utf16_be};
use crate::fact::Reason;
use crate::source::{Blob, Content, Extent};

pub(in crate::archive) const FORMAT: Format =
    Format { name: "iso9660", claim, open, carve: &[Carve { magic: b"\x01CD001\x01\0", at: 32768, sound }] };

const SECTOR: u64 = 2048;
/// Volume descriptors looked at.
const DESCRIPTORS: u64 = 64;
/// Boot images looked at.
const BOOTS: usize = 64;

fn claim(blob: &Blob) -> bool {
    blob.head().get(32769..32774).is_some_and(|mark| mark == b"CD001")
}

/// Numbers that stand twice, in either byte order, and a root that is a folder.
fn sound(blob: &Blob) -> bool {
    let Some(descriptor) = blob.head().get(32768..34816) else { return false };
    let twice = |at| le32(descriptor, at).zip(crate::bytes::be32(descriptor, at + 4)).is_some_and(|(a, b)| a == b);
    twice(80) && descriptor.get(156) == Some(&34) && descriptor.get(181).is_some_and(|flags| flags & 2 != 0)
}

/// One tree of names.
struct Tree {
    block: u64,
    joliet: bool,
    root: Place,
}

#[derive(Clone, Copy)]
struct Place {
    block: u64,
    len: u64,
}

/// What all trees share.
struct Image {
    content: Content,
    /// Bytes of folders that may still be read: each stands in the image once.
    folders: u64,
    /// Bytes at which files begin that were met.
    met: HashSet<u64>,
}

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let (mut trees, mut catalogs, mut end) = (Vec::new(), Vec::new(), false);
    for sector in 16..16 + DESCRIPTORS {
        let Ok(data) = content.bytes(sector * SECTOR, SECTOR) else {
            inside.gap(Reason::Truncated, "iso9660: cut within its volume descriptors");
            break;
        };
        if data.get(1..6) != Some(b"CD001") {
            break;
        }
        match data.first() {
            Some(0) if data.get(7..30).is_some_and(|id| id == b"EL TORITO SPECIFICATION") => {
                catalogs.extend(le32(&data, 71));
            }
            Some(1 | 2) => {
                if let Some(tree) = tree(&data) {
                    if data.first() == Some(&1) && trees.is_empty() {
                        let blocks = u64::from(le32(&data, 80).unwrap_or(0));
                        let declared = blocks.saturating_mul(tree.block);
                        inside.ends_at(declared);
                        if declared > content.len() {
                            let detail = format!("iso9660: {} bytes where {declared} are declared", content.len());
                            inside.gap(Reason::Truncated, detail);
                        }
                    }
                    trees.push(tree);
                } else {
                    inside.gap_at(format!("sector {sector}"), Reason::Malformed, "iso9660: a broken volume descriptor");
                }
            }
            Some(255) => {
                end = true;
                break;
            }
            _ => {}
        }
    }
    if trees.is_empty() || !end {
        inside.gap(Reason::Malformed, "iso9660: volume descriptors are missing or have no end");
    }
    let folders = content.len().saturating_add(1 << 20);
    let mut image = Image { content, folders, met: HashSet::new() };
    // Rock Ridge has the true names; Joliet comes before the bare ones.
    let rock = trees.iter().find(|tree| !tree.joliet).and_then(|tree| susp(&image.content, tree));
    trees.sort_by_key(|tree| tree.joliet == rock.is_some());
    // Discs that hold more than ISO 9660 can name have it in UDF only, which also has truer names than all but Rock Ridge.
    let udf = super::udf::present(&image.content);
    if udf && rock.is_none() {
        super::udf::walk(inside, &mut image.met);
    }
    for (index, tree) in trees.iter().enumerate() {
        let first = index == 0 && (rock.is_some() || !udf);
        walk(inside, &mut image, tree, if tree.joliet { None } else { rock }, first);
    }
    if udf && rock.is_some() {
        super::udf::walk(inside, &mut image.met);
    }
    for catalog in catalogs {
        if let Err(error) = boot(inside, &image, u64::from(catalog)) {
            inside.failed("El Torito", &error);
        }
    }
}

fn tree(data: &[u8]) -> Option<Tree> {
    let block = u64::from(le16(data, 128)?);
    let escape = data.get(88..91)?;
    let joliet = data.first() == Some(&2) && matches!(escape, b"%/@" | b"%/C" | b"%/E");
    let root = Place { block: u64::from(le32(data, 158)?), len: u64::from(le32(data, 166)?) };
    (block.is_power_of_two() && (512..=32768).contains(&block)).then_some(Tree { block, joliet, root })
}

/// Where in each record the system's own entries begin, if there are any: the root says so.
fn susp(content: &Content, tree: &Tree) -> Option<usize> {
    let data = content.bytes(tree.root.block.checked_mul(tree.block)?, 256).ok()?;
    let own = data.get(34..usize::from(*data.first()?))?;
    // Images of CD-ROM XA have 14 bytes before it.
    [0, 14].into_iter().find_map(|skip| {
        let entry = own.get(skip..)?;
        (entry.starts_with(b"SP\x07\x01\xbe\xef")).then(|| usize::from(*entry.get(6).unwrap_or(&0)))
    })
}

fn walk(inside: &mut Inside<'_, '_>, image: &mut Image, tree: &Tree, rock: Option<usize>, first: bool) {
    let mut folders = Folders::new(tree.root.block);
    let mut lens = std::collections::HashMap::from([(tree.root.block, tree.root.len)]);
    while let Some((block, path)) = folders.next() {
        let len = lens.remove(&block).unwrap_or(0);
        let shown = if path.is_empty() { "/" } else { &path };
        let data = match folder(image, tree, Place { block, len }) {
            Ok(data) => data,
            Err(error) => {
                inside.shut(shown, crate::archive::walk::reason(&error), format!("iso9660 folder: {error}"));
                continue;
            }
        };
        let mut parts: Vec<Extent> = Vec::new();
        let mut at = 0;
        while let Some(len) = data.get(at).map(|len| usize::from(*len)) {
            if len == 0 {
                // Records do not cross sectors: the rest of this one is empty.
                at = (at / SECTOR as usize + 1) * SECTOR as usize;
                continue;
            }
            if !inside.go_on() {
                return;
            }
            let Some(record) = data.get(at..at + len).and_then(|bytes| Record::of(bytes, &image.content, tree, rock))
            else {
                inside.shut(shown, Reason::Malformed, "iso9660: a broken record in a folder");
                break;
            };
            at += len;
            if record.skip {
                continue;
            }
            let path = join(&path, &record.name);
            if record.folder {
                if first {
                    inside.count();
                }
                lens.insert(record.place.block, record.place.len);
                folders.push(inside, record.place.block, path);
                continue;
            }
            let start = record.place.block.saturating_mul(tree.block);
            parts.push(Extent { len: record.place.len, from: Some(start) });
            if !record.more {
                file(inside, image, &path, std::mem::take(&mut parts), &record, first);
            }
        }
    }
}

fn folder(image: &mut Image, tree: &Tree, mut place: Place) -> io::Result<Vec<u8>> {
    let start = place.block.checked_mul(tree.block).ok_or_else(|| broken("a folder beyond the image"))?;
    if place.len == 0 {
        // A folder that was moved is known by its place only: its own first record has its length.
        place.len = u64::from(le32(&image.content.bytes(start, 34)?, 10).unwrap_or(0));
    }
    let left = image.folders.checked_sub(place.len);
    image.folders = left.ok_or_else(|| broken("folders longer than the image: they overlap"))?;
    image.content.bytes(start, place.len)
}

fn file(inside: &mut Inside<'_, '_>, image: &mut Image, path: &str, parts: Vec<Extent>, record: &Record, first: bool) {
    let len: u64 = parts.iter().map(|part| part.len).sum();
    let start = parts.first().and_then(|part| part.from).unwrap_or(0);
    // Another tree names the same files again.
    if len == 0 || !image.met.insert(start) {
        // The name of a symbolic link says something, too.
        if first {
            inside.name_only(path);
        }
        return;
    }
    if record.interleaved {
        return inside.shut(path, Reason::Unsupported, "iso9660: an interleaved file; not read");
    }
    if record.zisofs && packed(&image.content, start) {
        return match Zisofs::new(image.content.clone(), start, len) {
            Ok(mut reader) => inside.member(path, Some(reader.len()), &mut reader),
            Err(error) => inside.shut(path, crate::archive::walk::reason(&error), format!("zisofs: {error}")),
        };
    }
    match parts.as_slice() {
        [Extent { from: Some(start), .. }] => inside.part(path, *start, len),
        _ => inside.mapped(path, parts),
    }
}

/// One record of a folder.
struct Record {
    name: String,
    place: Place,
    folder: bool,
    /// The file goes on in the next record.
    more: bool,
    interleaved: bool,
    zisofs: bool,
    /// The folder itself, its parent, and folders that are shown at another place.
    skip: bool,
}

impl Record {
    fn of(data: &[u8], content: &Content, tree: &Tree, rock: Option<usize>) -> Option<Record> {
        let flags = *data.get(25)?;
        let len = usize::from(*data.get(32)?);
        let name = data.get(33..33 + len)?;
        let block = u64::from(le32(data, 2)?) + u64::from(*data.get(1)?);
        let mut record = Record {
            name: if tree.joliet { utf16_be(name) } else { String::from_utf8_lossy(name).into_owned() },
            place: Place { block, len: u64::from(le32(data, 10)?) },
            folder: flags & 2 != 0,
            more: flags & 0x80 != 0,
            interleaved: *data.get(26)? != 0 || *data.get(27)? != 0,
            zisofs: false,
            skip: matches!(name, [0 | 1]),
        };
        // The version behind the name says nothing: `FILE.TXT;1`, and `FILE.;1` of a file without an ending.
        if let Some((stem, version)) = record.name.rsplit_once(';')
            && version.bytes().all(|b| b.is_ascii_digit())
        {
            record.name = stem.trim_end_matches('.').to_owned();
        }
        if let Some(skip) = rock {
            let own = 33 + len + (len + 1) % 2 + skip;
            record.rock(data.get(own..).unwrap_or_default().to_vec(), content, tree);
        }
        Some(record)
    }

    /// Reads the entries that POSIX systems add.
    fn rock(&mut self, mut area: Vec<u8>, content: &Content, tree: &Tree) {
        let mut name: Option<Vec<u8>> = None;
        for _ in 0..16 {
            let mut rest = area.as_slice();
            let mut next = None;
            while let Some((entry, behind)) = rest
                .get(2)
                .and_then(|len| rest.split_at_checked(usize::from(*len)))
                .filter(|(entry, _)| entry.len() >= 4)
            {
                let number = |at| le32(entry, at).map(u64::from);
                match entry.get(..2) {
                    Some(b"NM") if entry.get(4).is_some_and(|flags| flags & 6 == 0) => {
                        name.get_or_insert_default().extend_from_slice(entry.get(5..).unwrap_or_default());
                    }
                    Some(b"CE") => next = number(4).zip(number(12)).zip(number(20)),
                    Some(b"CL") => {
                        self.folder = true;
                        self.place = Place { block: number(4).unwrap_or(0), len: 0 };
                    }
                    Some(b"RE") => self.skip = true,
                    Some(b"ZF") => self.zisofs = true,
                    Some(b"ST") => break,
                    _ => {}
                }
                rest = behind;
            }
            let Some(((block, offset), len)) = next else { break };
            let start = block.saturating_mul(tree.block).saturating_add(offset);
            let Ok(more) = content.bytes(start, len.min(SECTOR)) else { break };
            area = more;
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.name = String::from_utf8_lossy(&name).into_owned();
        }
    }
}

/// The boot images that no file of a tree is.
fn boot(inside: &mut Inside<'_, '_>, image: &Image, catalog: u64) -> io::Result<()> {
    let data = image.content.bytes(catalog.saturating_mul(SECTOR), SECTOR)?;
    for (index, entry) in data.chunks_exact(32).skip(1).take(BOOTS).enumerate() {
        let (Some(0x88 | 0), Some(media)) = (entry.first(), entry.get(1)) else { continue };
        let start = u64::from(le32(entry, 8).unwrap_or(0)).saturating_mul(SECTOR);
        let len = match media & 15 {
            1 => 1200 << 10,
            2 => 1440 << 10,
            3 => 2880 << 10,
            _ => u64::from(le16(entry, 6).unwrap_or(0)) * 512,
        };
        if start == 0 || len == 0 || image.met.contains(&start) {
            continue;
        }
        if !inside.go_on() {
            break;
        }
        inside.part(&format!("[boot]/{}.img", index + 1), start, len);
    }
    Ok(())
}
