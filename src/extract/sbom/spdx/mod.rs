//! SPDX 2.0 to 2.3 (ISO/IEC 5962), leniently, in every notation.
//!
//! In: the tree of a document: read as a stream from JSON, turned into the same tree from tag-value, YAML, XML and
//! RDF/XML. Out: a component per package, file and snippet; the label is the package the document describes;
//! relationships, and the documents it refers to that are not at hand.

pub(in super::super) mod rdf;
pub(in super::super) mod tag_value;
pub(in super::super) mod xml;
pub(in super::super) mod yaml;

use std::collections::HashMap;

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, Tally, close, conformance, identifier, looks_like_json, say, say_digest, say_file_name};
use crate::fact::{Component, FactKind, Graph, Inventory, Label, LabelSource, Reason, Usage};

pub(in super::super) const JSON: Extractor =
    Extractor { name: "sbom/spdx-json", claim: looks_like_json, extract: Read::Stream(json) };

/// Packages whose label is kept until the document says which one it describes.
const LABELS_KEPT: usize = 20_000;
/// Annotations and relationships name an element before or behind it; so many uses are kept.
const USAGES_KEPT: usize = 1_000_000;

/// How a top-level member is read, in every notation.
fn want(key: &str) -> Want {
    match key {
        "packages"
        | "files"
        | "snippets"
        | "relationships"
        | "annotations"
        | "externalDocumentRefs"
        | "hasExtractedLicensingInfos" => Want::Items,
        "spdxVersion" | "SPDXID" | "name" | "documentDescribes" | "creationInfo" | "documentNamespace" => Want::Whole,
        _ => Want::Skip,
    }
}

