//! The dependency tree that cargo-auditable puts into a Rust program.
//!
//! In: the JSON of the section `.dep-v0`, by that name: its members are called as those of many formats. Out: a component
//! per crate, what depends on what, and what the tree is of.

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Head, Input, Mine, Read};
use super::{Tally, close, looks_like_json};
use crate::fact::{FactKind, Graph, Inventory, Label, LabelSource, Usage};

use packageurl::PackageUrl;

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/cargo-auditable", claim, extract: Read::Stream(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.name.ends_with(".dep-v0") && looks_like_json(head)
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(mut window) = input.window() else { return Mine::No };
    let mut tally = Tally::new(EXTRACTOR.name, input.limits.max_components, inventory);
    let want = |key: &str| match key {
        "packages" => Want::Items,
        "format" => Want::Whole,
        _ => Want::Skip,
    };
    let mut version = None;
    let outcome = window.members(&want, &mut |key, index, node| match key {
        "format" => version = node.text().map(str::to_owned),
        _ => {
            let index = index.unwrap_or(0);
            let at = format!("/packages/{index}");
            if tally.room(&node, &at, inventory) {
                package(&node, index, &at, inventory);
            }
        }
    });
    tally.close("a dependency tree without a crate", version.as_deref(), outcome.whole(), inventory);
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

fn key(index: impl std::fmt::Display) -> u64 {
    Graph::key(&format!("packages/{index}"))
}

fn package(node: &Node<'_>, index: usize, at: &str, inventory: &mut Inventory<'_>) {
    let (name, version) = (node.str("name").unwrap_or_default(), node.str("version"));
    let own = key(index);
    inventory.graph.node(own, name, version);
    for (_, to) in node.each("dependencies") {
        if let Some(to) = to.text() {
            inventory.graph.edge(own, key(to));
        }
    }
    let mut c = inventory.declare(EXTRACTOR.name, at);
    c.reference = Some(own);
    c.usage = Some(if node.str("kind") == Some("build") { Usage::Build } else { Usage::Required });
    c.say(FactKind::Name, name, "/name");
    c.say(FactKind::Version, version.unwrap_or_default(), "/version");
    if let Some(source) = node.str("source") {
        c.say(FactKind::Property, format!("source={source}"), "/source");
        // A crate from elsewhere may share its name with one of the registry that the URL means.
        if source == "crates.io" {
            let purl = PackageUrl::new("cargo", name.to_owned()).and_then(|mut purl| {
                purl.with_version(version.unwrap_or_default().to_owned())?;
                Ok(purl.to_string())
            });
            c.say(FactKind::Purl, purl.unwrap_or_default(), "");
        }
    }
    inventory.add(c);
    if node.str("root") == Some("true") {
        inventory.graph.root(own);
        inventory.labels.push(Label {
            vendor: None,
            product: Some(name.to_owned()).filter(|n| !n.is_empty()),
            version: version.map(str::to_owned),
            at: inventory.at(at),
            from: LabelSource::Sbom,
        });
    }
}
