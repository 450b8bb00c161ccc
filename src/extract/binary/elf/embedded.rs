//! Documents that a build put into a program: SBOMs in sections of their own, or behind a symbol.
//!
//! In: [`File`] and where its symbols lead. Out: documents, to be looked at by themselves.

use super::super::auditable;
use super::file::{File, SHT_NOBITS, SHT_NOTE};
use super::symbols::Marked;
use crate::fact::{Inventory, Reason};

/// Sections whose content is a document.
const SECTIONS: &[&str] = &[".sbom", "sbom", ".note.sbom", ".cyclonedx", ".spdx"];

pub(super) fn say(file: &File<'_>, marked: &Marked, inventory: &mut Inventory<'_>) {
    if let Some(bytes) = file.named(auditable::SECTION, inventory) {
        auditable::say(bytes, "", inventory);
    }
    let mut in_section = false;
    // Sections of a hostile file overlap: together they hold no more than the file.
    let mut left = file.data.len();
    for section in file.sections.iter().filter(|s| s.kind != SHT_NOBITS) {
        let Some(name) = SECTIONS.iter().find(|name| file.is_named(section, name)) else { continue };
        let Some(bytes) = file.held(section, name, inventory) else { continue };
        let Some(fewer) = left.checked_sub(bytes.len().max(64)) else {
            inventory.gap(*name, Reason::Limit, "sections with documents of more bytes than the file; not read");
            break;
        };
        left = fewer;
        // Of a note, what stands behind its header and the name of its owner.
        let from = (section.kind == SHT_NOTE).then(|| bytes.iter().position(|b| matches!(b, b'{' | b'<' | 0x1f)));
        let document = bytes.get(from.flatten().unwrap_or(0)..).unwrap_or_default();
        // JSON, XML or gzip; never a program once more.
        if matches!(document.trim_ascii_start(), [b'{' | b'[' | b'<' | 0xef, ..] | [0x1f, 0x8b, ..]) {
            in_section = true;
            inventory.embed(*name, trimmed(document));
        } else if document.iter().take(1024).any(|b| *b != 0) {
            inventory.gap(*name, Reason::Unsupported, "a section for a document that holds none of a known form");
        }
    }
    if !in_section {
        native_image(file, marked, inventory);
    }
}

/// GraalVM's native images hold a CycloneDX document, compressed by gzip, between their data.
fn native_image(file: &File<'_>, marked: &Marked, inventory: &mut Inventory<'_>) {
    let (Some(sbom), Some(length)) = (marked.sbom, marked.length) else { return };
    // A word is its length; objects that are not linked yet have no addresses.
    let Some(length) = file.offset(length).and_then(|at| file.word(at)) else { return };
    match file.offset(sbom).and_then(|at| file.range(at as u64, length)) {
        Some(document) if document.starts_with(&[0x1f, 0x8b]) || document.starts_with(b"{") => {
            inventory.embed("sbom", document);
        }
        // Another's symbol of this name.
        Some(_) => {}
        None => inventory.gap("sbom", Reason::Malformed, "the SBOM of a native image leads out of the file; not read"),
    }
}

/// Without the zeros that pad it.
fn trimmed(document: &[u8]) -> &[u8] {
    if document.starts_with(&[0x1f, 0x8b]) {
        return document;
    }
    let end = document.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    document.get(..end).unwrap_or(document)
}
