//! Images put together by hand: what no linker at hand writes, and what only hostile ones do.

use std::sync::Arc;

use super::extract;
use crate::extract::{Doc, Mine, Options, Stems};
use crate::fact::{FactKind, Inventory, Reason};
use crate::source::Limits;

const DOTNET: &[u8] = include_bytes!("../../../../fixtures/extract/binary-pe/dotnet/input.dll");

/// Where the sections' bytes start in the file.
const BODY: usize = 0x400;

/// A PE32 image whose sections all map the same bytes, one page behind the other.
fn image(names: &[&[u8]], directories: &[(usize, u32, u32)], body: &[u8]) -> Vec<u8> {
    let table = 0x58 + 0xe0;
    let start = (table + names.len() * 40).next_multiple_of(0x200).max(BODY);
    let mut data = vec![0; start];
    let mut put = |at: usize, bytes: &[u8]| data[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40u32.to_le_bytes());
    put(0x40, b"PE\0\0\x4c\x01");
    put(0x46, &u16::try_from(names.len()).unwrap().to_le_bytes());
    put(0x54, &0xe0u16.to_le_bytes());
    put(0x58, &0x10bu16.to_le_bytes());
    put(0x58 + 36, &0x200u32.to_le_bytes());
    put(0x58 + 92, &16u32.to_le_bytes());
    for (index, address, size) in directories {
        put(0x58 + 96 + index * 8, &address.to_le_bytes());
        put(0x58 + 100 + index * 8, &size.to_le_bytes());
    }
    let size = u32::try_from(body.len()).unwrap();
    for (i, name) in names.iter().enumerate() {
        put(table + i * 40, name);
        let address = 0x1000 + u32::try_from(i).unwrap() * 0x1000;
        for (at, value) in [(8, size), (12, address), (16, size), (20, u32::try_from(start).unwrap())] {
            put(table + i * 40 + at, &value.to_le_bytes());
        }
    }
    data.extend(body);
    data
}

fn read(data: &[u8]) -> Inventory<'static> {
    let path: Arc<str> = Arc::from("x.dll");
    let mut inventory = Inventory::new(&path, &path);
    let (options, limits) = (Options::default(), Limits::default());
    let doc = Doc { data, options: &options, limits: &limits };
    assert!(extract(&doc, &mut inventory) == Mine::Yes);
    inventory
}

fn said(inventory: &Inventory<'_>, kind: FactKind) -> Vec<String> {
    inventory.file.facts().filter(|fact| fact.kind == kind).map(|fact| fact.value.to_owned()).collect()
}

fn gaps(inventory: &Inventory<'_>, reason: Reason) -> bool {
    inventory.gaps.iter().any(|gap| gap.reason == reason)
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn empty_tables_are_silence() {
    let all: Vec<(usize, u32, u32)> = [0, 1, 2, 3, 5, 6, 9, 10, 11, 12, 13].map(|i| (i, 0x1000, 0)).to_vec();
    let inventory = read(&image(&[b".all"], &all, &[0; 0x200]));
    assert!(inventory.gaps.is_empty(), "{:?}", inventory.gaps);
    assert_eq!(inventory.file.facts().count(), 0);
}

#[test]
fn wild_tables_end_and_are_said() {
    let bodies =
        [vec![0xff; 0x400], (0..0x400u32).flat_map(|i| (0x1000 + i * 4).to_le_bytes()).collect(), vec![1; 0x400]];
    for body in &bodies {
        for directory in 0..16 {
            for address in [1, 0x40, 0x1000, 0x1001, 0x13fc, 0x7fff_ffff, u32::MAX] {
                for size in [0, 1, 28, 0x1000, u32::MAX] {
                    let inventory = read(&image(&[b".all"], &[(directory, address, size)], body));
                    assert!(inventory.file.facts().count() < 5000, "{directory} {address:x} {size:x}");
                }
            }
        }
    }
    for directory in [0, 1, 2, 6, 11, 13, 14] {
        let inventory = read(&image(&[b".all"], &[(directory, 0x0090_0000, 0x100)], &[0; 0x200]));
        assert!(gaps(&inventory, Reason::Malformed), "directory {directory}");
    }
}

#[test]
fn sections_that_overlap_and_as_many_as_there_can_be() {
    let names = vec![&b".x"[..]; 65_535];
    let tables: Vec<(usize, u32, u32)> = (0..16).map(|i| (i, 0x1000 * 60_000, 0x200)).collect();
    let mut data = image(&names, &tables, &[0; 0x200]);
    read(&data);
    // All begin at one address and are of every size.
    for i in 0..65_535 {
        let at = 0x58 + 0xe0 + i * 40;
        data[at + 12..at + 16].copy_from_slice(&0x1000u32.to_le_bytes());
        data[at + 8..at + 12].copy_from_slice(&u32::try_from(i).unwrap().to_le_bytes());
    }
    read(&data);
    // A table of sections that the file does not hold.
    let inventory = read(&data[..0x2000]);
    assert!(gaps(&inventory, Reason::Truncated));
}

#[test]
fn a_resource_tree_that_leads_back_into_itself_ends() {
    // Every entry of the root is of the type and name looked for, and leads to the root.
    for kind in [16u32, 24, 10] {
        let mut body = words(&[0, 0, 0, 0xffff_0000]);
        for _ in 0..65_535 {
            body.extend(words(&[kind, 0x8000_0000]));
        }
        let inventory = read(&image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &body));
        assert!(gaps(&inventory, Reason::Limit), "{:?}", inventory.gaps);
    }
    // Names that are the whole tree, in a tree of names.
    let mut body = words(&[0, 0, 0, 0x0000_ffff]);
    for _ in 0..65_535 {
        body.extend(words(&[0x8000_0010, 0x8000_0000]));
    }
    let inventory = read(&image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &body));
    assert!(gaps(&inventory, Reason::Limit));
    assert!(said(&inventory, FactKind::ResourceName).len() <= 10_000);
}

