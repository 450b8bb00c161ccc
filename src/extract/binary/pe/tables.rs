//! Imports, delayed and bound imports, exports and forwarders of a PE image, bounded in entries, text and time.
//!
//! In: the headers as [`Image`]. Out: module and symbol names, and gaps for tables that lead nowhere. Hostile tables
//! point a million entries at one long name, and a thousand descriptors at one table: everything counts down from one
//! budget a file.

use std::ops::Range;

use super::super::SYMBOLS;
use super::{Image, broken, ended, name};
use crate::bytes::{le16, le32};
use crate::fact::{FactKind, Inventory, Reason};

/// Modules a file imports from; real ones have hundreds.
const MODULES: usize = 4096;

/// What is left of the budget of one file.
struct Budget {
    symbols: usize,
    modules: usize,
}

pub(super) fn say(data: &[u8], image: &Image, inventory: &mut Inventory<'_>) {
    let mut left = Budget { symbols: SYMBOLS, modules: MODULES };
    exports(data, image, &mut left, inventory);
    imports(data, image, &mut left, inventory);
    delayed(data, image, &mut left, inventory);
    bound(data, image, &mut left, inventory);
    if left.symbols == 0 || left.modules == 0 {
        let detail = format!("more than {SYMBOLS} symbols or {MODULES} modules; the rest was not read");
        inventory.gap("", Reason::Limit, detail);
    }
}

/// The export directory: the name the file gives itself, and those it offers.
fn exports(data: &[u8], image: &Image, left: &mut Budget, inventory: &mut Inventory<'_>) {
    let Some((address, size)) = image.directory(data, 0) else { return };
    let Some(at) = image.offset(address).filter(|at| at.saturating_add(40) <= data.len()) else {
        return broken(inventory, "EXPORT");
    };
    let field = |i: usize| le32(data, at + i).unwrap_or(0);
    if let Some(own) = Some(field(12)).filter(|a| *a != 0).and_then(|a| name(data, image, a)) {
        inventory.say(FactKind::ExportName, own, "EXPORT/Name");
    }
    forwarders(data, image, address..address.saturating_add(size), [field(16), field(20), field(28)], left, inventory);
    let (count, names) = (field(24), field(32));
    let Some(table) = image.offset(names) else {
        if count > 0 {
            broken(inventory, "EXPORT");
        }
        return;
    };
    for i in 0..count as usize {
        if left.symbols == 0 || inventory.file.full() {
            return;
        }
        left.symbols -= 1;
        let Some(address) = le32(data, table.saturating_add(i.saturating_mul(4))) else {
            return broken(inventory, "EXPORT");
        };
        match name(data, image, address) {
            Some(symbol) => inventory.say(FactKind::ExportSymbol, symbol, "EXPORT"),
            None => return broken(inventory, "EXPORT"),
        }
    }
}

/// Exports that another module holds: their address lies within the export directory, where its name stands.
fn forwarders(
    data: &[u8],
    image: &Image,
    directory: Range<u32>,
    [base, count, table]: [u32; 3],
    left: &mut Budget,
    inventory: &mut Inventory<'_>,
) {
    let Some(table) = image.offset(table) else {
        if count > 0 {
            broken(inventory, "EXPORT");
        }
        return;
    };
    for i in 0..count {
        if left.symbols == 0 || inventory.file.full() {
            return;
        }
        left.symbols -= 1;
        let entry = usize::try_from(i).ok().and_then(|i| table.checked_add(i.checked_mul(4)?));
        let Some(address) = entry.and_then(|at| le32(data, at)) else { return broken(inventory, "EXPORT") };
        if !directory.contains(&address) {
            continue;
        }
        let Some(target) = name(data, image, address) else { return broken(inventory, "EXPORT") };
        let ordinal = base.saturating_add(i);
        inventory.file.say_at(FactKind::ExportForward, target, format_args!("EXPORT[{ordinal}]"));
    }
}

