//! Entitlements: what signed code may do, as property list or in Apple's DER form.
//!
//! In: the body of a blob. Out: `key=value` facts; of a list one each, of a list with names one for each name.

use super::super::super::super::json::Node;
use super::super::super::super::signature::ber::{self, Element, SEQUENCE};
use super::super::super::super::signature::{Verdict, doubt};
use super::{FactKind, Inventory, Reason, plist};
use crate::fact::cut;

/// Facts kept of one set; real ones have some dozens.
const FACTS: usize = 5000;
const DEPTH: usize = 16;
/// Longest key or value.
const TEXT: usize = 4096;

/// Says a property list of entitlements.
pub(super) fn xml(data: &[u8], field: &str, verdict: &Verdict, inventory: &mut Inventory<'_>) {
    let (root, fault) = plist::read(data);
    if let Some((reason, why)) = fault {
        inventory.gap(field, reason, format!("entitlements: {why}"));
    }
    if let Some(root) = root {
        say(&root, field, verdict, inventory);
    }
}

/// Says a list of entitlements.
pub(in super::super::super::super) fn say(
    root: &Node<'_>,
    field: &str,
    verdict: &Verdict,
    inventory: &mut Inventory<'_>,
) {
    let mut left = FACTS;
    for (key, value) in root.members() {
        walk(cut(key, TEXT), value, DEPTH, &mut left, &mut |text| {
            doubt(FactKind::Entitlement, text, field, verdict, inventory);
        });
    }
    if left == 0 {
        inventory.gap(field, Reason::Limit, format!("more than {FACTS} entitlements; the rest was not read"));
    }
    let team = root.str("com.apple.developer.team-identifier").unwrap_or_default();
    doubt(FactKind::TeamId, team, &format!("{field}/com.apple.developer.team-identifier"), verdict, inventory);
}

fn walk(key: &str, value: &Node<'_>, depth: usize, left: &mut usize, take: &mut dyn FnMut(&str)) {
    let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        *left = 0;
        return;
    };
    *left = fewer;
    match value {
        Node::List(items) => items.iter().for_each(|item| walk(key, item, deeper, left, take)),
        Node::Map(_) => {
            for (inner, value) in value.members() {
                walk(cut(&format!("{key}.{inner}"), TEXT), value, deeper, left, take);
            }
        }
        scalar => take(cut(&format!("{key}={}", scalar.text().unwrap_or_default()), TEXT)),
    }
}

/// Says entitlements in DER.
pub(super) fn der(data: &[u8], field: &str, verdict: &Verdict, inventory: &mut Inventory<'_>) {
    // [APPLICATION 16] { version INTEGER, [16] { pairs } }.
    let pairs = ber::read(data).and_then(|(outer, _)| outer.children().find(|e| e.tag == 0xb0));
    let Some(pairs) = pairs else {
        return inventory.gap(field, Reason::Malformed, "entitlements in DER that could not be read");
    };
    let mut left = FACTS;
    let root = value(&pairs, DEPTH, &mut left);
    if left == 0 {
        inventory.gap(field, Reason::Limit, format!("more than {FACTS} entitlements; the rest was not read"));
    }
    say(&root, field, verdict, inventory);
}

fn value(element: &Element<'_>, depth: usize, left: &mut usize) -> Node<'static> {
    let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        *left = 0;
        return Node::Null;
    };
    *left = fewer;
    match element.tag {
        1 => Node::Bool(element.content.first().is_some_and(|b| *b != 0)),
        2 => {
            let number = element.content.iter().take(8).fold(0u64, |n, b| n << 8 | u64::from(*b));
            Node::Number(number.to_string())
        }
        0xb0 => {
            let mut members = Vec::new();
            for pair in element.children() {
                if *left == 0 {
                    break;
                }
                let mut both = pair.children();
                if let Some((key, of)) = both.next().zip(both.next()) {
                    members.push((key.text().into(), value(&of, deeper, left)));
                }
            }
            Node::Map(members)
        }
        SEQUENCE => Node::List(element.children().map(|child| value(&child, deeper, left)).collect()),
        _ => Node::Str(element.text().into()),
    }
}
