//! UDF, by itself and beside ISO 9660, with metadata partitions. Discs written bit by bit (virtual partitions) are gaps.
//!
//! In: a blob. Out: its files, as pieces of it without a copy. Must not know: what the files mean.

use std::collections::HashSet;
use std::io;

use super::{Folders, Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64, utf16_be};
use crate::source::{Blob, Content};

pub(in crate::archive) const FORMAT: Format = Format {
    name: "udf",
    claim,
    open,
    carve: &[Carve { magic: b"\0BEA01\x01\0", at: 32768, sound: |blob| present(blob.content()) }],
};

/// Descriptors, partitions, and continued lists that are followed.
const DESCRIPTORS: u64 = 256;
const LISTS: usize = 4096;
/// Bytes of one folder.
const FOLDER: u64 = 64 << 20;

fn claim(blob: &Blob) -> bool {
    blob.head().get(32769..32774).is_some_and(|mark| mark == b"BEA01")
}

/// True where the recognition sequence names UDF.
pub(super) fn present(content: &Content) -> bool {
    (16..32u64).any(|sector| {
        content.bytes(sector * 2048 + 1, 5).is_ok_and(|mark| matches!(mark.as_slice(), b"NSR02" | b"NSR03"))
    })
}

fn open(inside: &mut Inside<'_, '_>) {
    walk(inside, &mut HashSet::new());
}

/// Where a partition's blocks are.
enum Partition {
    At(u64),
    /// Its blocks are those of a file.
    File(Pieces),
    Unread(&'static str),
}

struct Volume {
    content: Content,
    block: u64,
    partitions: Vec<Partition>,
    /// Bytes of folders that may still be read.
    folders: u64,
    lists: usize,
}

/// A block of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    block: u32,
    partition: u16,
}

impl Place {
    /// What an allocation descriptor of sixteen bytes names.
    fn of(data: &[u8], at: usize) -> Option<(u32, Place)> {
        Some((le32(data, at)?, Place { block: le32(data, at + 4)?, partition: le16(data, at + 8)? }))
    }
}

/// Hands out every file whose first byte was not met before.
pub(super) fn walk(inside: &mut Inside<'_, '_>, met: &mut HashSet<u64>) {
    let content = inside.blob.content().clone();
    let (mut volume, root) = match volume(&content) {
        Ok(found) => found,
        Err(error) => return inside.failed("udf", &error),
    };
    let mut inodes = HashSet::new();
    let mut folders = Folders::new(root);
    while let Some((place, path)) = folders.next() {
        let entries = match volume.folder(place) {
            Ok(entries) => entries,
            Err(error) => {
                let shown = if path.is_empty() { "/" } else { &path };
                inside.shut(shown, reason(&error), format!("udf folder: {error}"));
                continue;
            }
        };
        for (folder, place, name) in entries {
            if !inside.go_on() {
                return;
            }
            let path = join(&path, &name);
            if folder {
                inside.count();
                folders.push(inside, place, path);
                continue;
            }
            match volume.file(place) {
                Ok(file) if file.kind == 12 => inside.count(),
                Ok(file) if file.len == 0 => inside.name_only(&path),
                _ if !inodes.insert(place) => inside.name_only(&path),
                Ok(file) => {
                    let start = file.pieces.list.iter().find_map(|piece| piece.from);
                    // ISO 9660 names the same file.
                    if start.is_none_or(|start| met.insert(start)) {
                        inside.mapped(&path, file.pieces.list);
                    }
                }
                Err(error) => inside.shut(&path, reason(&error), format!("udf: {error}")),
            }
        }
    }
}

fn tag(data: &[u8]) -> Option<u16> {
    let sum = data.get(..16)?.iter().enumerate().filter(|(at, _)| *at != 4);
    let sum = sum.fold(0u8, |sum, (_, byte)| sum.wrapping_add(*byte));
    (data.get(4) == Some(&sum)).then(|| le16(data, 0)).flatten()
}

