//! Android packages: the ZIP, its signing block and what is in it. Seeds and how to run: `tests/fuzz/run.sh`.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::scan_as("x.apk", data));
