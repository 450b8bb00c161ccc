//! Text behind the marker of an SBOM format, and the strict parsers behind it.
//! Run: `cargo +nightly fuzz run --fuzz-dir tests/fuzz sbom`.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use underlabel::catalog::Catalog;
use underlabel::regulation::Rules;
use underlabel::{Context, Limits, ScanOptions, Source, scan};

fn known() -> &'static (Catalog, Rules) {
    static KNOWN: OnceLock<(Catalog, Rules)> = OnceLock::new();
    KNOWN.get_or_init(|| (Catalog::built_in().expect("sound"), Rules::built_in().expect("sound")))
}

fuzz_target!(|rest: &str| {
    for marker in [
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","#,
        r#"{"spdxVersion":"SPDX-2.3","#,
        r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","#,
        r#"{"descriptor":{"name":"syft"},"#,
        r#"{"SchemaVersion":2,"ArtifactName":"x","#,
        r#"{"detector":{"name":"d","url":"u"},"manifests":"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","#,
        r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6">"#,
        "<Document><spdxVersion>SPDX-2.3</spdxVersion>",
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://spdx.org/rdf/terms#">"#,
        r#"<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" "#,
        "SPDXVersion: SPDX-2.3\n",
        "spdxVersion: SPDX-2.3\n",
        "spec_version: \"1.5\"\n",
    ] {
        let (catalog, rules) = known();
        let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus: BTreeMap::new() };
        let source = Source::Bytes { name: "x.json".to_owned(), data: format!("{marker}{rest}").into_bytes() };
        let options = ScanOptions { strict: false, ..ScanOptions::default() };
        let report = scan(&[source], catalog, rules, &context, &Limits::default(), options).expect("bytes open");
        assert!(report.gaps.iter().all(|g| !g.detail.contains("gave up")), "{:?}", report.gaps);
    }
});
