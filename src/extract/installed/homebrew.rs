//! Homebrew: the receipt of an installed formula.
//!
//! In: `INSTALL_RECEIPT.json` below `Cellar/name/version`. Out: a component.

use super::super::json::Node;
use super::super::sbom::close;
use super::super::stream::{Want, Window};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::{Entry, Packages, below, no_files};
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "installed/homebrew", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'{') && memchr::memmem::find(head.data, b"\"homebrew_version\"").is_some()
}

fn want(key: &str) -> Want {
    match key {
        "source" | "homebrew_version" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (mut source, mut brewed) = (None, false);
    let mut window = Window::over(doc.data);
    let outcome = window.members(&want, &mut |key, _, node| match key {
        "source" => source = Some(node.into_owned()),
        _ => brewed = true,
    });
    if !brewed && outcome.whole() {
        return Mine::No;
    }
    close(&mut window, &outcome, inventory);
    let path = inventory.file.path.clone();
    // The folders say what it is; a receipt alone names the formula it was made by.
    let mut folders = below(&path, "Cellar/").unwrap_or_default().split('/');
    let (folder, number) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
    let text = |key: &str| source.as_ref().and_then(|source: &Node<'_>| source.str(key)).unwrap_or_default();
    let formula = text("path").rsplit('/').next().and_then(|file| file.strip_suffix(".rb")).unwrap_or_default();
    let stable = source.as_ref().and_then(|s| s.get("versions")).and_then(|v| v.str("stable")).unwrap_or_default();
    let entry_name = if folder.is_empty() { formula } else { folder };
    if entry_name.is_empty() {
        return Mine::Yes;
    }
    let mut entry = Entry {
        kind: Some("brew"),
        name: entry_name.into(),
        version: if number.is_empty() { stable } else { number }.into(),
        fields: ("name", "version"),
        ..Entry::default()
    };
    if !text("tap").is_empty() {
        entry.add(FactKind::Property, format!("tap={}", text("tap")), "source/tap");
    }
    Packages::new(EXTRACTOR.name, doc.limits).add(&entry, no_files(), inventory);
    Mine::Yes
}
