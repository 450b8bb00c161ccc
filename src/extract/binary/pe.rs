//! PE/COFF images (Microsoft PE Format): imports, exports, the DLL's own name, version resources.
//!
//! Read by our own walk: the crates measured keep one language of the resources, or expand hostile import tables
//! without a bound.
//!
//! In: a file that starts with `MZ` and holds a PE header. Out: facts and the label of its version resource.

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::version_info::{self, Block};
use super::{auditable, go, overlay, pe_tables, u16_at, u32_at};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

pub(in super::super) const EXTRACTOR: Extractor = Extractor { name: "binary/pe", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"MZ") && pe_header(head.data).is_some_and(|at| head.data.len() <= at || is_pe(head.data, at))
}

fn pe_header(data: &[u8]) -> Option<usize> {
    u32_at(data, 0x3c).and_then(|at| usize::try_from(at).ok())
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
            overlay(doc.data, image.end(doc.data, header), inventory);
            resources(doc.data, &image, inventory);
            pe_tables::say(doc.data, &image, inventory);
            let place = |address: u64| image.offset(u32::try_from(address.checked_sub(image.base)?).ok()?);
            go::say(doc.data, 0, &place, inventory);
            auditable::of_pe(doc.data, header, inventory);
        }
        None => inventory.gap("", Reason::Truncated, "ends within its PE headers"),
    }
    Mine::Yes
}

/// What is needed to find the tables, read leniently from the headers.
pub(super) struct Image {
    /// By address, so that one can be found quickly.
    sections: Vec<Section>,
    /// Where the data directories stand, and how many there are.
    directories: (usize, u32),
    /// File offset and size of the certificate table.
    signatures: Option<(u32, u32)>,
    /// PE32+: tables hold eight bytes an entry.
    pub wide: bool,
    /// The preferred address of the image.
    pub base: u64,
    /// Whether the file ends within the section table.
    cut: bool,
}

#[derive(Clone, Copy)]
struct Section {
    address: u32,
    size: u32,
    offset: u32,
    raw: u32,
}

impl Image {
    fn read(data: &[u8], header: usize) -> Option<Image> {
        let declared = usize::from(u16_at(data, header.checked_add(6)?)?);
        let optional_size = usize::from(u16_at(data, header.checked_add(20)?)?);
        let optional = header.checked_add(24)?;
        // PE32 has 96 bytes before the data directories, PE32+ has 112.
        let wide = u16_at(data, optional)? == 0x20b;
        let directories = optional.checked_add(if wide { 112 } else { 96 })?;
        let count = u32_at(data, directories.checked_sub(4)?)?;
        let base = if wide {
            u64::from(u32_at(data, optional.checked_add(24)?)?)
                | u64::from(u32_at(data, optional.checked_add(28)?)?) << 32
        } else {
            u64::from(u32_at(data, optional.checked_add(28)?)?)
        };
        let first = optional.checked_add(optional_size)?;
        let mut sections: Vec<Section> = (0..declared.min(SECTIONS))
            .map_while(|i| {
                let at = first.checked_add(i * 40)?;
                Some(Section {
                    size: u32_at(data, at + 8)?,
                    address: u32_at(data, at + 12)?,
                    raw: u32_at(data, at + 16)?,
                    offset: u32_at(data, at + 20)?,
                })
            })
            .collect();
        sections.sort_by_key(|s| s.address);
        let cut = sections.len() < declared.min(SECTIONS);
        let mut image = Image { sections, directories: (directories, count), signatures: None, wide, base, cut };
        image.signatures = image.directory(data, 4);
        Some(image)
    }

    /// Address and size of a data directory, where it is used.
    pub fn directory(&self, data: &[u8], index: u32) -> Option<(u32, u32)> {
        let (start, count) = self.directories;
        let at = start.checked_add(usize::try_from(index).ok()?.checked_mul(8)?)?;
        let entry = u32_at(data, at).zip(u32_at(data, at.checked_add(4)?));
        entry.filter(|(address, _)| *address != 0 && index < count)
    }

    /// Where the image's own parts end: sections, the symbol table of some linkers, the signatures.
    fn end(&self, data: &[u8], header: usize) -> u64 {
        let sections = self.sections.iter().map(|s| u64::from(s.offset) + u64::from(s.raw)).max().unwrap_or(0);
        let symbols = u32_at(data, header + 12).zip(u32_at(data, header + 16)).filter(|(at, _)| *at > 0);
        let symbols = symbols.map_or(0, |(at, count)| {
            let strings = u64::from(at) + u64::from(count) * 18;
            let size = usize::try_from(strings).ok().and_then(|at| u32_at(data, at)).unwrap_or(0);
            strings + u64::from(size)
        });
        let signed = self.signatures.map(|(at, size)| (u64::from(at), u64::from(at) + u64::from(size)));
        let end = sections.max(symbols.min(data.len() as u64));
        // Signatures that follow at once are the image's, too; a payload may lie between.
        signed.filter(|(at, _)| *at <= end.saturating_add(16)).map_or(end, |(_, signed)| end.max(signed))
    }

