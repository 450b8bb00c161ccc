//! Executable code: headers, symbol tables, version resources, and the strings in it.
//!
//! In: PE, ELF, Mach-O and WebAssembly files. Out: what each says of its name, maker and the code it uses.
//!
//! The walks are our own: of the crates measured, each expands some hostile table without a bound or keeps only a part of
//! what stands there. `goblin` is the second reader in the tests.

mod auditable;
pub(super) mod certificates;
pub(super) mod elf;
mod go;
pub(super) mod macho;
pub(super) mod pe;
pub(super) mod strings;
pub(super) mod wasm;

pub(super) use macho::signature::entitlements;

use crate::fact::{Inventory, Reason};

/// What stands behind the last part a program's headers speak of: an installer keeps its payload there. A
/// ZIP is opened by the archive stage; anything else of weight is said to be unseen.
fn overlay(data: &[u8], end: u64, inventory: &mut Inventory) {
    const WEIGHT: usize = 64 << 10;
    let Some(rest) = usize::try_from(end).ok().filter(|end| *end > 0).and_then(|end| data.get(end..)) else { return };
    let start = rest.iter().position(|b| *b != 0).unwrap_or(rest.len());
    let Some(rest) = rest.get(start..).filter(|rest| rest.len() >= 16) else { return };
    let program = rest.starts_with(b"\x7fELF") || (rest.starts_with(b"MZ") && rest.len() > 512);
    let name = crate::archive::recognise(rest).or(program.then_some("another program"));
    if name.is_none() && (rest.len() < WEIGHT || crate::archive::ends_as_zip(data)) {
        return;
    }
    let what = name.unwrap_or("data of no known format");
    let detail = format!("{} bytes behind the program: {what}; not opened by this version", rest.len());
    inventory.gap(format!("0x{:x}", data.len() - rest.len()), Reason::Unsupported, detail);
}

/// Symbols kept per file and direction; more is a gap.
const SYMBOLS: usize = 500_000;
