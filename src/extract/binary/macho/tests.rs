//! Hand-built images: what real linkers do not write.

use std::sync::Arc;

use super::*;

/// Facts as `kind value`, gaps as `reason field`.
fn read(data: &[u8]) -> (Vec<String>, Vec<String>) {
    let path: Arc<str> = Arc::from("x.dylib");
    let mut inventory = Inventory::new(&path, &path);
    let limits = crate::source::Limits::default();
    let options = super::super::super::Options::default();
    let _ = extract(&Doc { data, options: &options, limits: &limits }, &mut inventory);
    let facts =
        inventory.file.facts().map(|f| format!("{}{} {}", f.kind.name(), if f.doubted { "?" } else { "" }, f.value));
    let gaps = inventory.gaps.iter().map(|g| format!("{} {}", g.reason.name(), g.at.field)).collect();
    (facts.collect(), gaps)
}

fn command(kind: u32, words: &[u32]) -> Vec<u8> {
    let mut body = [kind, 8 + 4 * words.len() as u32].map(u32::to_le_bytes).concat();
    words.iter().for_each(|w| body.extend(w.to_le_bytes()));
    body
}

/// An image of these load commands, and what stands behind them.
fn image(commands: &[Vec<u8>], behind: &[u8]) -> Vec<u8> {
    let size = commands.iter().map(Vec::len).sum::<usize>() as u32;
    let head = [0xfeed_facf, 0x0100_000c, 0, 6, commands.len() as u32, size, 0, 0];
    [head.map(u32::to_le_bytes).concat(), commands.concat(), behind.to_vec()].concat()
}

/// An image with one part that a load command of two numbers speaks of.
fn with_part(kind: u32, part: &[u8]) -> Vec<u8> {
    image(&[command(kind, &[32 + 16, part.len() as u32])], part)
}

const TRIE: u32 = 0x8000_0033;
const FIXUPS: u32 = 0x8000_0034;
const SIGNATURE: u32 = 0x1d;

#[test]
fn load_commands_that_cannot_be() {
    assert_eq!(read(&image(&[command(0x1b, &[1, 2, 3, 4])], b"")).1, Vec::<String>::new());
    // A size of zero, one that leads out, and more commands than there are.
    for size in [0u32, 4, 0xffff_fff0] {
        let mut data = image(&[command(0x1b, &[1, 2, 3, 4])], b"");
        data[36..40].copy_from_slice(&size.to_le_bytes());
        assert_eq!(read(&data).1, ["malformed load commands"]);
    }
    let mut data = image(&vec![command(0x8000_001c, &[12, 0x41]); 70_000], b"");
    let (facts, gaps) = read(&data);
    assert_eq!((facts.len(), gaps), (65_536, vec!["limit load commands".to_owned()]));
    data.truncate(100);
    assert!(read(&data).1.contains(&"truncated load commands".to_owned()));
    assert_eq!(read(&[0xcf, 0xfa, 0xed, 0xfe]).1, ["truncated "]);
    // Segments without end.
    let many = image(&vec![command(0x19, &[0; 16]); 1000], b"");
    assert_eq!(read(&many).1, ["limit segments"]);
    let sections = image(&[command(0x19, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xffff_ffff, 0])], b"");
    assert_eq!(read(&sections).1, ["malformed segments"]);
}

