//! `snap.yaml`: what a snap says of itself.
//!
//! In: YAML at `meta/snap.yaml`. Out: name, version, title, programs and the label. Who published it stands in the store
//! alone.

use super::super::json::Node;
use super::super::{Doc, Extractor, Head, Mine, Read, text, yaml};
use super::Entry;
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/snap", claim, extract: Read::Whole(extract) };

/// Bytes and nodes of one file; real ones have some KiB.
const BOUNDS: yaml::Bounds = yaml::Bounds { what: "a snap.yaml", bytes: 1 << 20, nodes: 50_000 };
/// Programs said of one snap.
const APPS: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    head.name == "snap.yaml" && !text::is_binary(head.data)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(tree) = yaml::tree(doc, &BOUNDS, inventory) else { return Mine::Yes };
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
