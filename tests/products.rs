//! One product, one finding: what joins, what merges, what is kept apart, and whose label, date and record a find is given.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::zipped;
use underlabel::Report;
use underlabel::finding::{Confidence, Relation};
use underlabel::report::Finding;
use underlabel::verdict::Outcome;

fn engine() -> Vec<u8> {
    std::fs::read(common::fixture("extract/binary-elf/libkave8/input.so")).unwrap()
}

fn database(year: u16) -> Vec<u8> {
    let mut data = format!("AVP Antiviral Database. (c)Kaspersky Lab 1997-{year}.").into_bytes();
    data.resize(200, 0x1a);
    data
}

fn wheel(name: &str, author: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nAuthor: {author}\n");
    let info = format!("{name}-1.0.dist-info/METADATA");
    let mut all = vec![(info.as_str(), metadata.as_bytes())];
    all.extend(files);
    zipped(&all)
}

fn sbom(vendor: &str, product: &str, version: &str) -> String {
    format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {{"component": {{"name": "{product}", "version": "{version}", "supplier": {{"name": "{vendor}"}}}}}},
        "components": [{{"name": "Kaspersky Anti-Virus SDK 8", "version": "8.9", "supplier": {{"name": "AO Kaspersky Lab"}}}}]}}"#
    )
}

fn scan(files: &[(&str, &[u8])]) -> Report {
    common::scan(&[common::bytes("delivery.zip", zipped(files))])
}

fn label(finding: &Finding) -> String {
    finding.label.as_ref().map_or_else(String::new, |l| l.line())
}

#[test]
fn a_product_beside_another_keeps_its_own_signs() {
    let library = engine();
    let acme = wheel("acme", "Acme Networks", &[("acme/libkave8.so", &library), ("acme/appinfo.kli", b"x")]);
    let data = database(2025);
    let bob = wheel("bob", "Bob", &[("bob/base001.avc", &data), ("bob/u0607g.xml", b"<x/>")]);
    let report = scan(&[("acme-1.0-py3-none-any.whl", &acme), ("bob-1.0-py3-none-any.whl", &bob)]);
    let of_acme = report.findings.iter().find(|f| f.product.id == "kav-sdk-8").unwrap();
    assert!(label(of_acme).starts_with("Acme Networks"), "{}", label(of_acme));
    assert!(of_acme.places.iter().all(|p| p.path.contains("acme-1.0")), "{:?}", of_acme.places);
    assert!(of_acme.dates.is_empty(), "{:?}", of_acme.dates);
}

#[test]
fn databases_beside_their_engine_date_it() {
    let (library, old, new) = (engine(), database(2013), database(2025));
    let report =
        scan(&[("opt/av/libkave8.so", &library), ("opt/av/bases/base001.avc", &new), ("opt/av/bases/b.avc", &old)]);
    let finding = &report.findings[0];
    let dates: Vec<&str> = finding.dates.iter().map(|d| d.date.as_str()).collect();
    assert_eq!(dates, ["2025", "2013"]);
    assert!(finding.dates[0].after.contains(&"bis-icts-2021-002".to_owned()), "{:?}", finding.dates);
    assert!(finding.dates[1].after.is_empty(), "{:?}", finding.dates);
}

#[test]
fn the_document_of_a_part_labels_no_product() {
    let library = engine();
    let zlib = sbom("Jean-loup Gailly and Mark Adler", "zlib", "1.3").replace("Kaspersky", "Other");
    let report =
        scan(&[("product/bin/libkave8.so", &library), ("product/third_party/zlib/sbom.cdx.json", zlib.as_bytes())]);
    assert_eq!(report.findings.len(), 1);
    assert!(!label(&report.findings[0]).contains("zlib"), "{}", label(&report.findings[0]));
    assert_ne!(report.findings[0].relation, Relation::WhiteLabelled);
}

#[test]
fn documents_of_two_products_are_two_findings() {
    let (a, b) = (sbom("Corpa", "AVa", "1"), sbom("Corpb", "AVb", "2"));
    let report = scan(&[("a/sbom.cdx.json", a.as_bytes()), ("b/sbom.cdx.json", b.as_bytes())]);
    let mut labels: Vec<String> = report.findings.iter().map(label).collect();
    labels.sort();
    assert_eq!(labels, ["Corpa · AVa 1", "Corpb · AVb 2"]);
}

#[test]
fn two_companies_are_two_and_one_product_in_two_files_is_one() {
    let sources = |vendors: &[(&str, &str)]| {
        let folder = std::env::temp_dir().join(format!("underlabel-two-{}-{}", std::process::id(), vendors[0].1));
        std::fs::create_dir_all(&folder).unwrap();
        for (n, (vendor, product)) in vendors.iter().enumerate() {
            std::fs::write(folder.join(format!("{n}.cdx.json")), sbom(vendor, product, "1")).unwrap();
        }
        let report = common::scan(&[underlabel::Source::Path(folder.clone())]);
        std::fs::remove_dir_all(folder).unwrap();
        report.findings.len()
    };
    assert_eq!(sources(&[("Delta Ltd", "Gateway"), ("Delta AG", "Gateway")]), 2);
    assert_eq!(sources(&[("Acme", "Shield (Free)"), ("Acme", "Shield (Business)")]), 2);
    assert_eq!(sources(&[("Acme, Inc.", "Mail Guard"), ("ACME Inc", "Mail-Guard")]), 1);
}

