//! One small YAML document as a tree, within a budget.
//!
//! In: a blob of one document. Out: its tree, or a gap. Must not know: what it says.

use super::json::{Node, Owned};
use super::{Doc, text};
use crate::fact::{Inventory, Reason, cut};

/// What one document may cost.
pub(super) struct Bounds {
    /// What it is called in gaps.
    pub what: &'static str,
    pub bytes: usize,
    pub nodes: usize,
}

/// Reads the document; nothing where it is too long or broken, which is said.
pub(super) fn tree(doc: &Doc<'_>, bounds: &Bounds, inventory: &mut Inventory<'_>) -> Option<Node<'static>> {
    let Bounds { what, bytes, nodes } = *bounds;
    if doc.data.len() > bytes {
        let detail = format!("{what} of {} bytes, more than {bytes}; not read", doc.data.len());
        inventory.gap("", Reason::Limit, detail);
        return None;
    }
    let text = text::decode(doc.data).0;
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = nodes;
    budget.max_events = 2 * nodes;
    budget.max_total_scalar_bytes = 2 * bytes;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Owned>(&text, options) {
        Ok(Owned(tree)) => Some(tree),
        Err(error) => {
            let line = error.location().map_or(0, |at| at.line());
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            let reason = if first.contains("budget") { Reason::Limit } else { Reason::Malformed };
            let detail = format!("YAML breaks here, and nothing of it was read: {}", cut(first, 300));
            inventory.gap(format!("line {line}"), reason, detail);
            None
        }
    }
}