    /// File offset of a relative virtual address.
    pub fn offset(&self, address: u32) -> Option<usize> {
        // The last section that begins at or before it; a few may overlap, so some before it are looked at, too.
        let behind = self.sections.partition_point(|s| s.address <= address);
        let near = self.sections.get(behind.saturating_sub(8)..behind).unwrap_or_default();
        let section = near.iter().rev().find(|s| address - s.address < s.size.max(s.raw));
        let offset = match section {
            Some(s) => s.offset.checked_add(address - s.address)?,
            // Headers, and images with a low alignment, are mapped as they lie.
            None => address,
        };
        usize::try_from(offset).ok()
    }
}

/// Sections read; the loader of Windows takes no more than 96.
const SECTIONS: usize = 1024;
/// Version strings read per file, whatever the number of resources that hold them.
const STRINGS: usize = 20_000;
/// Directory entries looked at per file: real ones have a few hundred.
const ENTRIES: usize = 4096;

fn resources(data: &[u8], image: &Image, inventory: &mut Inventory) {
    let Some(base) = image.directory(data, 2).and_then(|(address, _)| image.offset(address)) else { return };
    let mut found = Vec::new();
    let mut left = ENTRIES;
    leaves(data, base, &mut left, &mut found);
    if left == 0 {
        inventory.gap(
            "RESOURCES",
            Reason::Limit,
            format!("more than {ENTRIES} resource entries; the rest was not read"),
        );
    }
    let mut strings = STRINGS;
    for (language, address, size) in found {
        let bytes = image
            .offset(address)
            .and_then(|at| data.get(at..))
            .map(|rest| rest.get(..size as usize).unwrap_or(rest))
            .unwrap_or_default();
        let field = format!("VERSIONINFO[0x{language:04x}]");
        match version_info::read(bytes, &mut strings) {
            Some(read) => say(&read, &field, inventory),
            None => inventory.gap(field, Reason::Malformed, "a version resource that is none"),
        }
    }
    if strings == 0 {
        inventory.gap(
            "VERSIONINFO",
            Reason::Limit,
            format!("more than {STRINGS} version strings; the rest was not read"),
        );
    }
}

/// The flag of an entry that leads to a directory.
const DIRECTORY: u32 = 0x8000_0000;

/// The entries of one resource directory: id (0 for named ones) and where it leads.
fn entries(data: &[u8], base: usize, at: u32, left: &mut usize) -> Vec<(u32, u32)> {
    let Some(start) = usize::try_from(at).ok().and_then(|at| base.checked_add(at)) else { return Vec::new() };
    let named = u16_at(data, start + 12).unwrap_or(0);
    let by_id = u16_at(data, start + 14).unwrap_or(0);
    let mut found = Vec::new();
    for i in 0..usize::from(named) + usize::from(by_id) {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let at = start + 16 + i * 8;
        let (Some(id), Some(to)) = (u32_at(data, at), u32_at(data, at + 4)) else { break };
        found.push((if id & DIRECTORY == 0 { id } else { 0 }, to));
    }
    found
}

/// Every RT_VERSION leaf: language, address, size. Exactly three levels, so a loop cannot recur.
fn leaves(data: &[u8], base: usize, left: &mut usize, found: &mut Vec<(u32, u32, u32)>) {
    for (kind, to) in entries(data, base, 0, left) {
        if kind != 16 || to & DIRECTORY == 0 {
            continue;
        }
        for (_, to) in entries(data, base, to & !DIRECTORY, left) {
            if to & DIRECTORY == 0 {
                continue;
            }
            for (language, to) in entries(data, base, to & !DIRECTORY, left) {
                let Some(at) =
                    usize::try_from(to).ok().filter(|_| to & DIRECTORY == 0).and_then(|to| base.checked_add(to))
                else {
                    continue;
                };
                if let (Some(address), Some(size)) = (u32_at(data, at), u32_at(data, at + 4)) {
                    found.push((language, address, size));
                }
            }
        }
    }
}

/// The facts of one version resource and, from its first table with names, a label.
fn say(blocks: &[Block], field: &str, inventory: &mut Inventory) {
    for block in blocks {
        for (key, value) in &block.strings {
            let at = format!("{field}/{}/{key}", block.table);
            let kind = match key.to_ascii_lowercase().as_str() {
                "companyname" => FactKind::CompanyName,
                "productname" => FactKind::ProductName,
                "filedescription" => FactKind::FileDescription,
                "internalname" => FactKind::InternalName,
                "originalfilename" => FactKind::OriginalFilename,
                "legalcopyright" => FactKind::LegalCopyright,
                "legaltrademarks" => FactKind::LegalTrademarks,
                "productversion" => FactKind::ProductVersion,
                "fileversion" => FactKind::FileVersion,
                _ => {
                    inventory.say(FactKind::VersionString, format!("{key}={value}"), at);
                    continue;
                }
            };
            inventory.say(kind, value, at);
        }
        let text = |wanted: &str| {
            let found = block.strings.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let label = Label {
            vendor: text("CompanyName"),
            product: text("ProductName"),
            version: text("ProductVersion"),
            at: inventory.at(format!("{field}/{}", block.table)),
            from: LabelSource::VersionResource,
        };
        if label.vendor.is_some() {
            inventory.labels.push(label);
        }
    }
}
