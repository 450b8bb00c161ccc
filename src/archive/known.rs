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
    known("7z archive", 0, b"7z\xbc\xaf\x27\x1c"),
    known("RAR archive", 0, b"Rar!\x1a\x07"),
    known("Microsoft cabinet", 0, b"MSCF\0\0\0\0"),
    known("InstallShield cabinet", 0, b"ISc("),
    known("OLE compound file (MSI, MSP, old Office)", 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    known("xz stream", 0, b"\xfd7zXZ\0"),
    known("bzip2 stream", 0, b"BZh"),
    known("lz4 frame", 0, b"\x04\x22\x4d\x18"),
    known("lzip stream", 0, b"LZIP\x01"),
    known("compress (.Z) stream", 0, b"\x1f\x9d"),
    known("ar archive (deb, static library)", 0, b"!<arch>\n"),
    known("thin ar archive", 0, b"!<thin>\n"),
    known("RPM package", 0, b"\xed\xab\xee\xdb"),
    known("cpio archive", 0, b"070701"),
    known("cpio archive", 0, b"070702"),
    known("cpio archive", 0, b"070707"),
    known("xar archive (macOS package)", 0, b"xar!\0"),
    known("Windows image (WIM)", 0, b"MSWIM\0\0\0"),
    known("SQLite database", 0, b"SQLite format 3\0"),
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
const BY_ENDING: &[(&str, &str)] = &[(".dmg", "Apple disk image"), (".lzma", "lzma stream"), (".br", "brotli stream")];

/// The name of a recognised format.
pub(super) fn recognise(head: &[u8], name: &str) -> Option<&'static str> {
    let by_magic = KNOWN.iter().find(|k| head.get(k.at..).is_some_and(|rest| rest.starts_with(k.magic)));
    if let Some(found) = by_magic {
        // Text that happens to begin with three letters is no bzip2 stream.
        let bzip2_text = found.magic == b"BZh" && !head.get(3).is_some_and(u8::is_ascii_digit);
        return (!bzip2_text).then_some(found.name);
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
