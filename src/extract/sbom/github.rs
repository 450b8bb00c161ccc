//! GitHub dependency snapshots, as tools submit them.
//!
//! In: JSON with `detector` and `manifests`. Out: a component per resolved package, by its purl, with its scope and
//! what it depends on. (The dependency graph's export is SPDX in a member `sbom`, which the wrapper hands on.)

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, close, looks_like_json};
use crate::fact::{Coverage, FactKind, Graph, Inventory, Reason, Usage};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/github-snapshot", claim: looks_like_json, extract: Read::Stream(extract) };

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Snapshot {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    inventory.coverage = Some(Coverage::of(EXTRACTOR.name, ""));
    let mut left = input.limits.max_components;
    let before = inventory.declared;
    let want = |key: &str| match key {
        "manifests" | "detector" | "version" | "scanned" => Want::Whole,
        _ => Want::Skip,
    };
    let outcome = window.members(&want, &mut |key, _, node| match key {
        "manifests" => manifests(&node, &mut left, inventory),
        "detector" => {
            let mut own = inventory.declare(EXTRACTOR.name, "/detector");
            own.say(FactKind::DocumentTool, node.str("name").unwrap_or_default(), "/name");
            inventory.add_aside(own);
            if let Some(coverage) = &mut inventory.coverage {
                coverage.author = true;
            }
        }
        "version" => {
            if let (Some(coverage), Some(version)) = (&mut inventory.coverage, node.text()) {
                coverage.version = crate::fact::cut(version, 16).to_owned();
            }
        }
        _ => {
            if let Some(coverage) = &mut inventory.coverage {
                coverage.timestamp = true;
            }
        }
    });
    if left == 0 {
        inventory.gap("/manifests", Reason::Limit, "more packages than the limit allows; the rest was not read");
    }
    if inventory.declared == before && outcome.whole() {
        inventory.gap("", Reason::Empty, "a dependency snapshot without a package: nothing to assess");
    }
    let relations = inventory.graph.edges() as u64;
    if let Some(coverage) = &mut inventory.coverage {
        coverage.relations = relations;
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

/// Each manifest by its name, each package in it by its own.
fn manifests(node: &Node<'_>, left: &mut u64, inventory: &mut Inventory<'_>) {
    for (name, manifest) in node.members() {
        let root = Graph::key(name);
        inventory.graph.node(root, name, None);
        inventory.graph.root(root);
        let Some(resolved) = manifest.get("resolved") else { continue };
        for (key, package) in resolved.members() {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let own = Graph::key(&format!("{name}\0{key}"));
            let mut c = inventory.declare(EXTRACTOR.name, &format!("/manifests/{name}/resolved/{key}"));
            c.reference = Some(own);
            inventory.graph.node(own, key, None);
            if package.str("relationship") != Some("indirect") {
                inventory.graph.edge(root, own);
            }
            for (_, to) in package.each("dependencies") {
                if let Some(to) = to.text() {
                    inventory.graph.edge(own, Graph::key(&format!("{name}\0{to}")));
                }
            }
            if package.str("scope") == Some("development") {
                c.usage = Some(Usage::Development);
            }
            c.say(FactKind::Name, key, "");
            c.say(FactKind::Purl, package.str("package_url").unwrap_or_default(), "/package_url");
            inventory.add(c);
        }
    }
}