/// Reads the descriptors; gives back where the root folder is, too.
fn volume(content: &Content) -> io::Result<(Volume, Place)> {
    let sizes = [2048u64, 512, 4096];
    let anchor = sizes.into_iter().find_map(|size| {
        let last = (content.len() / size).saturating_sub(1);
        [256, last, last.saturating_sub(256)].into_iter().find_map(|sector| {
            let data = content.bytes(sector.checked_mul(size)?, 512).ok()?;
            (tag(&data) == Some(2)).then_some((size, data))
        })
    });
    let (sector, anchor) = anchor.ok_or_else(|| broken("no anchor"))?;
    let (mut parts, mut logical): (Vec<(u16, u64)>, Option<Vec<u8>>) = (Vec::new(), None);
    // The reserve is read where the main sequence has no logical volume.
    for at in [16, 24] {
        let (len, start) = (le32(&anchor, at).unwrap_or(0), u64::from(le32(&anchor, at + 4).unwrap_or(0)));
        for index in 0..(u64::from(len) / sector).min(DESCRIPTORS) {
            let Ok(data) = content.bytes((start + index) * sector, sector) else { break };
            match tag(&data) {
                Some(5) => parts.extend(le16(&data, 22).zip(le32(&data, 188).map(|at| u64::from(at) * sector))),
                Some(6) => logical = Some(data),
                Some(8) => break,
                _ => {}
            }
        }
        if logical.is_some() {
            break;
        }
    }
    let logical = logical.ok_or_else(|| broken("no logical volume"))?;
    let block = u64::from(le32(&logical, 212).ok_or_else(cut_short)?);
    if !block.is_power_of_two() || !(512..=32768).contains(&block) {
        return Err(broken("a block size that does not exist"));
    }
    let start = |number: u16| parts.iter().rev().find(|(one, _)| *one == number).map(|(_, at)| *at);
    let mut volume = Volume {
        content: content.clone(),
        block,
        partitions: Vec::new(),
        folders: content.len() + (1 << 20),
        lists: LISTS,
    };
    let mut maps = logical.get(440..).unwrap_or_default();
    for _ in 0..le32(&logical, 268).unwrap_or(0).min(64) {
        let (Some(kind), Some(len)) = (maps.first(), maps.get(1)) else { break };
        let number = le16(maps, if *kind == 1 { 4 } else { 38 }).unwrap_or(0);
        let place = start(number);
        let id = maps.get(5..28).unwrap_or_default();
        let partition = match (kind, place) {
            (_, None) => Partition::Unread("without a descriptor"),
            (1, Some(at)) => Partition::At(at),
            (2, Some(at)) if id.starts_with(b"*UDF Sparable") => Partition::At(at),
            (2, Some(at)) if id.starts_with(b"*UDF Metadata") => {
                let index = volume.partitions.len() as u16;
                // Its own file lies in the plain partition, for the moment under its own number.
                volume.partitions.push(Partition::At(at));
                let places = [40, 44].into_iter().filter_map(|field| le32(maps, field));
                let mut files = places.filter_map(|block| volume.file(Place { block, partition: index }).ok());
                let file = files.next();
                volume.partitions.pop();
                file.map_or(Partition::Unread("whose metadata is broken"), |file| Partition::File(file.pieces))
            }
            (2, Some(_)) if id.starts_with(b"*UDF Virtual") => Partition::Unread("written bit by bit"),
            _ => Partition::Unread("of an unknown kind"),
        };
        volume.partitions.push(partition);
        maps = maps.get(usize::from(*len).max(2)..).unwrap_or_default();
    }
    let (_, set) = Place::of(&logical, 248).ok_or_else(cut_short)?;
    let set = volume.read(set, 512)?;
    if tag(&set) != Some(256) {
        return Err(broken("no set of files"));
    }
    let (_, root) = Place::of(&set, 400).ok_or_else(cut_short)?;
    Ok((volume, root))
}

struct File {
    kind: u8,
    len: u64,
    pieces: Pieces,
}

