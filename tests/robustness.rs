//! Broken and hostile input: every fixture cut at every length and with bytes flipped, bombs, links, odd
//! names. Nothing panics, nothing is passed over in silence, and every limit that bites is said.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::Read as _;
use std::path::Path;

use underlabel::fact::Reason;
use underlabel::{Limits, Report, Source};

/// A caught panic is told as this gap; none may occur.
fn nobody_gave_up(report: &Report, what: &str) {
    let found: Vec<_> = report.gaps.iter().filter(|g| g.detail.contains("gave up")).collect();
    assert!(found.is_empty(), "{what}: {found:?}");
}

fn small() -> Limits {
    Limits {
        max_member_bytes: 8 << 20,
        max_loaded_bytes: 8 << 20,
        max_held_bytes: 16 << 20,
        ratio_floor: 32 << 20,
        ..Limits::default()
    }
}

fn inputs() -> Vec<std::path::PathBuf> {
    let mut files = common::files("extract");
    files.retain(|f| f.file_name().unwrap().to_string_lossy().starts_with("input."));
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_fixture_cut_at_every_length() {
    // Formats that say how long they are: a cut must be a gap, or leave nothing recognised.
    let tells = ["dll", "exe", "so", "elf", "dylib", "aar", "apk", "tgz", "whl", "json"];
    for path in inputs() {
        let whole = std::fs::read(&path).unwrap();
        let ending = path.extension().unwrap().to_string_lossy().into_owned();
        // Long files: every length near the start and the end, then in steps.
        let near = |n: &usize| *n < 2000 || n + 500 > whole.len();
        let lengths = (0..whole.len()).filter(|n| near(n) || n % (whole.len() / 2000 + 1) == 0);
        for len in lengths {
            let report = common::scan_within(&[common::bytes(&name(&path), &whole[..len])], &small());
            let what = format!("{} cut at {len}", path.display());
            nobody_gave_up(&report, &what);
            let told = !report.gaps.is_empty() || report.examined.recognised == 0;
            // White space at the end of a document is no part of it.
            let blank = whole[len..].iter().all(u8::is_ascii_whitespace);
            // The program in front of an installer's data is whole by itself, up to where the data's own mark ends.
            let blank = blank || (path.to_string_lossy().contains("archive-nsis") && (96_768..96_800).contains(&len));
            if tells.contains(&ending.as_str()) && !blank && !path.to_string_lossy().contains("odd-shapes") {
                assert!(told, "{what}: read as whole: {:?}", report.examined);
            }
        }
    }
}

#[test]
fn every_fixture_with_bytes_flipped() {
    // The longest of the tests: every other fixture at the same time.
    let inputs = inputs();
    std::thread::scope(|scope| {
        for first in 0..2 {
            let half = inputs.iter().skip(first).step_by(2);
            scope.spawn(move || half.for_each(|path| flipped(path)));
        }
    });
}

fn flipped(path: &Path) {
    let mut whole = std::fs::read(path).unwrap();
    let mut places: Vec<usize> = (0..whole.len()).step_by(whole.len() / 1500 + 1).collect();
    // Images are kept packed: what is changed is the image, where it holds anything.
    if path.to_string_lossy().contains("archive-") && path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(whole.as_slice()).read_to_end(&mut plain).unwrap();
        // A large one takes long to look at: a few places of it must do.
        let most = if plain.len() > 3 << 20 { 12 } else { 120 };
        let used: Vec<usize> = (0..plain.len()).filter(|at| plain[*at] != 0).collect();
        places = used.iter().copied().step_by(used.len() / most + 1).collect();
        whole = plain;
    }
    for at in places {
        for with in [0x00, 0xff, 0x80] {
            let mut data = whole.clone();
            data[at] ^= if with == 0 { 0x01 } else { with };
            // A run of the same byte makes sizes and counts absurd.
            if with == 0xff {
                let end = (at + 4).min(data.len());
                data[at..end].fill(0xff);
            }
            let report = common::scan_within(&[common::bytes(&name(path), data)], &small());
            nobody_gave_up(&report, &format!("{} flipped at {at} by {with:#x}", path.display()));
        }
    }
}

