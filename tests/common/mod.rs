//! What the tests share.

#![allow(dead_code, clippy::indexing_slicing, clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use underlabel::catalog::Catalog;
use underlabel::regulation::Rules;
use underlabel::{Context, Limits, Report, ScanOptions, Scanner, Source};

/// A fixed day, so that no test depends on today.
pub fn context() -> Context {
    Context { as_of: jiff::civil::date(2026, 11, 24).into(), nexus: BTreeMap::new() }
}

/// The built-in catalogue and rules, read once.
pub fn known() -> &'static (Catalog, Rules) {
    static KNOWN: OnceLock<(Catalog, Rules)> = OnceLock::new();
    KNOWN.get_or_init(|| (Catalog::built_in().unwrap(), Rules::built_in().unwrap()))
}

pub fn scan(sources: &[Source]) -> Report {
    scan_within(sources, &Limits::default())
}

pub fn scan_within(sources: &[Source], limits: &Limits) -> Report {
    scan_with(sources, limits, &context())
}

pub fn scan_with(sources: &[Source], limits: &Limits, context: &Context) -> Report {
    // Prepared once: the tests scan some hundred thousand times.
    static SCANNER: OnceLock<Scanner<'static>> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| {
        let (catalog, rules) = known();
        Scanner::new(catalog, rules)
    });
    scanner.scan(sources, context, limits, ScanOptions::default()).unwrap()
}

pub fn bytes(name: &str, data: impl Into<Vec<u8>>) -> Source {
    Source::Bytes { name: name.to_owned(), data: data.into() }
}

pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// Every file below a folder of the fixtures.
pub fn files(below: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(fixture(below))
        .into_iter()
        .map(|e| e.unwrap())
        .filter(|e| e.file_type().is_file())
        .map(|e| e.into_path())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no fixtures below {below}");
    found
}

/// Text of any of the encodings SBOMs come in; independent of the reader under test.
pub fn decode(data: &[u8]) -> String {
    let utf16 = |data: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = data.chunks_exact(2).map(|c| unit([c[0], c[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match data {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [b'{', 0, ..] => utf16(data, u16::from_le_bytes),
        [0, b'{', ..] => utf16(data, u16::from_be_bytes),
        _ => String::from_utf8_lossy(data).into_owned(),
    }
}

/// A ZIP of these members.
pub fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A gzip member.
pub fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(data).unwrap();
    gz.finish().unwrap()
}
