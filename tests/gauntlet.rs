//! Small products of made-up vendors, each with what is to be found in it: precision and recall of the whole.
//!
//! `cargo test --test gauntlet -- --nocapture` prints the table. `fixtures/end-to-end/gauntlet/<product>/expected.toml`
//! says what a product is, where its signs are documented, and what is to be found; `gauntlet-missed` shows what
//! `docs/missed.md` says is not.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use serde::Deserialize;
use underlabel::catalog::Class;
use underlabel::finding::{Confidence, Relation};
use underlabel::report::Finding;
use underlabel::verdict::Outcome;
use underlabel::{Limits, Report, ScanOptions, Scanner, Source};

/// Where a sign may stand: kinds of facts in the evidence, formats that were opened or read, names of files and their endings. Each
/// must be shown by a product.
const PLACES: &[&str] = &[
    "supplier",
    "name",
    "cpe",
    "purl",
    "sbom/cyclonedx-json",
    "sbom/spdx-json",
    "sbom/spdx-tag-value",
    "sbom/spdx-yaml",
    "sbom/swid",
    "sbom/github-snapshot",
    "import-module",
    "import-symbol",
    "export-symbol",
    "company-name",
    "product-name",
    "original-filename",
    "signer-name",
    "soname",
    "needed",
    "text",
    "magic",
    "file-name",
    "path",
    "binary/macho",
    "bundle-id",
    "java-class",
    "manifest-component",
    "android-package",
    ".aar",
    ".aab",
    ".xapk",
    ".apk",
    ".jar",
    ".whl",
    ".tgz",
    ".ipa",
    ".deb",
    ".dll",
    ".exe",
    ".zip",
    "package/msi",
    "nsis",
    "rpm",
    "ar",
    "tar",
    "cpio",
    "squashfs",
    "iso9660",
    "qcow2",
    "jffs2",
    "ubi",
    "ntfs",
    "dmg",
    "xar",
    "cab",
    "wim",
    "7z",
    ".dex",
    ".inf",
    "status",
    "package.json",
    "author",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    /// What the product is, in a sentence.
    what: String,
    /// Where its signs, or its kind, are documented.
    source: String,
    finds: Vec<Find>,
    /// Where the signs stand, for the table of places.
    #[serde(default)]
    places: Vec<String>,
    /// The reason of a gap that must be told.
    gap: Option<String>,
    #[serde(default)]
    verdict: Vec<Verdict>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    product: String,
    relation: Relation,
    /// `confirmed`, or `at-least:likely`.
    confidence: String,
    class: Class,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    product: String,
    regulation: String,
    outcome: Outcome,
}

impl Find {
    fn is(&self, found: &Finding) -> bool {
        let sure = |name: &str| {
            let all = [Confidence::Possible, Confidence::Likely, Confidence::Confirmed];
            all.into_iter().find(|c| c.name() == name).unwrap_or_else(|| panic!("no confidence {name}"))
        };
        let confidence = match self.confidence.strip_prefix("at-least:") {
            Some(least) => found.confidence >= sure(least),
            None => found.confidence == sure(&self.confidence),
        };
        confidence && found.product.id == self.product && found.relation == self.relation && found.class == self.class
    }

    fn line(&self) -> String {
        format!("{} {} {}", self.product, self.relation.name(), self.confidence)
    }
}

fn line(found: &Finding) -> String {
    format!("{} {} {}", found.product.id, found.relation.name(), found.confidence.name())
}

struct Product {
    name: String,
    files: Vec<PathBuf>,
    expected: Expected,
}

fn products(below: &str) -> Vec<Product> {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in common::files(below) {
        folders.entry(file.parent().unwrap().to_owned()).or_default().push(file);
    }
    let product = |(folder, mut files): (PathBuf, Vec<PathBuf>)| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        files.retain(|f| f.file_name().is_some_and(|n| n != "expected.toml"));
        assert!(!files.is_empty(), "{name} has no file");
        let text = std::fs::read_to_string(folder.join("expected.toml")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected: Expected = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!expected.what.is_empty() && !expected.source.is_empty(), "{name}");
        Product { name, files, expected }
    };
    folders.into_iter().map(product).collect()
}

