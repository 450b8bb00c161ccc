//! What a blob says of itself: the table of extractors and their dispatch.
//!
//! In: a [`Blob`](crate::source::Blob). Out: facts, labels, gaps and notes in an [`Inventory`].
//! Must not know: the catalogue (the string stage is given its stems), any rule.
//!
//! A new format costs one file and one line in [`EXTRACTORS`].

mod android;
mod binary;
mod header;
mod inf;
mod installed;
mod java;
mod json;
mod package;
mod packed;
mod plist;
mod pyc;
mod registry;
mod sbom;
mod signature;
mod sqlite;
mod stream;
mod text;
mod wire;
mod xml;
mod yaml;

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use binary::strings::Stems;

use crate::fact::{FactKind, Inventory, Reason};
use crate::source::{Blob, Limits, base_name};

/// A reader of one format.
struct Extractor {
    /// Stable name, in every output.
    name: &'static str,
    /// Cheap: looks at the first 64 KiB and the name.
    claim: fn(&Head<'_>) -> bool,
    /// Reads the blob. Says whether it was of this format after all.
    extract: Read,
}

/// How an extractor reads.
#[derive(Clone, Copy)]
enum Read {
    /// As a stream: memory does not grow with the blob.
    Stream(fn(&Input<'_>, &mut Inventory<'_>) -> Mine),
    /// All of it at once.
    Whole(fn(&Doc<'_>, &mut Inventory<'_>) -> Mine),
}

/// Every extractor, in the order of trial: streams first. Several may read one blob: a program is also searched
/// for strings.
const EXTRACTORS: &[Extractor] = &[
    sbom::cyclonedx::JSON,
    sbom::spdx::JSON,
    sbom::spdx3::EXTRACTOR,
    sbom::syft::EXTRACTOR,
    sbom::trivy::EXTRACTOR,
    sbom::github::EXTRACTOR,
    sbom::auditable::EXTRACTOR,
    sbom::envelope::STATEMENT,
    sbom::envelope::DSSE,
    sbom::envelope::BUNDLE,
    sbom::envelope::WRAPPER,
    sbom::cyclonedx::xml::XML,
    sbom::cyclonedx::protobuf::BINARY,
    sbom::cyclonedx::textproto::TEXT,
    sbom::spdx::tag_value::EXTRACTOR,
    sbom::spdx::yaml::EXTRACTOR,
    sbom::spdx::xml::XML,
    sbom::spdx::rdf::EXTRACTOR,
    sbom::swid::XML,
    sbom::swid::COSWID,
    binary::pe::EXTRACTOR,
    binary::elf::EXTRACTOR,
    binary::macho::EXTRACTOR,
    binary::wasm::EXTRACTOR,
    binary::certificates::EXTRACTOR,
    pyc::EXTRACTOR,
    java::class::EXTRACTOR,
    java::manifest::EXTRACTOR,
    java::pom::PROPERTIES,
    java::pom::XML,
    android::dex::EXTRACTOR,
    android::manifest::EXTRACTOR,
    package::info_plist::EXTRACTOR,
    android::resources::EXTRACTOR,
    android::optimised::EXTRACTOR,
    android::distribution::XAPK,
    android::distribution::NOTICES,
    package::npm::EXTRACTOR,
    package::provisioning::EXTRACTOR,
    package::python::EXTRACTOR,
    signature::file::EXTRACTOR,
    signature::script::EXTRACTOR,
    package::extension::MANIFEST,
    package::extension::RDF,
    package::extension::HOST,
    package::gem::METADATA,
    package::gem::SPECIFICATION,
    package::nuget::EXTRACTOR,
    package::burn::EXTRACTOR,
    package::cargo::EXTRACTOR,
    package::flutter::EXTRACTOR,
    inf::EXTRACTOR,
    registry::hive::EXTRACTOR,
    registry::text::EXTRACTOR,
    installed::dpkg::EXTRACTOR,
    installed::rpm::SQLITE,
    installed::rpm::NDB,
    installed::rpm::BDB,
    installed::apk::DATABASE,
    installed::apk::PACKAGE,
    installed::pacman::EXTRACTOR,
    installed::conda::EXTRACTOR,
    installed::homebrew::EXTRACTOR,
    installed::snap::EXTRACTOR,
    installed::desktop::ENTRY,
    installed::desktop::FLATPAK,
    installed::desktop::APPSTREAM,
    installed::apple::RECEIPTS,
    installed::apple::PACKAGE,
    installed::msix::EXTRACTOR,
    installed::vsix::EXTRACTOR,
    installed::oci::CONFIG,
    installed::oci::MANIFEST,
    installed::os_release::EXTRACTOR,
    sbom::other::EXTRACTOR,
    binary::strings::EXTRACTOR,
];

/// What containers say of themselves beside their members: these are tried where an archive was opened.
const OF_CONTAINERS: &[Extractor] = &[
    package::crx::EXTRACTOR,
    package::msi::EXTRACTOR,
    signature::msi::EXTRACTOR,
    java::signature::EXTRACTOR,
    android::signing::EXTRACTOR,
    android::application::EXTRACTOR,
];

/// What containers say in front of their members: these are tried whether or not the rest could be opened.
const IN_FRONT: &[Extractor] = &[package::rpm::EXTRACTOR];

/// What a claim may look at.
struct Head<'a> {
    name: &'a str,
    data: &'a [u8],
}

