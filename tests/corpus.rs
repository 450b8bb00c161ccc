//! Real SBOMs from the wild, where a folder of them is at hand: `UNDERLABEL_CORPUS=folder cargo test`, or
//! `../shared/corpora` beside the checkout. The folder holds a `manifest.tsv` with path, format, version
//! and what its source says of each file. Without a folder there is nothing to run here, and the line
//! printed says so.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use underlabel::Source;
use underlabel::fact::Reason;

fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("UNDERLABEL_CORPUS").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    given.or(Some(beside)).filter(|f| f.join("manifest.tsv").is_file())
}

/// An independent count of what the reader should have seen: an untyped walk over the raw document.
fn count(format: &str, text: &str) -> Option<u64> {
    let value = serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()?;
    fn items<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
        let items: Vec<&Value> = match value.get(key) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => Vec::new(),
        };
        items.into_iter().filter(|v| v.is_object()).collect()
    }
    /// A component with those inside it and those it stems from; a service with those inside it.
    fn all(value: &Value) -> u64 {
        let inside = ["components", "services"].iter().flat_map(|key| items(value, key));
        let kin = value
            .get("pedigree")
            .into_iter()
            .flat_map(|pedigree| ["ancestors", "descendants", "variants"].iter().flat_map(|key| items(pedigree, key)));
        inside.chain(kin).map(|v| 1 + all(v)).sum()
    }
    Some(match format {
        "cyclonedx-json" => {
            let main = value.get("metadata").and_then(|m| m.get("component")).filter(|c| c.is_object());
            let targets = value.get("declarations").and_then(|d| d.get("targets"));
            all(&value)
                + main.map_or(0, |c| 1 + all(c))
                + targets.map_or(0, all)
                + items(&value, "formulation").into_iter().map(all).sum::<u64>()
        }
        _ => ["packages", "files", "snippets"].iter().map(|key| items(&value, key).len() as u64).sum(),
    })
}

#[test]
fn every_file_of_the_corpus_is_read_or_is_a_gap() {
    let Some(folder) = folder() else {
        eprintln!("no corpus at hand: nothing was run");
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut table: BTreeMap<(String, String), [u64; 4]> = BTreeMap::new();
    let mut faults = Vec::new();
    for row in manifest.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (path, format, version, expected) = (cells[0], cells[1], cells[2], cells[3]);
        if !matches!(format, "cyclonedx-json" | "spdx2-json") {
            continue;
        }
        let Ok(data) = std::fs::read(folder.join(path)) else { continue };
        let text = common::decode(&data);
        // A test archive that quotes documents among other text is none itself.
        if !text.trim_start().starts_with('{') {
            continue;
        }
        let report = common::scan(&[Source::Bytes { name: path.to_owned(), data }]);
        let broken = report.gaps.iter().any(|g| matches!(g.reason, Reason::Malformed | Reason::Truncated));
        let cell = table.entry((format.to_owned(), version.to_owned())).or_default();
        cell[0] += 1;
        let fault = match count(format, &text) {
            // Sound JSON: no break, and every component counted.
            Some(want) => {
                cell[1] += 1;
                let seen = report.examined.components;
                (broken || seen != want).then(|| format!("{seen} components where {want} are; gaps {:?}", report.gaps))
            }
            // Broken JSON: a gap that says where.
            None => {
                cell[2] += 1;
                (!broken).then(|| format!("broken JSON without a gap: {:?}", report.gaps))
            }
        };
        if expected == "valid" && broken {
            faults.push(format!("{path}: called valid, read as broken"));
        }
        cell[3] += u64::from(!report.notes.is_empty());
        faults.extend(fault.map(|f| format!("{path}: {f}")));
        for finding in &report.findings {
            eprintln!("{path}: {} {} {:?}", finding.product.id, finding.relation.name(), finding.places.first());
        }
    }
    eprintln!("format version: files, read, broken (a gap), with notes");
    for ((format, version), [files, read, broken, notes]) in &table {
        eprintln!("{format} {version}: {files}, {read}, {broken}, {notes}");
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