/// Bound imports: modules whose addresses were written into the file beforehand, and those they forward to.
fn bound(data: &[u8], image: &Image, left: &mut Budget, inventory: &mut Inventory<'_>) {
    let Some((address, _)) = image.directory(data, 11) else { return };
    let Some(table) = image.offset(address).and_then(|at| data.get(at..)) else {
        return broken(inventory, "BOUND_IMPORT");
    };
    // A reference to a module it forwards to has the same form as a descriptor.
    for entry in table.chunks(8) {
        if left.modules == 0 || inventory.file.full() {
            return;
        }
        left.modules -= 1;
        let Some((stamp, at)) = le32(entry, 0).zip(le16(entry, 4)) else { break };
        if stamp == 0 && at == 0 {
            return;
        }
        match table.get(usize::from(at)..).and_then(ended) {
            Some(module) => inventory.say(FactKind::ImportModule, module, "BOUND_IMPORT"),
            None => break,
        }
    }
    broken(inventory, "BOUND_IMPORT");
}

/// The import directory: a descriptor a module, with a table of names each.
fn imports(data: &[u8], image: &Image, left: &mut Budget, inventory: &mut Inventory<'_>) {
    let Some((address, _)) = image.directory(data, 1) else { return };
    let Some(start) = image.offset(address) else { return broken(inventory, "IMPORT") };
    for i in 0.. {
        let at = start.saturating_add(i * 20);
        let Some(field) = data.get(at..at.saturating_add(20)) else { return broken(inventory, "IMPORT") };
        let (lookup, module, addresses) =
            (le32(field, 0).unwrap_or(0), le32(field, 12).unwrap_or(0), le32(field, 16).unwrap_or(0));
        if module == 0 || (lookup == 0 && addresses == 0) {
            return;
        }
        let table = if lookup == 0 { addresses } else { lookup };
        if !one(data, image, module, table, "IMPORT", left, inventory) {
            return;
        }
    }
}

/// Delay-load descriptors: the same by another layout, by address or, in old files, by pointer.
fn delayed(data: &[u8], image: &Image, left: &mut Budget, inventory: &mut Inventory<'_>) {
    let Some((address, _)) = image.directory(data, 13) else { return };
    let Some(start) = image.offset(address) else { return broken(inventory, "DELAY_IMPORT") };
    for i in 0.. {
        let at = start.saturating_add(i * 32);
        let Some(field) = data.get(at..at.saturating_add(32)) else { return broken(inventory, "DELAY_IMPORT") };
        let relative = le32(field, 0).unwrap_or(0) & 1 == 1;
        let address = |i: usize| {
            let value = le32(field, i).unwrap_or(0);
            // Old files hold virtual addresses.
            if relative { value } else { value.wrapping_sub(u32::try_from(image.base & 0xffff_ffff).unwrap_or(0)) }
        };
        if le32(field, 4) == Some(0) {
            return;
        }
        if !one(data, image, address(4), address(16), "DELAY_IMPORT", left, inventory) {
            return;
        }
    }
}

/// One module and the symbols asked of it. False when the budget is spent or the tables lead nowhere.
fn one(
    data: &[u8],
    image: &Image,
    module: u32,
    table: u32,
    directory: &str,
    left: &mut Budget,
    inventory: &mut Inventory<'_>,
) -> bool {
    if left.modules == 0 || left.symbols == 0 || inventory.file.full() {
        return false;
    }
    left.modules -= 1;
    let Some(module) = name(data, image, module) else {
        broken(inventory, directory);
        return false;
    };
    inventory.say(FactKind::ImportModule, &module, directory);
    let Some(table) = image.offset(table) else {
        broken(inventory, directory);
        return true;
    };
    let width = if image.wide { 8 } else { 4 };
    for i in 0usize.. {
        let at = table.saturating_add(i.saturating_mul(width));
        let Some(low) = le32(data, at) else {
            broken(inventory, directory);
            return true;
        };
        let high = if image.wide { le32(data, at.saturating_add(4)).unwrap_or(0) } else { low };
        if low == 0 && (high == 0 || !image.wide) {
            return true;
        }
        if left.symbols == 0 || inventory.file.full() {
            return false;
        }
        left.symbols -= 1;
        // By ordinal: nothing is named.
        if high & 0x8000_0000 != 0 {
            continue;
        }
        // A hint of two bytes stands in front of the name.
        match name(data, image, (low & 0x7fff_ffff).saturating_add(2)) {
            Some(symbol) => inventory.file.say_at(FactKind::ImportSymbol, symbol, format_args!("{directory}/{module}")),
            None => {
                broken(inventory, directory);
                return true;
            }
        }
    }
    true
}
