//! Images of routers and telephones whose header says where each part stands: TRX, Android boot and vendor boot.
//!
//! In: a blob. Out: its parts. Must not know: what the parts are.

use super::uimage::crc;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64};
use crate::fact::Reason;
use crate::source::Blob;

pub(in crate::archive) const TRX: Format = Format {
    name: "trx",
    claim: |blob| blob.head().starts_with(b"HDR0") && (trx(blob.head()).is_some() || blob.len() < 32),
    open: open_trx,
    carve: &[Carve { magic: b"HDR0", at: 0, sound: trx_sound }],
};

pub(in crate::archive) const BOOT: Format = Format {
    name: "android-boot",
    claim: |blob| blob.head().starts_with(b"ANDROID!"),
    open: open_boot,
    carve: &[Carve { magic: b"ANDROID!", at: 0, sound: |blob| boot(blob.head()).is_some() }],
};

pub(in crate::archive) const VENDOR_BOOT: Format = Format {
    name: "android-vendor-boot",
    claim: |blob| blob.head().starts_with(b"VNDRBOOT"),
    open: open_vendor,
    carve: &[Carve { magic: b"VNDRBOOT", at: 0, sound: |blob| vendor(blob.head()).is_some() }],
};

/// The length, and where the parts begin.
fn trx(head: &[u8]) -> Option<(u64, Vec<u64>)> {
    let version = le16(head, 14)?;
    let len = u64::from(le32(head, 4)?);
    let count = match version {
        1 => 3,
        2 => 4,
        _ => return None,
    };
    let mut offsets = Vec::new();
    for index in 0..count {
        let offset = u64::from(le32(head, 16 + index * 4)?);
        if offset == 0 {
            continue;
        }
        if offset < 28 || offset > len || offsets.last().is_some_and(|last| *last >= offset) {
            return None;
        }
        offsets.push(offset);
    }
    (!offsets.is_empty()).then_some((len, offsets))
}

fn trx_sound(blob: &Blob) -> bool {
    trx(blob.head()).is_some_and(|(len, offsets)| len <= blob.len() && matches!(offsets.first(), Some(28 | 32)))
}

fn open_trx(inside: &mut Inside<'_, '_>) {
    let head = inside.blob.head();
    let Some((len, mut offsets)) = trx(head) else { return inside.gap(Reason::Truncated, "trx: the header is cut") };
    inside.ends_at(len);
    let have = inside.blob.len();
    if len > have {
        inside.gap(Reason::Truncated, format!("trx: {have} bytes where {len} are declared"));
    } else if crc(inside.blob.content(), 12, len.saturating_sub(12)).is_ok_and(|sum| Some(!sum) != le32(head, 8)) {
        inside.gap(Reason::Malformed, "trx: the content does not match its sum");
    }
    offsets.push(len);
    for (index, pair) in offsets.windows(2).enumerate() {
        if let [start, end] = pair
            && end > start
            && inside.go_on()
        {
            inside.part(&format!("part{}", index + 1), *start, end - start);
        }
    }
}

/// Parts one behind the other, each from a page's begin.
struct Parts {
    page: u64,
    parts: Vec<(&'static str, u64)>,
}

fn give(inside: &mut Inside<'_, '_>, parts: Parts) {
    let mut at = 0u64;
    for (name, len) in parts.parts {
        if len > 0 && !name.is_empty() {
            if !inside.go_on() {
                return;
            }
            inside.part(name, at, len);
        }
        at = at.saturating_add(len.next_multiple_of(parts.page));
    }
    let len = inside.blob.len();
    // The last page may not be filled.
    inside.ends_at(at.min(len));
}

fn boot(head: &[u8]) -> Option<Parts> {
    let u32 = |at| le32(head, at).map(u64::from);
    let version = u32(40)?;
    if matches!(version, 3 | 4) {
        let signature = if version == 4 { u32(1580)? } else { 0 };
        let parts = vec![("", 1), ("kernel", u32(8)?), ("ramdisk", u32(12)?), ("", signature)];
        return Some(Parts { page: 4096, parts });
    }
    let page = u32(36)?;
    if !page.is_power_of_two() || !(512..=1 << 20).contains(&page) {
        return None;
    }
    let mut parts = vec![("", 1), ("kernel", u32(8)?), ("ramdisk", u32(16)?), ("second", u32(24)?)];
    match version {
        0 => {}
        1 | 2 => {
            parts.push(("recovery-dtbo", u32(1632)?));
            if version == 2 {
                parts.push(("dtb", u32(1648)?));
            }
        }
        // Makers put the length of device trees there before there were versions.
        dtb => parts.push(("dtb", dtb)),
    }
    Some(Parts { page, parts })
}

fn open_boot(inside: &mut Inside<'_, '_>) {
    match boot(inside.blob.head()) {
        Some(parts) => give(inside, parts),
        None if inside.blob.len() < 2048 => inside.gap(Reason::Truncated, "android-boot: the header is cut"),
        None => inside.gap(Reason::Malformed, "android-boot: the header does not hold together"),
    }
}

fn vendor(head: &[u8]) -> Option<Parts> {
    let u32 = |at| le32(head, at).map(u64::from);
    let (version, page) = (u32(8)?, u32(12)?);
    if !matches!(version, 3 | 4) || !page.is_power_of_two() || !(512..=1 << 20).contains(&page) {
        return None;
    }
    let mut parts = vec![("", u32(2096)?), ("vendor-ramdisk", u32(24)?), ("dtb", u32(2100)?)];
    le64(head, 2104)?;
    if version == 4 {
        parts.push(("", u32(2112)?));
        parts.push(("bootconfig", u32(2124)?));
    }
    Some(Parts { page, parts })
}

fn open_vendor(inside: &mut Inside<'_, '_>) {
    match vendor(inside.blob.head()) {
        Some(parts) => give(inside, parts),
        None => inside.gap(Reason::Malformed, "android-vendor-boot: the header does not hold together"),
    }
}