/// A bounded run of what the fuzz targets do without end: the same changes on every run.
#[test]
fn every_fixture_changed_at_random() {
    // xorshift64: any sequence does that is the same everywhere.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let all: Vec<(String, Vec<u8>)> = inputs().iter().map(|p| (name(p), std::fs::read(p).unwrap())).collect();
    let telling = [0u64, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX];
    for (index, (name, whole)) in all.iter().enumerate() {
        for round in 0..200 {
            let mut data = whole.clone();
            for _ in 0..=next() % 8 {
                let at = (next() as usize) % data.len().max(1);
                match next() % 5 {
                    // A number of any width, in either order, that some field may hold.
                    0 | 1 => {
                        let value = telling[(next() as usize) % telling.len()];
                        let bytes = if next() % 2 == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                        let width = [1, 2, 4, 8][(next() as usize) % 4];
                        let bytes = if next() % 2 == 0 { &bytes[..width] } else { &bytes[8 - width..] };
                        let end = (at + width).min(data.len());
                        data[at..end].copy_from_slice(&bytes[..end - at]);
                    }
                    2 => data[at] ^= 1 << (next() % 8),
                    // A part of the same file or another one over it.
                    3 => {
                        let other = if next() % 2 == 0 { whole } else { &all[(next() as usize) % all.len()].1 };
                        let from = (next() as usize) % other.len().max(1);
                        let len = (next() as usize % 256).min(other.len() - from).min(data.len() - at);
                        data[at..at + len].copy_from_slice(&other[from..from + len]);
                    }
                    _ => {
                        let len = (next() as usize % 64).min(data.len() - at);
                        data.drain(at..at + len);
                        if data.is_empty() {
                            break;
                        }
                    }
                }
            }
            let report = common::scan_within(&[common::bytes(name, data)], &small());
            nobody_gave_up(&report, &format!("{name} of fixture {index}, round {round}"));
        }
    }
}

#[test]
fn bombs_stop_at_a_limit_and_say_so() {
    for (file, reason) in [
        ("bomb.zip", Reason::Limit),
        ("bomb.gz.gz", Reason::Limit),
        ("deep.zip", Reason::Limit),
        ("overlap.zip", Reason::Limit),
        ("encrypted.zip", Reason::Encrypted),
        ("truncated.zip", Reason::Truncated),
        ("traversal.tar", Reason::Malformed),
    ] {
        let path = common::fixture(&format!("end-to-end/bombs/{file}"));
        let limits = small();
        let report = common::scan_within(&[Source::Path(path)], &limits);
        assert!(report.gaps.iter().any(|g| g.reason == reason), "{file}: {:?}", report.gaps);
        assert!(
            report.examined.unpacked <= limits.ratio_floor + limits.max_member_bytes,
            "{file}: {:?}",
            report.examined
        );
        assert!(report.gaps.len() <= 1001, "{file}: {} gaps", report.gaps.len());
    }
}

#[test]
fn names_in_archives_are_text_and_links_no_paths() {
    for file in ["traversal.zip", "traversal.tar"] {
        let path = common::fixture(&format!("end-to-end/bombs/{file}"));
        let before = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        let report = common::scan(&[Source::Path(path.clone())]);
        assert!(report.findings.is_empty(), "{file}");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), before, "{file} wrote a file");
    }
}

