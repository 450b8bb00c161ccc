//! The first bytes of data of no other known format, for indicators that know a file by its header.
//!
//! In: the head of a blob no extractor recognised. Out: one fact. Must not know which headers are of interest.

use crate::fact::{FactKind, Inventory};

/// Bytes shown: more than any catalogued header.
const BYTES: usize = 48;

pub(super) fn say(head: &[u8], inventory: &mut Inventory) {
    use std::fmt::Write as _;
    let head = head.get(..BYTES).unwrap_or(head);
    let hex = head.iter().fold(String::with_capacity(head.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    inventory.say(FactKind::Magic, hex, "0x0");
}
