//! `snap.yaml`: what a snap says of itself.
//!
//! In: YAML at `meta/snap.yaml`. Out: name, version, title, programs and the label. Who published it stands in the store
//! alone.

use super::super::json::{Node, Owned};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Entry;
use crate::fact::{FactKind, Inventory, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/snap", claim, extract: Read::Whole(extract) };

/// Bytes and nodes of one file; real ones have some KiB.
const MOST: usize = 1 << 20;
const NODES: usize = 50_000;
/// Programs said of one snap.
const APPS: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    head.name == "snap.yaml" && !text::is_binary(head.data)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if doc.data.len() > MOST {
        inventory.gap(
            "",
            Reason::Limit,
            format!("a snap.yaml of {} bytes, more than {MOST}; not read", doc.data.len()),
        );
        return Mine::Yes;
    }
    let text = text::decode(doc.data).0;
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = NODES;
    budget.max_events = 2 * NODES;
    budget.max_total_scalar_bytes = 2 * MOST;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    let tree = match serde_saphyr::from_str_with_options::<Owned>(&text, options) {
        Ok(Owned(tree)) => tree,
        Err(error) => {
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            let reason = if first.contains("budget") { Reason::Limit } else { Reason::Malformed };
            let detail = format!("YAML breaks here, and nothing of it was read: {}", cut(first, 300));
            inventory.gap(format!("line {}", error.location().map_or(0, |at| at.line())), reason, detail);
            return Mine::Yes;
        }
    };
    let Some(name) = tree.str("name") else { return Mine::No };
    let version = tree.str("version").unwrap_or_default();
    let mut entry =
        Entry { name: name.into(), version: version.into(), fields: ("name", "version"), ..Entry::default() };
    for (key, kind) in [
        ("title", FactKind::ProductName),
        ("summary", FactKind::Description),
        ("license", FactKind::License),
        ("website", FactKind::Url),
        ("contact", FactKind::Url),
    ] {
        entry.facts.extend(tree.str(key).map(|value| (kind, value.into(), key)));
    }
    for (app, node) in tree.get("apps").map(Node::members).into_iter().flatten().take(APPS) {
        entry.add(FactKind::ServiceName, app, "apps");
        if let Some(command) = node.str("command") {
            entry.add(FactKind::FileReference, command.split_whitespace().next().unwrap_or_default(), "command");
        }
    }
    entry.say("", &mut inventory.file);
    let label = entry.label(inventory, tree.str("title"));
    inventory.labels.push(label);
    Mine::Yes
}
