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
    known("InstallShield setup data", 0, b"InstallShield\0"),
    known("InstallShield setup stream", 0, b"ISSetupStream\0"),
    known("Setup Factory installer data", 0, b"\xe0\xe0\xe1\xe1\xe2\xe2\xe3\xe3"),
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
    &[(".dmg", "Apple disk image"), (".lzma", "lzma stream"), (".br", "brotli stream"), (".img", "disk image")];

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