fn json(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Spdx2 {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let mut reader = Reader::new(JSON.name, input.limits.max_components, inventory);
    let outcome = window.members(&want, &mut |key, index, node| reader.member(key, index, &node));
    let (version, inventory) = reader.finish(outcome.whole());
    close(&mut window, &outcome, inventory);
    if input.options.strict {
        match input.blob.held() {
            Some(data) => conformance::spdx(&super::text::decode(data).0, version.as_deref(), inventory),
            None => inventory.remark("", "conformance not checked: the document is too large for the strict parser"),
        }
    }
    Mine::Yes
}

/// The one reader of the format.
struct Reader<'i, 's> {
    name: &'static str,
    inventory: &'i mut Inventory<'s>,
    tally: Tally,
    version: Option<String>,
    document: Option<String>,
    id: String,
    described: Vec<String>,
    labels: HashMap<String, Label>,
    first: Option<String>,
    packages: u64,
    unknown: u64,
}

impl<'i, 's> Reader<'i, 's> {
    fn new(name: &'static str, most: u64, inventory: &'i mut Inventory<'s>) -> Self {
        let tally = Tally::new(name, most, inventory);
        Reader {
            name,
            inventory,
            tally,
            version: None,
            document: None,
            id: "SPDXRef-DOCUMENT".to_owned(),
            described: Vec::new(),
            labels: HashMap::new(),
            first: None,
            packages: 0,
            unknown: 0,
        }
    }

    /// Closes the document: its version, its label, and whether there was anything in it.
    fn finish(mut self, whole: bool) -> (Option<String>, &'i mut Inventory<'s>) {
        self.label(whole);
        let Reader { inventory, tally, version, unknown, .. } = self;
        match version.as_deref() {
            Some("SPDX-2.0" | "SPDX-2.1" | "SPDX-2.2" | "SPDX-2.2.1" | "SPDX-2.2.2" | "SPDX-2.3") => {}
            Some(other) => {
                let detail = format!(
                    "{other:?} is not one of SPDX-2.0 to SPDX-2.3: read by the rules of 2.3, parts may be missed"
                );
                inventory.gap("/spdxVersion", Reason::Unsupported, detail);
            }
            None => inventory.note("/spdxVersion", "no usable spdxVersion; read by the rules of 2.3"),
        }
        tally.close("an SPDX document without a package or file", version.as_deref(), whole, inventory);
        if let Some(coverage) = &mut inventory.coverage {
            coverage.unknown = unknown;
        }
        (version, inventory)
    }

    fn member(&mut self, key: &str, index: Option<usize>, node: &Node<'_>) {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "spdxVersion" => self.version = node.text().map(str::to_owned),
            "SPDXID" => self.id = node.text().map_or_else(|| self.id.clone(), str::to_owned),
            "name" => self.document = node.text().map(str::to_owned),
            "documentDescribes" => {
                let described = node.items().iter().filter_map(|n| n.text()).map(str::to_owned);
                self.described.extend(described.take(LABELS_KEPT));
            }
            "creationInfo" => self.creation(node, &at),
            "relationships" => self.relationship(node),
            "annotations" => {
                let mut own = self.inventory.declare(self.name, &at);
                own.reference = node.str("SPDXREF").map(Graph::key);
                annotation(&mut own, node, "");
                self.inventory.add_aside(own);
            }
            "externalDocumentRefs" => {
                let which = node.str("spdxDocument").or_else(|| node.str("externalDocumentId")).unwrap_or("unnamed");
                let which = crate::fact::cut(which, 512);
                self.inventory.gap(
                    at,
                    Reason::Absent,
                    format!("refers to another document that is not at hand: {which}"),
                );
            }
            "hasExtractedLicensingInfos" => {
                let mut own = self.inventory.declare(self.name, &at);
                for (key, field) in [("name", "/name"), ("extractedText", "/extractedText"), ("comment", "/comment")] {
                    own.say(FactKind::License, node.str(key).unwrap_or_default(), field);
                }
                self.inventory.add_aside(own);
            }
            "packages" => self.package(node, &at, None),
            "files" => self.file(node, &at),
            "snippets" => self.snippet(node, &at),
            _ => {}
        }
    }

    fn creation(&mut self, node: &Node<'_>, at: &str) {
        let mut own = self.inventory.declare(self.name, at);
        let mut author = false;
        for (p, creator) in node.each("creators") {
            let Some(text) = creator.text().and_then(asserted) else { continue };
            author = true;
            let tool = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("tool:"));
            let kind = if tool { FactKind::DocumentTool } else { FactKind::DocumentMaker };
            own.say_at(kind, entity(text), format_args!("{p}"));
        }
        own.say(FactKind::Annotation, node.str("comment").unwrap_or_default(), "/comment");
        self.inventory.add_aside(own);
        if let Some(coverage) = &mut self.inventory.coverage {
            coverage.author |= author;
            coverage.timestamp |= node.str("created").is_some();
        }
    }

    fn relationship(&mut self, node: &Node<'_>) {
        let kind = node.str("relationshipType").unwrap_or_default();
        // Tag-value writes `DESCRIBES`, RDF `relationshipType_describes`.
        let kind = kind.rsplit_once("relationshipType_").map_or(kind, |(_, kind)| kind).to_ascii_uppercase();
        let kind = kind.replace(['-', ' '], "_");
        let (Some(from), Some(to)) = (node.str("spdxElementId"), node.str("relatedSpdxElement")) else { return };
        match kind.as_str() {
            "DESCRIBES" if from == self.id => self.describe(to),
            "DESCRIBED_BY" | "DESCRIBEDBY" if to == self.id => self.describe(from),
            _ => {}
        }
        let (forward, usage) = match kind.as_str() {
            "DESCRIBES" | "CONTAINS" | "DEPENDS_ON" | "ANCESTOR_OF" | "DYNAMIC_LINK" | "STATIC_LINK"
            | "HAS_PREREQUISITE" | "PATCH_FOR" | "COPY_OF" | "DESCENDANT_OF" => (true, None),
            "CONTAINED_BY"
            | "DEPENDENCY_OF"
            | "RUNTIME_DEPENDENCY_OF"
            | "PREREQUISITE_FOR"
            | "PACKAGE_OF"
            | "DESCRIBED_BY"
            | "PROVIDED_DEPENDENCY_OF" => (false, None),
            "DEV_DEPENDENCY_OF" | "DEV_TOOL_OF" => (false, Some(Usage::Development)),
            "TEST_DEPENDENCY_OF" | "TEST_OF" | "TEST_TOOL_OF" | "TEST_CASE_OF" => (false, Some(Usage::Test)),
            "BUILD_DEPENDENCY_OF" | "BUILD_TOOL_OF" => (false, Some(Usage::Build)),
            "OPTIONAL_DEPENDENCY_OF" | "OPTIONAL_COMPONENT_OF" => (false, Some(Usage::Optional)),
            _ => return,
        };
        // Nothing, and another document's elements, are nobody here.
        let outside = |id: &str| matches!(id, "NONE" | "NOASSERTION") || id.starts_with("DocumentRef-");
        if outside(from) || outside(to) {
            return;
        }
        let (from, to) = if forward { (from, to) } else { (to, from) };
        self.inventory.graph.edge(Graph::key(from), Graph::key(to));
        if let Some(usage) = usage {
            self.inventory.used(Graph::key(to), usage, USAGES_KEPT);
        }
    }

    fn describe(&mut self, id: &str) {
        self.inventory.graph.root(Graph::key(id));
        if self.described.len() < LABELS_KEPT {
            self.described.push(id.to_owned());
        }
    }

    /// A component for an element, and its place among the others.
    fn element(&mut self, node: &Node<'_>, at: &str, name: &str, holder: Option<u64>) -> (Component, u64) {
        let mut c = self.inventory.declare(self.name, at);
        let own = Graph::key(node.str("SPDXID").unwrap_or(at));
        c.reference = Some(own);
        self.inventory.graph.node(own, name, node.str("versionInfo").and_then(asserted));
        if let Some(holder) = holder {
            self.inventory.graph.edge(holder, own);
        }
        (c, own)
    }

    fn package(&mut self, node: &Node<'_>, at: &str, holder: Option<u64>) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let name = node.str("name").unwrap_or_default();
        let (mut c, own) = self.element(node, at, name, holder);
        for (kind, key, field) in [
            (FactKind::Name, "name", "/name"),
            (FactKind::Version, "versionInfo", "/versionInfo"),
            (FactKind::Description, "description", "/description"),
            (FactKind::Description, "summary", "/summary"),
            (FactKind::Description, "comment", "/comment"),
        ] {
            say(&mut c, kind, node, key, field, self.inventory);
        }
        for (kind, key, field) in [
            (FactKind::Supplier, "supplier", "/supplier"),
            (FactKind::Originator, "originator", "/originator"),
            (FactKind::Copyright, "copyrightText", "/copyrightText"),
            (FactKind::Url, "downloadLocation", "/downloadLocation"),
            (FactKind::Url, "homepage", "/homepage"),
            (FactKind::Description, "sourceInfo", "/sourceInfo"),
            (FactKind::License, "licenseComments", "/licenseComments"),
        ] {
            match node.str(key).map(str::trim) {
                Some("NOASSERTION") => self.unknown += 1,
                Some(value) => c.say(kind, asserted(value).map(entity).unwrap_or_default(), field),
                None => {
                    if let Some(odd) = node.get(key) {
                        let what = format!("{} where a string belongs; passed over", odd.shape());
                        self.inventory.note(format!("{at}{field}"), what);
                    }
                }
            }
        }
        say_file_name(&mut c, name, "/name");
        if let Some(name) = node.str("packageFileName").and_then(asserted) {
            say_file_name(&mut c, name, "/packageFileName");
        }
        self.shared(&mut c, node);
        for (p, reference) in node.each("externalRefs") {
            let Some(locator) = reference.str("referenceLocator") else { continue };
            let kind = match reference.str("referenceType").unwrap_or_default().to_ascii_lowercase() {
                t if t.ends_with("purl") || t.ends_with("package-url") => FactKind::Purl,
                t if t.contains("cpe") => FactKind::Cpe,
                t if t.ends_with("swh") || t.ends_with("gitoid") => FactKind::Digest,
                _ => FactKind::Url,
            };
            c.say_at(kind, locator, format_args!("{p}/referenceLocator"));
            identifier(&c, kind, locator, &format!("{p}/referenceLocator"), self.inventory);
            c.say_at(FactKind::Annotation, reference.str("comment").unwrap_or_default(), format_args!("{p}/comment"));
        }
        if let Some(id) = node.str("SPDXID").filter(|_| self.labels.len() < LABELS_KEPT) {
            self.packages += 1;
            self.first.get_or_insert_with(|| id.to_owned());
            let text = |key: &str| node.str(key).and_then(asserted).map(|v| entity(v).to_owned());
            let label = Label {
                vendor: text("supplier").or_else(|| text("originator")),
                product: text("name"),
                version: text("versionInfo"),
                at: self.inventory.at(at),
                from: LabelSource::Sbom,
            };
            self.labels.insert(id.to_owned(), label);
        }
        self.inventory.add(c);
        // RDF and XML hold files and packages within packages.
        for (_, id) in node.each("hasFiles") {
            if let Some(id) = id.text() {
                self.inventory.graph.edge(own, Graph::key(id));
            }
        }
    }

    fn file(&mut self, node: &Node<'_>, at: &str) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let name = node.str("fileName").or_else(|| node.str("name")).unwrap_or_default();
        let (mut c, _) = self.element(node, at, name, None);
        c.say(FactKind::Path, name.replace('\\', "/").trim_start_matches("./"), "/fileName");
        c.say(FactKind::FileName, crate::source::base_name(name), "/fileName");
        for (p, who) in node.each("fileContributors") {
            c.say_at(FactKind::Contributor, who.text().map(entity).unwrap_or_default(), format_args!("{p}"));
        }
        for (kind, key, field) in [
            (FactKind::Copyright, "copyrightText", "/copyrightText"),
            (FactKind::Copyright, "noticeText", "/noticeText"),
            (FactKind::Description, "comment", "/comment"),
            (FactKind::License, "licenseComments", "/licenseComments"),
        ] {
            c.say(kind, node.str(key).and_then(asserted).unwrap_or_default(), field);
        }
        for (p, project) in node.each("artifactOfs") {
            c.say_at(FactKind::Description, project.str("name").unwrap_or_default(), format_args!("{p}/name"));
            c.say_at(FactKind::Url, project.str("homePage").unwrap_or_default(), format_args!("{p}/homePage"));
        }
        self.shared(&mut c, node);
        self.inventory.add(c);
    }

    fn snippet(&mut self, node: &Node<'_>, at: &str) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let (mut c, own) = self.element(node, at, node.str("name").unwrap_or_default(), None);
        for (kind, key, field) in [
            (FactKind::Name, "name", "/name"),
            (FactKind::Copyright, "copyrightText", "/copyrightText"),
            (FactKind::Description, "comment", "/comment"),
            (FactKind::License, "licenseComments", "/licenseComments"),
        ] {
            c.say(kind, node.str(key).and_then(asserted).unwrap_or_default(), field);
        }
        if let Some(file) = node.str("snippetFromFile") {
            self.inventory.graph.edge(Graph::key(file), own);
        }
        self.shared(&mut c, node);
        self.inventory.add(c);
    }

    /// What packages, files and snippets share.
    fn shared(&mut self, c: &mut Component, node: &Node<'_>) {
        for (p, sum) in node.each("checksums") {
            say_digest(c, sum.str("algorithm"), sum.str("checksumValue"), format_args!("{p}"));
        }
        for (p, text) in node.each("attributionTexts") {
            c.say_at(FactKind::Copyright, text.text().unwrap_or_default(), format_args!("{p}"));
        }
        for (p, remark) in node.each("annotations") {
            annotation(c, remark, &p.to_string());
        }
    }

    /// The described package gives the label; a document of one package describes that one; else only
    /// the document's own name is known.
    fn label(&mut self, whole: bool) {
        let described = self.described.iter().find_map(|id| self.labels.remove(id));
        for id in &self.described {
            self.inventory.graph.root(Graph::key(id));
        }
        let only =
            (whole && self.packages == 1).then(|| self.first.as_ref().and_then(|id| self.labels.remove(id))).flatten();
        let named = self.document.take().and_then(|name| asserted(&name).map(str::to_owned)).map(|name| Label {
            vendor: None,
            product: Some(name),
            version: None,
            at: self.inventory.at("/name"),
            from: LabelSource::Sbom,
        });
        self.inventory.labels.extend(described.or(only).or(named));
    }
}

