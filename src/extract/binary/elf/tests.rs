//! Broken ELF files, by hand.

use std::sync::Arc;

use super::super::super::Options;
use super::*;
use crate::fact::FactKind;
use crate::source::Limits;

/// What a file says.
struct Said {
    facts: Vec<(FactKind, String)>,
    gaps: Vec<(String, Reason)>,
    embedded: Vec<(String, Vec<u8>)>,
    components: usize,
}

impl Said {
    fn all(&self, kind: FactKind) -> Vec<&str> {
        self.facts.iter().filter(|(k, _)| *k == kind).map(|(_, v)| v.as_str()).collect()
    }

    fn gap(&self, field: &str, reason: Reason) -> bool {
        self.gaps.contains(&(field.to_owned(), reason))
    }
}

fn read(data: &[u8]) -> Said {
    let path = Arc::from("x");
    let mut inventory = Inventory::new(&path, &path);
    let (options, limits) = (Options::default(), Limits::default());
    extract(&Doc { data, options: &options, limits: &limits }, &mut inventory);
    Said {
        facts: inventory.file.facts().map(|f| (f.kind, f.value.to_owned())).collect(),
        gaps: inventory.gaps.iter().map(|g| (g.at.field.clone(), g.reason)).collect(),
        embedded: inventory.embedded.iter().map(|e| (e.name.clone(), e.data.clone())).collect(),
        components: inventory.components.len(),
    }
}

/// Builds a 64-bit file: the header, program headers, the parts, the section table.
struct Builder {
    big: bool,
    body: Vec<u8>,
    segments: Vec<[u64; 4]>,
    sections: Vec<(&'static str, u32, u64, u64, u32)>,
}

/// Where the parts begin.
const BASE: u64 = 0x200;

impl Builder {
    fn new() -> Builder {
        Builder { big: false, body: Vec::new(), segments: Vec::new(), sections: Vec::new() }
    }

    fn num(&self, value: u64, width: usize) -> Vec<u8> {
        if self.big { value.to_be_bytes()[8 - width..].to_vec() } else { value.to_le_bytes()[..width].to_vec() }
    }

    /// Numbers as (value, width).
    fn nums(&self, values: &[(u64, usize)]) -> Vec<u8> {
        values.iter().flat_map(|(value, width)| self.num(*value, *width)).collect()
    }

    /// Puts bytes down and says where they are; addresses are offsets.
    fn put(&mut self, bytes: &[u8]) -> u64 {
        self.body.resize(self.body.len().next_multiple_of(8), 0);
        let at = BASE + self.body.len() as u64;
        self.body.extend_from_slice(bytes);
        at
    }

    fn section(&mut self, name: &'static str, kind: u32, bytes: &[u8]) -> u64 {
        let at = self.put(bytes);
        self.sections.push((name, kind, at, bytes.len() as u64, 0));
        at
    }

    fn dynamic(&mut self, entries: &[(u64, u64)]) {
        let bytes: Vec<u8> = entries.iter().flat_map(|(t, v)| self.nums(&[(*t, 8), (*v, 8)])).collect();
        let at = self.put(&bytes);
        self.segments.push([2, at, bytes.len() as u64, 8]);
    }

