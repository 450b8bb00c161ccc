//! What the targets share: a scan of any bytes under a name that picks the reader. Nothing may panic, give up or take
//! more than its bounds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use underlabel::catalog::Catalog;
use underlabel::regulation::Rules;
use underlabel::{Context, Limits, ScanOptions, Scanner, Source};

fn scanner() -> &'static Scanner<'static> {
    static KNOWN: OnceLock<(Catalog, Rules)> = OnceLock::new();
    static SCANNER: OnceLock<Scanner<'static>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| (Catalog::built_in().expect("sound"), Rules::built_in().expect("sound")));
    SCANNER.get_or_init(|| Scanner::new(&known.0, &known.1))
}

/// Scans the bytes as a file of this name.
pub fn scan_as(name: &str, data: &[u8]) {
    let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus: BTreeMap::new() };
    let limits =
        Limits { max_member_bytes: 4 << 20, ratio_floor: 8 << 20, max_loaded_bytes: 4 << 20, max_held_bytes: 8 << 20, ..Limits::default() };
    let source = Source::Bytes { name: name.to_owned(), data: data.to_vec() };
    let report = scanner().scan(&[source], &context, &limits, ScanOptions::default()).expect("bytes open");
    assert!(report.gaps.iter().all(|g| !g.detail.contains("gave up")), "{:?}", report.gaps);
}
