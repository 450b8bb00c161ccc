//! `underlabel.toml`, waivers, baselines, and catalogue and rules files of the user's own, through the command line.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use underlabel::Report;
use underlabel::report::{BaselineState, WaiverState};

const SBOM: &str = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
    "metadata": {"component": {"name": "MailGuard", "version": "5.2", "supplier": {"name": "Acme Networks, Inc."}}},
    "components": [{"name": "Kaspersky Anti-Virus SDK 8", "version": "8.9.2", "supplier": {"name": "AO Kaspersky Lab"}},
                   {"name": "zlib", "version": "1.3"}]}"#;

/// A folder of its own for each test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("underlabel-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_underlabel"));
        command.args(arguments).current_dir(&self.0).env("NO_COLOR", "1");
        command.output().unwrap()
    }

    /// Exit code, the report, and the page for a person.
    fn scan(&self, arguments: &[&str]) -> (i32, Report, String) {
        let json = self.0.join("report.json");
        let output = format!("json={}", json.display());
        let mut all = vec!["scan", "--as-of", "2026-11-24", "-o", "terminal", "-o", &output];
        all.extend(arguments);
        let done = self.run(&all);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(errors.is_empty(), "{errors}");
        let report = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
        (done.status.code().unwrap(), report, String::from_utf8(done.stdout).unwrap())
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(done.stderr).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn waiver(key: &str, value: &str, expires: &str) -> String {
    format!(
        "[[waiver]]\n{key} = \"{value}\"\nreason = \"agreed with the vendor\"\nowner = \"procurement\"\nexpires = {expires}\n"
    )
}

#[test]
fn a_waived_finding_is_shown_and_fails_nothing() {
    let folder = Folder::new("waived");
    folder.put("sbom.json", SBOM);
    let (code, report, _) = folder.scan(&["sbom.json"]);
    assert_eq!((code, report.findings.len()), (1, 1));
    let finding = &report.findings[0];
    for (key, value) in [("fingerprint", finding.fingerprint.as_str()), ("product", finding.product.id.as_str())] {
        folder.put("underlabel.toml", &waiver(key, value, "2099-12-31"));
        let (code, report, page) = folder.scan(&["sbom.json"]);
        assert_eq!(code, 0, "{key}");
        assert_eq!(report.waivers[0].state, WaiverState::Used);
        assert_eq!(report.findings[0].waived.as_ref().unwrap().owner, "procurement");
        assert_eq!(report.verdict, None);
        assert!(page.contains("WAIVED") && page.contains("1 finding, all waived"), "{page}");
    }
}

#[test]
fn a_waived_sign_hides_no_other_sign() {
    let folder = Folder::new("sign");
    folder.put("sbom.json", SBOM);
    let (_, report, _) = folder.scan(&["sbom.json"]);
    let signs = report.findings[0].indicators.clone();
    assert!(signs.len() > 1, "{signs:?}");
    folder.put("underlabel.toml", &waiver("indicator", &signs[0], "2099-12-31"));
    let (code, report, page) = folder.scan(&["sbom.json"]);
    assert_eq!((code, report.waivers[0].state), (1, WaiverState::Unused), "{page}");
    let all: String = signs.iter().map(|sign| waiver("indicator", sign, "2099-12-31")).collect();
    folder.put("underlabel.toml", &all);
    assert_eq!(folder.scan(&["sbom.json"]).0, 0);
}

#[test]
fn an_expired_waiver_fails_the_run_and_an_unused_one_is_told() {
    let folder = Folder::new("expired");
    folder.put("clean.json", &SBOM.replace("Kaspersky", "Acme"));
    folder.put("underlabel.toml", &waiver("product", "kav-sdk-8", "2020-01-01"));
    let (code, report, page) = folder.scan(&["clean.json"]);
    assert_eq!((code, report.waivers[0].state), (1, WaiverState::Expired));
    assert!(
        page.contains("expired    product kav-sdk-8: on 2020-01-01") && page.contains("a waiver has expired"),
        "{page}"
    );
    folder.put("underlabel.toml", &waiver("product", "kav-sdk-8", "2099-01-01"));
    let (code, _, page) = folder.scan(&["clean.json"]);
    assert_eq!(code, 0);
    assert!(page.contains("unused     product kav-sdk-8: it fits no finding"), "{page}");
}

#[test]
fn a_configuration_that_makes_no_sense_is_an_error() {
    let folder = Folder::new("wrong");
    folder.put("sbom.json", SBOM);
    for (text, told) in [
        (waiver("product", "no-such-product", "2099-01-01"), "no such id"),
        (waiver("product", "kav-sdk-8", "\"soon\""), "no day"),
        (waiver("product", "kav-sdk-8", "2099-01-01").replace("procurement", ""), "owner is empty"),
        ("fail-on = \"sometimes\"".to_owned(), "fail-on"),
        ("[context]\nnexus = { moon = true }".to_owned(), "no nexus fact"),
        ("catalog = [\"nowhere.toml\"]".to_owned(), "nowhere.toml"),
        ("rules = [\"no-such-rule\"]".to_owned(), "no rules"),
    ] {
        folder.put("underlabel.toml", &text);
        let errors = folder.fails(&["scan", "sbom.json"]);
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

#[test]
fn the_context_of_the_file_counts_where_the_command_line_is_silent() {
    let folder = Folder::new("context");
    folder.put("sbom.json", SBOM);
    folder.put(
        "deep/underlabel.toml",
        "fail-on = \"never\"\n[context]\nas-of = 2024-08-01\nnexus = { us-nexus = true }\n",
    );
    let done = folder.run(&["scan", "sbom.json", "--config", "deep/underlabel.toml", "-o", "json"]);
    let report: Report = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert_eq!((report.context.as_of.as_str(), report.context.nexus["us-nexus"]), ("2024-08-01", true));
    let arguments = [
        "scan",
        "sbom.json",
        "--config",
        "deep/underlabel.toml",
        "-o",
        "json",
        "--nexus",
        "us-nexus=no",
        "--fail-on",
        "likely",
    ];
    let done = folder.run(&arguments);
    let report: Report = serde_json::from_slice(&done.stdout).unwrap();
    assert!(!report.context.nexus["us-nexus"]);
}

#[test]
fn a_baseline_tells_what_is_new_changed_unchanged_and_gone() {
    let folder = Folder::new("baseline");
    folder.put("a/sbom.json", SBOM);
    folder.put("a/other.json", &SBOM.replace("MailGuard", "WebGuard"));
    let old = folder.0.join("old.json");
    let done = folder.run(&["scan", "a", "--as-of", "2026-11-24", "-o", &format!("json={}", old.display())]);
    assert_eq!(done.status.code(), Some(1));
    // Moved, renamed, of a new version; another product is gone, a third is new.
    folder.put("b/sub/mailguard-5.3.json", &SBOM.replace("5.2", "5.3"));
    folder.put("b/new.json", &SBOM.replace("MailGuard", "FileGuard"));
    let (_, report, page) = folder.scan(&["b", "--baseline", old.to_str().unwrap()]);
    let baseline = report.baseline.clone().unwrap();
    assert_eq!((baseline.new, baseline.changed, baseline.unchanged, baseline.gone.len()), (1, 0, 1, 1), "{page}");
    assert!(page.contains("Baseline   1 new, 0 changed, 1 unchanged, 1 gone") && page.contains("(new)"), "{page}");
    let (_, report, _) = folder.scan(&["b", "--baseline", old.to_str().unwrap(), "--nexus", "us-nexus=yes"]);
    assert!(report.findings.iter().any(|f| f.baseline == Some(BaselineState::Changed)));
    folder.put("no.json", "{}");
    assert!(folder.fails(&["scan", "b", "--baseline", "no.json"]).contains("no JSON report"));
}

#[test]
fn one_engine_in_many_places_of_a_product_is_one_finding() {
    let engine = std::fs::read(common::fixture("extract/binary-elf/libkave8/input.so")).unwrap();
    let folder = Folder::new("merge");
    for place in 0..10 {
        let path = folder.put(&format!("product/part{place}/libkave8.so"), "");
        std::fs::write(path, &engine).unwrap();
    }
    folder.put("product/sbom.json", SBOM);
    let of = |arguments: &[&str]| folder.scan(arguments).1;
    let report = of(&["product"]);
    let files: Vec<_> = report.findings.iter().filter(|f| f.places.iter().any(|p| p.path.ends_with(".so"))).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].places.iter().filter(|p| p.path.ends_with(".so")).count(), 10);
    let before = files[0].fingerprint.clone();
    std::fs::rename(folder.0.join("product"), folder.0.join("elsewhere")).unwrap();
    let absolute = folder.0.join("elsewhere");
    for path in ["elsewhere", "./elsewhere/", absolute.to_str().unwrap()] {
        assert!(of(&[path]).findings.iter().any(|f| f.fingerprint == before), "{path}");
    }
    assert!(Path::new(&folder.0).exists());
}

#[test]
fn the_italian_declaration_is_drafted_only_where_nothing_was_found_or_left_unseen() {
    let folder = Folder::new("acn");
    folder.put("found.json", SBOM);
    let clean =
        SBOM.replace("Kaspersky Anti-Virus SDK 8", "mail|engine").replace("AO Kaspersky Lab", "Acme <b>Labs</b>");
    folder.put("clean.json", &clean);
    folder.put("cut.json", clean.get(..clean.len() - 20).unwrap());
    let page = |name: &str| {
        let done = folder.run(&["scan", name, "-o", "it-acn", "--as-of", "2026-11-24"]);
        String::from_utf8(done.stdout).unwrap()
    };
    let clean = page("clean.json");
    assert!(clean.contains("Bozza di autodichiarazione") && clean.contains("| zlib | 1.3 |"), "{clean}");
    assert!(clean.contains(r"mail\|engine") && clean.contains(r"Acme \<b\>Labs\</b\>"), "{clean}");
    for name in ["found.json", "cut.json"] {
        let page = page(name);
        assert!(!page.contains("Bozza") && page.contains("non viene predisposta"), "{name}: {page}");
    }
    let found = page("found.json");
    assert!(found.contains("Kaspersky Anti-Virus SDK 8") && found.contains("probabilmente compreso"), "{found}");
}

#[test]
fn a_waiver_ends_where_the_find_grows() {
    let folder = Folder::new("grows");
    folder.put("sbom.json", SBOM);
    let (_, report, _) = folder.scan(&["sbom.json"]);
    let id = report.findings[0].fingerprint.to_uppercase();
    let text = waiver("fingerprint", &id, "2099-12-31");
    folder.put("underlabel.toml", &format!("{text}up-to = \"likely\"\n"));
    assert_eq!(folder.scan(&["sbom.json"]).0, 1, "it is confirmed");
    folder.put("underlabel.toml", &format!("{text}up-to = \"confirmed\"\n"));
    let (code, report, page) = folder.scan(&["sbom.json"]);
    assert_eq!((code, report.context.configuration.as_deref()), (0, Some("underlabel.toml")));
    assert!(page.contains("configured by underlabel.toml"), "{page}");
    folder.put("underlabel.toml", &waiver("fingerprint", "5b0c", "2099-12-31"));
    assert!(folder.fails(&["scan", "sbom.json"]).contains("32 hex digits"));
}

#[test]
fn a_find_that_no_rule_speaks_of_is_no_pass() {
    let folder = Folder::new("unjudged");
    folder.put("sbom.json", SBOM);
    let own = "maker = \"Acme Networks\"\nproduct = [{ id = \"acme\", name = \"Acme\", class = \"engine-sdk\" }]\n";
    folder.put("own.toml", own);
    let rule = r#"id = "house"
        name = "House policy"
        makers = ["Acme Networks"]
        citation = "Policy 12"
        requirement = [{ id = "ban", title = "None of it", applies-from = "2026-01-05" }]
        case = [{ outcome = "prohibited", requirement = "ban", because = "the policy bars it" }]"#;
    folder.put("house.toml", rule);
    let (code, report, page) = folder.scan(&["sbom.json", "--catalog", "own.toml", "--rules", "house.toml"]);
    assert_eq!((code, report.verdict, report.findings.len()), (3, None, 1), "{page}");
    assert!(page.contains("no rule of this run speaks of it") && !page.contains("nothing found"), "{page}");
    // A misspelt maker would judge nothing for ever.
    folder.put("house.toml", &rule.replace("Acme Networks", "Acne Networks"));
    assert!(folder.fails(&["scan", "sbom.json", "--rules", "house.toml"]).contains("no product by Acne Networks"));
}

#[test]
fn a_report_from_elsewhere_acts_on_no_terminal() {
    let folder = Folder::new("explain");
    folder.put("sbom.json", SBOM);
    let (_, report, _) = folder.scan(&["sbom.json"]);
    let id = report.findings[0].fingerprint.clone();
    let chain = |file: &str| {
        let done = folder.run(&["explain", id.get(..8).unwrap(), "--report", file]);
        String::from_utf8(done.stdout).unwrap()
    };
    let text = chain("report.json");
    for part in ["fact → indicator (source)", "→ product kav-sdk-8 by Kaspersky", "→ bis-icts-2021-002/p3", "missing:"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let hostile = std::fs::read_to_string(folder.0.join("report.json")).unwrap();
    let hostile = hostile.replace("kav-sdk-8", "\\u001b]0;x\\u0007").replace("bis-icts", "\\u001b[31mbis");
    folder.put("hostile.json", &hostile);
    let text = chain("hostile.json");
    assert!(text.contains("fact") && !text.contains(['\u{1b}', '\u{7}']), "{text:?}");
}