impl Product {
    fn scan(&self) -> Report {
        let sources: Vec<Source> = self.files.iter().cloned().map(Source::Path).collect();
        static SCANNER: OnceLock<Scanner<'static>> = OnceLock::new();
        let (catalog, rules) = common::known();
        let scanner = SCANNER.get_or_init(|| Scanner::new(catalog, rules));
        // What was opened is asked for, to show the places.
        let options = ScanOptions { opened: true, ..ScanOptions::default() };
        scanner.scan(&sources, &common::context(), &Limits::default(), options).unwrap()
    }
}

/// What came of one product.
#[derive(Default)]
struct Tally {
    right: Vec<String>,
    wrong: Vec<String>,
    missed: Vec<String>,
    /// Verdicts and places that are not as expected.
    faults: Vec<String>,
}

impl Tally {
    fn holds(&self) -> bool {
        self.wrong.is_empty() && self.missed.is_empty() && self.faults.is_empty()
    }
}

fn compare(product: &Product, report: &Report) -> Tally {
    let mut tally = Tally::default();
    let mut left: Vec<&Finding> = report.findings.iter().collect();
    for want in &product.expected.finds {
        match left.iter().position(|found| want.is(found)) {
            Some(at) => tally.right.push(line(left.remove(at))),
            None => tally.missed.push(want.line()),
        }
    }
    tally.wrong = left.into_iter().map(line).collect();
    for want in &product.expected.verdict {
        let verdicts = report.findings.iter().filter(|f| f.product.id == want.product).flat_map(|f| &f.verdicts);
        let outcomes: Vec<Outcome> = verdicts.filter(|v| v.regulation == want.regulation).map(|v| v.outcome).collect();
        if outcomes != [want.outcome] {
            tally.faults.push(format!("{} is {outcomes:?}, not {:?}", want.regulation, want.outcome));
        }
    }
    let shown = places(product, report);
    for place in product.expected.places.iter().filter(|place| !shown.contains(*place)) {
        tally.faults.push(format!("no sign at {place}; there are {shown:?}"));
    }
    tally
}

