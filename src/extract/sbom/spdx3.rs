//! SPDX 3.0 JSON-LD: packages, files, snippets, the agents they come from, relationships.
//!
//! In: JSON whose `@context` is SPDX 3's, as a graph or a single element. Out: a component per software element; the
//! label is the root element. Terms are taken with or without their profile's prefix. Agents are named by reference,
//! in any order, so the document is read twice: first for the agents, then for what they supply.

use std::collections::HashMap;

use super::super::json::Node;
use super::super::stream::{Outcome, Want, Window};
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, Tally, close, looks_like_json, misplaced, say_digest, say_file_name};
use crate::fact::{Component, FactKind, Graph, Inventory, Label, LabelSource, Reason, Usage};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/spdx3-json", claim: looks_like_json, extract: Read::Stream(extract) };

/// Agents, and labels of packages, that are kept.
const KEPT: usize = 200_000;

/// A term without its profile: `software_packageVersion`, `software:packageVersion`, `/Software/Package`.
fn term(key: &str) -> &str {
    let key = key.rsplit(['/', '#', ':']).next().unwrap_or(key);
    match key.split_once('_') {
        Some((profile, name)) if profile.chars().all(|c| c.is_ascii_lowercase()) => name,
        _ => key,
    }
}

/// Members by their term.
fn get<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    match node {
        Node::Map(members) => members.iter().find(|(k, v)| term(k) == name && *v != Node::Null).map(|(_, v)| v),
        _ => None,
    }
}

/// A scalar, given as such, as the first of a list, or as a JSON-LD value or reference.
fn scalar<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.text()
        .or_else(|| node.str("@value"))
        .or_else(|| node.str("@id"))
        .or_else(|| matches!(node, Node::List(_)).then(|| node.items().iter().find_map(scalar)).flatten())
}

fn text<'n>(node: &'n Node<'_>, name: &str) -> Option<&'n str> {
    get(node, name).and_then(scalar)
}

fn id<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.str("spdxId").or_else(|| node.str("@id"))
}

fn kind<'n>(node: &'n Node<'_>) -> &'n str {
    let kinds = node.get("type").or_else(|| node.get("@type")).map(Node::items).unwrap_or_default();
    let mut terms = kinds.iter().filter_map(Node::text).map(term);
    let first = terms.clone().next().unwrap_or_default();
    terms.find(|t| KINDS.contains(t)).unwrap_or(first)
}

/// The types that are read.
const KINDS: &[&str] = &[
    "Package",
    "File",
    "Snippet",
    "AIPackage",
    "DatasetPackage",
    "SpdxDocument",
    "Sbom",
    "Bom",
    "Bundle",
    "ElementCollection",
    "CreationInfo",
    "Relationship",
    "LifecycleScopedRelationship",
    "Annotation",
];
/// Elements given in place within one another.
const DEPTH: usize = 16;

/// Hands over every element: of the graph, or the document itself where it is one.
fn elements(window: &mut Window<'_>, take: &mut dyn FnMut(&str, &Node<'_>)) -> Outcome {
    let want = |key: &str| if key == "@graph" { Want::Items } else { Want::Skip };
    window.members(&want, &mut |_, index, node| {
        let at = index.map_or_else(|| "/@graph".to_owned(), |i| format!("/@graph/{i}"));
        take(&at, &node);
    })
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Spdx3 {
        return Mine::No;
    }
    let Some(mut first) = input.window() else { return Mine::No };
    let mut agents: HashMap<String, String> = HashMap::new();
    let mut any = false;
    elements(&mut first, &mut |_, node| {
        any = true;
        let agent = matches!(kind(node), "Agent" | "Person" | "Organization" | "SoftwareAgent" | "Tool");
        if let Some((id, name)) = id(node).zip(text(node, "name")).filter(|_| agent && agents.len() < KEPT) {
            agents.insert(id.to_owned(), name.to_owned());
        }
    });
    // One after the other: two readers of one file would share its position.
    drop(first);
    let Some(mut second) = input.window() else { return Mine::No };
    let tally = Tally::new(EXTRACTOR.name, input.limits.max_components, inventory);
    let mut reader = Reader { inventory, tally, agents, roots: Vec::new(), labels: HashMap::new(), version: None };
    let outcome = if any {
        elements(&mut second, &mut |at, node| reader.element(node, at, 0))
    } else {
        // The single-element form.
        let mut members: Vec<_> = Vec::new();
        let outcome =
            second.members(&|key| if key == "@context" { Want::Skip } else { Want::Whole }, &mut |key, _, node| {
                members.push((std::borrow::Cow::Owned(key.to_owned()), node.into_owned()));
            });
        reader.element(&Node::Map(members), "", 0);
        outcome
    };
    reader.finish(outcome.whole());
    close(&mut second, &outcome, inventory);
    Mine::Yes
}

