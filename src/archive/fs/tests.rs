//! Hostile images: they end, and say what is wrong.

#![allow(clippy::disallowed_methods)] // Tests read their fixtures.

use std::io::Read;

use crate::archive::{Seen, Step, Walk, walk};
use crate::fact::{Gap, Reason};
use crate::source::{Blob, Content, Limits};

/// The names met and the gaps.
fn look(data: Vec<u8>) -> (Vec<String>, Vec<Gap>) {
    let limits = Limits::default();
    let mut blob = Blob::nameless(Content::from(data));
    blob.open_ended = false;
    let mut state = Walk::new(&limits, blob.len());
    let mut names = Vec::new();
    let mut visit = |step: Step<'_>, _: &mut Walk<'_>| {
        if let Step::Look(blob, _) = step {
            names.push(blob.path.to_string());
        }
        Seen { recognised: true, ..Seen::default() }
    };
    walk(&mut blob, &mut state, &mut visit);
    (names, state.into_gaps(&"".into()))
}

/// A fixture, unpacked.
fn fixture(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/extract").join(path);
    let data = std::fs::read(&path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(data.as_slice()).read_to_end(&mut plain).unwrap();
        return plain;
    }
    data
}

fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    data[at..at + bytes.len()].copy_from_slice(bytes);
}

fn find(data: &[u8], what: &[u8]) -> usize {
    memchr::memmem::find(data, what).unwrap()
}

#[test]
fn a_folder_that_holds_itself_is_read_once() {
    // The folder `opt` of the ISO image points at the root.
    let mut iso = fixture("archive-iso9660/rock-ridge/input.iso.gz");
    let root = iso[32768 + 158..32768 + 166].to_vec();
    let opt = find(&iso[32768 + 4096..], b"\x03OPT") + 32768 + 4096;
    put(&mut iso, opt - 30, &root);
    let (names, gaps) = look(iso);
    assert!(names.len() < 32, "{names:?}");
    assert!(gaps.iter().any(|gap| gap.detail.contains("more than one place")), "{gaps:?}");
    // The same in FAT: a folder's cluster is its own parent's.
    let mut fat = fixture("archive-fat/fat12/input.img.gz");
    let opt = find(&fat, b"OPT        ");
    let acme = find(&fat, b"ACME       \x10");
    let cluster = fat[opt + 26..opt + 28].to_vec();
    put(&mut fat, acme + 26, &cluster);
    let (names, gaps) = look(fat);
    assert!(names.len() < 32 && gaps.iter().any(|gap| gap.detail.contains("more than one place")), "{gaps:?}");
}

#[test]
fn chains_that_go_round_end() {
    let mut fat = fixture("archive-fat/fat12/input.img.gz");
    // Cluster 3 is followed by itself, and so is every other.
    for at in (512 + 3..512 + 600).step_by(3) {
        put(&mut fat, at, &[0x03, 0x30, 0x00]);
    }
    let (_, gaps) = look(fat);
    assert!(gaps.iter().any(|gap| gap.reason == Reason::Malformed), "{gaps:?}");
}

#[test]
fn sizes_beyond_everything_are_gaps() {
    // A file of two to the sixtieth in ext, all holes.
    let mut ext = fixture("archive-ext/ext4/input.img.gz");
    let text = find(&ext, b"libkave8.so");
    let inode = u32::from_le_bytes(ext[text - 8..text - 4].try_into().unwrap()) as usize;
    let table = u32::from_le_bytes(ext[2048 + 8..2048 + 12].try_into().unwrap()) as usize * 1024;
    let size = usize::from(u16::from_le_bytes(ext[1024 + 0x58..1024 + 0x5a].try_into().unwrap()));
    put(&mut ext, table + (inode - 1) * size + 0x6c, &(1u32 << 28).to_le_bytes());
    let (_, gaps) = look(ext);
    assert!(gaps.iter().any(|gap| gap.reason == Reason::Limit), "{gaps:?}");
    // A squashfs file of a size that no table has blocks for.
    let mut disk = fixture("archive-disk/qcow2/input.qcow2.gz");
    put(&mut disk, 24, &(1u64 << 60).to_be_bytes());
    let (_, gaps) = look(disk);
    assert!(!gaps.is_empty());
}

#[test]
fn what_lies_behind_an_image_is_looked_at() {
    let mut image = fixture("archive-squashfs/gzip/input.squashfs");
    let end = image.len();
    image.extend_from_slice(&fixture("archive-squashfs/xz/input.squashfs"));
    let (names, gaps) = look(image);
    assert!(gaps.is_empty(), "{gaps:?}");
    assert!(names.iter().any(|name| name.contains(&format!("0x{end:x}.squashfs!/opt/acme"))), "{names:?}");
}

#[test]
fn a_boot_sector_is_no_table_of_partitions_and_the_other_way_round() {
    let (names, _) = look(fixture("archive-fat/fat12/input.img.gz"));
    assert!(names.iter().any(|name| name.ends_with("!/etc/issue")), "{names:?}");
    let (names, gaps) = look(fixture("archive-mbr/logical/input.img.gz"));
    assert!(gaps.is_empty(), "{gaps:?}");
    for part in ["p1.fat!/etc/issue", "p5.linux!/etc/issue"] {
        assert!(names.iter().any(|name| name.contains(part)), "{names:?}");
    }
}

#[test]
fn a_broken_gpt_is_read_by_its_second_header() {
    let mut disk = fixture("archive-gpt/one/input.img.gz");
    disk[512 + 16] ^= 1;
    let (names, gaps) = look(disk);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(names.iter().any(|name| name.contains("p1.data!/etc/issue")), "{names:?}");
}

#[test]
fn blocks_of_flash_stand_in_any_order() {
    let ubi = fixture("archive-ubi/rootfs/input.ubi.gz");
    let whole = look(ubi.clone()).0.len();
    // The first block has the layout; what follows is turned round.
    let mut blocks: Vec<&[u8]> = ubi.chunks(16 << 10).collect();
    blocks.reverse();
    let (names, gaps) = look(blocks.concat());
    assert!(gaps.is_empty(), "{gaps:?}");
    assert_eq!(names.len(), whole);
}
