//! The house rules of the architecture page, each as a check.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use underlabel::catalog::Catalog;
use underlabel::regulation::Rules;
use underlabel::{Limits, Source};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn sources() -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(root().join("src")).into_iter().map(|e| e.unwrap().into_path());
    walk.filter(|p| p.extension().is_some_and(|e| e == "rs")).collect()
}

/// Left to right, as on the crate page.
const ORDER: &[&str] = &[
    "bytes",
    "fact",
    "error",
    "source",
    "archive",
    "extract",
    "catalog",
    "matching",
    "finding",
    "regulation",
    "verdict",
    "pages",
    "report",
    "waiver",
    "baseline",
    "scan",
    "exit",
    "cli",
];

#[test]
fn a_module_names_only_modules_to_its_left() {
    let rank = |name: &str| ORDER.iter().position(|m| *m == name);
    let mut seen = BTreeSet::new();
    for path in sources() {
        let below = path.strip_prefix(root().join("src")).unwrap();
        let module = below.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let own = rank(&module).unwrap_or_else(|| panic!("module {module} has no place in the order"));
        seen.insert(module.clone());
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("crate::") {
            // `$crate` and paths in comments are held to it, too.
            let name: String = text[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(other) = rank(&name) {
                assert!(other <= own, "{}: {module} names {name}, which is to its right", path.display());
            }
        }
    }
    assert_eq!(seen.len(), ORDER.len(), "modules of the order that are nowhere");
}

/// Whoever reads to the end of a stream tries again after `Interrupted`: a reader that gives up with it is never left.
#[test]
fn no_reader_gives_up_as_if_interrupted() {
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("ErrorKind::Interrupted"), "{}", path.display());
    }
}

#[test]
fn the_crate_page_lists_every_module() {
    let page = read("src/lib.rs");
    for module in ORDER {
        assert!(
            page.contains(&format!("//! | `{module}`")) || page.contains(&format!("//! | [`{module}`]")),
            "{module}"
        );
    }
}

#[test]
fn every_extractor_and_container_is_registered_and_documented() {
    let (extractors, containers, shut) = underlabel::formats();
    let count = sources()
        .into_iter()
        .filter(|p| p.to_string_lossy().contains("extract"))
        .map(|p| std::fs::read_to_string(p).unwrap().matches(": Extractor =").count());
    assert_eq!(count.sum::<usize>(), extractors.len(), "an extractor is in no table");
    let readme = read("README.md");
    let docs = read("docs/formats.md");
    for name in extractors.iter().chain(&containers) {
        assert!(docs.contains(&format!("`{name}`")), "docs/formats.md does not name {name}");
    }
    for name in shut {
        assert!(docs.contains(name), "docs/formats.md does not name {name}");
    }
    for word in ["CycloneDX", "SPDX", "PE", "ELF", "Mach-O", "DEX", "zip", "tar", "gzip"] {
        assert!(readme.contains(word), "README does not name {word}");
    }
}

