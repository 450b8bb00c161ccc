//! Throughput, as ratios to a plain read of the same bytes: `cargo bench`.
//!
//! Three paths: strings in a large binary, CycloneDX JSON, and a zip. Machines are noisy, so only the
//! ratios mean something; nothing here asserts a time.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use underlabel::catalog::Catalog;
use underlabel::regulation::Rules;
use underlabel::{Context, Limits, ScanOptions, Source, scan};

const RUNS: usize = 5;

fn main() {
    let (catalog, rules) = (Catalog::built_in().unwrap(), Rules::built_in().unwrap());
    let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus: BTreeMap::new() };
    let folder = std::env::temp_dir().join(format!("underlabel-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("{:<22} {:>9} {:>12} {:>12} {:>8}", "path", "size MB", "scan MB/s", "read MB/s", "ratio");
    for (name, file, data) in [
        ("strings in binary", "blob.bin", binary(256 << 20)),
        ("CycloneDX JSON", "bom.json", sbom(100_000)),
        ("zip of binaries", "blob.zip", zipped(64 << 20)),
    ] {
        let path = folder.join(file);
        std::fs::write(&path, &data).unwrap();
        let read = best(|| black_box(std::fs::read(&path).unwrap().iter().step_by(64).fold(0u8, |a, b| a ^ b)));
        let source = [Source::Path(path.clone())];
        let scanned = best(|| {
            scan(&source, &catalog, &rules, &context, &Limits::default(), ScanOptions::default())
                .unwrap()
                .findings
                .len()
        });
        let megabytes = data.len() as f64 / 1e6;
        let ratio = scanned / read;
        println!("{name:<22} {megabytes:>9.1} {:>12.0} {:>12.0} {ratio:>7.1}×", megabytes / scanned, megabytes / read);
    }
    std::fs::remove_dir_all(folder).unwrap();
    peers(&catalog, &rules, &context);
}

/// The whole scan of a CycloneDX document against what only parses it: an untyped tree, and the strict crate.
fn peers(catalog: &Catalog, rules: &Rules, context: &Context) {
    let data = sbom(20_000);
    let source = [Source::Bytes { name: "bom.json".to_owned(), data: data.clone() }];
    let ours = best(|| {
        scan(&source, catalog, rules, context, &Limits::default(), ScanOptions::default()).unwrap().findings.len()
    });
    let tree = best(|| serde_json::from_slice::<serde_json::Value>(&data).unwrap().is_object());
    let version = cyclonedx_bom::models::bom::SpecVersion::V1_5;
    let text = String::from_utf8(data).unwrap().replacen("\"1.6\"", "\"1.5\"", 1);
    let strict = best(|| {
        cyclonedx_bom::models::bom::Bom::parse_from_json_with_version(text.as_bytes(), version)
            .unwrap()
            .components
            .is_some()
    });
    println!("\nCycloneDX JSON of {:.1} MB, as ratios to our whole scan", text.len() as f64 / 1e6);
    println!("serde_json::Value, parse only {:>6.1}×", tree / ours);
    println!("cyclonedx-bom, parse only     {:>6.1}×", strict / ours);
}

/// Seconds of the best run.
fn best<T>(mut run: impl FnMut() -> T) -> f64 {
    let time = |run: &mut dyn FnMut() -> T| {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

/// Bytes like those of code: our own executable, over and over, made to differ.
fn binary(len: usize) -> Vec<u8> {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut data = Vec::with_capacity(len);
    // A leading NUL makes it data of no known format, so that the string stage is all that runs.
    data.push(0);
    while data.len() < len {
        let step = (data.len() % 251) as u8;
        data.extend(own.iter().take(len - data.len()).map(|b| b.wrapping_add(step & 1)));
    }
    data
}

fn sbom(components: usize) -> Vec<u8> {
    let mut text = String::from(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":["#);
    for i in 0..components {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&format!(
            r#"{{"type":"library","bom-ref":"pkg:npm/package-{i}@1.{i}.0","name":"package-{i}","version":"1.{i}.0","supplier":{{"name":"Vendor {}","url":["https://vendor{}.example"]}},"purl":"pkg:npm/package-{i}@1.{i}.0","hashes":[{{"alg":"SHA-256","content":"{i:064x}"}}],"licenses":[{{"license":{{"id":"MIT"}}}}],"properties":[{{"name":"origin","value":"lock file"}}]}}"#,
            i % 977,
            i % 977
        ));
    }
    text.push_str("]}");
    text.into_bytes()
}

fn zipped(len: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (i, part) in binary(len).chunks(4 << 20).enumerate() {
        zip.start_file(format!("lib/part{i}.bin"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(part).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