/// The kinds of facts in the evidence, the formats that were opened and read, names and their endings.
fn places(product: &Product, report: &Report) -> BTreeSet<String> {
    let evidence = report.findings.iter().flat_map(|f| &f.places).flat_map(|p| &p.evidence);
    let facts = evidence.map(|e| e.fact.name().to_owned());
    let read = report.subjects.iter().flat_map(|s| s.formats.iter().cloned());
    let opened = report.containers.iter().map(|c| c.format.clone());
    let inside = report.containers.iter().map(|c| c.path.clone());
    let signs = report.findings.iter().flat_map(|f| &f.places).map(|p| p.path.clone());
    let outside = product.files.iter().map(|f| f.to_string_lossy().into_owned());
    let endings = inside.chain(signs).chain(outside).filter_map(|path| {
        let name = path.rsplit('/').next()?.to_owned();
        let ending = name.rsplit_once('.').map(|(_, ending)| format!(".{ending}"));
        Some(ending.into_iter().chain([name]))
    });
    let endings = endings.flatten();
    facts.chain(read).chain(opened).chain(endings).collect()
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() { "-".to_owned() } else { list.join("; ") }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[test]
fn precision_and_recall() {
    let products = products("end-to-end/gauntlet");
    let (mut right, mut wrong, mut missed, mut clean, mut faults) = (0, 0, 0, 0, Vec::new());
    let (mut classes, mut seen) = (BTreeMap::<Class, usize>::new(), BTreeMap::<String, usize>::new());
    println!("{:<28} {:<62} found", "product", "expected");
    for product in &products {
        let report = product.scan();
        let tally = compare(product, &report);
        let expected: Vec<String> = product.expected.finds.iter().map(Find::line).collect();
        let found: Vec<String> = report.findings.iter().map(line).collect();
        let mark = if tally.holds() { " " } else { "!" };
        println!("{mark} {:<26} {:<62} {}", product.name, or_none(&expected), or_none(&found));
        if !tally.holds() {
            faults.push(format!(
                "{}: wrong {:?}, missed {:?}, {:?}",
                product.name, tally.wrong, tally.missed, tally.faults
            ));
        }
        right += tally.right.len();
        wrong += tally.wrong.len();
        missed += tally.missed.len();
        clean += usize::from(product.expected.finds.is_empty() && tally.wrong.is_empty());
        for find in &product.expected.finds {
            *classes.entry(find.class).or_default() += 1;
        }
        if !product.expected.finds.is_empty() {
            for place in places(product, &report) {
                *seen.entry(place).or_default() += 1;
            }
        }
    }
    let (precision, recall) = (ratio(right, right + wrong), ratio(right, right + missed));
    println!("\n{} products, {} with nothing to find", products.len(), clean);
    println!("classes {}", classes.iter().map(|(c, n)| format!("{} {n}", c.name())).collect::<Vec<_>>().join(", "));
    println!(
        "places  {}",
        PLACES.iter().map(|p| format!("{p} {}", seen.get(*p).unwrap_or(&0))).collect::<Vec<_>>().join(", ")
    );
    println!("true positives {right}, false positives {wrong}, false negatives {missed}, true negatives {clean}");
    println!("precision {precision:.3}, recall {recall:.3}");
    for fault in &faults {
        println!("FAULT {fault}");
    }
    assert!(faults.is_empty(), "{} products are not as expected:\n{}", faults.len(), faults.join("\n"));
    assert!(products.len() >= 60, "{} products", products.len());
    let bare: Vec<&&str> = PLACES.iter().filter(|place| !seen.contains_key(**place)).collect();
    assert!(bare.is_empty(), "no product shows a sign at {bare:?}");
    let bare: Vec<&str> = Class::ALL.iter().filter(|c| !classes.contains_key(c)).map(|c| c.name()).collect();
    assert!(bare.is_empty(), "no product is of the class {bare:?}");
    assert!((precision, recall) == (1.0, 1.0), "precision {precision}, recall {recall}");
}

#[test]
fn what_is_missed_is_said() {
    let said = std::fs::read_to_string(common::fixture("../docs/missed.md")).unwrap();
    for product in products("end-to-end/gauntlet-missed") {
        assert!(said.contains(&format!("`{}`", product.name)), "docs/missed.md does not name {}", product.name);
        let report = product.scan();
        let tally = compare(&product, &report);
        assert!(tally.holds(), "{}: {:?} {:?} {:?}", product.name, tally.wrong, tally.missed, tally.faults);
        let gaps: BTreeSet<&str> = report.gaps.iter().map(|gap| gap.reason.name()).collect();
        let want: BTreeSet<&str> = product.expected.gap.as_deref().into_iter().collect();
        assert_eq!(gaps, want, "{}", product.name);
        println!("{:<26} {}", product.name, gaps.into_iter().next().unwrap_or("nothing is told"));
    }
}

#[test]
fn the_products_stay_small() {
    let files: Vec<PathBuf> =
        ["end-to-end/gauntlet", "end-to-end/gauntlet-missed"].iter().flat_map(|below| common::files(below)).collect();
    let sizes: Vec<u64> = files.iter().map(|f| std::fs::metadata(f).unwrap().len()).collect();
    assert!(sizes.iter().sum::<u64>() <= 1_500_000, "the whole is {} bytes", sizes.iter().sum::<u64>());
    // A Nullsoft installer's stub alone takes 90 KB, and only runs of 64 KiB are told to be encrypted.
    for (file, size) in files.iter().zip(sizes) {
        assert!(
            size <= 20_000 || file.ends_with("northwind-setup.exe") || file.ends_with("acme-utm-5.2.enc"),
            "{}",
            file.display()
        );
    }
}
