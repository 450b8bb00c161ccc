//! Security catalogues (`.cat`): the files they vouch for.
//!
//! In: the content of a signed certificate trust list. Out: a fact for each file it names.

use super::ber::{self, Element, OCTETS, OID, SEQUENCE};
use crate::bytes::utf16;
use crate::fact::{FactKind, Inventory, Reason, cut};

/// A certificate trust list.
pub(super) const TRUST_LIST: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 1];
/// `CatalogNameValue`: a name, flags, and text in UTF-16.
const NAME_VALUE: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 12, 2, 1];
/// Members read: the catalogues of Windows itself have some ten thousand.
const MEMBERS: usize = 100_000;

pub(super) fn say(content: &[u8], fits: bool, inventory: &mut Inventory<'_>) {
    let members = ber::all(content)
        .filter(|e| e.tag == SEQUENCE)
        .find(|e| e.children().next().is_some_and(|m| m.tag == SEQUENCE && m.inner(OCTETS).is_some()));
    let Some(members) = members else { return };
    for (index, member) in members.children().enumerate() {
        if index >= MEMBERS || inventory.file.full() {
            inventory.gap("catalogue", Reason::Limit, format!("more than {MEMBERS} files; the rest was not read"));
            return;
        }
        let Some(attributes) = member.children().nth(1) else { continue };
        for attribute in attributes.children().take(32) {
            if let Some(file) = file_name(&attribute) {
                let (file, field) = (cut(&file, 1024), format!("catalogue[{index}]"));
                if fits {
                    inventory.say(FactKind::FileReference, file, field);
                } else {
                    inventory.file.say_doubted(FactKind::FileReference, file, field);
                }
            }
        }
    }
}

fn file_name(attribute: &Element<'_>) -> Option<String> {
    let mut both = attribute.children();
    if both.next().filter(|e| e.tag == OID)?.content != NAME_VALUE {
        return None;
    }
    let pair = both.next()?.inner(SEQUENCE)?;
    let name = pair.children().next()?.text();
    let value = pair.children().find(|e| e.tag == OCTETS)?;
    name.eq_ignore_ascii_case("File").then(|| utf16(value.content).trim_end_matches('\0').to_owned())
}
