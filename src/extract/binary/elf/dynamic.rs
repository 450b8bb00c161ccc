//! The dynamic table: what a file is called, what it loads and from where, which symbol versions it needs and defines.
//!
//! In: [`File`]. Out: facts, and where the dynamic symbols lie. By program headers first: a loader needs no sections.

use super::file::{File, Names};
use crate::fact::{FactKind, Inventory, Reason};

const PT_DYNAMIC: u32 = 2;
const SHT_DYNAMIC: u32 = 6;
/// Entries of the dynamic table; real ones have some dozens.
const ENTRIES: usize = 100_000;
/// Versions and the entries that lead to them.
const VERSIONS: usize = 50_000;

const NULL: u64 = 0;
pub(super) const HASH: u64 = 4;
const STRTAB: u64 = 5;
pub(super) const SYMTAB: u64 = 6;
const STRSZ: u64 = 10;
const SONAME: u64 = 14;
pub(super) const GNU_HASH: u64 = 0x6fff_fef5;
const VERDEF: u64 = 0x6fff_fffc;
const VERDEFNUM: u64 = 0x6fff_fffd;
const VERNEED: u64 = 0x6fff_fffe;
const VERNEEDNUM: u64 = 0x6fff_ffff;

/// Entries that are a name, and what it is.
const NAMED: &[(u64, FactKind, &str)] = &[
    (1, FactKind::Needed, "NEEDED"),
    (SONAME, FactKind::Soname, "SONAME"),
    (15, FactKind::Rpath, "RPATH"),
    (29, FactKind::Rpath, "RUNPATH"),
    (0x6fff_fefb, FactKind::Needed, "DEPAUDIT"),
    (0x6fff_fefc, FactKind::Needed, "AUDIT"),
    (0x7fff_fffd, FactKind::Needed, "AUXILIARY"),
    (0x7fff_ffff, FactKind::Needed, "FILTER"),
];

/// The dynamic table.
pub(super) struct Dynamic<'d> {
    entries: Vec<(u64, u64)>,
    /// The string table its entries name things in.
    pub strings: &'d [u8],
}