#[test]
fn what_stands_before_the_break_is_still_found() {
    let whole = std::fs::read(common::fixture("end-to-end/appliance-update/acme-mailguard-5.2-update.zip")).unwrap();
    // Without its central directory a zip is read by its local headers.
    let cut = whole.len() - 700;
    let report = common::scan(&[common::bytes("cut.zip", &whole[..cut])]);
    assert!(report.findings.iter().any(|f| f.product.id == "kav-sdk-8"), "{:?}", report.gaps);
    assert!(report.gaps.iter().any(|g| g.reason == Reason::Truncated), "{:?}", report.gaps);
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"name":"e","supplier":{"name":"AO Kaspersky Lab"}},{"na"#;
    let report = common::scan(&[common::bytes("cut.json", &sbom[..])]);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.gaps[0].reason, Reason::Truncated);
    assert!(report.gaps[0].at.contains("line 1, column"), "{}", report.gaps[0].at);
}

#[test]
fn a_limit_on_depth_members_or_size_is_a_gap() {
    let path = common::fixture("end-to-end/appliance-update/acme-mailguard-5.2-update.zip");
    for limits in [
        Limits { max_depth: 1, ..Limits::default() },
        Limits { max_members: 3, ..Limits::default() },
        Limits { max_member_bytes: 600, ..Limits::default() },
        Limits { max_total_bytes: 4000, ..Limits::default() },
    ] {
        let report = common::scan_within(&[Source::Path(path.clone())], &limits);
        assert!(report.gaps.iter().any(|g| g.reason == Reason::Limit), "{limits:?}");
    }
    let many = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#;
    let report =
        common::scan_within(&[common::bytes("m.json", many)], &Limits { max_components: 2, ..Limits::default() });
    assert!(report.gaps.iter().any(|g| g.reason == Reason::Limit), "{:?}", report.gaps);
    let stopped = Limits::default();
    stopped.stop.raise();
    let report = common::scan_within(&[Source::Path(path)], &stopped);
    assert!(report.gaps.iter().any(|g| g.detail.contains("stopped")), "{:?}", report.gaps);
}

