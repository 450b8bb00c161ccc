//! What installers and packers say of themselves: by a section's name, a resource's number, the start of the overlay.
//!
//! In: the headers as [`Image`]. Out: the tool, and a gap where it hides the program's own code. What an installer
//! carries is not opened here.

use super::{Image, resources};
use crate::bytes::entropy;
use crate::fact::{FactKind, Inventory, Reason};

/// Bytes of the overlay searched: the marks stand at its start.
const REACH: usize = 64 << 10;
/// Shorter code is not judged, and of longer code so much.
const CODE: usize = 16 << 10;
const MOST: usize = 1 << 20;
/// Bits of entropy a byte from which on code counts as packed; machine code has some 6.
const DENSE: f64 = 7.7;
/// The resource in which the loader of Inno Setup keeps its offsets.
const INNO: u32 = 11_111;

pub(super) fn say(data: &[u8], image: &Image, end: u64, inventory: &mut Inventory<'_>) {
    let overlay = usize::try_from(end).ok().and_then(|end| data.get(end..)).unwrap_or_default();
    let head = overlay.get(..REACH).unwrap_or(overlay);
    let named = |name: &[u8]| image.sections.iter().any(|section| section.name.starts_with(name));
    if memchr::memmem::find(head, b"\xef\xbe\xad\xdeNullsoftInst").is_some() {
        inventory.say(FactKind::Toolchain, "Nullsoft Install System", "overlay");
    }
    if head.starts_with(b"InstallShield\0") || head.starts_with(b"ISSetupStream\0") {
        inventory.say(FactKind::Toolchain, "InstallShield", "overlay");
    }
    if named(b".wixburn") {
        inventory.say(FactKind::Toolchain, "WiX Burn", ".wixburn");
    }
    packed(data, image, inventory);
    inno(data, image, overlay, inventory);
}

/// Packers by the sections they make.
const PACKERS: &[(&[u8], &str)] = &[
    (b"UPX1", "UPX"),
    (b".aspack", "ASPack"),
    (b".MPRESS1", "MPRESS"),
    (b"PEC2", "PECompact"),
    (b"pec1", "PECompact"),
    (b".petite", "Petite"),
    (b".nsp0", "NsPack"),
    (b".nsp1", "NsPack"),
    (b".vmp0", "VMProtect"),
    (b".vmp1", "VMProtect"),
    (b".themida", "Themida"),
    (b".winlice", "WinLicense"),
    (b".enigma1", "Enigma Protector"),
];

/// Says what hides the program's own code: a packer by name, or code that looks like none.
fn packed(data: &[u8], image: &Image, inventory: &mut Inventory<'_>) {
    for section in &image.sections {
        let name = String::from_utf8_lossy(&section.name).trim_end_matches('\0').to_owned();
        if let Some((_, packer)) = PACKERS.iter().find(|(mark, _)| section.name.starts_with(mark)) {
            inventory.say(FactKind::Toolchain, *packer, &name);
            let detail = format!("the program is packed with {packer} ({} bytes); not unpacked", section.raw);
            return inventory.gap(&name, Reason::Opaque, detail);
        }
    }
    // A Linux kernel with an EFI stub carries itself compressed; the archive stage finds that.
    if data.get(0x202..0x206) == Some(b"HdrS") {
        return;
    }
    for section in image.sections.iter().filter(|section| section.code) {
        let (from, len) = (usize::try_from(section.offset).ok(), usize::try_from(section.raw).ok());
        let body = from.zip(len).and_then(|(from, len)| data.get(from..from.checked_add(len)?));
        let Some(body) = body.filter(|body| body.len() >= CODE) else { continue };
        if entropy(body.get(..MOST).unwrap_or(body)) >= DENSE {
            let name = String::from_utf8_lossy(&section.name).trim_end_matches('\0').to_owned();
            let detail = format!("code of {} bytes that looks packed or encrypted; not unpacked", body.len());
            inventory.gap(name, Reason::Opaque, detail);
        }
    }
}

/// The loader of Inno Setup since 5.1.5 keeps its offsets in a resource, earlier ones in the DOS header. The version
/// stands in front of the compressed headers, anywhere in the overlay.
fn inno(data: &[u8], image: &Image, overlay: &[u8], inventory: &mut Inventory<'_>) {
    const MARK: &[u8] = b"Inno Setup Setup Data (";
    let loader = resources::rcdata(data, image, INNO).is_some_and(|table| table.starts_with(b"rDlPtS"));
    if !loader && data.get(0x30..0x34) != Some(b"Inno") {
        return;
    }
    let version = memchr::memmem::find(overlay, MARK).and_then(|at| overlay.get(at + MARK.len()..)).and_then(|rest| {
        let rest = rest.get(..32).unwrap_or(rest);
        let end = rest.iter().position(|byte| *byte == b')')?;
        std::str::from_utf8(rest.get(..end)?).ok()
    });
    let tool = version.map_or_else(|| "Inno Setup".to_owned(), |version| format!("Inno Setup {version}"));
    inventory.say(FactKind::Toolchain, tool, "overlay");
}
