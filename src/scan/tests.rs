//! The extract stage on its own: facts only, no catalogue. `UNDERLABEL_BLESS=1` writes the expectation.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

/// Every fact, label and gap of a file and all that is in it, a line each.
fn facts(path: &Path) -> String {
    let limits = Limits::default();
    let catalog = Catalog::built_in().unwrap();
    let stems = catalog.stems();
    let options = extract::Options { stems: extract::Stems::new(stems.iter().map(String::as_str)), strict: false };
    let data = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let len = data.len() as u64;
    let mut listing = source::list(&Source::Bytes { name, data }, &limits).unwrap();
    let mut walk = Walk::new(&limits, len);
    let mut text = String::new();
    archive::walk(&mut listing.entries[0].open().unwrap(), &mut walk, &mut |blob, _, opened| {
        let mut inventory = Inventory::new(&blob.path, &blob.scope);
        if opened == Opened::Leaf {
            extract::extract(blob, &limits, &options, &mut inventory);
            extract::header_fact(blob.head(), &mut inventory);
        }
        let mut lines = Vec::new();
        let files = std::iter::once(&inventory.file).chain(&inventory.components);
        for (component, fact) in files.flat_map(|c| c.facts().map(move |f| (c, f))) {
            lines.push(format!("{}\t{}\t{}", component.at(fact.field), fact.kind.name(), fact.value));
        }
        for label in &inventory.labels {
            lines.push(format!("{}\tlabel\t{:?} {:?} {:?}", label.at, label.vendor, label.product, label.version));
        }
        for gap in &inventory.gaps {
            lines.push(format!("{}\tgap\t{}: {}", gap.at, gap.reason.name(), gap.detail));
        }
        lines.sort();
        for line in lines {
            writeln!(text, "{line}").unwrap();
        }
        std::mem::take(&mut inventory.embedded)
    });
    text
}

#[test]
fn every_extract_fixture_says_its_facts() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/extract");
    let mut inputs: Vec<PathBuf> = walkdir::WalkDir::new(&root)
        .into_iter()
        .map(|e| e.unwrap().into_path())
        .filter(|p| p.file_name().is_some_and(|name| name.to_string_lossy().starts_with("input.")))
        .collect();
    inputs.sort();
    assert!(inputs.len() > 25, "{} fixtures", inputs.len());
    let mut faults = Vec::new();
    for input in inputs {
        let seen = facts(&input);
        let expected = input.with_file_name("expected.facts");
        if std::env::var_os("UNDERLABEL_BLESS").is_some() {
            std::fs::write(&expected, &seen).unwrap();
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if seen != wanted {
            faults.push(format!("{}\n--- seen\n{seen}--- expected\n{wanted}", input.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