#[test]
fn a_shut_container_is_a_gap_that_names_it() {
    for (magic, name) in [(&b"zPQ\x01\x01"[..], "ZPAQ"), (b"\x20\x7f-lh5-\0\0", "LHA")] {
        let report = common::scan(&[common::bytes("vendor.bin", magic)]);
        assert!(
            report.gaps.iter().any(|g| g.reason == Reason::Unsupported && g.detail.contains(name)),
            "{name}: {:?}",
            report.gaps
        );
    }
    // What is opened and holds nothing but its first bytes is cut.
    for magic in [
        &b"7z\xbc\xaf\x27\x1c\0\x04"[..],
        b"Rar!\x1a\x07\x01\0",
        b"\xfd7zXZ\0\0\x04",
        b"BZh91AY&SY",
        b"\x04\x22\x4d\x18",
        b"\x28\xb5\x2f\xfd",
        b"LZIP\x01",
        b"!<arch>\ndebian-binary   ",
        b"070701",
        b"xar!\0\x1c",
        b"pbzx\0",
        b"\xed\xab\xee\xdb",
    ] {
        let report = common::scan(&[common::bytes("vendor.bin", magic)]);
        assert!(!report.gaps.is_empty(), "{magic:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_walk_stays_in_its_tree() {
    use std::os::unix::fs::symlink;
    let root = std::env::temp_dir().join(format!("underlabel-walk-{}", std::process::id()));
    let outside = std::env::temp_dir().join(format!("underlabel-outside-{}", std::process::id()));
    for folder in [&root, &outside] {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(outside.join("appinfo.kli"), "x").unwrap();
    std::fs::write(root.join("plain.txt"), "x").unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink(outside.join("appinfo.kli"), root.join("appinfo.kli")).unwrap();
    symlink("plain.txt", root.join("in")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    let report = common::scan(&[Source::Path(root.clone())]);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.examined.inputs, report.examined.links), (1, 2));
    std::fs::remove_dir_all(root).unwrap();
    std::fs::remove_dir_all(outside).unwrap();
}

#[test]
fn what_a_container_leaves_out_is_said() {
    let lib = std::fs::read(common::fixture("extract/binary-elf/libkave8/input.so")).unwrap();
    let zip = |name: &str, data: &[u8]| {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut out, data).unwrap();
        out.finish().unwrap().into_inner()
    };
    let (plain, hidden) = (zip("a.txt", b"plain text"), zip("lib.so", &lib));
    let unseen = |name: &str, data: Vec<u8>| {
        let report = common::scan(&[common::bytes(name, data)]);
        !report.gaps.is_empty() || !report.findings.is_empty()
    };
    assert!(unseen("joined.zip", [hidden.clone(), plain.clone()].concat()), "two archives, one directory");
    assert!(unseen("trailing.zip", [plain.clone(), lib.clone()].concat()), "bytes behind the archive");
    assert!(unseen("prefixed.zip", [b"x".to_vec(), hidden.clone()].concat()), "a byte in front");
    // A signed self-extractor has its signature behind the archive.
    let stub = std::fs::read(common::fixture("extract/binary-pe/acme-setup/input.exe")).unwrap();
    let signed = [stub.clone(), hidden, vec![7; 2048]].concat();
    assert!(common::scan(&[common::bytes("setup.exe", signed)]).findings.iter().any(|f| f.product.id == "kav-sdk-8"));
    let seven = [stub, b"7z\xbc\xaf\x27\x1c\0\x04payload payload".to_vec()].concat();
    let report = common::scan(&[common::bytes("setup.exe", seven)]);
    assert!(report.gaps.iter().any(|g| g.detail.contains("7z")), "{:?}", report.gaps);
}

#[test]
fn tables_that_repeat_cost_bounded_memory() {
    // Two million values in one element, and a DEX whose definitions all share one long name.
    let many = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":[{}0]}}"#, "0,".repeat(2_100_000));
    let report = common::scan(&[common::bytes("m.json", many)]);
    assert!(report.gaps.iter().any(|g| g.detail.contains("values in one element")), "{:?}", report.gaps);
    let mut dex = vec![0u8; 0x70];
    dex[..8].copy_from_slice(b"dex\n035\0");
    dex[0x28..0x2c].copy_from_slice(&0x1234_5678u32.to_le_bytes());
    let count = 60_000u32;
    let (string, kind, class) = (0x70u32, 0x74u32, 0x78u32);
    let name = class + count * 32;
    for (at, value) in [(0x3c, string), (0x44, kind), (0x60, count), (0x64, class)] {
        dex[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    dex.extend(name.to_le_bytes());
    dex.extend(0u32.to_le_bytes());
    dex.resize(name as usize, 0);
    dex.push(0x7f);
    dex.extend(vec![b'n'; 4000]);
    dex.push(0);
    let report = common::scan(&[common::bytes("m.dex", dex)]);
    assert!(report.gaps.iter().any(|g| g.reason == Reason::Limit), "{:?}", report.gaps);
}

/// A PE32 file of one section that maps all of it, with a data directory at the given index.
fn pe(directory: usize, address: u32, body: &[u8]) -> Vec<u8> {
    let mut data = vec![0; 0x200];
    let mut put = |at: usize, bytes: &[u8]| data[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40u32.to_le_bytes());
    put(0x40, b"PE\0\0\x4c\x01\x01\0");
    put(0x54, &0xe0u16.to_le_bytes());
    put(0x58, &0x10bu16.to_le_bytes());
    put(0x58 + 92, &16u32.to_le_bytes());
    put(0x58 + 96 + directory * 8, &address.to_le_bytes());
    put(0x58 + 100 + directory * 8, &0x1000u32.to_le_bytes());
    let section = 0x58 + 0xe0;
    put(section, b".all");
    let size = u32::try_from(body.len()).unwrap();
    for (at, value) in [(8, size), (12, 0x1000), (16, size), (20, 0x200)] {
        put(section + at, &u32::to_le_bytes(value));
    }
    data.extend(body);
    data
}

#[test]
fn tables_that_point_at_one_thing_again_and_again_cost_little() {
    // 20,000 import descriptors share one table of 60,000 names; the names are one long text.
    let (descriptors, names) = (20_000u32, 60_000u32);
    let table = 0x1000 + (descriptors + 1) * 20;
    let text = table + (names + 1) * 4;
    let mut body = Vec::new();
    for _ in 0..descriptors {
        for field in [table, 0, 0, text + 2, table] {
            body.extend(field.to_le_bytes());
        }
    }
    body.extend([0; 20]);
    for _ in 0..names {
        body.extend(text.to_le_bytes());
    }
    body.extend([0; 6]);
    body.extend([b'x'; 200_000]);
    body.push(0);
    let report = common::scan_within(&[common::bytes("bomb.dll", pe(1, 0x1000, &body))], &small());
    assert!(report.gaps.iter().any(|g| matches!(g.reason, Reason::Limit | Reason::Malformed)), "{:?}", report.gaps);
    // A sign repeated a million times is listed so often and no more, and hides no other.
    let mut text = String::from(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":["#);
    for _ in 0..30_000 {
        text.push_str(r#"{"name":"appinfo.kli"},"#);
    }
    text.push_str(r#"{"name":"x","purl":"pkg:npm/%40kaspersky/hexa-ui@1"}]}"#);
    let report = common::scan(&[common::bytes("many.json", text)]);
    assert!(report.findings.iter().any(|f| f.product.id == "hexa-ui"), "{:?}", report.findings);
    assert!(report.examined.signs_dropped > 20_000);
    assert_eq!(report.examined.components, 30_001);
}

#[test]
fn delayed_imports_are_imports() {
    // One descriptor: attributes, module, handle, addresses, names.
    let at = |offset: u32| 0x1000 + offset;
    let mut body = Vec::new();
    for field in [1, at(0x80), 0, at(0x60), at(0x60), 0, 0, 0] {
        body.extend(field.to_le_bytes());
    }
    body.resize(0x60, 0);
    body.extend(at(0xa0).to_le_bytes());
    body.resize(0x80, 0);
    body.extend(b"Kave8.dll\0");
    body.resize(0xa0, 0);
    body.extend(b"\0\0kaveInitializeEx\0");
    body.resize(0x200, 0);
    let report = common::scan(&[common::bytes("delay.dll", pe(13, 0x1000, &body))]);
    assert_eq!(report.findings.len(), 1, "{:?}", report.gaps);
    // Tables that lead out of the file are said.
    for directory in [0, 1, 13] {
        let report = common::scan(&[common::bytes("out.dll", pe(directory, 0x0090_0000, &body))]);
        assert!(report.gaps.iter().any(|g| g.reason == Reason::Malformed), "directory {directory}");
    }
}

/// A tar of one regular file and, where a target is given, a hard link to it.
fn tarred(name: &str, link: Option<&str>) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    out.append_data(&mut header, name, &b"hello"[..]).unwrap();
    if let Some(link) = link {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        out.append_link(&mut header, link, name).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn what_tar_and_gzip_say_at_their_end() {
    use std::io::Write as _;
    let whole = tarred("a.txt", Some("opt/x/appinfo.kli"));
    let report = common::scan(&[common::bytes("x.tar", whole.clone())]);
    assert_eq!(report.findings.len(), 1, "a hard link is a file by another name");
    assert!(report.gaps.is_empty(), "{:?}", report.gaps);
    let report = common::scan(&[common::bytes("x.tar", &whole[..whole.len() - 1024])]);
    assert!(report.gaps.iter().any(|g| g.reason == Reason::Truncated), "no end mark: {:?}", report.gaps);
    let gzip = |data: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(data).unwrap();
        out.finish().unwrap()
    };
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"a"}]}"#;
    for (data, gaps) in [
        ([gzip(sbom), vec![0; 700]].concat(), 0),
        ([gzip(&sbom[..30]), gzip(&sbom[30..])].concat(), 0),
        ([gzip(sbom), b"junk".to_vec()].concat(), 1),
    ] {
        let report = common::scan(&[common::bytes("x.json.gz", data)]);
        assert_eq!((report.gaps.len(), report.examined.components), (gaps, 1), "{:?}", report.gaps);
    }
}

#[test]
fn an_attribute_of_another_name_space_hides_nothing() {
    for decoy in ["name=\"decoy\"", "tools:name=\"decoy\"", ""] {
        let manifest = format!(
            r#"<manifest xmlns:a="http://schemas.android.com/apk/res/android" package="com.acme"><application><service {decoy} a:name="com.kavsdk.SdkService"/></application></manifest>"#
        );
        let report = common::scan(&[common::bytes("AndroidManifest.xml", manifest)]);
        assert_eq!(report.findings.len(), 1, "{decoy}");
    }
}

#[test]
fn a_long_file_is_searched_like_one_in_memory() {
    // Longer than what is read at once, with strings before, across and behind every border of the windows.
    let mut data = vec![0u8; 9 << 20];
    let step = (256 << 10) - 7;
    for (i, at) in (100..data.len() - 200).step_by(step / 3).enumerate() {
        let text = format!("KL_PLUGINS_PATH number {i}");
        let bytes: Vec<u8> =
            if i % 2 == 0 { text.into_bytes() } else { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        data[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    let path = std::env::temp_dir().join(format!("underlabel-long-{}.bin", std::process::id()));
    std::fs::write(&path, &data).unwrap();
    let catalog = underlabel::catalog::Catalog::built_in().unwrap();
    let facts = |source: Source, limits: &Limits| {
        let mut seen = Vec::new();
        underlabel::inspect(&[source], &catalog, limits, false, &mut |said| {
            if let underlabel::Said::Fact { at, kind: "data-text", value, .. } = said {
                seen.push(format!("{} {value}", at.rsplit_once('#').unwrap().1));
            }
        })
        .unwrap();
        seen
    };
    let held = facts(common::bytes("long.bin", data), &Limits::default());
    // Not even a limit on what is held keeps the strings out.
    let tight = Limits { max_member_bytes: 1 << 20, ..Limits::default() };
    let windows = facts(Source::Path(path.clone()), &tight);
    std::fs::remove_file(&path).unwrap();
    assert!(held.len() > 100, "{}", held.len());
    assert_eq!(held, windows);
}

#[test]
fn padding_in_a_zip_is_no_hidden_entry() {
    // A local header without name and content, and an extra field that fills the hole.
    let header = |name: &[u8], content: &[u8], extra: usize| {
        let mut data = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        data.extend((content.len() as u32).to_le_bytes());
        data.extend((content.len() as u32).to_le_bytes());
        data.extend((name.len() as u16).to_le_bytes());
        data.extend((extra as u16).to_le_bytes());
        [data, name.to_vec(), vec![0; extra], content.to_vec()].concat()
    };
    let zip = {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("a.txt", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, b"text").unwrap();
        zip.finish().unwrap().into_inner()
    };
    let behind = |front: Vec<u8>| {
        // The directory's offsets move with what is put in front.
        let mut data = [front.clone(), zip.clone()].concat();
        for (mark, field) in [(&b"PK\x01\x02"[..], 42), (b"PK\x05\x06", 16)] {
            let at = memchr::memmem::rfind(&data, mark).unwrap() + field;
            let moved = u32::from_le_bytes(data[at..at + 4].try_into().unwrap()) + front.len() as u32;
            data[at..at + 4].copy_from_slice(&moved.to_le_bytes());
        }
        common::scan(&[common::bytes("x.zip", data)]).gaps
    };
    assert!(behind(header(b"", b"", 100)).is_empty(), "{:?}", behind(header(b"", b"", 100)));
    let hidden = behind(header(b"hidden.txt", b"text of an entry that is nowhere in the directory", 0));
    assert!(hidden.iter().any(|g| g.detail.contains("does not list")), "{hidden:?}");
}
