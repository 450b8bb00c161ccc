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
    known("InstallShield setup data", 0, b"InstallShield\0"),
    known("InstallShield setup stream", 0, b"ISSetupStream\0"),
    known("Setup Factory installer data", 0, b"\xe0\xe0\xe1\xe1\xe2\xe2\xe3\xe3"),
    known("lrzip stream", 0, b"LRZI"),
    known("Apple archive", 0, b"AA01"),
    known("Apple archive", 0, b"YAA1"),
    known("LUKS volume", 0, b"LUKS\xba\xbe"),
    known("BitLocker volume", 3, b"-FVE-FS-"),
    known("exFAT file system", 3, b"EXFAT   "),
    known("ReFS file system", 3, b"ReFS\0\0\0\0"),
    known("XFS file system", 0, b"XFSB\0\0"),
    known("APFS container", 32, b"NXSB"),
    known("F2FS file system", 1024, b"\x10\x20\xf5\xf2"),
    known("LVM volume", 512, b"LABELONE"),
    known("encrypted Apple disk image", 0, b"encrcdsa"),
    known("VMware COWD disk image", 0, b"COWD"),
    known("Android update payload", 0, b"CrAU"),
    known("UEFI firmware volume", 40, b"_FVH"),
    known("UEFI capsule", 0, b"\xbd\x86\x66\x3b\x76\x0d\x30\x40\xb7\x0e\xb5\x51\x9e\x2f\xc5\xa0"),
    known("Intel flash image", 16, b"\x5a\xa5\xf0\x0f"),
];

/// Endings that claim a format with no dependable signature at the start.
const BY_ENDING: &[(&str, &str)] = &[(".dmg", "Apple disk image"), (".arj", "ARJ archive"), (".arc", "ARC archive")];

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