/// A resource tree with one leaf.
fn resource(kind: u32, name: u32, bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap();
    let mut body = Vec::new();
    for (id, to) in [(kind, 0x8000_0018), (name, 0x8000_0030), (0x409, 0x48)] {
        body.extend(words(&[0, 0, 0, 0x0001_0000, id, to]));
    }
    body.extend(words(&[0x1060, size, 0, 0]));
    body.resize(0x60, 0);
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(0x200), 0);
    body
}

fn manifest(text: &str) -> Inventory<'static> {
    read(&image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &resource(24, 2, text.as_bytes())))
}

#[test]
fn manifests_that_are_broken_are_said() {
    let inventory = manifest("<assembly><assemblyIdentity name='Kave8'/><description>x");
    assert!(gaps(&inventory, Reason::Malformed), "{:?}", inventory.gaps);
    assert_eq!(said(&inventory, FactKind::AssemblyIdentity), ["Kave8"]);
    assert!(gaps(&manifest("<other/>"), Reason::Malformed));
    assert!(gaps(&manifest(&format!("<assembly>{}", "<a>".repeat(1000))), Reason::Limit));
    let many = format!("<assembly>{}</assembly>", "<file name='a.dll'/>".repeat(3000));
    let inventory = manifest(&many);
    assert!(gaps(&inventory, Reason::Limit) && said(&inventory, FactKind::FileReference).len() == 2000);
    let wide: Vec<u8> =
        "\u{feff}<assembly><file name='kave8.dll'/></assembly>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let inventory = read(&image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &resource(24, 2, &wide)));
    assert_eq!(said(&inventory, FactKind::FileReference), ["kave8.dll"]);
    assert!(inventory.gaps.is_empty(), "{:?}", inventory.gaps);
    // Nine hundred entries that all lead to one manifest of a megabyte.
    let mut body = words(&[0, 0, 0, 0x0001_0000, 24, 0x8000_0018, 0, 0, 0, 900 << 16]);
    body.extend(words(&[2, 0x8000_2000]).repeat(900));
    body.resize(0x2000, 0);
    body.extend(words(&[0, 0, 0, 0x0001_0000, 0x409, 0x2018, 0x4000, 1 << 20, 0, 0]));
    body.resize(0x3000, 0);
    body.extend(b"<assembly>");
    body.resize(0x3000 + (1 << 20), b' ');
    let inventory = read(&image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &body));
    assert!(gaps(&inventory, Reason::Limit));
}

