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

/// Packages, files and snippets by the lines that open them.
fn count_tag_value(text: &str) -> u64 {
    let opens = ["PackageName:", "FileName:", "SnippetSPDXID:", "SnippetSPDXIdentifier:"];
    // What stands within <text> is no line of the document's.
    let mut within = false;
    let mut count = 0;
    for line in text.split(['\r', '\n']) {
        count += u64::from(!within && opens.iter().any(|o| line.starts_with(o)));
        within = (within || line.contains("<text>")) && !line.contains("</text>");
    }
    count
}

/// Components and services of CycloneDX XML by the tags that open them; tools and annotators are none.
fn count_xml(text: &str) -> Option<u64> {
    let mut outside = text.to_owned();
    for (from, to) in [("<tools>", "</tools>"), ("<annotations>", "</annotations>")] {
        while let Some((before, after)) = outside.split_once(from) {
            outside = format!("{before}{}", after.split_once(to)?.1);
        }
    }
    let opens = |tag: &str| {
        let ends = |at: usize| outside[at + tag.len()..].starts_with(|c: char| c == '>' || c.is_whitespace());
        outside.match_indices(tag).filter(|(at, _)| ends(*at)).count() as u64
    };
    text.contains("xmlns=\"http://cyclonedx.org").then(|| opens("<component") + opens("<service"))
}

/// What one file gave.
#[derive(Default)]
struct Row {
    files: u64,
    read: u64,
    broken: u64,
    noted: u64,
    components: u64,
}

const READ: &[&str] = &[
    "cyclonedx-json",
    "cyclonedx-xml",
    "cyclonedx-textproto",
    "spdx2-json",
    "spdx2-tagvalue",
    "spdx2-yaml",
    "spdx2-xml",
    "spdx2-rdfxml",
    "spdx3-jsonld",
    "syft-json",
    "trivy-json",
    "github-dep-snapshot",
    "swid-xml",
    "dsse",
    "in-toto",
    "sigstore-bundle",
];

#[test]
fn every_file_of_the_corpus_is_read_or_is_a_gap() {
    let Some(folder) = folder() else {
        eprintln!("no corpus at hand: nothing was run");
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut table: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut faults = Vec::new();
    // The same document by its path without the notation's ending.
    let mut notations: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for line in manifest.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let (path, format, version, expected) = (cells[0], cells[1], cells[2], cells[3]);
        let Some(format) = READ.iter().copied().find(|f| *f == format) else { continue };
        let Ok(data) = std::fs::read(folder.join(path)) else { continue };
        let text = common::decode(&data);
        // A test archive that quotes documents among other text is none itself.
        if format.contains("json") && !text.trim_start().starts_with('{') {
            continue;
        }
        let report = common::scan(&[Source::Bytes { name: path.to_owned(), data }]);
        let broken = report.gaps.iter().any(|g| matches!(g.reason, Reason::Malformed | Reason::Truncated));
        let seen = report.examined.components;
        let row = table.entry((format.to_owned(), version.to_owned())).or_default();
        row.files += 1;
        row.components += seen;
        row.noted += u64::from(!report.notes.is_empty());
        if broken {
            row.broken += 1;
        } else if report.examined.recognised > 0 {
            row.read += 1;
        } else if expected == "valid" {
            faults.push(format!("{path}: neither read nor a gap: {:?}", report.gaps));
        }
        // Sound text: no break, and every component counted. Broken text: a gap that says where.
        let wanted = match format {
            "cyclonedx-json" | "spdx2-json" => Some(count(format, &text)),
            "spdx2-tagvalue" => Some(Some(count_tag_value(&text))),
            "cyclonedx-xml" if !text.contains("<!--") => count_xml(&text).map(Some),
            _ => None,
        };
        let fault = match wanted {
            Some(Some(want)) => {
                (broken || seen != want).then(|| format!("{seen} components where {want} are; gaps {:?}", report.gaps))
            }
            Some(None) => (!broken).then(|| format!("broken text without a gap: {:?}", report.gaps)),
            None => None,
        };
        if expected == "valid" && broken {
            faults.push(format!("{path}: called valid, read as broken: {:?}", report.gaps));
        }
        faults.extend(fault.map(|f| format!("{path}: {f}")));
        for finding in &report.findings {
            eprintln!("{path}: {} {} {:?}", finding.product.id, finding.relation.name(), finding.places.first());
        }
        if let Some((stem, _)) =
            path.rsplit_once('.').filter(|(stem, _)| stem.contains("/resources/1.") && expected == "valid")
        {
            // The XML of a few is another document; it is counted by itself above.
            if format == "cyclonedx-xml" {
                continue;
            }
            notations.entry(stem.to_owned()).or_default().insert(format, seen);
        }
    }
    for (stem, counts) in &notations {
        let first = counts.values().next();
        if counts.values().any(|n| Some(n) != first) {
            faults.push(format!("{stem}: the notations differ: {counts:?}"));
        }
    }
    eprintln!("| format | version | files | read | broken, a gap | components | with notes |");
    for ((format, version), row) in &table {
        let Row { files, read, broken, noted, components } = row;
        eprintln!("| {format} | {version} | {files} | {read} | {broken} | {components} | {noted} |");
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
