//! Any bytes under a name that the first byte picks. Seeds and how to run: `tests/fuzz/run.sh`.
#![no_main]

mod common;

const NAMES: &[&str] =
    &["x.bin", "AndroidManifest.xml", "package.json", "METADATA", "x.dex", "x.json", "x.xml", "x.spdx", "x.spdx.yaml", "x.coswid"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    common::scan_as(NAMES[usize::from(*first) % NAMES.len()], rest);
});
