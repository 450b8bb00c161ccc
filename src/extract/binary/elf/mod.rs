//! ELF (System V gABI), for every class, byte order and machine: what a file is called, loads, offers and asks for, what
//! made it, and the documents in it.
//!
//! In: a file that starts with `\x7fELF`. Out: facts, components of a Go build, documents. A file without sections
//! still tells by its program headers what a loader needs.

mod dynamic;
mod embedded;
mod file;
mod notes;
mod symbols;
#[cfg(test)]
mod tests;

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::{go, overlay};
use crate::fact::{FactKind, Inventory, Reason};
use dynamic::Dynamic;
use file::{File, SHT_NOBITS};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/elf", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"\x7fELF")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let Some(file) = File::read(doc.data, inventory) else { return Mine::Yes };
    let end = file.end();
    if end > doc.data.len() as u64 {
        let detail = format!("the headers speak of {end} bytes and the file has {}", doc.data.len());
        inventory.gap("", Reason::Truncated, detail);
    }
    let held = file.sections.iter().filter(|s| s.kind != SHT_NOBITS);
    let sections = held.map(|s| s.offset.saturating_add(s.size)).max().unwrap_or(0);
    overlay(doc.data, end.max(sections), inventory);
    for section in file.sections.iter().filter(|s| s.kind != SHT_NOBITS) {
        inventory.name_region(section.offset, section.size, file.section_name(section));
    }
    packed(&file, inventory);
    let dynamic = Dynamic::read(&file, inventory);
    if let Some(dynamic) = &dynamic {
        dynamic.say(&file, inventory);
    }
    // What names a file comes before its symbols, which may be more than is kept.
    notes::comments(&file, inventory);
    notes::notes(&file, inventory);
    notes::debug_links(&file, inventory);
    notes::kernel_module(&file, inventory);
    build_of_go(&file, inventory);
    let marked = symbols::say(&file, dynamic.as_ref(), inventory);
    embedded::say(&file, &marked, inventory);
    Mine::Yes
}

/// UPX leaves no sections, its mark behind the program headers and once more at the end.
fn packed(file: &File<'_>, inventory: &mut Inventory<'_>) {
    const MARK: &[u8] = b"UPX!";
    let holds = |part: Option<&[u8]>| part.is_some_and(|part| memchr::memmem::find(part, MARK).is_some());
    let head = file.data.get(..1024.min(file.data.len()));
    let tail = file.data.get(file.data.len().saturating_sub(1024)..);
    if file.sections.is_empty() && holds(head) && holds(tail) {
        inventory.say(FactKind::Toolchain, "UPX", "");
        let detail = format!("the program is packed with UPX ({} bytes); not unpacked", file.data.len());
        inventory.gap("", Reason::Opaque, detail);
    }
}

/// Go's linker gives the information a section; without sections it stands in the data.
fn build_of_go(file: &File<'_>, inventory: &mut Inventory<'_>) {
    let section = file.sections.iter().find(|s| s.kind != SHT_NOBITS && file.is_named(s, go::SECTION));
    let from = section.and_then(|s| usize::try_from(s.offset).ok()).unwrap_or(0);
    go::say(file.data, from, &|address| file.offset(address), inventory);
}