/// A remark, and who made it: no maker of the thing.
fn annotation(c: &mut Component, node: &Node<'_>, p: &str) {
    c.say_at(
        FactKind::Annotation,
        node.str("annotator").map(entity).unwrap_or_default(),
        format_args!("{p}/annotator"),
    );
    c.say_at(FactKind::Annotation, node.str("comment").unwrap_or_default(), format_args!("{p}/comment"));
}

/// NOASSERTION and NONE say nothing.
fn asserted(value: &str) -> Option<&str> {
    let value = value.trim();
    (!value.is_empty() && value != "NOASSERTION" && value != "NONE").then_some(value)
}

/// `Organization: Name (address)` and `Person: …` give the name.
fn entity(value: &str) -> &str {
    let prefixed = ["organization:", "person:", "tool:"].iter().find_map(|prefix| {
        value.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)).and(value.get(prefix.len()..))
    });
    let name = prefixed.unwrap_or(value).trim();
    match name.rsplit_once('(') {
        Some((name, rest)) if rest.ends_with(')') && (rest.contains('@') || rest == ")") => name.trim(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_its_name() {
        assert_eq!(entity("Organization: Acme, Inc. (sbom@acme.example)"), "Acme, Inc.");
        assert_eq!(entity("person: Jane Doe ()"), "Jane Doe");
        assert_eq!(entity("Organization: Acme (Europe)"), "Acme (Europe)");
        assert_eq!(asserted("NOASSERTION"), None);
    }
}
