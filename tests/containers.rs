//! Containers: what is told of images, of copies, and of containers within other data.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{gzipped, zipped};
use underlabel::fact::Reason;
use underlabel::{Limits, Report};

fn engine() -> Vec<u8> {
    std::fs::read(common::fixture("extract/binary-elf/libkave8/input.so")).unwrap()
}

fn scan(name: &str, data: Vec<u8>) -> Report {
    common::scan(&[common::bytes(name, data)])
}

fn places(report: &Report) -> Vec<(&str, Option<&str>)> {
    let places = report.findings.iter().flat_map(|f| &f.places);
    places.map(|p| (p.path.as_str(), p.deleted_by.as_deref())).collect()
}

#[test]
fn what_a_later_layer_deletes_is_found_and_said_to_be_deleted() {
    for file in ["saved.tar.gz", "layout.tar.gz"] {
        let path = common::fixture(&format!("end-to-end/container-image/{file}"));
        let report = common::scan(&[underlabel::Source::Path(path)]);
        let places = places(&report);
        assert_eq!(places.len(), 2, "{file}: {places:?}");
        for (path, deleted_by) in places {
            assert_eq!(path.ends_with("/libscan.so"), deleted_by.is_some(), "{file}: {path}");
        }
    }
}

#[test]
fn copies_are_told_at_every_place_as_if_examined_there() {
    let inner = zipped(&[("lib/a.so", &engine()), ("notes.txt", b"plain")]);
    let broken = &inner[..inner.len() - 30];
    let members = |n: usize| {
        let one = [(format!("{n}/x.zip"), inner.clone()), (format!("{n}/b.zip"), broken.to_vec())];
        one.into_iter().chain([(format!("{n}/libscan.so"), engine())])
    };
    let all: Vec<(String, Vec<u8>)> = (0..3).flat_map(members).collect();
    let list: Vec<(&str, &[u8])> = all.iter().map(|(name, data)| (name.as_str(), data.as_slice())).collect();
    let report = scan("all.zip", zipped(&list));
    // Each by itself, at the same place within an archive of the same name.
    for (name, data) in &list {
        let alone = scan("all.zip", zipped(&[(name, data)]));
        for place in places(&alone) {
            assert!(places(&report).contains(&place), "{place:?} of {:?}", places(&report));
        }
        for gap in &alone.gaps {
            assert!(report.gaps.contains(gap), "{gap:?}");
        }
    }
    assert_eq!(places(&report).len(), 9);
    // The members of a copy count as often as they stand there.
    assert_eq!(report.examined.members, 9 + 3 * 2 + 3 * 2);
}

#[test]
fn a_copy_is_opened_no_deeper_than_another() {
    let mut data = zipped(&[("libscan.so", &engine())]);
    for _ in 0..3 {
        data = zipped(&[("i.zip", &data)]);
    }
    let deep = zipped(&[("i.zip", &data)]);
    let both = zipped(&[("a/i.zip", &data), ("b.zip", &deep)]);
    let limits = Limits { max_depth: 5, ..Limits::default() };
    let report = common::scan_within(&[common::bytes("x.zip", both)], &limits);
    assert_eq!(places(&report).len(), 1, "{:?}", places(&report));
    assert!(report.gaps.iter().any(|g| g.reason == Reason::Limit && g.at.starts_with("x.zip!/b.zip!/")));
}

#[test]
fn containers_within_other_data_are_found_by_their_offsets() {
    let zip = zipped(&[("lib/scan.so", &engine())]);
    let gz = gzipped(&engine());
    // A header of the vendor's own, two containers with padding between them, and text behind.
    let blob = [b"ACMEFW01".to_vec(), vec![0xff; 1000], gz.clone(), vec![0; 300], zip, vec![b'x'; 99]].concat();
    let report = scan("update.bin", blob);
    let found: Vec<&str> = places(&report).iter().map(|(path, _)| *path).collect();
    assert_eq!(found.len(), 2, "{found:?} {:?}", report.gaps);
    assert!(found.iter().any(|p| p.starts_with("update.bin!/0x3f0.gzip!/")), "{found:?}");
    assert!(found.iter().any(|p| p.starts_with(&format!("update.bin!/0x{:x}.zip!/", 1008 + gz.len() + 300))));
    // A script with an archive behind it.
    let script = [b"#!/bin/sh\ntail -n +3 \"$0\" | gzip -dc > x\nexit 0\n".to_vec(), gz].concat();
    assert_eq!(places(&scan("install.run", script)).len(), 1);
}

