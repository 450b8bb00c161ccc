//! White labels: which label a find is held against, and what a file says against itself.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::zipped;
use underlabel::Report;
use underlabel::fact::{FactKind, LabelSource};
use underlabel::finding::Relation;

fn fixture(below: &str) -> Vec<u8> {
    std::fs::read(common::fixture(&format!("extract/{below}"))).unwrap()
}

fn scan(name: &str, data: Vec<u8>) -> Report {
    common::scan(&[common::bytes(name, data)])
}

/// What a find's place says against itself, foreign things first.
fn statements(report: &Report) -> Vec<(bool, FactKind, String)> {
    let places = report.findings.iter().flat_map(|f| &f.places);
    places.flat_map(|p| &p.contradiction).map(|s| (s.sign, s.fact, s.value.clone())).collect()
}

#[test]
fn a_foreign_name_over_the_makers_signature_is_a_contradiction() {
    for case in ["signed-nested", "signed-two-entries"] {
        let report = scan("setup.exe", fixture(&format!("binary-pe/{case}/input.exe")));
        assert_eq!(report.findings.len(), 1, "{case}");
        let found = &report.findings[0];
        assert_eq!(found.relation, Relation::WhiteLabelled, "{case}");
        assert_eq!(found.label.as_ref().unwrap().vendor.as_deref(), Some("Acme Networks, Inc."), "{case}");
        let said = statements(&report);
        assert!(said.contains(&(false, FactKind::CompanyName, "Acme Networks, Inc.".to_owned())), "{said:?}");
        assert!(said.contains(&(true, FactKind::SignerName, "AO Kaspersky Lab".to_owned())), "{said:?}");
    }
}

#[test]
fn a_signature_that_does_not_fit_is_only_a_name() {
    // The same signer over a file that was changed: no find, and nothing that contradicts.
    let report = scan("setup.exe", fixture("binary-pe/signed-tampered/input.exe"));
    assert_eq!(report.findings.len(), 0);
    assert_eq!(report.examined.mentions, 1);
    let report = scan("setup.exe", fixture("binary-pe/signed-near-miss/input.exe"));
    assert_eq!((report.findings.len(), report.examined.mentions), (0, 0));
}

#[test]
fn two_makers_in_one_file_stand_side_by_side() {
    let report = scan("mgfilter.dll", fixture("binary-pe/two-languages/input.dll"));
    let said = statements(&report);
    assert!(said.contains(&(false, FactKind::CompanyName, "Acme Networks, Inc.".to_owned())), "{said:?}");
    assert!(said.contains(&(true, FactKind::CompanyName, "AO Kaspersky Lab".to_owned())), "{said:?}");
}

#[test]
fn a_library_under_another_name_contradicts_its_file_name() {
    let library = fixture("binary-elf/libkave8/input.so");
    let said = statements(&scan("libscan.so", library.clone()));
    assert!(said.contains(&(false, FactKind::FileName, "libscan.so".to_owned())), "{said:?}");
    assert!(said.contains(&(true, FactKind::Soname, "libkave8.so".to_owned())), "{said:?}");
    assert_eq!(statements(&scan("libkave8.so", library)), []);
    // What only imports it says nothing against itself.
    assert_eq!(statements(&scan("mgscand", fixture("binary-elf/needs-kave8/input.elf"))), []);
}

#[test]
fn the_nearest_foreign_label_names_the_product() {
    let library = fixture("binary-elf/libkave8/input.so");
    let setup = fixture("binary-pe/acme-setup/input.exe");
    // An installer names what it carries.
    let installer = [setup.clone(), zipped(&[("bin/libkave8.so", &library)])].concat();
    let report = scan("images.zip", zipped(&[("readme.txt", b"x"), ("win/setup.exe", &installer)]));
    let label = report.findings[0].label.as_ref().expect("the installer's");
    assert_eq!((label.vendor.as_deref(), label.from), (Some("Acme Networks, Inc."), LabelSource::VersionResource));
    assert_eq!(report.findings[0].relation, Relation::WhiteLabelled);
    // One beside it does not.
    let beside = zipped(&[("win/setup.exe", &setup), ("linux/libkave8.so", &library)]);
    let report = scan("images.zip", beside);
    assert_eq!(report.findings[0].relation, Relation::Unlabelled, "{:?}", report.findings[0].label);
    // An application names its native library, and the inner one goes before the outer.
    let manifest =
        br#"<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="com.acme.guard"/>"#;
    let apk = zipped(&[("AndroidManifest.xml", manifest), ("lib/arm64-v8a/libkave8.so", &library)]);
    let report = scan("phone.zip", zipped(&[("system/app/guard.apk", &apk), ("notes.txt", b"x")]));
    let label = report.findings[0].label.as_ref().expect("the application's");
    assert_eq!((label.product.as_deref(), label.from), (Some("com.acme.guard"), LabelSource::AndroidPackage));
    // The maker's own label gives way to a foreign one further out.
    let own = br#"{"name":"@kaspersky/engine","version":"1.0.0","author":"AO Kaspersky Lab"}"#;
    let inner = zipped(&[("package.json", own), ("libkave8.so", &library)]);
    let apk = zipped(&[("AndroidManifest.xml", manifest), ("assets/engine.zip", &inner)]);
    let report = scan("phone.zip", zipped(&[("guard.apk", &apk), ("notes.txt", b"x")]));
    let engine = report.findings.iter().find(|f| f.product.id == "kav-sdk-8").expect("found");
    assert_eq!(engine.label.as_ref().and_then(|l| l.product.as_deref()), Some("com.acme.guard"));
}