#[test]
fn a_label_is_that_of_what_makes_the_find_sure() {
    // A program of another's, of which only the name fits, beside an engine that nobody labels.
    let folder = std::env::temp_dir().join(format!("underlabel-label-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("kit")).unwrap();
    std::fs::create_dir_all(folder.join("mailguard")).unwrap();
    std::fs::write(folder.join("kit/libkave8.so"), engine()).unwrap();
    let program = std::fs::read(common::fixture("extract/binary-pe/acme-setup/input.exe")).unwrap();
    std::fs::write(folder.join("mailguard/kavehost.exe"), program).unwrap();
    let report = common::scan(&[underlabel::Source::Path(folder.clone())]);
    std::fs::remove_dir_all(folder).unwrap();
    let finding = report.findings.iter().find(|f| f.confidence == Confidence::Confirmed).unwrap();
    assert_eq!(finding.relation, Relation::Unlabelled, "{}", label(finding));
}

#[test]
fn a_record_needs_the_maker_and_the_whole_name() {
    let on_record = |vendor: &str, product: &str, version: &str| -> Vec<String> {
        let report = common::scan(&[common::bytes("bom.json", sbom(vendor, product, version))]);
        report.findings[0].on_record.iter().map(|r| r.carrier.clone()).collect()
    };
    assert_eq!(on_record("Juniper Networks, Inc.", "Junos OS", "12.1X46-D40"), ["juniper-srx"]);
    assert!(on_record("Juniper Networks, Inc.", "Junos OS", "18.4R1").is_empty());
    assert!(on_record("Acme", "Junos OS", "12.1").is_empty());
    assert!(on_record("OPSWAT", "MetaDefender plugin for Jenkins", "2").is_empty());
    // A record makes no find.
    let clean = sbom("OPSWAT", "MetaDefender Core", "5").replace("Kaspersky", "Other");
    let report = common::scan(&[common::bytes("bom.json", clean)]);
    assert!(report.findings.is_empty() && report.verdict.is_none());
    assert_eq!(report.subjects[0].on_record[0].carrier, "opswat-metadefender");
}

#[test]
fn versions_are_told_where_they_stand() {
    let versions = |name: &str, data: &[u8]| -> Vec<String> {
        scan(&[(name, data)]).findings.iter().flat_map(|f| f.versions.clone()).collect()
    };
    let kit =
        std::fs::read(common::fixture("end-to-end/gauntlet/aar/KL_Base_SDK_Android_5.13.0.136_Release.aar")).unwrap();
    assert_eq!(versions("KL_Base_SDK_Android_5.13.0.136_Release.aar", &kit), ["5.13.0.136"]);
    assert_eq!(versions("other.aar", &kit), [""; 0]);
    // A banner in a program.
    let mut program = engine();
    program.extend_from_slice(b"\0Server: KL ICAP Service v1.0 (KAV SDK v8.9.2.595)\0");
    assert!(versions("scand", &program).contains(&"8.9.2.595".to_owned()), "{:?}", versions("scand", &program));
}

#[test]
fn what_is_merely_kept_in_use_is_not_called_barred() {
    let inventory = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "device", "name": "laptop-17"}},
        "components": [{"name": "Kaspersky Endpoint Security", "version": "12.1", "supplier": {"name": "AO Kaspersky Lab"}}]}"#;
    let mut context = common::context();
    context.nexus.insert("us-nexus".to_owned(), true);
    let report = common::scan_with(&[common::bytes("inv.json", inventory)], &underlabel::Limits::default(), &context);
    let verdict = report.findings[0].verdicts.iter().find(|v| v.regulation == "bis-icts-2021-002").unwrap();
    assert_eq!(verdict.outcome, Outcome::ProhibitedIf);
    assert!(verdict.missing.iter().any(|m| m.key.as_deref() == Some("resale")), "{:?}", verdict.missing);
}

#[test]
fn what_tells_in_number_needs_the_number() {
    let stack = |names: &[&str]| {
        let all: Vec<String> = names.iter().map(|n| format!(r#"{{"type": "container", "name": "{n}"}}"#)).collect();
        let text = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, all.join(","));
        common::scan(&[common::bytes("bom.json", text)]).findings.len()
    };
    assert_eq!(stack(&["kcs-scanner", "kcs-middleware", "kcs-licenses"]), 1);
    assert_eq!(stack(&["kcs-scanner", "kcs-middleware", "kcs-middleware", "kcs-panel"]), 0);
}
