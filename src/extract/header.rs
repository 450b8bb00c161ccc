//! The first bytes of data of no other known format, for indicators that know a file by its header.
//!
//! In: the head of a blob no extractor recognised. Out: one fact. Must not know which headers are of interest.

use crate::bytes::hex;
use crate::fact::{FactKind, Inventory};

/// Bytes shown: more than any catalogued header.
const BYTES: usize = 64;

pub(super) fn say(head: &[u8], inventory: &mut Inventory) {
    let head = head.get(..BYTES).unwrap_or(head);
    inventory.say(FactKind::Magic, hex(head), "0x0");
}
