//! What linked a PE image: the Rich header of Microsoft's linker, and the linker's version.
//!
//! In: the bytes before the PE header. Out: a fact for each tool and build, and a note where the checksum is
//! another: the header was copied or changed.

use std::collections::BTreeMap;

use crate::bytes::le32;
use crate::fact::{FactKind, Inventory, Reason};

/// Bytes searched for the mark; real ones stand in the first few hundred.
const REACH: usize = 0x2000;
/// Distinct tools kept; real programs name a dozen or two.
const TOOLS: usize = 100;

pub(super) fn say(data: &[u8], header: usize, inventory: &mut Inventory<'_>) {
    let linker = data.get(header.saturating_add(26)..);
    if let Some([major, minor, ..]) = linker.filter(|version| !version.starts_with(&[0, 0])) {
        inventory.say(FactKind::Toolchain, format!("linker {major}.{minor}"), "LinkerVersion");
    }
    let stub = data.get(..header.min(REACH)).unwrap_or(data);
    let Some(end) = memchr::memmem::rfind(stub, b"Rich") else { return };
    let Some(key) = le32(stub, end + 4) else { return };
    // The mark in front is hidden like everything between; words stand at multiples of four.
    let word = |at: usize| le32(stub, at).map(|word| word ^ key);
    let start = (0..end).rev().filter(|at| (end - at) % 4 == 0).find(|at| word(*at) == Some(DANS));
    let Some(start) = start else {
        inventory.remark("RICH", "a Rich header without a beginning");
        return;
    };
    // The checksum counts the bytes before it, without the place of the PE header, and each entry.
    let before = stub.get(..start).unwrap_or_default().iter().zip(0u32..);
    let mut sum = start as u32;
    for (byte, at) in before.filter(|(_, at)| !(0x3c..0x40).contains(at)) {
        sum = sum.wrapping_add(u32::from(*byte).rotate_left(at % 32));
    }
    let mut tools = BTreeMap::new();
    for at in (start + 16..end).step_by(8) {
        let Some((tool, count)) = word(at).zip(word(at + 4)) else { break };
        sum = sum.wrapping_add(tool.rotate_left(count % 32));
        let counted: &mut u32 = tools.entry(tool).or_default();
        *counted = counted.saturating_add(count);
    }
    for (tool, count) in tools.iter().take(TOOLS) {
        let (id, build) = (tool >> 16, tool & 0xffff);
        inventory.say(FactKind::Toolchain, format!("Rich: id=0x{id:04x} build={build} count={count}"), "RICH");
    }
    if tools.len() > TOOLS {
        inventory.gap("RICH", Reason::Limit, format!("more than {TOOLS} tools; the rest was not kept"));
    }
    if sum != key {
        let detail = "the checksum of the Rich header does not fit: it was changed, or copied from another file";
        inventory.remark("RICH", detail);
    }
}

/// `DanS`, the mark in front.
const DANS: u32 = u32::from_le_bytes(*b"DanS");
