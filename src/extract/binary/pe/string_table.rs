//! String tables (RT_STRING): texts of a program, sixteen a block, each behind its length.
//!
//! In: the bytes of one block and the [`Stems`]. Out: a `text` fact for each that holds a stem. The string stage runs
//! over the same bytes, and takes a length between 32 and 126 for a letter in front of the text: here it is told apart.
//! Must not know: what a text means.

use super::super::strings::Stems;
use crate::bytes::le16;
use crate::fact::{FactKind, Inventory, Reason};

/// Bytes of string tables read of one file: entries may all point at one block.
pub(super) const BYTES: usize = 16 << 20;
/// Letters kept of one text.
const LETTERS: usize = 4096;

/// One block; false when the budget is spent.
pub(super) fn say(
    data: &[u8],
    block: u32,
    language: u32,
    stems: &Stems,
    budget: &mut usize,
    inventory: &mut Inventory<'_>,
) -> bool {
    if data.len() > *budget || inventory.file.full() {
        inventory.gap("STRINGTABLE", Reason::Limit, format!("more than {} MiB of texts; not read", BYTES >> 20));
        return false;
    }
    *budget -= data.len();
    // Most blocks hold none; one look at the whole is cheaper than sixteen. A broken one is looked at to say so.
    let quiet = !stems.stand_in(data);
    let mut rest = data;
    for i in 0..16u32 {
        let Some(length) = le16(rest, 0).map(usize::from) else { break };
        let text = rest.get(2..).and_then(|rest| rest.get(..length * 2));
        let Some(text) = text else {
            let field = format!("STRINGTABLE[0x{language:04x}]");
            inventory.gap(field, Reason::Malformed, "a text that is longer than its block; not read");
            break;
        };
        rest = rest.get(2 + length * 2..).unwrap_or_default();
        if !quiet && stems.stand_in(text) {
            let units = text.chunks_exact(2).take(LETTERS).filter_map(|unit| le16(unit, 0));
            let text: String = char::decode_utf16(units).map(|u| u.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            let number = block.saturating_sub(1).saturating_mul(16).saturating_add(i);
            inventory.file.say_at(FactKind::Text, text, format_args!("STRINGTABLE[0x{language:04x}]/{number}"));
        }
    }
    true
}