#[test]
fn forwarders_bound_imports_and_old_debug_entries() {
    let mut body = words(&[0, 0, 0, 0, 7, 2, 0, 0x1028, 0, 0, 0x1030, 0x5000]);
    body.extend(b"Kave8.kaveScanFile\0");
    body.resize(0x200, 0);
    let inventory = read(&image(&[b".all"], &[(0, 0x1000, 0x100)], &body));
    assert_eq!(said(&inventory, FactKind::ExportForward), ["Kave8.kaveScanFile"]);

    // The second entry is what the first forwards to.
    let mut body = words(&[1, 0x0001_0018, 2, 0x22, 0, 0]);
    body.extend(b"Kave8.dll\0ntdll.dll\0");
    body.resize(0x200, 0);
    let inventory = read(&image(&[b".all"], &[(11, 0x1000, 0x40)], &body));
    assert_eq!(said(&inventory, FactKind::ImportModule), ["Kave8.dll", "ntdll.dll"]);
    assert!(inventory.gaps.is_empty(), "{:?}", inventory.gaps);

    let record = u32::try_from(BODY + 0x40).unwrap();
    let mut body = words(&[0, 0, 0, 2, 0x30, 0x1040, record]);
    body.resize(0x40, 0);
    body.extend(b"NB10");
    body.extend(words(&[0, 0x3a2b_1c0d, 3]));
    body.extend(b"D:\\kav\\kave8.pdb\0");
    body.resize(0x200, 0);
    let inventory = read(&image(&[b".all"], &[(6, 0x1000, 28)], &body));
    assert_eq!(said(&inventory, FactKind::DebugFile), ["D:\\kav\\kave8.pdb"]);
    assert_eq!(said(&inventory, FactKind::BuildId), ["3A2B1C0D3"]);
    let inventory = read(&image(&[b".all"], &[(6, 0x1000, 28 * 5000)], &vec![1; 28 * 5000]));
    assert!(gaps(&inventory, Reason::Limit));
}

#[test]
fn a_rich_header_and_one_that_was_changed() {
    let plain = image(&[b".all"], &[], &[0; 0x200]);
    let tools = [(0x0105_8410_u32, 12u32), (0x0104_8410, 3)];
    let mut stub = plain[..0x40].to_vec();
    stub[0x3c..0x40].copy_from_slice(&0x78u32.to_le_bytes());
    let mut key = 0x40u32;
    for (at, byte) in (0u32..).zip(&stub[..0x3c]) {
        key = key.wrapping_add(u32::from(*byte).rotate_left(at % 32));
    }
    for (tool, count) in tools {
        key = key.wrapping_add(tool.rotate_left(count));
    }
    let hidden = [u32::from_le_bytes(*b"DanS"), 0, 0, 0, tools[0].0, tools[0].1, tools[1].0, tools[1].1];
    stub.extend(words(&hidden.map(|word| word ^ key)));
    stub.extend(b"Rich");
    stub.extend(words(&[key]));
    stub.resize(0x78, 0);
    let mut data = [&stub, &plain[0x40..]].concat();
    let inventory = read(&data);
    let tools = said(&inventory, FactKind::Toolchain);
    assert_eq!(tools, ["Rich: id=0x0104 build=33808 count=3", "Rich: id=0x0105 build=33808 count=12"]);
    assert!(inventory.notes.is_empty());
    data[0x20] ^= 1;
    assert!(read(&data).notes[0].detail.contains("checksum"));
}

#[test]
fn installers_say_what_they_are() {
    let tools = |data: &[u8]| said(&read(data), FactKind::Toolchain);
    let plain = image(&[b".text"], &[], &[0; 0x200]);
    let mut nsis = plain.clone();
    nsis.extend(b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst\0\0\0\0\0\0\0\0");
    assert_eq!(tools(&nsis), ["Nullsoft Install System"]);
    assert_eq!(tools(&[&plain[..], b"InstallShield\0xxxxxxxx"].concat()), ["InstallShield"]);
    assert_eq!(tools(&image(&[b".text", b".wixburn"], &[], &[0; 0x200])), ["WiX Burn"]);
    let packed = read(&image(&[b"UPX0", b"UPX1"], &[], &[0; 0x200]));
    assert!(gaps(&packed, Reason::Opaque));
    let mut inno = image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &resource(10, 11_111, b"rDlPtS\xcd\xe6\xd7\x7b\x0b\x2a"));
    inno.extend(b"zlb\x1a....Inno Setup Setup Data (6.2.2) (u)\0\0\0");
    assert_eq!(tools(&inno), ["Inno Setup 6.2.2"]);
    // The same words in a program that is no installer.
    assert!(tools(&[&plain[..], b"Inno Setup Setup Data (6.2.2) (u)"].concat()).is_empty());
    let stub = manifest("<assembly><description>Nullsoft Install System v3.08</description></assembly>");
    assert_eq!(said(&stub, FactKind::Toolchain), ["Nullsoft Install System v3.08"]);
}

