//! ELF (System V gABI): SONAME, NEEDED and dynamic symbols, for every class, byte order and machine.
//!
//! In: a file that starts with `\x7fELF`. Out: facts.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::section_header::{SHN_UNDEF, SHT_DYNSYM, SHT_NOBITS};
use goblin::elf::{Elf, Symtab};
use goblin::options::ParseOptions;

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::{SYMBOLS, overlay};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/elf", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"\x7fELF")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let elf = match Elf::parse_with_opts(doc.data, &ParseOptions::permissive()) {
        Ok(elf) => elf,
        Err(error) => {
            let short = matches!(error, goblin::error::Error::BufferTooShort(..) | goblin::error::Error::Scroll(_));
            let reason = if short { Reason::Truncated } else { Reason::Malformed };
            inventory.gap("", reason, format!("ELF headers could not be read: {error}"));
            return Mine::Yes;
        }
    };
    let end = end(&elf).unwrap_or(0);
    if end > doc.data.len() as u64 {
        let detail = format!("the headers speak of {end} bytes and the file has {}", doc.data.len());
        inventory.gap("", Reason::Truncated, detail);
    }
    let held = elf.section_headers.iter().filter(|s| s.sh_type != SHT_NOBITS);
    let sections = held.map(|s| s.sh_offset.saturating_add(s.sh_size)).max().unwrap_or(0);
    overlay(doc.data, end.max(sections), inventory);
    if let Some(name) = elf.soname {
        inventory.say(FactKind::Soname, name, "SONAME");
    }
    for library in elf.libraries.iter().take(SYMBOLS) {
        if inventory.file.full() {
            break;
        }
        inventory.say(FactKind::Needed, library, "NEEDED");
    }
    let mut left = SYMBOLS;
    // Without a hash table the crate cannot count the symbols; the section header still can.
    // Without one of its own hash tables it counts by relocations, which is too few.
    let by_section = section_symbols(doc.data, &elf).filter(|s| s.len() > elf.dynsyms.len());
    if elf.dynsyms.is_empty() && by_section.is_none() && elf.dynamic.as_ref().is_some_and(|d| d.info.symtab != 0) {
        inventory.gap(".dynsym", Reason::Malformed, "there are dynamic symbols, and nothing tells how many; not read");
    }
    for symbol in by_section.as_ref().unwrap_or(&elf.dynsyms) {
        if inventory.file.full() {
            break;
        }
        if left == 0 {
            inventory.gap(".dynsym", Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
            break;
        }
        left -= 1;
        if let Some(name) = elf.dynstrtab.get_at(symbol.st_name) {
            let undefined = symbol.st_shndx == SHN_UNDEF as usize;
            let kind = if undefined { FactKind::ImportSymbol } else { FactKind::ExportSymbol };
            inventory.say(kind, name, ".dynsym");
        }
    }
    Mine::Yes
}

/// The dynamic symbols by their section header.
fn section_symbols<'d>(data: &'d [u8], elf: &Elf<'d>) -> Option<Symtab<'d>> {
    let section = elf.section_headers.iter().find(|s| s.sh_type == SHT_DYNSYM)?;
    let count = section.sh_size.checked_div(section.sh_entsize)?;
    let context = Ctx::new(
        if elf.is_64 { Container::Big } else { Container::Little },
        if elf.little_endian { Endian::Little } else { Endian::Big },
    );
    let (offset, count) = (usize::try_from(section.sh_offset).ok()?, usize::try_from(count).ok()?);
    // A count that the file cannot hold is no count.
    let end = offset.checked_add(count.checked_mul(if elf.is_64 { 24 } else { 16 })?)?;
    (end <= data.len()).then(|| Symtab::parse(data, offset, count, context).ok()).flatten().filter(|s| !s.is_empty())
}

/// Where the file must at least reach by its segments and its section table.
fn end(elf: &Elf<'_>) -> Option<u64> {
    // A file of debugging data alone keeps the headers of segments it does not hold.
    let debug = elf.section_headers.iter().any(|s| s.is_executable() && s.sh_type == SHT_NOBITS);
    let segments = elf.program_headers.iter().filter(|_| !debug).map(|p| p.p_offset.saturating_add(p.p_filesz));
    let table = u64::from(elf.header.e_shnum) * u64::from(elf.header.e_shentsize);
    let sections = (elf.header.e_shoff > 0).then(|| elf.header.e_shoff.saturating_add(table));
    segments.chain(sections).max()
}
