//! Mach-O, thin and universal: install name, loaded libraries, symbols.
//!
//! In: a file with a Mach-O or fat magic. Out: facts. The export trie is left alone: hostile ones cost
//! unbounded time and stack in every reader measured.

use goblin::mach::load_command::CommandVariant;
use goblin::mach::{Mach, MachO, MultiArch, SingleArch};

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::{SYMBOLS, auditable, go};
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
            super::overlay(doc.data, end.max(table_end(&macho)), inventory);
            one(&macho, doc.data, "", inventory);
        }
        Ok(Mach::Fat(fat)) => {
            let arches = fat.arches().unwrap_or_default();
            let end = arches.iter().map(|a| u64::from(a.offset) + u64::from(a.size)).max().unwrap_or(0);
            reach(end, doc.data.len(), "", inventory);
            super::overlay(doc.data, end, inventory);
            each(&fat, doc.data, inventory);
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

/// Where the symbol table and the signature end: linkers put them behind the segments, or in the last.
fn table_end(macho: &MachO<'_>) -> u64 {
    let ends = macho.load_commands.iter().map(|command| match command.command {
        CommandVariant::Symtab(table) => u64::from(table.stroff) + u64::from(table.strsize),
        CommandVariant::CodeSignature(part) => u64::from(part.dataoff) + u64::from(part.datasize),
        _ => 0,
    });
    ends.max().unwrap_or(0)
}

fn each(fat: &MultiArch<'_>, data: &[u8], inventory: &mut Inventory) {
    let arches = fat.arches().unwrap_or_default();
    for (index, arch) in fat.into_iter().take(ARCHITECTURES).enumerate() {
        match arch {
            Ok(SingleArch::MachO(macho)) => {
                let part = arches.get(index).map(|a| (a.offset as usize, a.size as usize));
                let part = part.and_then(|(at, size)| data.get(at..at.saturating_add(size).min(data.len())));
                one(&macho, part.unwrap_or_default(), &format!("arch[{index}]/"), inventory);
            }
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

fn one(macho: &MachO<'_>, data: &[u8], prefix: &str, inventory: &mut Inventory) {
    if let Some(name) = macho.name {
        inventory.say(FactKind::InstallName, name, format!("{prefix}LC_ID_DYLIB"));
    }
    // The crate lists the file itself first, as `self` or by its own install name.
    for library in macho.libs.iter().filter(|l| **l != "self" && Some(**l) != macho.name) {
        inventory.say(FactKind::LoadDylib, library, format!("{prefix}LC_LOAD_DYLIB"));
    }
    symbols(macho, data, prefix, inventory);
    go::say(data, 0, &|address| place(macho, address), inventory);
    for (section, _) in macho.segments.iter().flat_map(|s| s.sections().unwrap_or_default()) {
        if section.name().is_ok_and(|name| name == auditable::SECTION) {
            let (at, size) = (section.offset as usize, usize::try_from(section.size).unwrap_or(usize::MAX));
            auditable::say(data.get(at..at.saturating_add(size)).unwrap_or_default(), prefix, inventory);
        }
    }
}

/// Where an address lies in the file.
fn place(macho: &MachO<'_>, address: u64) -> Option<usize> {
    let segment = macho.segments.iter().find(|s| address.checked_sub(s.vmaddr).is_some_and(|at| at < s.filesize))?;
    usize::try_from(segment.fileoff.checked_add(address - segment.vmaddr)?).ok()
}

/// Longest name of a symbol.
const NAME: usize = 4096;

/// The symbol table, by our own walk: the crate decodes every name to its end before it can be left out.
fn symbols(macho: &MachO<'_>, data: &[u8], prefix: &str, inventory: &mut Inventory<'_>) {
    let table = macho.load_commands.iter().find_map(|command| match command.command {
        CommandVariant::Symtab(table) => Some(table),
        _ => None,
    });
    let Some(table) = table else { return };
    let field = format!("{prefix}LC_SYMTAB");
    let width = if macho.is_64 { 16 } else { 12 };
    let (start, count) = (table.symoff as usize, table.nsyms as usize);
    let reached = (start + count * width).max(table.stroff as usize + table.strsize as usize);
    if reached > data.len() {
        let detail = format!("the symbol table reaches to byte {reached} and the file has {}", data.len());
        inventory.gap(&field, Reason::Truncated, detail);
    }
    if count > SYMBOLS {
        inventory.gap(&field, Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
    }
    let names = data.get(table.stroff as usize..).unwrap_or_default();
    let names = names.get(..table.strsize as usize).unwrap_or(names);
    let word = |entry: &[u8]| {
        let bytes = entry.get(..4)?.try_into().ok()?;
        Some(if macho.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let entries = data.get(start..).unwrap_or_default().chunks_exact(width).take(count.min(SYMBOLS));
    for entry in entries {
        if inventory.file.full() {
            return;
        }
        // N_STAB is debugging, N_EXT global, N_TYPE 0 undefined.
        let kind = entry.get(4).copied().unwrap_or(0);
        if kind & 0xe0 != 0 || kind & 1 == 0 {
            continue;
        }
        let Some(rest) = word(entry).and_then(|at| names.get(at as usize..)) else { continue };
        let rest = rest.get(..NAME).unwrap_or(rest);
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        let name = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
        let fact = if kind & 0x0e == 0 { FactKind::ImportSymbol } else { FactKind::ExportSymbol };
        // C names carry an underscore in front.
        inventory.say(fact, name.strip_prefix('_').unwrap_or(&name), &field);
    }
}
