//! PE/COFF images (Microsoft PE Format): the headers, and the order in which their tables are read.
//!
//! Read by our own walk: the crates measured keep one language of the resources, or expand hostile import tables
//! without a bound.
//!
//! In: a file that starts with `MZ` and holds a PE header. Out: facts and labels, by the readers of the tables below.

mod debug;
mod dotnet;
mod installer;
mod manifest;
mod resources;
mod rich;
mod string_table;
mod tables;
#[cfg(test)]
mod tests;
mod version_info;

use std::borrow::Cow;

use super::super::signature::authenticode::{self, Layout};
use super::super::{Doc, Extractor, Head, Mine, Read};
use super::{auditable, go, overlay};
use crate::bytes::{le16, le32};
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor = Extractor { name: "binary/pe", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"MZ") && pe_header(head.data).is_some_and(|at| head.data.len() <= at || is_pe(head.data, at))
}

fn pe_header(data: &[u8]) -> Option<usize> {
    le32(data, 0x3c).and_then(|at| usize::try_from(at).ok())
}

fn is_pe(data: &[u8], at: usize) -> bool {
    data.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let Some(header) = pe_header(doc.data) else { return Mine::No };
    if !is_pe(doc.data, header) {
        // A DOS program, or a PE file cut before its header.
        if header > doc.data.len() && header < 0x1000 {
            inventory.gap("", Reason::Truncated, "ends before its PE header");
            return Mine::Yes;
        }
        return Mine::No;
    }
    match Image::read(doc.data, header) {
        Some(image) => {
            let sections = image.sections.iter().map(|s| u64::from(s.offset) + u64::from(s.raw)).max().unwrap_or(0);
            let signatures = image.signatures.map_or(0, |(at, size)| u64::from(at) + u64::from(size));
            let end = sections.max(signatures);
            if image.cut {
                inventory.gap("", Reason::Truncated, "ends within its section table");
            }
            if end > doc.data.len() as u64 {
                let detail = format!("sections and signatures reach to byte {end} and the file has {}", doc.data.len());
                inventory.gap("", Reason::Truncated, detail);
            }
            for section in &image.sections {
                let name = String::from_utf8_lossy(&section.name).trim_end_matches('\0').to_owned();
                inventory.name_region(u64::from(section.offset), u64::from(section.raw), name);
            }
            let end = image.end(doc.data, header);
            overlay(doc.data, end, inventory);
            resources::say(doc.data, &image, &doc.options.stems, inventory);
            tables::say(doc.data, &image, inventory);
            dotnet::say(doc.data, &image, inventory);
            debug::say(doc.data, &image, inventory);
            rich::say(doc.data, header, inventory);
            installer::say(doc.data, &image, end, inventory);
            if image.signatures.is_some_and(|(_, size)| size == 0) {
                let detail = "a certificate table that has a place and no size; not read";
                inventory.gap("CERTIFICATES", Reason::Malformed, detail);
            }
            if let Some(layout) = image.layout(doc.data) {
                authenticode::say(doc.data, &layout, inventory);
            }
            let place = |address: u64| image.offset(u32::try_from(address.checked_sub(image.base)?).ok()?);
            go::say(doc.data, 0, &place, inventory);
            auditable::of_pe(doc.data, header, inventory);
        }
        None => inventory.gap("", Reason::Truncated, "ends within its PE headers"),
    }
    Mine::Yes
}

/// What is needed to find the tables, read leniently from the headers.
struct Image {
    /// By address, so that one can be found quickly.
    sections: Vec<Section>,
    /// Where the data directories stand, and how many there are.
    directories: (usize, u32),
    /// File offset and size of the certificate table.
    signatures: Option<(u32, u32)>,
    /// PE32+: tables hold eight bytes an entry.
    wide: bool,
    /// The preferred address of the image.
    base: u64,
    /// Whether the file ends within the section table.
    cut: bool,
}

#[derive(Clone, Copy)]
struct Section {
    name: [u8; 8],
    address: u32,
    size: u32,
    offset: u32,
    raw: u32,
    /// Whether it may be executed.
    code: bool,
}

impl Image {
    fn read(data: &[u8], header: usize) -> Option<Image> {
        let declared = usize::from(le16(data, header.checked_add(6)?)?);
        let optional_size = usize::from(le16(data, header.checked_add(20)?)?);
        let optional = header.checked_add(24)?;
        // PE32 has 96 bytes before the data directories, PE32+ has 112.
        let wide = le16(data, optional)? == 0x20b;
        let directories = optional.checked_add(if wide { 112 } else { 96 })?;
        let count = le32(data, directories.checked_sub(4)?)?;
        let base = if wide {
            u64::from(le32(data, optional.checked_add(24)?)?) | u64::from(le32(data, optional.checked_add(28)?)?) << 32
        } else {
            u64::from(le32(data, optional.checked_add(28)?)?)
        };
        let first = optional.checked_add(optional_size)?;
        // The loader rounds where sections start down to a sector, but for images of a finer alignment.
        let sector = if le32(data, optional.checked_add(36)?)? < 0x200 { u32::MAX } else { !0x1ff };
        let mut sections: Vec<Section> = (0..declared)
            .map_while(|i| {
                let at = first.checked_add(i * 40)?;
                Some(Section {
                    name: data.get(at..at.checked_add(8)?)?.try_into().ok()?,
                    size: le32(data, at + 8)?,
                    address: le32(data, at + 12)?,
                    raw: le32(data, at + 16)?,
                    offset: le32(data, at + 20)? & sector,
                    code: le32(data, at + 36)? & 0x2000_0000 != 0,
                })
            })
            .collect();
        sections.sort_by_key(|s| s.address);
        let cut = sections.len() < declared;
        let mut image = Image { sections, directories: (directories, count), signatures: None, wide, base, cut };
        image.signatures = image.directory(data, 4);
        Some(image)
    }

