//! Syft's own JSON, schema 1 to 16.
//!
//! In: JSON that names Syft's schema or Syft as its writer. Out: a component per artifact and file; the label is what
//! was scanned. The makers stand in each artifact's metadata, under the names of its ecosystem.

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, Tally, close, looks_like_json, say_digest, say_file_name};
use crate::fact::{Component, FactKind, Graph, Inventory, Label, LabelSource};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/syft-json", claim: looks_like_json, extract: Read::Stream(extract) };

/// Names, lower case, under which ecosystems tell who made a thing and what it is.
const TELLING: &[(&str, FactKind)] = &[
    ("author", FactKind::Author),
    ("authors", FactKind::Author),
    ("maintainer", FactKind::Author),
    ("maintainers", FactKind::Author),
    ("vendor", FactKind::Supplier),
    ("publisher", FactKind::Publisher),
    ("company", FactKind::CompanyName),
    ("companyname", FactKind::CompanyName),
    ("productname", FactKind::ProductName),
    ("implementation-vendor", FactKind::Supplier),
    ("specification-vendor", FactKind::Supplier),
    ("bundle-vendor", FactKind::Supplier),
    ("bundle-copyright", FactKind::Copyright),
    ("legalcopyright", FactKind::LegalCopyright),
    ("copyright", FactKind::Copyright),
    ("groupid", FactKind::Group),
    ("homepage", FactKind::Url),
    ("url", FactKind::Url),
    ("description", FactKind::Description),
    ("path", FactKind::Path),
];

fn want(key: &str) -> Want {
    match key {
        "artifacts" | "files" | "artifactRelationships" => Want::Items,
        "source" | "descriptor" | "schema" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Syft {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let mut tally = Tally::new(EXTRACTOR.name, input.limits.max_components, inventory);
    let outcome = window.members(&want, &mut |key, index, node| {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "source" => source(&node, &at, inventory),
            "schema" => {
                if let (Some(coverage), Some(version)) = (&mut inventory.coverage, node.str("version")) {
                    coverage.version = crate::fact::cut(version, 64).to_owned();
                }
            }
            "descriptor" => {
                let mut own = inventory.declare(EXTRACTOR.name, &at);
                own.say(FactKind::DocumentTool, node.str("name").unwrap_or_default(), "/name");
                inventory.add_aside(own);
                if let Some(coverage) = &mut inventory.coverage {
                    coverage.author = true;
                    coverage.timestamp |= node.str("timestamp").is_some();
                }
            }
            "artifactRelationships" => {
                if let (Some(parent), Some(child)) = (node.str("parent"), node.str("child")) {
                    let (parent, child) = (Graph::key(parent), Graph::key(child));
                    match node.str("type").unwrap_or_default() {
                        // The parent is a dependency of the child.
                        "dependency-of" => inventory.graph.edge(child, parent),
                        "contains" => inventory.graph.edge(parent, child),
                        _ => {}
                    }
                }
            }
            _ if !tally.room(&node, &at, inventory) => {}
            "artifacts" => artifact(&node, &at, inventory),
            _ => file(&node, &at, inventory),
        }
    });
    tally.close("a Syft document without an artifact", None, outcome.whole(), inventory);
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

fn source(node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) {
    if let Some(id) = node.str("id") {
        let id = Graph::key(id);
        inventory.graph.node(id, node.str("name").unwrap_or("source"), node.str("version"));
        inventory.graph.root(id);
    }
    // Old schemas have the name in `target`, as text or as an object.
    let target = node.get("target").or_else(|| node.get("metadata"));
    let product = node
        .str("name")
        .or_else(|| target.and_then(Node::text))
        .or_else(|| target.and_then(|t| t.str("userInput").or_else(|| t.str("path"))));
    if let Some(product) = product.filter(|p| !p.is_empty()) {
        inventory.labels.push(Label {
            vendor: node.str("supplier").map(str::to_owned),
            product: Some(product.to_owned()),
            version: node.str("version").map(str::to_owned),
            at: inventory.at(at),
            from: LabelSource::Sbom,
        });
    }
}

fn artifact(node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) {
    let mut c = inventory.declare(EXTRACTOR.name, at);
    let name = node.str("name").unwrap_or_default();
    if let Some(id) = node.str("id") {
        c.reference = Some(Graph::key(id));
        inventory.graph.node(Graph::key(id), name, node.str("version"));
    }
    c.say(FactKind::Name, name, "/name");
    say_file_name(&mut c, name, "/name");
    c.say(FactKind::Version, node.str("version").unwrap_or_default(), "/version");
    c.say(FactKind::Purl, node.str("purl").unwrap_or_default(), "/purl");
    for (p, cpe) in node.each("cpes") {
        c.say_at(FactKind::Cpe, cpe.text().or_else(|| cpe.str("cpe")).unwrap_or_default(), format_args!("{p}"));
    }
    for (p, licence) in node.each("licenses") {
        c.say_at(FactKind::License, licence.str("fullText").unwrap_or_default(), format_args!("{p}/fullText"));
    }
    for (p, place) in node.each("locations") {
        if let Some(path) = place.str("path") {
            c.say_at(FactKind::Path, path, format_args!("{p}/path"));
            c.say_at(FactKind::FileName, crate::source::base_name(path), format_args!("{p}/path"));
        }
    }
    if let Some(metadata) = node.get("metadata") {
        telling(&mut c, metadata, "/metadata", 0);
    }
    inventory.add(c);
}

/// Everything in an ecosystem's metadata whose name tells; pairs of `key` and `value` are such members, too.
fn telling(c: &mut Component, node: &Node<'_>, at: &str, depth: usize) {
    if depth > 6 {
        return;
    }
    let say = |c: &mut Component, key: &str, value: &Node<'_>, at: &str| {
        let folded = key.to_ascii_lowercase();
        if let Some((_, kind)) = TELLING.iter().find(|(name, _)| *name == folded) {
            for item in value.items() {
                let text = item.text().or_else(|| item.str("name")).unwrap_or_default();
                // `Name <address>` is the name.
                let text = if *kind == FactKind::Author { text.split('<').next().unwrap_or(text) } else { text };
                c.say_at(*kind, text, format_args!("{at}/{key}"));
            }
        }
    };
    match node {
        Node::Map(members) => {
            if let (Some(key), Some(value)) = (node.str("key"), node.get("value")) {
                say(c, key, value, at);
            }
            for (key, value) in members {
                say(c, key, value, at);
                if matches!(value, Node::Map(_) | Node::List(_)) {
                    telling(c, value, &format!("{at}/{key}"), depth + 1);
                }
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate().filter(|(_, n)| matches!(n, Node::Map(_) | Node::List(_))) {
                telling(c, item, &format!("{at}/{i}"), depth + 1);
            }
        }
        _ => {}
    }
}

fn file(node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) {
    let mut c = inventory.declare(EXTRACTOR.name, at);
    if let Some(path) = node.get("location").and_then(|l| l.str("path")) {
        c.say(FactKind::Path, path, "/location/path");
        c.say(FactKind::FileName, crate::source::base_name(path), "/location/path");
    }
    if let Some(id) = node.str("id") {
        c.reference = Some(Graph::key(id));
    }
    for (p, digest) in node.each("digests") {
        say_digest(&mut c, digest.str("algorithm"), digest.str("value"), format_args!("{p}"));
    }
    inventory.add(c);
}
