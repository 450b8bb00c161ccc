//! Trivy's own JSON report, schema 2.
//!
//! In: JSON with `SchemaVersion` and `ArtifactName`. Out: a component per package; the label is what was scanned. A
//! report without its list of packages names only what is vulnerable, which is said.

use std::collections::HashSet;

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, close, looks_like_json, misplaced, say_digest, say_file_name};
use crate::fact::{Coverage, FactKind, Graph, Inventory, Label, LabelSource, Reason, Usage};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/trivy-json", claim: looks_like_json, extract: Read::Stream(extract) };

fn want(key: &str) -> Want {
    match key {
        "Results" => Want::Items,
        "ArtifactName" | "SchemaVersion" | "CreatedAt" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Trivy {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    inventory.coverage = Some(Coverage { author: true, ..Coverage::of(EXTRACTOR.name, "") });
    let (mut left, mut partial) = (input.limits.max_components, false);
    let before = inventory.declared;
    let outcome = window.members(&want, &mut |key, index, node| {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "ArtifactName" => {
                inventory.labels.extend(node.text().filter(|t| !t.is_empty()).map(|name| Label {
                    vendor: None,
                    product: Some(name.to_owned()),
                    version: None,
                    at: inventory.at(&at),
                    from: LabelSource::Sbom,
                }));
            }
            "SchemaVersion" => {
                if let (Some(coverage), Some(version)) = (&mut inventory.coverage, node.text()) {
                    coverage.version = crate::fact::cut(version, 16).to_owned();
                }
            }
            "CreatedAt" => {
                if let Some(coverage) = &mut inventory.coverage {
                    coverage.timestamp = true;
                }
            }
            _ if misplaced(&node, &at, inventory) => {}
            _ => partial |= result(&node, &at, &mut left, inventory),
        }
    });
    if left == 0 {
        inventory.gap("/Results", Reason::Limit, "more packages than the limit allows; the rest was not read");
    }
    if partial {
        let detail =
            "a Trivy report without its list of packages: only vulnerable ones are named (--list-all-pkgs lists all)";
        inventory.gap("/Results", Reason::Absent, detail);
    } else if inventory.declared == before && outcome.whole() {
        inventory.gap("", Reason::Empty, "a Trivy report without a package: nothing to assess");
    }
    let relations = inventory.graph.edges() as u64;
    if let Some(coverage) = &mut inventory.coverage {
        coverage.relations = relations;
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

/// One target. True when it names only what is vulnerable.
fn result(node: &Node<'_>, at: &str, left: &mut u64, inventory: &mut Inventory<'_>) -> bool {
    let mut named = false;
    for (p, package) in node.each("Packages") {
        named = true;
        if *left > 0 {
            *left -= 1;
            one(package, &format!("{at}{p}"), "Name", "Version", "Identifier", inventory);
        }
    }
    if named {
        return false;
    }
    let mut seen = HashSet::new();
    for (p, found) in node.each("Vulnerabilities") {
        let key = (found.str("PkgName").unwrap_or_default(), found.str("InstalledVersion").unwrap_or_default());
        if *left > 0 && !key.0.is_empty() && seen.insert(key) {
            *left -= 1;
            one(found, &format!("{at}{p}"), "PkgName", "InstalledVersion", "PkgIdentifier", inventory);
        }
    }
    !seen.is_empty()
}

fn one(node: &Node<'_>, at: &str, name: &str, version: &str, identifier: &str, inventory: &mut Inventory<'_>) {
    let mut c = inventory.declare(EXTRACTOR.name, at);
    let title = node.str(name).unwrap_or_default();
    let id = node.str("ID").or_else(|| node.str("PkgID"));
    if let Some(id) = id {
        c.reference = Some(Graph::key(id));
        inventory.graph.node(Graph::key(id), title, node.str(version));
        for (_, to) in node.each("DependsOn") {
            if let Some(to) = to.text() {
                inventory.graph.edge(Graph::key(id), Graph::key(to));
            }
        }
    }
    if node.str("Dev") == Some("true") {
        c.usage = Some(Usage::Development);
    }
    c.say_at(FactKind::Name, title, format_args!("/{name}"));
    say_file_name(&mut c, title, "/Name");
    c.say_at(FactKind::Version, node.str(version).unwrap_or_default(), format_args!("/{version}"));
    if let Some(identifier) = node.get(identifier) {
        c.say(FactKind::Purl, identifier.str("PURL").unwrap_or_default(), "/Identifier/PURL");
    }
    let maintainer = node.str("Maintainer").unwrap_or_default();
    c.say(FactKind::Author, maintainer.split('<').next().unwrap_or(maintainer), "/Maintainer");
    for key in ["FilePath", "PkgPath"] {
        if let Some(path) = node.str(key) {
            c.say_at(FactKind::Path, path, format_args!("/{key}"));
            c.say_at(FactKind::FileName, crate::source::base_name(path), format_args!("/{key}"));
        }
    }
    for (p, path) in node.each("InstalledFiles") {
        c.say_at(FactKind::Path, path.text().unwrap_or_default(), format_args!("{p}"));
    }
    if let Some((algorithm, sum)) = node.str("Digest").and_then(|d| d.split_once(':')) {
        say_digest(&mut c, Some(algorithm), Some(sum), format_args!("/Digest"));
    }
    inventory.add(c);
}