impl<'d> Dynamic<'d> {
    /// Reads the table, where there is one.
    pub fn read(file: &File<'d>, inventory: &mut Inventory<'_>) -> Option<Dynamic<'d>> {
        let segment = file.segments.iter().find(|s| s.kind == PT_DYNAMIC).map(|s| (s.offset, s.size));
        let section = file.sections.iter().find(|s| s.kind == SHT_DYNAMIC);
        let (offset, size) = segment.or(section.map(|s| (s.offset, s.size)))?;
        if file.debugging_only() {
            return None;
        }
        let Some(bytes) = file.range(offset, size) else {
            inventory.gap("DYNAMIC", Reason::Malformed, "the dynamic table leads out of the file; not read");
            return None;
        };
        let width = if file.wide { 8 } else { 4 };
        let start = usize::try_from(offset).ok()?;
        let mut entries = Vec::new();
        for i in 0..bytes.len() / (2 * width) {
            let at = start + i * 2 * width;
            let entry = (file.word(at)?, file.word(at + width)?);
            if entry.0 == NULL {
                break;
            }
            if entries.len() == ENTRIES {
                inventory.gap("DYNAMIC", Reason::Limit, format!("more than {ENTRIES} entries; the rest was not read"));
                break;
            }
            entries.push(entry);
        }
        let mut dynamic = Dynamic { entries, strings: &[] };
        dynamic.strings = dynamic.find_strings(file, inventory).unwrap_or_default();
        Some(dynamic)
    }

    fn find_strings(&self, file: &File<'d>, inventory: &mut Inventory<'_>) -> Option<&'d [u8]> {
        let address = self.value(STRTAB)?;
        let size = self.value(STRSZ).unwrap_or(0);
        let rest = file.offset(address).and_then(|at| file.data.get(at..));
        let whole = rest.and_then(|rest| rest.get(..usize::try_from(size).ok()?));
        if whole.is_none() {
            inventory.gap("DYNAMIC", Reason::Malformed, "the string table leads out of the file");
        }
        whole.or(rest)
    }

    /// The value of an entry.
    pub fn value(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|(t, _)| *t == tag).map(|(_, value)| *value)
    }

    /// Where an entry leads to in the file.
    pub fn place(&self, tag: u64, file: &File<'_>) -> Option<usize> {
        file.offset(self.value(tag)?)
    }

    /// Says every name.
    pub fn say(&self, file: &File<'d>, inventory: &mut Inventory<'_>) {
        let mut names = Names::new(self.strings);
        for (tag, value) in &self.entries {
            if inventory.file.full() {
                break;
            }
            let Some((_, kind, field)) = NAMED.iter().find(|(t, ..)| t == tag) else { continue };
            let Some(name) = names.at(*value) else { continue };
            if *kind == FactKind::Rpath {
                name.split(':').for_each(|path| inventory.say(*kind, path, field));
            } else {
                inventory.say(*kind, name, field);
            }
        }
        self.needed_versions(file, &mut names, inventory);
        self.defined_versions(file, &mut names, inventory);
        names.close("DYNAMIC", inventory);
    }

    /// A table of versions: where it begins and how many entries it has.
    fn versions(&self, tags: (u64, u64), field: &str, file: &File<'_>, inventory: &mut Inventory<'_>) -> (usize, u64) {
        let Some(address) = self.value(tags.0) else { return (0, 0) };
        match file.offset(address) {
            Some(at) => (at, self.value(tags.1).unwrap_or(0)),
            None => {
                inventory.gap(field, Reason::Malformed, "the table leads out of the file; not read");
                (0, 0)
            }
        }
    }

    /// Versions of the symbols of other libraries: a chain of libraries, each with a chain of versions. The links of a
    /// chain only lead forward, so that it ends; chains may share links, so that all are counted together.
    fn needed_versions(&self, file: &File<'d>, names: &mut Names<'d>, inventory: &mut Inventory<'_>) {
        let field = ".gnu.version_r";
        let (mut at, count) = self.versions((VERNEED, VERNEEDNUM), field, file, inventory);
        let mut left = VERSIONS;
        for _ in 0..count {
            let u16 = |i| file.u16(at.saturating_add(i));
            let u32 = |i| file.u32(at.saturating_add(i));
            let entry = || Some((u16(2)?, u32(4)?, u32(8)?, u32(12)?));
            let Some((versions, library, first, next)) = entry().filter(|_| file.u16(at) == Some(1)) else {
                return broken(field, inventory);
            };
            let library = names.at(library.into()).unwrap_or_default();
            let mut version = at.saturating_add(first as usize);
            for _ in 0..versions {
                if left == 0 || inventory.file.full() {
                    return limit(left, field, inventory);
                }
                left -= 1;
                let link = |i| file.u32(version.saturating_add(i));
                let (Some(name), Some(next)) = (link(8), link(12)) else {
                    return broken(field, inventory);
                };
                if let Some(name) = names.at(name.into()) {
                    inventory.say(FactKind::SymbolVersion, format!("{library}:{name}"), field);
                }
                if next == 0 {
                    break;
                }
                version = version.saturating_add(next as usize);
            }
            if next == 0 {
                break;
            }
            if left == 0 {
                return limit(left, field, inventory);
            }
            left -= 1;
            at = at.saturating_add(next as usize);
        }
    }

    /// Versions of its own symbols. The first is the file's own name.
    fn defined_versions(&self, file: &File<'d>, names: &mut Names<'d>, inventory: &mut Inventory<'_>) {
        const BASE: u16 = 1;
        let field = ".gnu.version_d";
        let (mut at, count) = self.versions((VERDEF, VERDEFNUM), field, file, inventory);
        let mut own = self.value(SONAME).and_then(|at| names.at(at)).unwrap_or_default();
        for i in 0..count {
            if i == VERSIONS as u64 || inventory.file.full() {
                return limit(usize::from(i != VERSIONS as u64), field, inventory);
            }
            let u32 = |i| file.u32(at.saturating_add(i));
            let entry = || Some((file.u16(at.saturating_add(2))?, u32(12)?, u32(16)?));
            let Some((flags, first, next)) = entry().filter(|_| file.u16(at) == Some(1)) else {
                return broken(field, inventory);
            };
            let Some(name) = file.u32(at.saturating_add(first as usize)) else { return broken(field, inventory) };
            if let Some(name) = names.at(name.into()) {
                if flags & BASE == 0 {
                    inventory.say(FactKind::SymbolVersion, format!("{own}:{name}"), field);
                } else if own.is_empty() {
                    own = name;
                }
            }
            if next == 0 {
                break;
            }
            at = at.saturating_add(next as usize);
        }
    }

    /// The relocation tables: where each begins and ends, and whether its entries have an addend.
    pub fn relocations(&self, file: &File<'_>) -> Vec<(usize, usize, bool)> {
        let plt = self.value(20) == Some(7);
        let table = |at, size, addend| {
            let start = self.place(at, file)?;
            let size = usize::try_from(self.value(size)?).ok()?;
            Some((start, start.saturating_add(size).min(file.data.len()), addend))
        };
        [table(7, 8, true), table(17, 18, false), table(23, 2, plt)].into_iter().flatten().collect()
    }
}

fn broken(field: &str, inventory: &mut Inventory<'_>) {
    inventory.gap(field, Reason::Malformed, "the table breaks off; what stood before is in the result");
}

fn limit(left: usize, field: &str, inventory: &mut Inventory<'_>) {
    // That a file is full is said for all of its tables at once.
    if left == 0 {
        inventory.gap(field, Reason::Limit, format!("more than {VERSIONS} versions; the rest was not read"));
    }
}