#[test]
fn code_that_looks_packed_is_a_blind_spot() {
    let mut state = 7u64;
    let mut noise = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    let noise: Vec<u8> = (0..0x8000).map(|_| noise()).collect();
    let code = |body: &[u8], flags: u32| {
        let mut data = image(&[b".text"], &[], body);
        data[0x58 + 0xe0 + 36..][..4].copy_from_slice(&flags.to_le_bytes());
        gaps(&read(&data), Reason::Opaque)
    };
    assert!(code(&noise, 0x6000_0020));
    // Resources are packed by nature, and plain code repeats itself.
    assert!(!code(&noise, 0x4000_0040));
    assert!(!code(&b"\x8b\x45\xfc\x83\xc0\x01\x89\x45\xfc\xe8\x10\0\0\0".repeat(3000), 0x6000_0020));
}

#[test]
fn texts_of_a_string_table_stand_without_their_lengths() {
    // Lengths of 33 and 65 are the letters `!` and `A`.
    let texts = ["Kaspersky Anti-Virus SDK is ready", &"Kaspersky Lab ".repeat(5)[..65], "None of that"];
    let mut block: Vec<u8> = Vec::new();
    for text in texts {
        block.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        block.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    }
    let read = |block: &[u8]| {
        let data = image(&[b".rsrc"], &[(2, 0x1000, 0x1000)], &resource(6, 2, block));
        let path: Arc<str> = Arc::from("x.dll");
        let mut inventory = Inventory::new(&path, &path);
        let options = Options { stems: Arc::new(Stems::new(["kaspersky"])), strict: false };
        let doc = Doc { data: &data, options: &options, limits: &Limits::default() };
        assert!(extract(&doc, &mut inventory) == Mine::Yes);
        inventory
    };
    let inventory = read(&block);
    let facts: Vec<_> = inventory.file.facts().map(|f| (f.value, f.field)).collect();
    let wanted = [(texts[0], "STRINGTABLE[0x0409]/16"), (texts[1].trim(), "STRINGTABLE[0x0409]/17")];
    assert_eq!(facts, wanted);
    assert!(gaps(&read(&[0xff, 0xff, 1]), Reason::Malformed));
}

/// Where some bytes stand in the assembly.
fn place(wanted: &[u8]) -> usize {
    memchr::memmem::find(DOTNET, wanted).unwrap()
}

#[test]
fn uncompressed_tables_are_the_same_tables() {
    let mut data = DOTNET.to_vec();
    data[place(b"#~\0\0") + 1] = b'-';
    let facts = |data: &[u8]| read(data).file.facts().map(|f| format!("{f:?}")).collect::<Vec<_>>();
    assert_eq!(facts(&data), facts(DOTNET));
}

#[test]
fn assemblies_that_lie_are_said() {
    // The stream of tables begins behind its header's place: offset, size, name.
    let header = place(b"#~\0\0") - 8;
    let word = |at: usize| u32::from_le_bytes(DOTNET[at..at + 4].try_into().unwrap());
    let tables = place(b"BSJB") + word(header) as usize;
    let changed = |at: usize, with: &[u8]| {
        let mut data = DOTNET.to_vec();
        data[at..at + with.len()].copy_from_slice(with);
        read(&data)
    };
    assert!(read(DOTNET).gaps.is_empty());
    // A first table of four billion rows.
    let inventory = changed(tables + 24, &[0xff; 4]);
    assert!(gaps(&inventory, Reason::Truncated), "{:?}", inventory.gaps);
    // Tables nobody knows; a stream outside; one that stands twice; none at all.
    assert!(gaps(&changed(tables + 15, &[0x80]), Reason::Unsupported));
    assert!(gaps(&changed(header + 4, &[0xff; 4]), Reason::Malformed));
    assert!(gaps(&changed(place(b"#Blob\0"), b"#~\0\0\0\0"), Reason::Malformed));
    assert!(gaps(&changed(header + 8, b"?"), Reason::Malformed));
    assert!(gaps(&changed(place(b"BSJB"), b"?"), Reason::Malformed));
    // The heap of names is empty: nothing is named, and that is said.
    let strings = place(b"#Strings\0") - 4;
    assert!(gaps(&changed(strings, &[0; 4]), Reason::Malformed));
}