#[test]
fn the_clock_the_files_and_the_arguments_have_one_home() {
    let rules = read("clippy.toml");
    for method in [
        "std::fs::File::open",
        "std::fs::read_dir",
        "std::env::args",
        "std::process::exit",
        "jiff::Timestamp::now",
        "std::time::Instant::now",
    ] {
        assert!(rules.contains(method), "{method} is allowed");
    }
    // The exceptions are these and no more.
    let mut exempt: Vec<String> = sources()
        .iter()
        .filter(|p| !p.ends_with("tests.rs"))
        .filter(|p| {
            let text = std::fs::read_to_string(p).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            code.contains("clippy::disallowed_methods")
        })
        .map(|p| p.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/"))
        .collect();
    exempt.sort();
    assert_eq!(exempt, ["cli/mod.rs", "source/listing.rs"]);
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}

#[test]
fn the_same_input_gives_the_same_report() {
    let all = || [Source::Path(common::fixture("extract")), Source::Path(common::fixture("end-to-end"))];
    let one = common::scan_within(&all(), &Limits { threads: 1, ..Limits::default() });
    let text = |report: &underlabel::Report| serde_json::to_string(report).unwrap();
    for threads in [1, 2, 7] {
        let again = common::scan_within(&all(), &Limits { threads, ..Limits::default() });
        assert!(text(&one) == text(&again), "{threads} threads give another report");
    }
    // The order of the arguments changes the subjects' order and nothing else.
    let mut shuffled = all();
    shuffled.reverse();
    let mut other = common::scan_within(&shuffled, &Limits::default());
    other.subjects.reverse();
    let sorted = |mut report: underlabel::Report| {
        report.notes.sort_by(|a, b| (&a.at, &a.detail).cmp(&(&b.at, &b.detail)));
        report.documents.sort_by(|a, b| a.path.cmp(&b.path));
        text(&report)
    };
    assert_eq!(sorted(one), sorted(other));
}

#[test]
fn a_fingerprint_does_not_depend_on_where_the_product_lies() {
    let path = common::fixture("end-to-end/appliance-update/acme-mailguard-5.2-update.zip");
    let folder = std::env::temp_dir().join(format!("underlabel-fingerprint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let copy = folder.join("acme-mailguard-5.2-update.zip");
    std::fs::copy(&path, &copy).unwrap();
    let prints = |source: PathBuf| {
        common::scan(&[Source::Path(source)]).findings.iter().map(|f| f.fingerprint.clone()).collect::<Vec<_>>()
    };
    let here = prints(path);
    assert_eq!(here.len(), 2);
    assert_ne!(here[0], here[1]);
    assert_eq!(here, prints(copy));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_types() {
    let kept = root().join("docs/report.schema.json");
    let now = underlabel::report::schema();
    if std::env::var_os("UNDERLABEL_BLESS").is_some() {
        std::fs::write(&kept, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap_or_default(), now, "UNDERLABEL_BLESS=1 writes it anew");
}

#[test]
fn reports_validate_against_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&read("docs/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for source in ["extract", "end-to-end"] {
        let report = common::scan(&[Source::Path(common::fixture(source))]);
        let value = serde_json::to_value(&report).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{source}: {errors:?}");
        // And back: the frame reads what it wrote.
        let again: underlabel::Report = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), value);
    }
    // The check can fail.
    assert!(!validator.is_valid(&serde_json::json!({"schema_version": "1.0"})));
}

#[test]
fn the_catalogue_names_its_sources_and_no_unverified_fact() {
    let (catalog, rules) = common::known();
    assert_eq!(catalog.lint(), Vec::<String>::new());
    for indicator in catalog.indicators() {
        assert!(!indicator.source.contains("index id"), "{}", indicator.id);
    }
    for regulation in &rules.regulations {
        let text = read(format!("src/regulation/{}", regulation.file));
        for mark in ["[BK]", "[P]", "[S]", "DA 24-712", "DA 24-886", "377,700"] {
            assert!(!text.contains(mark), "{} states {mark}", regulation.id);
        }
    }
}

#[test]
fn dependencies_keep_to_the_msrv_and_the_licences() {
    // Only what this platform builds with: the rest may not be at hand.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut options = vec!["--locked".to_owned()];
    if cfg!(target_os = "linux") {
        options.extend(["--offline".to_owned(), "--filter-platform".to_owned(), platform]);
    }
    let mut command = cargo_metadata::MetadataCommand::new();
    let metadata = command.manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap();
    let own = metadata.packages.iter().find(|p| p.name.as_str() == "underlabel").unwrap();
    let msrv = own.rust_version.clone().expect("an MSRV is stated");
    assert_eq!(own.license.as_deref(), Some("MIT OR Apache-2.0"));
    for package in &metadata.packages {
        if let Some(wants) = &package.rust_version {
            assert!(*wants <= msrv, "{} {} wants Rust {wants}, we state {msrv}", package.name, package.version);
        }
        let licence = package.license.clone().unwrap_or_default();
        let choices: Vec<&str> = licence.split(" OR ").collect();
        assert!(choices.iter().any(|c| !c.contains("GPL")), "{} is under {licence}", package.name);
    }
}

#[test]
fn the_pages_of_catalogue_and_rules_are_those_of_the_data() {
    let (catalog, rules) = (Catalog::built_in().unwrap(), Rules::built_in().unwrap());
    let pages = underlabel::pages::pages(&catalog, &rules);
    let docs = root().join("docs");
    let mut faults = Vec::new();
    for (name, text) in &pages {
        let path = docs.join(name);
        if std::env::var_os("UNDERLABEL_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != *text {
            faults.push(name.clone());
        }
    }
    for folder in ["rules", "catalogue"] {
        for entry in std::fs::read_dir(docs.join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            if !pages.contains_key(&name) && name != "catalogue/left-out.md" {
                faults.push(format!("{name} is of no data"));
            }
        }
    }
    assert!(faults.is_empty(), "UNDERLABEL_BLESS=1 writes them anew: {faults:?}");
}
