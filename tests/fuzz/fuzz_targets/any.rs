//! Any bytes under a name that picks the reader: nothing may panic, and what is broken must be said.
//! Seeds: `fixtures/extract/**/input.*`. Run: `cargo +nightly fuzz run --fuzz-dir tests/fuzz any`.
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

fuzz_target!(|data: &[u8]| {
    let names = ["x.bin", "AndroidManifest.xml", "package.json", "METADATA", "x.dex", "x.json", "x.xml", "x.spdx", "x.spdx.yaml", "x.coswid"];
    let Some((first, rest)) = data.split_first() else { return };
    let name = names[usize::from(*first) % names.len()];
    let (catalog, rules) = known();
    let context = Context { as_of: jiff::civil::date(2026, 1, 1), nexus: BTreeMap::new() };
    let limits = Limits { max_member_bytes: 4 << 20, ratio_floor: 8 << 20, max_held_bytes: 8 << 20, ..Limits::default() };
    let source = Source::Bytes { name: name.to_owned(), data: rest.to_vec() };
    let report = scan(&[source], catalog, rules, &context, &limits, ScanOptions::default()).expect("bytes open");
    assert!(report.gaps.iter().all(|g| !g.detail.contains("gave up")), "{:?}", report.gaps);
});
