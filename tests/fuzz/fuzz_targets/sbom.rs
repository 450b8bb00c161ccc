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
    for marker in [r#"{"bomFormat":"CycloneDX","specVersion":"1.5","#, r#"{"spdxVersion":"SPDX-2.3","#] {
        let (catalog, rules) = known();
        let context = Context { as_of: jiff::civil::date(2026, 1, 1), nexus: BTreeMap::new() };
        let source = Source::Bytes { name: "x.json".to_owned(), data: format!("{marker}{rest}").into_bytes() };
        let options = ScanOptions { strict: false, ..ScanOptions::default() };
        let report = scan(&[source], catalog, rules, &context, &Limits::default(), options).expect("bytes open");
        assert!(report.gaps.iter().all(|g| !g.detail.contains("gave up")), "{:?}", report.gaps);
    }
});
