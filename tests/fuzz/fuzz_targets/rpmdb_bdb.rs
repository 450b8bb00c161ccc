//! RPM's database in Berkeley DB. Seeds and how to run: `tests/fuzz/run.sh`.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::scan_as("Packages", data));
