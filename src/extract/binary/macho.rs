//! Mach-O, thin and universal: install name, loaded libraries, symbols.
//!
//! In: a file with a Mach-O or fat magic. Out: facts. The export trie is left alone: hostile ones cost
//! unbounded time and stack in every reader measured.

use goblin::mach::{Mach, MachO, MultiArch, SingleArch};

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::SYMBOLS;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/macho", claim, extract: Read::Whole(extract) };

/// Architectures in a universal file: real ones have at most a handful.
const ARCHITECTURES: usize = 32;

fn claim(head: &Head<'_>) -> bool {
    match head.data.get(..4) {
        Some([0xcf | 0xce, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xcf | 0xce]) => true,
        // A Java class begins with the same four bytes; its version, from 45 on, stands where the count does.
        Some([0xca, 0xfe, 0xba, 0xbe | 0xbf]) => {
            let count = head.data.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
            (1..=ARCHITECTURES as u32).contains(&count)
        }
        _ => false,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    match Mach::parse(doc.data) {
        Ok(Mach::Binary(macho)) => {
            let end = macho.segments.iter().map(|s| s.fileoff.saturating_add(s.filesize)).max().unwrap_or(0);
            reach(end, doc.data.len(), "", inventory);
            one(&macho, "", inventory);
        }
        Ok(Mach::Fat(fat)) => {
            let arches = fat.arches().unwrap_or_default();
            let end = arches.iter().map(|a| u64::from(a.offset) + u64::from(a.size)).max().unwrap_or(0);
            reach(end, doc.data.len(), "", inventory);
            each(&fat, inventory);
        }
        Err(error) => inventory.gap("", Reason::Malformed, format!("Mach-O headers could not be read: {error}")),
    }
    Mine::Yes
}

/// Says when the headers speak of more than there is.
fn reach(end: u64, len: usize, field: &str, inventory: &mut Inventory) {
    if end > len as u64 {
        inventory.gap(field, Reason::Truncated, format!("the headers speak of {end} bytes and the file has {len}"));
    }
}

fn each(fat: &MultiArch<'_>, inventory: &mut Inventory) {
    for (index, arch) in fat.into_iter().take(ARCHITECTURES).enumerate() {
        match arch {
            Ok(SingleArch::MachO(macho)) => one(&macho, &format!("arch[{index}]/"), inventory),
            Ok(SingleArch::Archive(_)) => inventory.gap(
                format!("arch[{index}]"),
                Reason::Unsupported,
                "static library in a universal file: recognised, not opened by this version",
            ),
            Err(error) => {
                inventory.gap(format!("arch[{index}]"), Reason::Malformed, format!("could not be read: {error}"));
            }
        }
    }
}

fn one(macho: &MachO<'_>, prefix: &str, inventory: &mut Inventory) {
    if let Some(name) = macho.name {
        inventory.say(FactKind::InstallName, name, format!("{prefix}LC_ID_DYLIB"));
    }
    // The crate lists the file itself first, as `self` or by its own install name.
    for library in macho.libs.iter().filter(|l| **l != "self" && Some(**l) != macho.name) {
        inventory.say(FactKind::LoadDylib, library, format!("{prefix}LC_LOAD_DYLIB"));
    }
    for (count, symbol) in macho.symbols().enumerate() {
        if count >= SYMBOLS {
            inventory.gap(
                format!("{prefix}LC_SYMTAB"),
                Reason::Limit,
                format!("more than {SYMBOLS} symbols; the rest was not read"),
            );
            break;
        }
        if inventory.file.full() {
            break;
        }
        let Ok((name, entry)) = symbol else { continue };
        if entry.is_stab() || !entry.is_global() {
            continue;
        }
        let kind = if entry.is_undefined() { FactKind::ImportSymbol } else { FactKind::ExportSymbol };
        // C names carry an underscore in front.
        inventory.say(kind, name.strip_prefix('_').unwrap_or(name), format!("{prefix}LC_SYMTAB"));
    }
}
