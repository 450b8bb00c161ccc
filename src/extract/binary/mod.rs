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

use crate::fact::Inventory;

/// Notes where the last part ends that a program's headers speak of: an installer keeps its payload behind it, and the
/// archive stage looks there.
fn overlay(data: &[u8], end: u64, inventory: &mut Inventory) {
    if end > 0 && end < data.len() as u64 {
        inventory.program_end = inventory.program_end.max(Some(end));
    }
}

/// Symbols kept per file and direction; more is a gap.
const SYMBOLS: usize = 500_000;
