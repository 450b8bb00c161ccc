//! Other readers as referees: what the strict SBOM crates write is found and what they read we count alike; what `goblin`
//! reads of a binary we read as well.

#![allow(clippy::disallowed_methods, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

mod common;

use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::organization::OrganizationalEntity;
use cyclonedx_bom::prelude::Purl;
use spdx_rs::models::{DocumentCreationInformation, PackageInformation, SPDX};
use std::str::FromStr;

fn component(name: &str, supplier: Option<&str>, purl: Option<&str>) -> Component {
    let purl = purl.map(|p| Purl::from_str(p).unwrap());
    let mut component = Component::new(Classification::Library, name, "1.0", None);
    component.purl = purl;
    component.supplier = supplier.map(OrganizationalEntity::new);
    component
}

#[test]
fn what_cyclonedx_bom_writes_is_found() {
    for version in [SpecVersion::V1_3, SpecVersion::V1_4, SpecVersion::V1_5] {
        let mut outer = component("outer", Some("Acme"), None);
        outer.components = Some(Components(vec![component("engine", Some("AO Kaspersky Lab"), None)]));
        let kit = component("hexa-ui", None, Some("pkg:npm/%40kaspersky/hexa-ui@6.0.0"));
        let bom = Bom { components: Some(Components(vec![outer, kit])), ..Bom::default() };
        let mut text = Vec::new();
        bom.output_as_json(&mut text, version).unwrap();
        let report = common::scan(&[common::bytes("bom.json", text)]);
        let mut found: Vec<&str> = report.findings.iter().map(|f| f.product.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["hexa-ui", "kaspersky-software"], "{version:?}");
        assert_eq!(report.examined.components, 3);
        assert!(report.gaps.is_empty() && report.notes.is_empty(), "{:?} {:?}", report.gaps, report.notes);
    }
}

#[test]
fn what_spdx_rs_writes_is_found() {
    let mut package = PackageInformation::new("engine", &mut 0);
    package.package_supplier = Some("Organization: Kaspersky Lab, Inc. (oem@example.invalid)".to_owned());
    let document =
        DocumentCreationInformation { document_name: "x".to_owned(), ..DocumentCreationInformation::default() };
    let spdx = SPDX { document_creation_information: document, package_information: vec![package], ..SPDX::new("x") };
    let text = serde_json::to_vec(&spdx).unwrap();
    let report = common::scan(&[common::bytes("x.spdx.json", text)]);
    assert_eq!(report.findings.len(), 1, "{:?}", report.gaps);
    assert!(report.findings[0].places[0].evidence[0].at.ends_with("/packages/0/supplier"));
}

/// The values of the kinds of fact that a file says of itself.
fn facts(path: &std::path::Path, kinds: &[&str], field: &str) -> std::collections::BTreeSet<String> {
    let mut seen = std::collections::BTreeSet::new();
    let source = common::bytes("input", std::fs::read(path).unwrap());
    underlabel::inspect(&[source], &common::known().0, &underlabel::Limits::default(), false, &mut |said| {
        if let underlabel::Said::Fact { at, kind, value, .. } = said
            && kinds.contains(kind)
            && at.starts_with("input#")
            && at.contains(field)
        {
            seen.insert((*value).to_owned());
        }
    })
    .unwrap();
    seen
}

#[test]
fn binaries_are_read_like_a_second_reader() {
    use goblin::mach::{Mach, SingleArch};
    let set = |names: Vec<&str>| {
        let names = names.into_iter().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let mut read = [0; 3];
    for path in common::files("extract").into_iter().filter(|p| p.to_string_lossy().contains("/binary-")) {
        let data = std::fs::read(&path).unwrap();
        let what = path.display();
        match goblin::Object::parse(&data) {
            Ok(goblin::Object::Elf(elf)) => {
                read[0] += 1;
                assert_eq!(facts(&path, &["soname"], ""), set(elf.soname.into_iter().collect()), "{what}");
                let needed = facts(&path, &["needed"], "NEEDED");
                assert_eq!(needed, set(elf.libraries.clone()), "{what}");
                let symbols = elf.dynsyms.iter().filter_map(|s| elf.dynstrtab.get_at(s.st_name)).collect();
                assert!(facts(&path, &["import-symbol", "export-symbol"], "").is_superset(&set(symbols)), "{what}");
            }
            Ok(goblin::Object::PE(pe)) => {
                read[1] += 1;
                let names = pe.imports.iter().map(|i| i.name.as_ref()).filter(|n| !n.starts_with("ORDINAL ")).collect();
                let ours = facts(&path, &["import-symbol"], "#IMPORT/");
                assert!(ours.is_superset(&set(names)), "{what}");
                assert_eq!(facts(&path, &["import-module"], "#IMPORT"), set(pe.libraries.clone()), "{what}");
                let names = pe.exports.iter().filter_map(|e| e.name).collect();
                assert_eq!(facts(&path, &["export-symbol"], "#EXPORT"), set(names), "{what}");
            }
            Ok(goblin::Object::Mach(mach)) => {
                read[2] += 1;
                let single = match mach {
                    Mach::Binary(one) => vec![one],
                    Mach::Fat(fat) => {
                        let arches = fat.into_iter().filter_map(Result::ok);
                        arches.filter_map(|a| if let SingleArch::MachO(one) = a { Some(one) } else { None }).collect()
                    }
                };
                let own = single.iter().filter_map(|m| m.name).collect();
                assert_eq!(facts(&path, &["install-name"], ""), set(own), "{what}");
                // It lists the file itself among its libraries.
                let loaded = single.iter().flat_map(|m| {
                    m.libs.iter().filter(|l| **l != "self" && Some(**l) != m.name).copied().collect::<Vec<_>>()
                });
                assert_eq!(facts(&path, &["load-dylib"], ""), set(loaded.collect()), "{what}");
            }
            _ => {}
        }
    }
    assert!(read.iter().all(|n| *n >= 4), "{read:?}");
}
