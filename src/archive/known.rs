//! Formats that are recognised and not opened: each is a gap that names it, so that no shut box reads
//! as an empty one.
//!
//! In: first bytes and a name. Out: the format's name. A line leaves this table when its reader comes.

/// A signature at an offset.
struct Known {
    name: &'static str,
    at: usize,
    magic: &'static [u8],
}

const fn known(name: &'static str, at: usize, magic: &'static [u8]) -> Known {
    Known { name, at, magic }
}

const KNOWN: &[Known] = &[
    known("ACE archive", 7, b"**ACE**"),
    known("StuffIt archive", 0, b"SIT!"),
    known("StuffIt archive", 0, b"StuffIt (c)1997-"),
    known("StuffIt X archive", 0, b"StuffIt!"),
    known("ZPAQ archive", 0, b"zPQ"),
    known("ZPAQ archive", 0, b"7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3"),
    known("ZOO archive", 20, b"\xdc\xa7\xc4\xfd"),
    known("LHA archive", 2, b"-lh0-"),
    known("LHA archive", 2, b"-lh1-"),
    known("LHA archive", 2, b"-lh5-"),
    known("LHA archive", 2, b"-lh6-"),
    known("LHA archive", 2, b"-lh7-"),
    known("LHA archive", 2, b"-lhd-"),
    known("LHA archive", 2, b"-lz5-"),
    known("LHA archive", 2, b"-pm2-"),
    known("lrzip stream", 0, b"LRZI"),
    known("Apple archive", 0, b"AA01"),
    known("Apple archive", 0, b"YAA1"),
    known("Microsoft cabinet", 0, b"MSCF\0\0\0\0"),
    known("InstallShield cabinet", 0, b"ISc("),
    known("OLE compound file (MSI, MSP, old Office)", 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    known("Windows image (WIM)", 0, b"MSWIM\0\0\0"),
    known("squashfs image", 0, b"hsqs"),
    known("squashfs image", 0, b"sqsh"),
    known("cramfs image", 0, b"\x45\x3d\xcd\x28"),
    known("romfs image", 0, b"-rom1fs-"),
    known("UBI image", 0, b"UBI#"),
    known("U-Boot legacy image", 0, b"\x27\x05\x19\x56"),
    known("device tree or U-Boot FIT image", 0, b"\xd0\x0d\xfe\xed"),
    known("TRX firmware image", 0, b"HDR0"),
    known("Android sparse image", 0, b"\x3a\xff\x26\xed"),
    known("Android boot image", 0, b"ANDROID!"),
    known("QCOW2 disk image", 0, b"QFI\xfb"),
    known("VMDK disk image", 0, b"KDMV"),
    known("VHDX disk image", 0, b"vhdxfile"),
    known("ISO 9660 image", 32769, b"CD001"),
    known("ext2/3/4 file system", 1080, b"\x53\xef\x01\x00"),
    known("EROFS image", 1024, b"\xe2\xe1\xf5\xe0"),
    known("GPT disk image", 512, b"EFI PART"),
    known("SQLite database", 0, b"SQLite format 3\0"),
    known("LUKS volume", 0, b"LUKS\xba\xbe"),
];

/// Endings that claim a format with no dependable signature at the start.
const BY_ENDING: &[(&str, &str)] =
    &[(".dmg", "Apple disk image"), (".img", "disk image"), (".arj", "ARJ archive"), (".arc", "ARC archive")];

/// The name of a recognised format.
pub(super) fn recognise(head: &[u8], name: &str) -> Option<&'static str> {
    let by_magic = KNOWN.iter().find(|k| head.get(k.at..).is_some_and(|rest| rest.starts_with(k.magic)));
    if let Some(found) = by_magic {
        return Some(found.name);
    }
    if !head.contains(&0) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    BY_ENDING.iter().find(|(ending, _)| lower.ends_with(ending)).map(|(_, name)| *name)
}

/// Every name, once.
pub(super) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = KNOWN.iter().map(|k| k.name).chain(BY_ENDING.iter().map(|(_, name)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}
