//! The symbol table of a Mach-O image.
//!
//! In: an [`Image`]. Out: names it asks for and names it offers. Debugging entries and local symbols are passed over.

use std::collections::HashSet;

use super::image::Image;
use super::{FactKind, Inventory, Reason, SYMBOLS};
use crate::bytes::until_zero;

/// Longest name of a symbol.
pub(super) const NAME: usize = 4096;

/// Names that were said, as they stand in the file.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub offered: HashSet<&'a [u8]>,
    pub wanted: HashSet<&'a [u8]>,
    /// Whether it was said that more are wanted than are kept.
    pub bitten: bool,
}

/// C names carry an underscore in front.
pub(super) fn plain(name: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name.strip_prefix(b"_").unwrap_or(name))
}

/// Says the symbols.
pub(super) fn say<'a>(image: &Image<'a>, prefix: &str, inventory: &mut Inventory<'_>) -> Said<'a> {
    let mut said = Said::default();
    let Some([start, count, names, size]) = image.symtab else { return said };
    let field = format!("{prefix}LC_SYMTAB");
    let width: u64 = if image.wide { 16 } else { 12 };
    let reached = (u64::from(start) + u64::from(count) * width).max(u64::from(names) + u64::from(size));
    if reached > image.data.len() as u64 {
        let detail = format!("the symbol table reaches to byte {reached} and the file has {}", image.data.len());
        inventory.gap(&field, Reason::Truncated, detail);
    }
    let (mut kept, mut nameless) = (0usize, 0usize);
    let names = image.data.get(names as usize..).unwrap_or_default();
    let names = names.get(..size as usize).unwrap_or(names);
    let entries = image.data.get(start as usize..).unwrap_or_default();
    for entry in entries.chunks_exact(width as usize).take(count as usize) {
        if inventory.file.full() {
            break;
        }
        // N_STAB is debugging, N_EXT global, N_TYPE 0 undefined.
        let kind = entry.get(4).copied().unwrap_or(0);
        if kind & 0xe0 != 0 || kind & 1 == 0 {
            continue;
        }
        let Some(rest) = image.word_in(entry, 0).and_then(|at| names.get(at as usize..)) else {
            nameless += 1;
            continue;
        };
        let name = until_zero(rest, NAME);
        let (fact, set) = match kind & 0x0e {
            0 => (FactKind::ImportSymbol, &mut said.wanted),
            _ => (FactKind::ExportSymbol, &mut said.offered),
        };
        // Local symbols stand in front: large programs have a million of them.
        if kept >= SYMBOLS {
            inventory.gap(&field, Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
            break;
        }
        kept += 1;
        set.insert(name);
        inventory.say(fact, plain(name), &field);
    }
    if nameless > 0 {
        let detail = format!("the names of {nameless} symbols lie outside the table of names");
        inventory.gap(&field, Reason::Malformed, detail);
    }
    said
}