#[test]
fn the_trie_of_exports() {
    // Root: no terminal, two edges `_a` and `_b`; each leads to a terminal.
    let trie = [0, 2, b'_', b'a', 0, 10, b'_', b'b', 0, 13, 1, 0, 0, 1, 0, 0];
    assert_eq!(
        read(&with_part(TRIE, &trie)),
        (vec!["export-symbol a".to_owned(), "export-symbol b".to_owned()], vec![])
    );
    // Back to the root; to a node that is another's; out of the trie.
    for target in [0, 13, 200] {
        let mut looped = trie;
        looped[5] = target;
        let (facts, gaps) = read(&with_part(TRIE, &looped));
        assert!(gaps.contains(&"malformed LC_DYLD_EXPORTS_TRIE".to_owned()), "{target}: {facts:?} {gaps:?}");
    }
    // Ten thousand nodes, each longer than the last, as deep as that: no stack of ours, and names have an end.
    let mut deep = Vec::new();
    for i in 0..10_000u32 {
        let next = (i + 1) * 7;
        deep.extend([0, 1, b'x', 0, next as u8 & 0x7f | 0x80, (next >> 7) as u8 & 0x7f | 0x80, (next >> 14) as u8]);
    }
    assert_eq!(read(&with_part(TRIE, &deep)).1, ["limit LC_DYLD_EXPORTS_TRIE"]);
    assert_eq!(read(&with_part(TRIE, &[0, 255])).1, ["malformed LC_DYLD_EXPORTS_TRIE"]);
    // Every node has two hundred edges along one long text.
    let mut wide = vec![0u8, 200];
    wide.extend([b'y'; 100_000]);
    assert!(!read(&with_part(TRIE, &wide)).1.is_empty());
}

#[test]
fn names_of_binds_and_fixups() {
    let bind = b"\x11\x40_kaveScanFile\0\x51\x72\x10\x90\x00";
    let mut words = [0u32; 10];
    (words[2], words[3]) = (32 + 48, bind.len() as u32);
    assert_eq!(
        read(&image(&[command(0x8000_0022, &words)], bind)),
        (vec!["import-symbol kaveScanFile".to_owned()], vec![])
    );
    assert_eq!(read(&image(&[command(0x8000_0022, &words)], &bind[..10])).1[0], "truncated LC_DYLD_INFO/bind");
    let table = |count: u32| {
        let head = [0, 0, 28, 36, count, 1, 0, 1 | 1 << 9, 1 | 6 << 9].map(u32::to_le_bytes).concat();
        [head, b"\0_one\0_two\0".to_vec()].concat()
    };
    let both = vec!["import-symbol one".to_owned(), "import-symbol two".to_owned()];
    assert_eq!(read(&with_part(FIXUPS, &table(2))), (both, vec![]));
    let wild = read(&with_part(FIXUPS, &table(u32::MAX)));
    assert!(wild.1.iter().any(|g| g.starts_with("malformed")), "{wild:?}");
}

/// A signature of these parts.
fn parts(parts: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let (mut index, mut body) = (Vec::new(), Vec::new());
    for (slot, magic, part) in parts {
        index.extend([*slot, (12 + 8 * parts.len() + body.len()) as u32].map(u32::to_be_bytes).concat());
        body.extend([*magic, 8 + part.len() as u32].map(u32::to_be_bytes).concat());
        body.extend(*part);
    }
    let size = (12 + index.len() + body.len()) as u32;
    [[0xfade_0cc0, size, parts.len() as u32].map(u32::to_be_bytes).concat(), index, body].concat()
}

/// The body of a code directory of one page over the first bytes of an image.
fn directory(limit: u32, hash: &[u8]) -> Vec<u8> {
    let head = [0x20200, 2, 56, 52, 0, 1, limit].map(u32::to_be_bytes).concat();
    [head, vec![32, 2, 0, 12], [0u32, 0, 52].map(u32::to_be_bytes).concat(), b"own\0".to_vec(), hash.to_vec()].concat()
}

#[test]
fn code_signatures() {
    use super::super::super::signature::digest::Algorithm;
    let size = parts(&[(0, 0xfade_0c02, &directory(48, &[0; 32]))]).len() as u32;
    let head = image(&[command(SIGNATURE, &[48, size])], b"");
    let hash = Algorithm::Sha256.digest([&head[..]]);
    let signed = |hash: &[u8], limit| [head.clone(), parts(&[(0, 0xfade_0c02, &directory(limit, hash))])].concat();
    let (facts, gaps) = read(&signed(&hash, 48));
    assert_eq!(facts[0], "signature-digest? not checked (ad hoc: nobody signed it)");
    assert_eq!((facts[1].as_str(), facts[2].as_str(), gaps.len()), ("code-identifier? own", "team-id? own", 0));
    assert!(
        read(&signed(&[7; 32], 48)).0[0].starts_with("signature-digest? digest mismatch (the SHA-256 digest of page 0")
    );
    // Only the beginning is covered; more than there is.
    for limit in [16, u32::MAX] {
        assert!(read(&signed(&hash, limit)).0[0].contains("mismatch"), "{limit}");
    }
}

