//! The resource tree of a PE image: version resources, manifests, string tables, and every type and name that is a word.
//!
//! In: the headers as [`Image`]. Out: facts, a label of each version table that names a vendor, gaps. The tree has
//! exactly three levels and one budget of entries, so a tree that leads back into itself ends.

use super::super::strings::Stems;
use super::version_info::{self, Block};
use super::{Image, broken, manifest, string_table};
use crate::bytes::{le16, le32};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

/// Version strings read per file, whatever the number of resources that hold them.
const STRINGS: usize = 20_000;
/// Version resources and manifests of one file: real ones have a few, one a language.
const LEAVES: usize = 4096;
/// Directory entries looked at for names: programs with thousands of dialogs and icons are real.
const ENTRIES: usize = 65_536;
/// Distinct named resources kept.
const NAMES: usize = 10_000;
/// Letters of a resource name.
const LETTERS: usize = 1024;

/// The flag of an entry that leads to a directory, and of an id that leads to a name.
const FLAG: u32 = 0x8000_0000;
const RT_STRING: u32 = 6;
const RT_RCDATA: u32 = 10;
const RT_VERSION: u32 = 16;
const RT_MANIFEST: u32 = 24;

/// The predefined types, where they have one.
const TYPES: &[(u32, &str)] = &[
    (1, "RT_CURSOR"),
    (2, "RT_BITMAP"),
    (3, "RT_ICON"),
    (4, "RT_MENU"),
    (5, "RT_DIALOG"),
    (RT_STRING, "RT_STRING"),
    (7, "RT_FONTDIR"),
    (8, "RT_FONT"),
    (9, "RT_ACCELERATOR"),
    (RT_RCDATA, "RT_RCDATA"),
    (11, "RT_MESSAGETABLE"),
    (12, "RT_GROUP_CURSOR"),
    (14, "RT_GROUP_ICON"),
    (RT_VERSION, "RT_VERSION"),
    (17, "RT_DLGINCLUDE"),
    (19, "RT_PLUGPLAY"),
    (20, "RT_VXD"),
    (21, "RT_ANICURSOR"),
    (22, "RT_ANIICON"),
    (23, "RT_HTML"),
    (RT_MANIFEST, "RT_MANIFEST"),
];

pub(super) fn say(data: &[u8], image: &Image, stems: &Stems, inventory: &mut Inventory<'_>) {
    let Some((address, _)) = image.directory(data, 2) else { return };
    let Some(base) = image.offset(address) else { return broken(inventory, "RESOURCES") };
    let mut walk = Walk { data, base, left: LEAVES, lost: false };
    let (versions, manifests) = (walk.leaves(RT_VERSION), walk.leaves(RT_MANIFEST));
    let mut cut = walk.left == 0;
    walk.left = ENTRIES;
    let texts = walk.leaves(RT_STRING);
    cut |= walk.left == 0;
    walk.left = ENTRIES;
    let names = walk.names();
    cut |= walk.left == 0 || names.len() >= NAMES;
    if walk.lost {
        broken(inventory, "RESOURCES");
    }
    if cut {
        let detail = format!("more than {ENTRIES} resource entries or {NAMES} names; the rest was not read");
        inventory.gap("RESOURCES", Reason::Limit, detail);
    }
    let mut strings = STRINGS;
    for leaf in versions {
        let bytes = image.part(data, leaf.address, leaf.size).unwrap_or_default();
        let field = format!("VERSIONINFO[0x{:04x}]", leaf.language);
        let Some(read) = version_info::read(bytes, &mut strings) else {
            inventory.gap(field, Reason::Malformed, "a version resource that is none");
            continue;
        };
        if let Some((file, product)) = read.fixed {
            let at = format!("{field}/VS_FIXEDFILEINFO");
            inventory.say(FactKind::VersionString, format!("FixedFileVersion={file}"), &at);
            inventory.say(FactKind::VersionString, format!("FixedProductVersion={product}"), &at);
        }
        blocks(&read.blocks, &field, inventory);
        if read.lost {
            let detail = "a part longer than what holds it, or that cannot be read: strings may be missing or cut";
            inventory.gap(field, Reason::Malformed, detail);
        }
    }
    if strings == 0 {
        inventory.gap(
            "VERSIONINFO",
            Reason::Limit,
            format!("more than {STRINGS} version strings; the rest was not read"),
        );
    }
    let mut budget = manifest::BYTES;
    for leaf in manifests {
        let field = format!("MANIFEST[0x{:04x}]", leaf.language);
        match image.part(data, leaf.address, leaf.size) {
            Some(bytes) => manifest::say(bytes, &field, &mut budget, inventory),
            None => broken(inventory, &field),
        }
    }
    let mut budget = string_table::BYTES;
    for leaf in texts {
        let Some(block) = image.part(data, leaf.address, leaf.size) else {
            broken(inventory, &format!("STRINGTABLE[0x{:04x}]", leaf.language));
            continue;
        };
        if !string_table::say(block, leaf.name, leaf.language, stems, &mut budget, inventory) {
            break;
        }
    }
    for name in names {
        inventory.say(FactKind::ResourceName, name, "RESOURCES");
    }
}