    /// Address and size of a data directory, where it is used.
    pub fn directory(&self, data: &[u8], index: u32) -> Option<(u32, u32)> {
        let (start, count) = self.directories;
        let at = start.checked_add(usize::try_from(index).ok()?.checked_mul(8)?)?;
        let entry = le32(data, at).zip(le32(data, at.checked_add(4)?));
        entry.filter(|(address, _)| *address != 0 && index < count)
    }

    /// Where the image's own parts end: sections, the symbol table of some linkers, the signatures.
    fn end(&self, data: &[u8], header: usize) -> u64 {
        let sections = self.sections.iter().map(|s| u64::from(s.offset) + u64::from(s.raw)).max().unwrap_or(0);
        let symbols = le32(data, header + 12).zip(le32(data, header + 16)).filter(|(at, _)| *at > 0);
        let symbols = symbols.map_or(0, |(at, count)| {
            let strings = u64::from(at) + u64::from(count) * 18;
            let size = usize::try_from(strings).ok().and_then(|at| le32(data, at)).unwrap_or(0);
            strings + u64::from(size)
        });
        let signed = self.signatures.map(|(at, size)| (u64::from(at), u64::from(at) + u64::from(size)));
        let end = sections.max(symbols.min(data.len() as u64));
        // Signatures that follow at once are the image's, too; a payload may lie between.
        signed.filter(|(at, _)| *at <= end.saturating_add(16)).map_or(end, |(_, signed)| end.max(signed))
    }

    /// What Authenticode counts by, where the file is signed.
    fn layout(&self, data: &[u8]) -> Option<Layout> {
        let (table, size) = self.signatures?;
        let (directories, _) = self.directories;
        let optional = directories - if self.wide { 112 } else { 96 };
        let number = |at: usize| le32(data, optional + at).map_or(0, |n| n as usize);
        let mut sections: Vec<_> = self.sections.iter().filter(|s| s.raw > 0).collect();
        sections.sort_by_key(|s| s.offset);
        Some(Layout {
            checksum: optional + 64,
            directory: directories + 4 * 8,
            table: (table as usize, size as usize),
            headers: number(60),
            page: number(32),
            sections: sections.iter().map(|s| (s.offset as usize, s.raw as usize)).collect(),
        })
    }

    /// File offset of a relative virtual address.
    fn offset(&self, address: u32) -> Option<usize> {
        // The last section that begins at or before it; a few may overlap, so some before it are looked at, too.
        let behind = self.sections.partition_point(|s| s.address <= address);
        let near = self.sections.get(behind.saturating_sub(8)..behind).unwrap_or_default();
        let section = near.iter().rev().find(|s| address - s.address < s.size.max(s.raw));
        let offset = match section {
            // Behind what the file holds of it, a section is zeros.
            Some(s) if address - s.address >= s.raw => return None,
            Some(s) => s.offset.checked_add(address - s.address)?,
            // Headers, and images with a low alignment, are mapped as they lie.
            None => address,
        };
        usize::try_from(offset).ok()
    }

    /// What stands at an address, up to a size; shorter where the file ends.
    fn part<'d>(&self, data: &'d [u8], address: u32, size: u32) -> Option<&'d [u8]> {
        let rest = data.get(self.offset(address)?..)?;
        Some(rest.get(..usize::try_from(size).ok()?).unwrap_or(rest))
    }
}

/// Longest name of a symbol, module or type; C++ names are long, no real one is longer.
const NAME: usize = 4096;

/// A NUL-ended name at a relative virtual address.
fn name<'d>(data: &'d [u8], image: &Image, address: u32) -> Option<Cow<'d, str>> {
    ended(data.get(image.offset(address)?..)?)
}

/// A NUL-ended name at the start of these bytes.
fn ended(rest: &[u8]) -> Option<Cow<'_, str>> {
    let rest = rest.get(..NAME).unwrap_or(rest);
    let end = memchr::memchr(0, rest)?;
    Some(String::from_utf8_lossy(rest.get(..end)?))
}

fn broken(inventory: &mut Inventory<'_>, table: &str) {
    inventory.gap(table, Reason::Malformed, "a table that leads out of the file; not read to its end");
}
