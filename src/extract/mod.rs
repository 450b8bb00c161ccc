//! What a blob says of itself: the table of extractors and their dispatch.
//!
//! In: a [`Blob`](crate::source::Blob)'s bytes. Out: facts, labels, gaps and notes in an [`Inventory`].
//! Must not know: the catalogue (the string stage is given its stems), any rule.
//!
//! A new format costs one file and one line in [`EXTRACTORS`].

mod android;
mod binary;
mod header;
mod java;
mod json;
mod package;
mod sbom;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use binary::strings::Stems;

use crate::fact::{FactKind, Inventory, Reason};
use crate::source::base_name;

/// A reader of one format.
struct Extractor {
    /// Stable name, in every output.
    name: &'static str,
    /// Cheap: looks at the first 64 KiB and the name.
    claim: fn(&Head<'_>) -> bool,
    /// Reads the blob. Says whether it was of this format after all.
    extract: fn(&Doc<'_>, &mut Inventory) -> Mine,
}

/// Every extractor, in the order of trial. Several may read one blob: a program is also searched for strings.
const EXTRACTORS: &[Extractor] = &[
    sbom::cyclonedx::EXTRACTOR,
    sbom::spdx::EXTRACTOR,
    binary::pe::EXTRACTOR,
    binary::elf::EXTRACTOR,
    binary::macho::EXTRACTOR,
    java::EXTRACTOR,
    android::dex::EXTRACTOR,
    android::manifest::EXTRACTOR,
    package::npm::EXTRACTOR,
    package::python::EXTRACTOR,
    sbom::other::EXTRACTOR,
    binary::strings::EXTRACTOR,
];

/// What a claim may look at.
struct Head<'a> {
    name: &'a str,
    data: &'a [u8],
}

/// What an extractor may look at.
struct Doc<'a> {
    data: &'a [u8],
    options: &'a Options,
    /// The extractor before this one that recognised the blob.
    known_as: Option<&'static str>,
    /// Components a document may hold.
    max_components: u64,
}

/// Whether a blob was of the extractor's format after all.
#[derive(PartialEq, Eq)]
enum Mine {
    Yes,
    No,
}

/// What the extractors are given beside the bytes.
#[derive(Debug, Default)]
pub struct Options {
    /// What the string stage looks for.
    pub stems: Stems,
    /// Add conformance notes by the strict parsers.
    pub strict: bool,
}

/// The names of all extractors.
pub(crate) fn names() -> Vec<&'static str> {
    EXTRACTORS.iter().map(|e| e.name).collect()
}

/// True when some extractor wants the whole blob; else its name is all that is read of it.
pub(crate) fn wants(inner: &str, head: &[u8]) -> bool {
    let head = Head { name: base_name(inner), data: head };
    EXTRACTORS.iter().any(|e| (e.claim)(&head))
}

/// True for code that may carry an archive behind it.
pub(crate) fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"MZ") || head.starts_with(b"\x7fELF")
}

/// What a name says, for any blob.
pub(crate) fn name_facts(inner: &str, inventory: &mut Inventory) {
    inventory.say(FactKind::FileName, base_name(inner), "name");
    inventory.say(FactKind::Path, inner.replace('\\', "/"), "path");
}

/// Runs every extractor that claims the blob. A reader that panics ends as a gap, not as an abort.
pub(crate) fn extract(inner: &str, data: &[u8], max_components: u64, options: &Options, inventory: &mut Inventory) {
    let name = base_name(inner);
    let head = Head { name, data: data.get(..64 << 10).unwrap_or(data) };
    for extractor in EXTRACTORS.iter().filter(|e| (e.claim)(&head)) {
        let known_as = inventory.formats.first().copied();
        let doc = Doc { data, options, known_as, max_components };
        let ran = catch_unwind(AssertUnwindSafe(|| (extractor.extract)(&doc, inventory)));
        match ran {
            Ok(Mine::Yes) => {
                inventory.formats.push(extractor.name);
                inventory.file.found_by = extractor.name;
            }
            Ok(Mine::No) => {}
            Err(_) => {
                inventory.formats.push(extractor.name);
                inventory.gap("", Reason::Malformed, format!("{} gave up on this input", extractor.name));
            }
        }
    }
}

/// The first bytes of a blob that no extractor recognised.
pub(crate) fn header_fact(head: &[u8], inventory: &mut Inventory) {
    if inventory.formats.is_empty() && !head.is_empty() {
        header::say(head, inventory);
    }
}
