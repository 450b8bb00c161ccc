//! Mach-O, thin and universal: install name, loaded libraries, symbols, classes, signature, embedded `Info.plist`.
//!
//! In: a file with a Mach-O or fat magic. Out: facts. All tables are walked here: hostile ones cost every reader measured
//! unbounded time or stack.

mod dyld;
mod image;
mod objc;
pub(in super::super) mod signature;
mod symbols;
#[cfg(test)]
mod tests;

use image::Image;

use super::super::package::info_plist;
use super::super::{Doc, Extractor, Head, Mine, Read, plist};
use super::{SYMBOLS, auditable, go};
use crate::bytes::be32;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/macho", claim, extract: Read::Whole(extract) };

/// Architectures in a universal file: real ones have at most a handful.
const ARCHITECTURES: usize = 32;

pub(in super::super) fn claim(head: &Head<'_>) -> bool {
    match head.data.get(..4) {
        Some([0xcf | 0xce, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xcf | 0xce]) => true,
        // A Java class begins with the same four bytes; its version, from 45 on, stands where the count does.
        Some([0xca, 0xfe, 0xba, 0xbe | 0xbf]) => {
            let count = be32(head.data, 4).unwrap_or(0);
            (1..=ARCHITECTURES as u32).contains(&count)
        }
        _ => false,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    // Slices of a hostile file overlap: together they may cost no more than a few times its bytes.
    let mut budget = doc.data.len().saturating_mul(4);
    if doc.data.starts_with(&[0xca, 0xfe, 0xba]) {
        each(doc.data, &mut budget, inventory);
    } else if let Some(end) = one(doc.data, 0, "", &mut budget, inventory) {
        super::overlay(doc.data, end, inventory);
    }
    Mine::Yes
}

/// Says when the headers speak of more than there is.
fn reach(end: u64, len: usize, field: &str, inventory: &mut Inventory<'_>) {
    if end > len as u64 {
        inventory.gap(field, Reason::Truncated, format!("the headers speak of {end} bytes and the file has {len}"));
    }
}

/// A number with its big end first.
fn big(data: &[u8], at: usize, width: usize) -> Option<u64> {
    Some(data.get(at..at.checked_add(width)?)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// The slices of a universal file.
fn each(data: &[u8], budget: &mut usize, inventory: &mut Inventory<'_>) {
    let wide = data.get(3) == Some(&0xbf);
    let (width, number) = if wide { (32, 8) } else { (20, 4) };
    let count = big(data, 4, 4).and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(ARCHITECTURES);
    let mut slices: Vec<(u64, u64)> = Vec::new();
    for index in 0..count {
        let at = 8 + index * width;
        let Some(slice) = big(data, at + 8, number).zip(big(data, at + 8 + number, number)) else {
            let detail = format!("{count} architectures, and the file ends in the list of them");
            inventory.gap("", Reason::Truncated, detail);
            break;
        };
        slices.push(slice);
    }
    let end = slices.iter().map(|(at, size)| at.saturating_add(*size)).max().unwrap_or(0);
    reach(end, data.len(), "", inventory);
    super::overlay(data, end, inventory);
    let mut sorted = slices.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|w| matches!(w, [(at, size), (next, _)] if at.saturating_add(*size) > *next)) {
        inventory.gap("", Reason::Malformed, "architectures that overlap");
    }
    // Slices of a hostile file overlap: together they are read a few times over, not once for each.
    let mut left = data.len().saturating_mul(4);
    for (index, (at, size)) in slices.into_iter().enumerate() {
        let part = usize::try_from(at).ok().zip(usize::try_from(size).ok());
        let part =
            part.and_then(|(at, size)| data.get(at..at.saturating_add(size).min(data.len()))).unwrap_or_default();
        let field = format!("arch[{index}]");
        let Some(fewer) = left.checked_sub(part.len()) else {
            inventory.gap(field, Reason::Limit, "architectures of more bytes than the file; not read");
            continue;
        };
        left = fewer;
        let fault = match part {
            // A static library: the archive stage finds it by its mark.
            _ if part.starts_with(b"!<arch>\n") && part.get(66..68) == Some(b"`\n") => continue,
            _ if part.starts_with(b"!<arch>\n") => "a static library whose first header is broken; not opened",
            [0xca, 0xfe, 0xba, ..] => "a universal file in a universal file: not opened by this version",
            [] => {
                inventory.gap(field, Reason::Truncated, "it stands behind the end of the file");
                continue;
            }
            _ => {
                if one(part, at, &format!("{field}/"), budget, inventory).is_none() {
                    inventory.gap(field, Reason::Malformed, "no Mach-O image");
                }
                continue;
            }
        };
        inventory.gap(field, Reason::Unsupported, fault);
    }
}

/// One image. Gives where it ends by its own word.
fn one(data: &[u8], start: u64, prefix: &str, budget: &mut usize, inventory: &mut Inventory<'_>) -> Option<u64> {
    let image = Image::read(data, prefix, inventory)?;
    for section in &image.sections {
        let name = format!("{},{}", section.segment, section.name);
        inventory.name_region(start.saturating_add(section.offset), section.size, name);
    }
    let end = image.segments_end();
    reach(end, data.len(), prefix, inventory);
    let mut said = symbols::say(&image, prefix, inventory);
    dyld::say(&image, prefix, &mut said, inventory);
    objc::say(&image, prefix, &said, inventory);
    for (name, what) in [("__info_plist", "Info.plist"), ("__launchd_plist", "launchd.plist")] {
        if let Some((_, data)) = image.section("__TEXT", name).filter(|(_, data)| data.iter().any(|b| *b != 0)) {
            embedded(data, &format!("{prefix}{name}"), what, inventory);
        }
    }
    go::say(data, 0, &|address| image.offset(address), inventory);
    if let Some((_, section)) = image.section("__DATA", auditable::SECTION) {
        auditable::say(section, prefix, inventory);
    }
    signature::say(&image, prefix, budget, inventory);
    Some(end.max(image.tables_end()))
}

/// A property list in a section.
fn embedded(data: &[u8], field: &str, what: &str, inventory: &mut Inventory<'_>) {
    let (root, fault) = plist::read(data);
    if let Some((reason, why)) = fault {
        inventory.gap(field, reason, format!("the {what} in the program: {why}"));
    }
    if let Some(root) = root {
        info_plist::say(&root, field, inventory);
    }
}