/// What an extractor that streams may look at.
struct Input<'a> {
    blob: &'a Blob,
    limits: &'a Limits,
    options: &'a Options,
    /// What kind of JSON document it is; found out once, for all readers of JSON.
    form: &'a OnceCell<sbom::Form>,
}

/// What an extractor of whole blobs may look at.
struct Doc<'a> {
    data: &'a [u8],
    options: &'a Options,
    limits: &'a Limits,
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
    pub stems: Arc<Stems>,
    /// Add conformance notes by the strict parsers.
    pub strict: bool,
}

/// The names of all extractors.
pub(crate) fn names() -> Vec<&'static str> {
    EXTRACTORS.iter().chain(OF_CONTAINERS).chain(IN_FRONT).map(|e| e.name).collect()
}

/// What a name says, for any blob, and where a symbolic link leads.
pub(crate) fn name_facts(blob: &Blob, inventory: &mut Inventory<'_>) {
    inventory.say(FactKind::FileName, base_name(&blob.inner), "name");
    inventory.say(FactKind::Path, blob.inner.replace('\\', "/"), "path");
    if let Some(target) = &blob.link {
        inventory.say(FactKind::FileReference, target, "link");
        let name = base_name(target);
        if name != target {
            inventory.say(FactKind::FileReference, name, "link");
        }
    }
}

/// Runs every extractor that claims the blob. A reader that panics ends as a gap, not as an abort.
/// Of what is `packed` only the container itself is read here; its members come by themselves.
pub(crate) fn extract(
    blob: &mut Blob,
    packed: bool,
    limits: &Limits,
    options: &Options,
    inventory: &mut Inventory<'_>,
) {
    let head = Head { name: base_name(&blob.inner), data: blob.head() };
    let table = if packed { OF_CONTAINERS } else { EXTRACTORS };
    let claimed: Vec<&Extractor> = IN_FRONT.iter().chain(table).filter(|e| (e.claim)(&head)).collect();
    let form = OnceCell::new();
    let mut too_long = false;
    for extractor in claimed {
        let known_as = inventory.formats.first().copied();
        let ran = match extractor.extract {
            Read::Stream(read) => {
                let input = Input { blob, limits, options, form: &form };
                catch_unwind(AssertUnwindSafe(|| read(&input, inventory)))
            }
            // A document that was read as a stream has nothing for the readers of whole blobs.
            Read::Whole(_) if too_long || known_as.is_some_and(|name| name.starts_with("sbom/")) => continue,
            Read::Whole(read) => match blob.load(limits) {
                Err(gap) => {
                    inventory.gaps.push(gap);
                    too_long = true;
                    continue;
                }
                Ok(data) => {
                    let doc = Doc { data, options, limits };
                    catch_unwind(AssertUnwindSafe(|| read(&doc, inventory)))
                }
            },
        };
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
pub(crate) fn header_fact(head: &[u8], inventory: &mut Inventory<'_>) {
    if inventory.formats.is_empty() && !head.is_empty() {
        header::say(head, inventory);
    }
}

/// What one extractor says of a file: facts as `kind field value`, doubted ones with a mark, and gaps.
#[cfg(test)]
fn said(extractor: &Extractor, name: &str, data: &[u8]) -> (Vec<String>, Vec<String>) {
    let path = name.into();
    let mut inventory = Inventory::new(&path, &path);
    let (limits, options) = (Limits::default(), Options::default());
    if (extractor.claim)(&Head { name, data }) {
        match extractor.extract {
            Read::Whole(read) => {
                read(&Doc { data, options: &options, limits: &limits }, &mut inventory);
            }
            Read::Stream(_) => {}
        }
    }
    let facts = inventory.file.facts();
    let facts = facts.map(|f| format!("{}{} {} {}", f.kind.name(), if f.doubted { "?" } else { "" }, f.field, f.value));
    (facts.collect(), inventory.gaps.iter().map(|g| format!("{} {}", g.reason.name(), g.detail)).collect())
}