struct Reader<'i, 's> {
    inventory: &'i mut Inventory<'s>,
    tally: Tally,
    agents: HashMap<String, String>,
    roots: Vec<String>,
    labels: HashMap<String, Label>,
    version: Option<String>,
}

impl Reader<'_, '_> {
    /// The name of an agent, given by reference or in place.
    fn agent<'n>(&'n self, node: &'n Node<'_>) -> Option<&'n str> {
        match node.text().or_else(|| node.str("@id").filter(|_| get(node, "name").is_none())) {
            Some(id) => {
                self.agents.get(id).map(String::as_str).or_else(|| Some(id.rsplit(['/', '#']).next().unwrap_or(id)))
            }
            None => text(node, "name"),
        }
    }

    /// An element, and those given in place within it.
    fn element(&mut self, node: &Node<'_>, at: &str, depth: usize) {
        self.own(node, at);
        if depth >= DEPTH {
            return;
        }
        for (key, value) in node.members() {
            for (i, inner) in value.items().iter().enumerate().filter(|(_, n)| KINDS.contains(&kind(n))) {
                // The creation of a document is read where the document is.
                if kind(inner) != "CreationInfo" {
                    self.element(inner, &format!("{at}/{key}/{i}"), depth + 1);
                }
            }
        }
    }

    fn own(&mut self, node: &Node<'_>, at: &str) {
        if misplaced(node, at, self.inventory) {
            return;
        }
        match kind(node) {
            "Package" | "File" | "Snippet" | "AIPackage" | "DatasetPackage" => self.software(node, at),
            "SpdxDocument" | "Sbom" | "Bom" | "Bundle" | "ElementCollection" => {
                for root in get(node, "rootElement").map(Node::items).unwrap_or_default() {
                    if let Some(root) = scalar(root).or_else(|| id(root)).filter(|_| self.roots.len() < KEPT) {
                        self.roots.push(root.to_owned());
                    }
                }
                for (i, map) in get(node, "import").map(Node::items).unwrap_or_default().iter().enumerate() {
                    let which = text(map, "externalSpdxId").or_else(|| text(map, "locationHint")).unwrap_or("unnamed");
                    let which = crate::fact::cut(which, 512);
                    let detail = format!("refers to an element of another document that is not at hand: {which}");
                    self.inventory.gap(format!("{at}/import/{i}"), Reason::Absent, detail);
                }
                if let Some(info) = get(node, "creationInfo").filter(|i| matches!(i, Node::Map(_))) {
                    self.creation(info, at);
                }
            }
            "CreationInfo" => self.creation(node, at),
            "Relationship" | "LifecycleScopedRelationship" => self.relationship(node),
            "Annotation" => {
                let mut own = self.inventory.declare(EXTRACTOR.name, at);
                own.reference = text(node, "subject").map(Graph::key);
                own.say(FactKind::Annotation, text(node, "statement").unwrap_or_default(), "/statement");
                self.inventory.add_aside(own);
            }
            _ => {}
        }
    }

    fn creation(&mut self, node: &Node<'_>, at: &str) {
        let mut own = self.inventory.declare(EXTRACTOR.name, at);
        for (key, fact) in [("createdBy", FactKind::DocumentMaker), ("createdUsing", FactKind::DocumentTool)] {
            for who in get(node, key).map(Node::items).unwrap_or_default() {
                own.say_at(fact, self.agent(who).unwrap_or_default(), format_args!("/{key}"));
            }
        }
        let author = own.kinds().next().is_some();
        if let Some(coverage) = &mut self.inventory.coverage {
            coverage.author |= author;
            coverage.timestamp |= text(node, "created").is_some();
        }
        self.version = text(node, "specVersion").map(str::to_owned).or(self.version.take());
        self.inventory.add_aside(own);
    }

    fn relationship(&mut self, node: &Node<'_>) {
        let from = get(node, "from").and_then(|from| scalar(from).or_else(|| id(from)));
        let Some(from) = from.map(Graph::key) else { return };
        let usage = match text(node, "scope") {
            Some("development") => Some(Usage::Development),
            Some("test") => Some(Usage::Test),
            Some("build") => Some(Usage::Build),
            _ => None,
        };
        let kind = text(node, "relationshipType").map(term).unwrap_or_default();
        let (forward, usage) = match kind {
            "contains"
            | "dependsOn"
            | "hasStaticLink"
            | "hasDynamicLink"
            | "hasPrerequisite"
            | "hasProvidedDependency"
            | "ancestorOf"
            | "packagedBy"
            | "describes" => (true, usage),
            "hasOptionalComponent" | "hasOptionalDependency" => (true, Some(Usage::Optional)),
            "descendantOf" => (true, usage),
            "usesTool" => (true, usage.or(Some(Usage::Build))),
            "hasTest" | "hasTestCase" => (true, Some(Usage::Test)),
            _ => return,
        };
        for to in get(node, "to").map(Node::items).unwrap_or_default() {
            let Some(to) = scalar(to).or_else(|| id(to)).map(Graph::key) else { continue };
            if forward {
                self.inventory.graph.edge(from, to);
            }
            if let Some(usage) = usage {
                self.inventory.used(to, usage, KEPT);
            }
        }
    }

    fn software(&mut self, node: &Node<'_>, at: &str) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let mut c = self.inventory.declare(EXTRACTOR.name, at);
        let own = Graph::key(id(node).unwrap_or(at));
        c.reference = Some(own);
        let name = text(node, "name").unwrap_or_default();
        self.inventory.graph.node(own, name, text(node, "packageVersion"));
        for (fact, key) in [
            (FactKind::Name, "name"),
            (FactKind::Version, "packageVersion"),
            (FactKind::Purl, "packageUrl"),
            (FactKind::Url, "downloadLocation"),
            (FactKind::Url, "homePage"),
            (FactKind::Copyright, "copyrightText"),
            (FactKind::Description, "description"),
            (FactKind::Description, "summary"),
            (FactKind::Description, "comment"),
            (FactKind::Description, "sourceInfo"),
        ] {
            let value = text(node, key).filter(|v| !matches!(*v, "NOASSERTION" | "NONE")).unwrap_or_default();
            c.say_at(fact, value, format_args!("/{key}"));
        }
        say_file_name(&mut c, name, "/name");
        for (key, fact) in [("suppliedBy", FactKind::Supplier), ("originatedBy", FactKind::Originator)] {
            for who in get(node, key).map(Node::items).unwrap_or_default() {
                c.say_at(fact, self.agent(who).unwrap_or_default(), format_args!("/{key}"));
            }
        }
        for text in get(node, "attributionText").map(Node::items).unwrap_or_default() {
            c.say(FactKind::Copyright, text.text().unwrap_or_default(), "/attributionText");
        }
        self.identifiers(&mut c, node);
        if let Some(id) = id(node).filter(|_| self.labels.len() < KEPT) {
            let who = |key: &str| get(node, key).and_then(|n| n.items().first()).and_then(|n| self.agent(n));
            let label = Label {
                vendor: who("suppliedBy").or_else(|| who("originatedBy")).map(str::to_owned),
                product: Some(name.to_owned()).filter(|n| !n.is_empty()),
                version: text(node, "packageVersion").map(str::to_owned),
                at: self.inventory.at(at),
                from: LabelSource::Sbom,
            };
            self.labels.insert(id.to_owned(), label);
        }
        self.inventory.add(c);
    }

    fn identifiers(&mut self, c: &mut Component, node: &Node<'_>) {
        for (i, one) in get(node, "externalIdentifier").map(Node::items).unwrap_or_default().iter().enumerate() {
            let kind = match text(one, "externalIdentifierType").map(term).unwrap_or_default() {
                "packageUrl" | "packageURL" | "purl" => FactKind::Purl,
                kind if kind.starts_with("cpe") => FactKind::Cpe,
                "gitoid" | "swhid" => FactKind::Digest,
                _ => FactKind::Property,
            };
            c.say_at(
                kind,
                text(one, "identifier").unwrap_or_default(),
                format_args!("/externalIdentifier/{i}/identifier"),
            );
        }
        for (i, one) in get(node, "externalRef").map(Node::items).unwrap_or_default().iter().enumerate() {
            for locator in get(one, "locator").map(Node::items).unwrap_or_default() {
                c.say_at(FactKind::Url, locator.text().unwrap_or_default(), format_args!("/externalRef/{i}/locator"));
            }
        }
        for (i, one) in get(node, "verifiedUsing").map(Node::items).unwrap_or_default().iter().enumerate() {
            say_digest(c, text(one, "algorithm").map(term), text(one, "hashValue"), format_args!("/verifiedUsing/{i}"));
        }
    }

    fn finish(mut self, whole: bool) {
        for root in &self.roots {
            self.inventory.graph.root(Graph::key(root));
        }
        let described = self.roots.iter().find_map(|id| self.labels.remove(id));
        let only =
            (whole && self.tally.seen == 1).then(|| self.labels.drain().next().map(|(_, label)| label)).flatten();
        self.inventory.labels.extend(described.or(only));
        if self.version.as_deref().is_some_and(|v| !v.starts_with("3.0")) {
            let version = self.version.clone().unwrap_or_default();
            let detail = format!("{version:?} is not 3.0: read by the rules of 3.0, parts may be missed");
            self.inventory.gap("/@graph", Reason::Unsupported, detail);
        }
        let what = "an SPDX document without a package or file";
        self.tally.close(what, Some(self.version.as_deref().unwrap_or("3.0")), whole, self.inventory);
    }
}