impl Volume {
    /// Adds what stands at a place to pieces of the image.
    fn add(&self, place: Place, len: u64, pieces: &mut Pieces) -> io::Result<()> {
        let at = u64::from(place.block) * self.block;
        match self.partitions.get(usize::from(place.partition)) {
            Some(Partition::At(start)) => pieces.push(len, Some(start + at)),
            Some(Partition::File(file)) => {
                let (mut skip, mut left) = (at, len);
                for piece in &file.list {
                    if skip >= piece.len {
                        skip -= piece.len;
                        continue;
                    }
                    let n = left.min(piece.len - skip);
                    pieces.push(n, piece.from.map(|from| from + skip))?;
                    (skip, left) = (0, left - n);
                    if left == 0 {
                        return Ok(());
                    }
                }
                Err(broken("leads out of the metadata"))
            }
            Some(Partition::Unread(why)) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, format!("a partition {why}; not read")))
            }
            None => Err(broken("a partition that is not there")),
        }
    }

    fn read(&self, place: Place, len: u64) -> io::Result<Vec<u8>> {
        let mut pieces = Pieces::new();
        self.add(place, len, &mut pieces)?;
        let (content, missing) = self.content.mapped(pieces.list)?;
        if missing > 0 { Err(cut_short()) } else { content.bytes(0, len) }
    }

    fn file(&mut self, place: Place) -> io::Result<File> {
        let entry = self.read(place, self.block)?;
        let (attributes, lists) = match tag(&entry) {
            Some(261) => (168, 176),
            Some(266) => (208, 216),
            _ => return Err(broken("no entry of a file")),
        };
        let number = |at| le32(&entry, at).map(|n| n as usize).ok_or_else(cut_short);
        let start = lists + number(attributes)?;
        let end = start.saturating_add(number(attributes + 4)?);
        let list = entry.get(start..end).ok_or_else(|| broken("lists longer than their block"))?;
        let (Some(kind), Some(form), Some(len)) = (entry.get(27), le16(&entry, 34), le64(&entry, 56)) else {
            return Err(cut_short());
        };
        let mut pieces = Pieces::new();
        if form & 7 == 3 {
            let mut own = Pieces::new();
            self.add(place, end as u64, &mut own)?;
            // Within the entry itself: the part of its pieces behind the lists' start.
            let mut skip = start as u64;
            for piece in own.list {
                let n = skip.min(piece.len);
                skip -= n;
                pieces.push(piece.len - n, piece.from.map(|from| from + n))?;
            }
        } else {
            self.list(list.to_vec(), form & 7, place.partition, &mut pieces)?;
        }
        pieces.end_at(len)?;
        Ok(File { kind: *kind, len, pieces })
    }

    fn list(&mut self, mut list: Vec<u8>, form: u16, partition: u16, pieces: &mut Pieces) -> io::Result<()> {
        let step = match form {
            0 => 8,
            1 => 16,
            _ => return Err(broken("lists of an unknown kind")),
        };
        'lists: loop {
            for one in list.chunks_exact(step) {
                let raw = le32(one, 0).unwrap_or(0);
                let block = le32(one, 4).unwrap_or(0);
                let place = Place { block, partition: if form == 1 { le16(one, 8).unwrap_or(0) } else { partition } };
                let len = u64::from(raw & 0x3fff_ffff);
                if len == 0 {
                    return Ok(());
                }
                match raw >> 30 {
                    0 => self.add(place, len, pieces)?,
                    3 => {
                        self.lists = self.lists.checked_sub(1).ok_or_else(|| broken("lists that go on without end"))?;
                        let data = self.read(place, len.min(self.block))?;
                        let (Some(258), Some(len)) = (tag(&data), le32(&data, 20)) else {
                            return Err(broken("a list that goes on in no list"));
                        };
                        let rest = data.get(24..).unwrap_or_default();
                        list = rest.get(..len as usize).unwrap_or(rest).to_vec();
                        continue 'lists;
                    }
                    _ => pieces.push(len, None)?,
                }
            }
            return Ok(());
        }
    }

    /// The entries of a folder: whether one is a folder, where it is, its name.
    fn folder(&mut self, place: Place) -> io::Result<Vec<(bool, Place, String)>> {
        let file = self.file(place)?;
        let left = self.folders.checked_sub(file.len).filter(|_| file.len <= FOLDER);
        self.folders = left.ok_or_else(|| broken("folders longer than the image"))?;
        let (content, _) = self.content.mapped(file.pieces.list)?;
        let data = content.bytes(0, content.len())?;
        let mut rest = data.as_slice();
        let mut entries = Vec::new();
        while rest.len() >= 38 {
            let (Some(257), Some(flags), Some(name_len), Some((_, place)), Some(own)) =
                (tag(rest), rest.get(18), rest.get(19), Place::of(rest, 20), le16(rest, 36))
            else {
                return Err(broken("an entry without its mark"));
            };
            let start = 38 + usize::from(own);
            let end = start + usize::from(*name_len);
            let name = rest.get(start..end).ok_or_else(cut_short)?;
            // Deleted ones, and the folder above.
            if flags & 12 == 0 {
                let name = match name.split_first() {
                    Some((16 | 255, name)) => utf16_be(name),
                    Some((_, name)) => name.iter().map(|byte| char::from(*byte)).collect(),
                    None => String::new(),
                };
                entries.push((flags & 2 != 0, place, name));
            }
            rest = rest.get(end.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(entries)
    }
}
