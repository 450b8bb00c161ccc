//! The extract stage on its own: facts only, no catalogue. `UNDERLABEL_BLESS=1` writes the expectation.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

/// Every fact, label and gap of a file and all that is in it, a line each.
fn facts(path: &Path) -> String {
    let catalog = Catalog::built_in().unwrap();
    let data = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut lines = Vec::new();
    inspect(&[Source::Bytes { name, data }], &catalog, &Limits::default(), false, &mut |said| match said {
        // What a member is called stands in every place already.
        Said::Fact { kind: "file-name", at, .. } if at.ends_with("#name") => {}
        Said::Fact { kind: "path", at, .. } if at.ends_with("#path") => {}
        Said::Fact { at, kind, value, doubted } => {
            lines.push(format!("{at}\t{kind}{}\t{value}", if *doubted { "?" } else { "" }));
        }
        Said::Label { at, vendor, product, version } => {
            lines.push(format!("{at}\tlabel\t{vendor:?} {product:?} {version:?}"));
        }
        Said::Gap { at, reason, detail } => lines.push(format!("{at}\tgap\t{reason}: {detail}")),
        Said::Formats { .. } => {}
    })
    .unwrap();
    lines.sort();
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
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