#[test]
fn hostile_signatures() {
    let with = |signature: &[u8]| read(&with_part(SIGNATURE, signature)).1;
    assert!(with(b"\xfa\xde\x0c\xc0\0\0\0\x0c\xff\xff\xff\xff").contains(&"limit LC_CODE_SIGNATURE".to_owned()));
    assert_eq!(with(b"\xfa\xde\x0c\xc0\0\0\xff\0\0\0\0\0")[0], "truncated LC_CODE_SIGNATURE");
    assert_eq!(with(b"\xfa\xde")[0], "truncated LC_CODE_SIGNATURE");
    assert_eq!(with(b"nothing of that")[0], "malformed LC_CODE_SIGNATURE");
    // A part that leads out, and code directories that do.
    assert_eq!(with(b"\xfa\xde\x0c\xc0\0\0\0\x14\0\0\0\x01\0\0\0\0\xff\xff\xff\xf0")[0], "malformed LC_CODE_SIGNATURE");
    for at in [16, 20, 24, 28, 36, 39] {
        let mut wild = directory(48, &[0; 32]);
        wild[at - 8..at - 4].fill(0xff);
        let _ = with(&parts(&[(0, 0xfade_0c02, &wild)]));
        let _ = with(&parts(&[(0, 0xfade_0c02, &wild[..at])]));
    }
    // Sixty-four names for one code directory.
    let one = directory(48, &[0; 32]);
    let many: Vec<(u32, u32, &[u8])> = (0..60).map(|slot| (slot, 0xfade_0c02, &one[..])).collect();
    assert!(with(&parts(&many)).contains(&"limit LC_CODE_SIGNATURE".to_owned()));
    // Entitlements without end, in both forms.
    let deep = [&b"<plist>"[..], &b"<dict><key>a</key>".repeat(5000)].concat();
    assert!(with(&parts(&[(0, 0xfade_0c02, &one), (5, 0xfade_7171, &deep)])).iter().any(|g| g.starts_with("limit")));
    let der = [&[0x70, 0x80, 2, 1, 1][..], &[0xb0, 0x80].repeat(5000)].concat();
    assert!(with(&parts(&[(0, 0xfade_0c02, &one), (7, 0xfade_7172, &der)])).iter().any(|g| g.starts_with("malformed")));
}

#[test]
fn universal_files() {
    let thin = image(&[command(0x8000_001c, &[12, 0x41])], b"");
    let fat = |slices: &[(u32, u32)], behind: &[u8]| {
        let mut data = [0xcafe_babe, slices.len() as u32].map(u32::to_be_bytes).concat();
        slices.iter().for_each(|(at, len)| data.extend([7, 3, *at, *len, 0].map(u32::to_be_bytes).concat()));
        data.resize(64, 0);
        [data, behind.to_vec()].concat()
    };
    let len = thin.len() as u32;
    let (facts, gaps) = read(&fat(&[(64, len), (64, len)], &thin));
    assert_eq!((facts, gaps), (vec!["rpath A".to_owned(); 2], vec!["malformed ".to_owned()]));
    assert_eq!(read(&fat(&[(0, 64)], b"")).1, ["unsupported arch[0]"]);
    assert_eq!(read(&fat(&[(64, 20)], b"!<arch>\n............")).1, ["unsupported arch[0]"]);
    assert_eq!(read(&fat(&[(64, 20)], b"................")).1, ["truncated ", "malformed arch[0]"]);
    assert_eq!(read(&fat(&[(u32::MAX, u32::MAX)], b"")).1, ["truncated ", "truncated arch[0]"]);
    assert_eq!(read(b"\xca\xfe\xba\xbe\0\0\0\x02").1, ["truncated "]);
    // Offsets of eight bytes.
    let mut wide = [0xcafe_babfu32, 1, 7, 3, 0, 64, 0, len, 0, 0].map(u32::to_be_bytes).concat();
    wide.resize(64, 0);
    assert_eq!(read(&[wide, thin].concat()), (vec!["rpath A".to_owned()], vec![]));
}