#[test]
fn constants_in_programs_are_no_containers() {
    let mut stub = std::fs::read(common::fixture("extract/binary-pe/acme-setup/input.exe")).unwrap();
    // Where a reader of archives keeps the marks it looks for.
    stub.extend_from_slice(b"marks of archives: ");
    for mark in [&b"PK\x03\x04"[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x05\x06"] {
        stub.extend_from_slice(mark);
        stub.extend_from_slice(b"\0\0\0\0 is not an archive \0");
    }
    let report = scan("tool.exe", stub);
    assert!(report.gaps.is_empty(), "{:?}", report.gaps);
}

#[test]
fn data_that_looks_packed_is_a_blind_spot() {
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    let noise: Vec<u8> = (0..200_000).map(|_| random()).collect();
    let blob = [b"ACMEFW01".to_vec(), vec![0; 100_000], noise.clone(), vec![1; 100_000]].concat();
    let report = scan("update.bin", blob);
    let told: Vec<_> = report.gaps.iter().filter(|g| g.reason == Reason::Opaque).collect();
    assert_eq!(told.len(), 1, "{:?}", report.gaps);
    // A picture is packed by nature.
    let picture = [b"\x89PNG\r\n\x1a\n".to_vec(), noise].concat();
    assert!(scan("logo.png", picture).gaps.is_empty());
    // Text and code are not.
    assert!(scan("notes.bin", b"plain text, again and again\0".repeat(9000)).gaps.is_empty());
}

#[test]
fn a_file_alone_gives_the_same_report_for_any_number_of_threads() {
    let tight = Limits { max_members: 6, ..Limits::default() };
    let small = Limits { max_member_bytes: 1 << 20, ratio_floor: 3 << 20, ..Limits::default() };
    let files = common::files("end-to-end").into_iter().chain(common::files("extract/android-aar"));
    let mut limited = 0;
    for path in files.filter(|path| path.extension().is_some_and(|e| e != "txt")) {
        for limits in [&Limits::default(), &tight, &small] {
            let on = |threads| {
                let limits = Limits { threads, ..limits.clone() };
                let report = common::scan_within(&[underlabel::Source::Path(path.clone())], &limits);
                serde_json::to_string_pretty(&report).unwrap()
            };
            let one = on(1);
            limited += usize::from(one.contains("\"reason\": \"limit\""));
            assert_eq!(one, on(4), "{}", path.display());
        }
    }
    assert!(limited > 5, "{limited}");
}

#[test]
fn what_is_appended_to_a_picture_is_found() {
    let picture = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0x5a; 3000], gzipped(&engine())].concat();
    assert_eq!(places(&scan("logo.png", picture)).len(), 1);
}

#[test]
fn a_container_without_an_end_hides_none_behind_it() {
    let zip = zipped(&[("notes.txt", &[b'n'; 500])]);
    let cut = &zip[..60];
    let blob = [b"ACMEFW01".to_vec(), vec![0xff; 100], cut.to_vec(), gzipped(&engine()), vec![0; 100]].concat();
    let report = scan("update.bin", blob);
    assert_eq!(places(&report).len(), 1, "{:?}", report.gaps);
}

#[test]
fn one_mark_within_another_is_seen() {
    // The last byte of what could begin an archive of its own begins the one that is there.
    let blob = [vec![0xff; 64], b"PK\x03".to_vec(), zipped(&[("lib/scan.so", &engine())]), vec![0xff; 64]].concat();
    assert_eq!(places(&scan("update.bin", blob)).len(), 1);
}

#[test]
fn a_self_extractor_keeps_archives_in_its_own_parts_too() {
    let mut stub = std::fs::read(common::fixture("extract/binary-pe/acme-setup/input.exe")).unwrap();
    let gz = gzipped(&engine());
    let room = stub.windows(gz.len() + 8).rposition(|bytes| bytes.iter().all(|b| *b == 0));
    let room = room.expect("padding in a section");
    stub[room + 8..room + 8 + gz.len()].copy_from_slice(&gz);
    let setup = [stub, zipped(&[("readme.txt", b"plain")])].concat();
    let report = scan("setup.exe", setup);
    assert!(places(&report).iter().any(|(path, _)| path.contains(".gzip!/")), "{:?}", places(&report));
}

fn crc(data: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum().to_le_bytes()
}

/// One xz block of six plain bytes whose header asks for a dictionary.
fn xz(dictionary: u8) -> Vec<u8> {
    let flags = [0, 1];
    let block = [2, 0, 0x21, 1, dictionary, 0, 0, 0];
    let chunk = *b"\x01\0\x05plain\n\0\0\0";
    // One record: the block without its padding, and what it unpacks to.
    let index = [0, 1, 12 + 10 + 4, 6];
    let back = [1, 0, 0, 0, flags[0], flags[1]];
    [
        &b"\xfd7zXZ\0"[..],
        &flags,
        &crc(&flags),
        &block,
        &crc(&block),
        &chunk,
        &crc(b"plain\n"),
        &index,
        &crc(&index),
        &crc(&back),
        &back,
        b"YZ",
    ]
    .concat()
}

/// One zstd frame of six plain bytes behind what its header asks for.
fn zstd(header: &[u8]) -> Vec<u8> {
    [b"\x28\xb5\x2f\xfd", header, b"\x31\0\0plain\n"].concat()
}

/// The most memory that this process had at one time, as far as the system says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

#[test]
fn a_header_that_asks_for_huge_memory_gets_none() {
    // The same streams that ask for 1 MiB are whole.
    for (name, data) in [("a.xz", xz(16)), ("a.zst", zstd(&[0, 0x50]))] {
        let report = scan(name, data);
        assert_eq!((report.gaps.len(), report.examined.unpacked), (0, 6), "{name}: {:?}", report.gaps);
    }
    let before = peak();
    for (name, data) in [
        // 4 GiB without a byte, and 192 MiB.
        ("a.xz", xz(40)),
        ("a.xz", xz(31)),
        // 2 TiB and 2 GiB by the window, and a terabyte in a single segment.
        ("a.zst", zstd(&[0, 0xf8])),
        ("a.zst", zstd(&[0, 0xa8])),
        ("a.zst", zstd(b"\xe0\0\0\0\0\0\x01\0\0")),
        // 4 GiB without a byte, and 512 MiB.
        ("a.lzma", b"\x5d\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0".to_vec()),
        ("a.lz", b"LZIP\x01\x1d\0\0\0\0\0\0".to_vec()),
    ] {
        let report = scan(name, data);
        assert!(report.gaps.iter().any(|gap| gap.reason == Reason::Limit), "{name}: {:?}", report.gaps);
        assert_eq!(report.examined.unpacked, 0, "{name}");
    }
    // Room for the other tests beside this one.
    assert!(before.zip(peak()).is_none_or(|(before, after)| after - before < 1 << 30));
}