/// Product, relation and label of each find.
fn told(report: &Report) -> Vec<(String, Relation, Option<String>)> {
    let name = |l: &underlabel::report::Label| l.vendor.clone().or_else(|| l.product.clone()).unwrap_or_default();
    report.findings.iter().map(|f| (f.product.id.clone(), f.relation, f.label.as_ref().map(name))).collect()
}

#[test]
fn bystanders_name_nothing() {
    let library = fixture("binary-elf/libkave8/input.so");
    let acme = fixture("binary-pe/acme-setup/input.exe");
    // A program that only holds a string of the engine's is not where the find is.
    let speaks = [acme.clone(), b"\0\0KL_PLUGINS_PATH\0\0".to_vec()].concat();
    let report = scan("a.zip", zipped(&[("engine/libkave8.so", &library), ("tools/beta.exe", &speaks)]));
    assert_eq!(told(&report)[0].1, Relation::Unlabelled, "{:?}", told(&report));
    // A neighbouring application labels no loose library.
    let plist = br#"<?xml version="1.0"?><plist version="1.0"><dict><key>CFBundleIdentifier</key><string>com.beta.app</string><key>CFBundleName</key><string>Beta</string></dict></plist>"#;
    let beside = zipped(&[("Beta.app/Contents/Info.plist", plist), ("lib/libkave8.so", &library)]);
    assert_eq!(told(&scan("c.zip", beside))[0].1, Relation::Unlabelled);
    let inside = zipped(&[
        ("Beta.app/Contents/Info.plist", plist),
        ("Beta.app/Contents/Frameworks/K.framework/Info.plist", br#"<plist version="1.0"><dict><key>CFBundleIdentifier</key><string>k.k</string><key>CFBundleName</key><string>Widget</string></dict></plist>"#),
        ("Beta.app/Contents/Frameworks/K.framework/libkave8.so", &library),
    ]);
    let found = told(&scan("d.zip", inside));
    assert_eq!((found[0].1, found[0].2.as_deref()), (Relation::WhiteLabelled, Some("Beta")));
}

#[test]
fn two_products_in_one_archive_are_two_finds() {
    let library = fixture("binary-elf/libkave8/input.so");
    let apk = |package: &str| {
        let manifest =
            format!(r#"<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="{package}"/>"#);
        zipped(&[("AndroidManifest.xml", manifest.as_bytes()), ("lib/arm64-v8a/libkave8.so", &library)])
    };
    let report = scan("phone.zip", zipped(&[("a.apk", &apk("com.acme.a")), ("b.apk", &apk("com.beta.b"))]));
    let mut names: Vec<_> = told(&report).into_iter().filter_map(|(_, _, name)| name).collect();
    names.sort();
    assert_eq!(names, ["com.acme.a", "com.beta.b"]);
    let fingerprints: std::collections::BTreeSet<_> = report.findings.iter().map(|f| &f.fingerprint).collect();
    assert_eq!(fingerprints.len(), 2);
    // The maker's own application beside another's.
    let report = scan("store.zip", zipped(&[("a.apk", &apk("com.acme.a")), ("k.apk", &apk("com.kaspersky.vpn"))]));
    let relations: std::collections::BTreeSet<_> = report.findings.iter().map(|f| f.relation).collect();
    assert_eq!(relations, [Relation::WhiteLabelled, Relation::Branded].into());
}

#[test]
fn one_name_in_two_fields_is_one_witness() {
    // An ELF file that bears a generic name both as its file and as its SONAME.
    let library = fixture("binary-elf/libkave8/input.so");
    let name = b"libkave8.so\0";
    let at = memchr::memmem::find(&library, name).unwrap();
    let mut plain = library.clone();
    plain[at..at + name.len()].copy_from_slice(b"libapp_s.so\0");
    let report = scan("libapp_services.so", plain);
    let weak: Vec<_> = report.findings.iter().filter(|f| f.product.id == "kms-sdk").collect();
    assert!(weak.is_empty(), "{weak:?}");
}

#[test]
fn copies_and_versions_of_a_file_contradict_nothing() {
    let library = fixture("binary-elf/libkave8/input.so");
    for name in ["libkave8 (1).so", "libkave8.so.1.2.3", "libkave8-2.1.so", "LIBKAVE8.SO", "libkave8 - Copy.so"] {
        assert_eq!(statements(&scan(name, library.clone())), [], "{name}");
    }
}

#[test]
fn a_brand_on_the_label_is_the_makers_own_and_names_like_it_are_not() {
    let brands = || common::known().0.brands().iter();
    let company = |name: &str| brands().any(|brand| brand.pattern.matches(name));
    let product = |name: &str| brands().any(|b| b.products.as_ref().is_some_and(|products| products.matches(name)));
    for own in ["Kaspersky Lab UK Limited", "AO Kaspersky Lab", "ZAO \"Kaspersky Lab\"", "KASPERSKY", "Kaspersky, Inc."]
    {
        assert!(company(own), "{own}");
    }
    for other in [
        "Kasperskyi Consulting GmbH",
        "Kaspersky Consulting GmbH",
        "Kaspersky & Sons Bakery",
        "Jane Kaspersky",
        "Acme Kaspersky Partner",
        "Kasperskylike",
        "AO Acme",
    ] {
        assert!(!company(other), "{other}");
    }
    assert!(product("Kaspersky Anti-Virus") && !product("Acme for Kaspersky Anti-Virus"));
}

#[test]
fn a_file_name_that_two_vendors_use_contradicts_no_maker() {
    // Another's driver of a catalogued file name, by its own version resource.
    let mut driver = fixture("binary-pe/acme-setup/input.exe");
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let from = wide("MailGuardSetup.exe");
    let at = memchr::memmem::find(&driver, &from).expect("its original file name");
    let mut name = wide("kl1.sys");
    name.resize(from.len(), 0);
    driver[at..at + from.len()].copy_from_slice(&name);
    let report = scan("kl1.sys", driver.clone());
    assert!(!report.findings.is_empty(), "it bears the name");
    assert_eq!(statements(&report), []);
    // Under another file name it is told that it was renamed.
    let said = statements(&scan("acme.sys", driver));
    assert!(said.contains(&(false, FactKind::FileName, "acme.sys".to_owned())), "{said:?}");
}

#[test]
fn packages_of_systems_are_labels_of_what_lies_in_them() {
    let label = |report: &Report| {
        let label = report.findings.first().and_then(|f| f.label.clone()).expect("a labelled find");
        (label.vendor.unwrap_or_default(), label.product.unwrap_or_default())
    };
    let acme = |product: &str| ("Acme Networks, Inc.".to_owned(), product.to_owned());
    let engine = fixture("binary-elf/libkave8/input.so");
    // An RPM package speaks for itself, by its header.
    let report = scan("x.rpm", fixture("package-rpm/mailguard/input.rpm"));
    assert_eq!(label(&report), acme("acme-mailguard"));
    // A deb keeps its control file in an archive beside its content.
    let control = b"Package: acme-mailguard\nVersion: 5.2\nMaintainer: Acme Networks, Inc. <a@acme.example>\n";
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(control.len() as u64);
    tar.append_data(&mut header, "./control", &control[..]).unwrap();
    let control = tar.into_inner().unwrap();
    let report = scan("x.zip", zipped(&[("control.tar", &control), ("data/opt/libkave8.so", &engine)]));
    assert_eq!(label(&report), acme("acme-mailguard"));
    // The same beside another product's files in a folder is a bystander.
    let report = scan("x.zip", zipped(&[("a/control.tar", &control), ("b/libkave8.so", &engine)]));
    assert!(report.findings[0].label.as_ref().is_none_or(|label| label.from == LabelSource::FileName));
    // A snap's description lies in a folder of it, an image's among its blobs.
    let snap = b"name: acme-mailguard\ntitle: Acme MailGuard\nversion: '5.2'\n";
    let report = scan("x.zip", zipped(&[("meta/snap.yaml", snap), ("lib/libkave8.so", &engine)]));
    assert_eq!(label(&report), (String::new(), "Acme MailGuard".to_owned()));
    let image = fixture("image-oci-config/acme/input.json");
    let report = scan("x.zip", zipped(&[("blobs/sha256/0123", &image), ("blobs/sha256/4567", &engine)]));
    assert_eq!(label(&report), acme("Acme MailGuard"));
    // A list of many packages is no label, and what it names is a find all the same.
    for list in
        ["rpm-sqlite/acme/input.sqlite", "rpm-ndb/acme/input.ndb", "rpm-bdb/acme/input.bdb", "dpkg/status/input.status"]
    {
        let report = scan("list", fixture(&format!("installed-{list}")));
        assert!(!report.findings.is_empty(), "{list}");
        assert!(
            report.findings.iter().all(|f| f.label.as_ref().is_none_or(|l| l.from == LabelSource::FileName)),
            "{list}"
        );
    }
    for list in ["rpm-sqlite", "rpm-ndb", "rpm-bdb", "dpkg"] {
        let ending = list.strip_prefix("rpm-").unwrap_or("status");
        let report = scan("list", fixture(&format!("installed-{list}/near-miss/input.{ending}")));
        assert_eq!(report.findings.len(), 0, "{list}");
    }
}