    fn build(mut self) -> Vec<u8> {
        let mut names = vec![0];
        let mut places = Vec::new();
        for (name, ..) in &self.sections {
            places.push(names.len() as u64);
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        let at_names = self.put(&names);
        let end = self.put(&[]);
        self.segments.push([1, 0, end, 8]);
        let count = self.sections.len() as u64 + 2;
        let mut out = b"\x7fELF\x02".to_vec();
        out.push(if self.big { 2 } else { 1 });
        out.resize(16, 0);
        out.extend(self.nums(&[(3, 2), (62, 2), (1, 4), (0, 8), (64, 8), (end, 8), (0, 4), (64, 2), (56, 2)]));
        out.extend(self.nums(&[(self.segments.len() as u64, 2), (64, 2), (count, 2), (count - 1, 2)]));
        for [kind, at, size, align] in &self.segments {
            let header = [(*kind, 4), (0, 4), (*at, 8), (*at, 8), (*at, 8), (*size, 8), (*size, 8), (*align, 8)];
            out.extend(self.nums(&header));
        }
        assert!(out.len() as u64 <= BASE);
        out.resize(BASE as usize, 0);
        out.extend_from_slice(&self.body);
        let header = |name: u64, kind: u32, at: u64, size: u64, link: u32| {
            let (kind, link) = (u64::from(kind), u64::from(link));
            self.nums(&[(name, 4), (kind, 4), (0, 8), (at, 8), (at, 8), (size, 8), (link, 4), (0, 4), (4, 8), (24, 8)])
        };
        out.extend(header(0, 0, 0, 0, 0));
        for ((_, kind, at, size, link), name) in self.sections.iter().zip(places) {
            out.extend(header(name, *kind, *at, *size, *link));
        }
        out.extend(header(0, 3, at_names, names.len() as u64, 0));
        out
    }
}

#[test]
fn both_byte_orders_and_no_sections() {
    for big in [false, true] {
        let mut b = Builder::new();
        b.big = big;
        let strings = b.put(b"\0libkave8.so\0libc.so.6\0/opt/a:$ORIGIN\0aux.so\0");
        b.dynamic(&[(1, 13), (14, 1), (29, 23), (0x7fff_fffd, 38), (5, strings), (10, 45), (0, 0)]);
        let mut data = b.build();
        for _ in 0..2 {
            let said = read(&data);
            assert_eq!(said.all(FactKind::Soname), ["libkave8.so"]);
            assert_eq!(said.all(FactKind::Needed), ["libc.so.6", "aux.so"]);
            assert_eq!(said.all(FactKind::Rpath), ["/opt/a", "$ORIGIN"]);
            assert!(said.gaps.is_empty(), "{:?}", said.gaps);
            // Once more without a section table.
            data[40..48].fill(0);
            data[60..64].fill(0);
        }
    }
}

#[test]
fn wild_offsets_are_gaps() {
    let mut b = Builder::new();
    b.dynamic(&[(5, 0xffff_ffff_0000), (10, 8), (6, 0xffff_ffff_0000), (0x6fff_fffe, u64::MAX), (0x6fff_ffff, 3)]);
    b.sections.push((".comment", 1, u64::MAX - 2, 8, 0));
    b.sections.push((".symtab", 2, 1 << 40, 1 << 40, 1));
    let said = read(&b.build());
    for field in ["DYNAMIC", ".dynsym", ".gnu.version_r", ".comment", ".symtab"] {
        assert!(said.gap(field, Reason::Malformed), "{field}: {:?}", said.gaps);
    }
    // Every number of the header, as large as it gets.
    let whole = Builder::new().build();
    for at in (16..64).step_by(2) {
        let mut data = whole.clone();
        data[at..at + 2].fill(0xff);
        read(&data);
    }
    for at in [32, 40] {
        let mut data = whole.clone();
        data[at..at + 8].fill(0xff);
        assert!(read(&data).gaps.iter().any(|(_, reason)| *reason == Reason::Truncated), "{at}");
    }
    for len in 4..64 {
        assert!(read(&whole[..len]).gap("", Reason::Truncated), "{len}");
    }
}

#[test]
fn all_the_sections_that_a_header_can_count() {
    // 65,535 headers, and the first holds a larger number still.
    let mut data = Builder::new().build();
    let at = data.len();
    data.resize(at + 64 * 0xffff, 0x41);
    data[40..48].copy_from_slice(&(at as u64).to_le_bytes());
    for count in [0xffffu16, 0] {
        data[60..62].copy_from_slice(&count.to_le_bytes());
        let said = read(&data);
        assert_eq!(said.gap("", Reason::Truncated), count == 0, "{:?}", said.gaps);
    }
}

/// A chain of needed versions: each entry (library, first, next) and each version (name, next).
fn versions(b: &mut Builder, entries: &[[u64; 3]], versions: &[[u64; 2]], count: u64) -> Said {
    let strings = b.put(b"\0libx.so\0X_1\0");
    let mut table = Vec::new();
    for [library, first, next] in entries {
        table.extend(b.nums(&[(1, 2), (0xffff, 2), (*library, 4), (*first, 4), (*next, 4)]));
    }
    for [name, next] in versions {
        table.extend(b.nums(&[(0, 4), (0, 2), (2, 2), (*name, 4), (*next, 4)]));
    }
    let at = b.put(&table);
    b.dynamic(&[(5, strings), (10, 13), (0x6fff_fffe, at), (0x6fff_ffff, count), (0, 0)]);
    read(&std::mem::replace(b, Builder::new()).build())
}

#[test]
fn chains_of_versions_end() {
    let mut b = Builder::new();
    let said = versions(&mut b, &[[1, 16, 0]], &[[9, 0]], 1);
    assert_eq!(said.all(FactKind::SymbolVersion), ["libx.so:X_1"]);
    assert!(said.gaps.is_empty(), "{:?}", said.gaps);
    // Links that lead beyond the file.
    let said = versions(&mut b, &[[1, 16, u64::from(u32::MAX)]], &[[9, 0]], 2);
    assert_eq!(said.all(FactKind::SymbolVersion), ["libx.so:X_1"]);
    assert!(said.gap(".gnu.version_r", Reason::Malformed), "{:?}", said.gaps);
    // Entries that all lead through one long chain.
    let entries: Vec<[u64; 3]> = (0..400).map(|i| [1, (400 - i) * 16, 16]).collect();
    let chain: Vec<[u64; 2]> = (0..400).map(|_| [9, 16]).collect();
    let said = versions(&mut b, &entries, &chain, u64::MAX);
    assert!(said.gap(".gnu.version_r", Reason::Limit), "{:?}", said.gaps);
    // And defined ones that step by one byte over a table of ones.
    let table = b.put(&[1u8, 0].repeat(60_000));
    b.dynamic(&[(0x6fff_fffc, table), (0x6fff_fffd, u64::MAX), (0, 0)]);
    let said = read(&b.build());
    assert!(said.gaps.iter().any(|(field, _)| field == ".gnu.version_d"), "{:?}", said.gaps);
}

#[test]
fn symbols_of_both_tables_are_said_once() {
    let mut b = Builder::new();
    let strings: &[u8] = b"\0kaveScanFile\0kaveInit\0kave_local\0a.c\0puts@GLIBC_2.2.5\0_ZL1xv\0";
    let symbol = |b: &Builder, name: u64, info: u64, section: u64| {
        b.nums(&[(name, 4), (info, 1), (0, 1), (section, 2), (0, 8), (0, 8)])
    };
    let dynamic = [symbol(&b, 0, 0, 0), symbol(&b, 1, 0x12, 5)].concat();
    let debug = [
        symbol(&b, 34, 4, 0xfff1),
        symbol(&b, 23, 2, 5),
        symbol(&b, 55, 2, 5),
        symbol(&b, 1, 0x12, 5),
        symbol(&b, 14, 0x12, 5),
        symbol(&b, 38, 0x12, 0),
    ]
    .concat();
    b.section(".dynsym", 11, &dynamic);
    b.section(".symtab", 2, &debug);
    b.section(".strtab", 3, strings);
    for section in &mut b.sections[..2] {
        section.4 = 3;
    }
    let said = read(&b.build());
    assert_eq!(said.all(FactKind::ExportSymbol), ["kaveScanFile", "kaveInit", "kave_local"]);
    assert_eq!(said.all(FactKind::ImportSymbol), ["puts"]);
    assert_eq!(said.all(FactKind::SourceFile), ["a.c"]);
    assert!(said.gaps.is_empty(), "{:?}", said.gaps);
}

#[test]
fn names_without_an_end_and_a_million_of_one_name_are_bounded() {
    let mut b = Builder::new();
    let symbols: Vec<u8> =
        (0..100_000u64).flat_map(|i| b.nums(&[(1 + i % 3000, 4), (0x12, 1), (0, 1), (5, 2), (0, 8), (0, 8)])).collect();
    b.section(".symtab", 2, &symbols);
    b.sections[0].4 = 2;
    b.section(".strtab", 3, &[b'x'; 8000]);
    let said = read(&b.build());
    assert!(said.gap(".symtab", Reason::Malformed) && said.gap(".symtab", Reason::Limit), "{:?}", said.gaps);
    assert!(said.all(FactKind::ExportSymbol).iter().all(|name| name.len() <= 4096));
    // Names that stand nowhere, and entries of no size.
    let mut b = Builder::new();
    let symbol = b.nums(&[(999, 4), (0x12, 1), (0, 1), (5, 2), (0, 8), (0, 8)]);
    b.section(".symtab", 2, &symbol);
    b.sections[0].4 = 2;
    b.section(".strtab", 3, b"\0");
    b.section(".dynsym", 11, b"");
    assert!(read(&b.build()).gap(".symtab", Reason::Malformed));
}

#[test]
fn a_packed_program_is_a_blind_spot() {
    // A header of one segment and no section, as UPX leaves it.
    let mut data = vec![0u8; 4096];
    data[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value) in [(16, 2u8), (18, 62), (20, 1), (32, 64), (52, 64), (54, 56), (56, 1), (64, 1)] {
        data[at] = value;
    }
    data[64 + 32..][..2].copy_from_slice(&4096u16.to_le_bytes());
    assert!(!read(&data).gap("", Reason::Opaque));
    data[124..128].copy_from_slice(b"UPX!");
    assert!(!read(&data).gap("", Reason::Opaque));
    data[4060..4064].copy_from_slice(b"UPX!");
    assert!(read(&data).gap("", Reason::Opaque));
}

#[test]
fn notes_of_odd_sizes() {
    let note = |b: &Builder, name: &[u8], size: u64, kind: u64, desc: &[u8]| {
        let mut out = b.nums(&[(name.len() as u64, 4), (size, 4), (kind, 4)]);
        out.extend_from_slice(name);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(desc);
        out
    };
    let mut b = Builder::new();
    let good = note(&b, b"GNU\0", 4, 3, &[0xde, 0xad, 0xbe, 0xef]);
    let wild = note(&b, b"GNU\0", u64::from(u32::MAX), 3, &[1, 2, 3, 4]);
    b.section("n", 7, &[good.clone(), wild].concat());
    let said = read(&b.build());
    assert_eq!(said.all(FactKind::BuildId), ["deadbeef"]);
    assert!(said.gap("note", Reason::Malformed), "{:?}", said.gaps);
    // Zeros are notes without a name; a note that two tables share is read once.
    let mut b = Builder::new();
    let at = b.section("n", 7, &[vec![0; 120], good.clone()].concat());
    b.segments.push([4, at, 120 + good.len() as u64, 4]);
    let said = read(&b.build());
    assert_eq!(said.all(FactKind::BuildId), ["deadbeef"]);
    assert!(said.gaps.is_empty(), "{:?}", said.gaps);
    // Very many.
    let mut b = Builder::new();
    b.section("n", 7, &vec![0; 12 * 30_000]);
    assert!(read(&b.build()).gap("note", Reason::Limit));
    // Metadata of a package.
    let mut b = Builder::new();
    let json = br#"{"type":"rpm","name":"mailguard","version":"5.2-1","architecture":"x86_64","os":"fedora"}"#;
    let package = note(&b, b"FDO\0", json.len() as u64, 0xcafe_1a7e, json);
    b.section("n", 7, &package);
    let said = read(&b.build());
    assert_eq!(said.all(FactKind::Name), ["mailguard"]);
    assert_eq!(said.all(FactKind::Purl), ["pkg:rpm/fedora/mailguard@5.2-1?arch=x86_64"]);
    let mut b = Builder::new();
    let broken = note(&b, b"FDO\0", 5, 0xcafe_1a7e, b"{\"a\":\0\0\0");
    b.section("n", 7, &broken);
    assert!(read(&b.build()).gap(".note.package", Reason::Malformed));
}

#[test]
fn a_kernel_module_tells_its_parameters() {
    let mut b = Builder::new();
    b.section(".modinfo", 1, b"license=GPL\0\0author=A <a@example.org>\0odd\0version=1.0\0");
    b.section(".comment", 1, b"\0GCC: (Debian) 12\0GCC: (Debian) 12\0LLD");
    let said = read(&b.build());
    assert_eq!(said.all(FactKind::ModuleInfo), ["license=GPL", "author=A <a@example.org>", "odd", "version=1.0"]);
    assert_eq!(said.all(FactKind::Author), ["A <a@example.org>"]);
    assert_eq!(said.all(FactKind::Toolchain), ["GCC: (Debian) 12", "LLD"]);
    let mut b = Builder::new();
    b.section(".modinfo", 1, &b"a=1\0".repeat(30_000));
    assert!(read(&b.build()).gap(".modinfo", Reason::Limit));
}

#[test]
fn documents_in_sections_and_behind_symbols() {
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#;
    let mut b = Builder::new();
    b.section(".sbom", 1, &[&sbom[..], &[0; 9]].concat());
    assert_eq!(read(&b.build()).embedded, [(".sbom".to_owned(), sbom.to_vec())]);
    for (length, gap) in [(sbom.len() as u64, false), (1 << 40, true)] {
        let mut b = Builder::new();
        let at = b.put(sbom);
        let size = b.num(length, 8);
        let size = b.put(&size);
        let symbol =
            |b: &Builder, name: u64, value: u64| b.nums(&[(name, 4), (0x11, 1), (0, 1), (5, 2), (value, 8), (0, 8)]);
        let symbols = [symbol(&b, 1, at), symbol(&b, 6, size)].concat();
        b.section(".symtab", 2, &symbols);
        b.sections[0].4 = 2;
        b.section(".strtab", 3, b"\0sbom\0sbom_length\0");
        let said = read(&b.build());
        assert_eq!(said.embedded.len(), usize::from(!gap));
        assert_eq!(said.gap("sbom", Reason::Malformed), gap, "{:?}", said.gaps);
    }
}

#[test]
fn a_build_of_go_in_both_forms() {
    let modules = format!(
        "0123456789abcdef{}fedcba9876543210",
        "path\texample.com/cmd/x\nmod\texample.com/x\tv1.0.0\th1:a=\ndep\tgithub.com/A/b\tv0.1.0\n=>\t../b\t\nbuild\t-ldflags=-s\n"
    );
    let mut b = Builder::new();
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.extend([6]);
    info.extend(b"go1.19");
    let size = modules.len();
    info.extend([(size & 0x7f) as u8 | 0x80, (size >> 7) as u8]);
    info.extend(modules.as_bytes());
    b.section(go::SECTION, 1, &info);
    let inline = b.build();
    let mut b = Builder::new();
    b.big = true;
    let text = |b: &mut Builder, text: &str| {
        let at = b.put(text.as_bytes());
        let header = b.nums(&[(at, 8), (text.len() as u64, 8)]);
        b.put(&header)
    };
    let (version, modules) = (text(&mut b, "go1.16"), text(&mut b, &modules));
    let mut info = b"\xff Go buildinf:\x08\x01".to_vec();
    info.extend(b.nums(&[(version, 8), (modules, 8)]));
    b.section(go::SECTION, 1, &info);
    for (data, version) in [(inline.clone(), "go1.19"), (b.build(), "go1.16")] {
        let said = read(&data);
        assert_eq!(said.all(FactKind::Toolchain), [version]);
        assert_eq!(said.all(FactKind::Name), ["example.com/cmd/x"]);
        assert_eq!(said.all(FactKind::Property), ["-ldflags=-s"]);
        assert_eq!(said.components, 3);
        assert!(said.gaps.is_empty(), "{:?}", said.gaps);
    }
    // Lengths that lead out of the file.
    let at = inline.windows(6).position(|w| w == b"go1.19").unwrap() + 6;
    let mut data = inline.clone();
    data[at..at + 9].fill(0xff);
    let said = read(&data);
    assert!(said.gap("go", Reason::Malformed), "{:?}", said.gaps);
}
