//! The strict SBOM crates as writers and referees: what they write is found, what they read we count alike.

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