/// The first resource of type RT_RCDATA with this number.
pub(super) fn rcdata<'d>(data: &'d [u8], image: &Image, number: u32) -> Option<&'d [u8]> {
    let base = image.offset(image.directory(data, 2)?.0)?;
    let mut walk = Walk { data, base, left: LEAVES, lost: false };
    let types = walk.entries(0);
    let (_, to) = types.into_iter().find(|(id, to)| *id == RT_RCDATA && to & FLAG != 0)?;
    let (_, to) = walk.entries(to & !FLAG).into_iter().find(|(id, to)| *id == number && to & FLAG != 0)?;
    let leaf = walk.entries(to & !FLAG).into_iter().find_map(|(language, to)| walk.leaf(number, language, to))?;
    image.part(data, leaf.address, leaf.size)
}

/// One resource.
struct Leaf {
    name: u32,
    language: u32,
    address: u32,
    size: u32,
}

struct Walk<'d> {
    data: &'d [u8],
    /// Where the tree starts; its offsets count from here.
    base: usize,
    /// Entries that may still be looked at.
    left: usize,
    /// Whether a part of the tree led nowhere.
    lost: bool,
}

impl Walk<'_> {
    /// The entries of one directory: id and where it leads.
    fn entries(&mut self, at: u32) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let start = usize::try_from(at).ok().and_then(|at| self.base.checked_add(at));
        let counts = start.and_then(|at| le16(self.data, at + 12).zip(le16(self.data, at + 14)));
        let (Some(start), Some((named, by_id))) = (start, counts) else {
            self.lost = true;
            return found;
        };
        for i in 0..usize::from(named) + usize::from(by_id) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let at = start + 16 + i * 8;
            let Some(entry) = le32(self.data, at).zip(le32(self.data, at + 4)) else {
                self.lost = true;
                break;
            };
            found.push(entry);
        }
        found
    }

    /// The entries of one directory that lead to directories.
    fn branches(&mut self, at: u32) -> Vec<(u32, u32)> {
        let mut found = self.entries(at);
        let all = found.len();
        found.retain_mut(|(_, to)| {
            let branch = *to & FLAG != 0;
            *to &= !FLAG;
            branch
        });
        self.lost |= found.len() < all;
        found
    }

    fn leaf(&mut self, name: u32, language: u32, to: u32) -> Option<Leaf> {
        let at = usize::try_from(to).ok().filter(|_| to & FLAG == 0).and_then(|to| self.base.checked_add(to));
        let entry = at.and_then(|at| le32(self.data, at).zip(le32(self.data, at + 4)));
        self.lost |= entry.is_none();
        entry.map(|(address, size)| Leaf { name, language, address, size })
    }

    /// Every resource of one type, in all languages.
    fn leaves(&mut self, kind: u32) -> Vec<Leaf> {
        let mut found = Vec::new();
        for (id, to) in self.branches(0) {
            if id != kind {
                continue;
            }
            for (name, to) in self.branches(to) {
                for (language, to) in self.entries(to) {
                    found.extend(self.leaf(name, language, to));
                }
            }
        }
        found
    }

    /// Every resource whose type or name is a word, as `type/name`.
    fn names(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for (kind, to) in self.branches(0) {
            let mut label = None;
            for (name, _) in self.entries(to) {
                if (kind | name) & FLAG == 0 {
                    continue;
                }
                if found.len() >= NAMES {
                    return found;
                }
                let kind = label.get_or_insert_with(|| self.word(kind, TYPES)).clone();
                let name = self.word(name, &[]);
                found.push(format!("{kind}/{name}"));
            }
        }
        found
    }

    /// An id as a word: its own name, a predefined one, its number.
    fn word(&mut self, id: u32, predefined: &[(u32, &str)]) -> String {
        if id & FLAG == 0 {
            let known = predefined.iter().find(|(number, _)| *number == id);
            return known.map_or_else(|| id.to_string(), |(_, name)| (*name).to_owned());
        }
        let at = usize::try_from(id & !FLAG).ok().and_then(|at| self.base.checked_add(at));
        let length = at.and_then(|at| le16(self.data, at)).map_or(0, usize::from);
        let text = at.and_then(|at| self.data.get(at.checked_add(2)?..)).and_then(|rest| rest.get(..length * 2));
        self.lost |= text.is_none();
        let units = text.unwrap_or_default().chunks_exact(2).take(LETTERS).filter_map(|unit| le16(unit, 0));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}

/// The facts of one version resource and, from its first table with names, a label.
fn blocks(blocks: &[Block], field: &str, inventory: &mut Inventory<'_>) {
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
                // A key without a value says nothing.
                _ if value.trim().is_empty() => continue,
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
