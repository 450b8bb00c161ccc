//! CycloneDX 1.0 to 1.7 (ECMA-424), leniently, in every notation.
//!
//! In: the tree of a document: read as a stream from JSON, turned into the same tree from XML and protobuf. Out: a
//! component per entry of `components` (nested ones too), `services`, `metadata.component`, pedigree, formulation and
//! declared targets; the label is what `metadata` describes; dependencies, completeness.

pub(in super::super) mod protobuf;
pub(in super::super) mod textproto;
pub(in super::super) mod xml;

use semver::{Version, VersionReq};

use super::super::json::Node;
use super::super::stream::Want;
use super::super::{Extractor, Input, Mine, Read};
use super::{Form, Tally, close, conformance, looks_like_json, say, say_digest, say_file_name};
use crate::fact::{Component, FactKind, Graph, Inventory, Label, LabelSource, Reason, Usage};

pub(in super::super) const JSON: Extractor =
    Extractor { name: "sbom/cyclonedx-json", claim: looks_like_json, extract: Read::Stream(json) };

/// How a top-level member is read, in every notation.
fn want(key: &str) -> Want {
    match key {
        "components" | "services" | "dependencies" | "compositions" | "formulation" | "annotations" => Want::Items,
        "bomFormat" | "specVersion" | "serialNumber" | "metadata" | "declarations" => Want::Whole,
        _ => Want::Skip,
    }
}

fn json(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::CycloneDx {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let mut reader = Reader::new(JSON.name, input.limits.max_components, inventory);
    let outcome = window.members(&want, &mut |key, index, node| reader.member(key, index, &node));
    let (version, inventory) = reader.finish(outcome.whole());
    close(&mut window, &outcome, inventory);
    if input.options.strict {
        match input.blob.held() {
            Some(data) => {
                conformance::cyclonedx(&super::text::decode(data).0, version.as_deref(), inventory);
            }
            None => inventory.remark("", "conformance not checked: the document is too large for the strict parser"),
        }
    }
    Mine::Yes
}

/// A version that is not known is read by the rules of the last one, and said.
fn check_version(version: Option<&str>, inventory: &mut Inventory<'_>) {
    let Some(version) = version else {
        return inventory.note("/specVersion", "no specVersion; read by the rules of 1.7");
    };
    let parsed = Version::parse(&format!("{version}.0"));
    let known = VersionReq::parse(">=1.0.0, <1.8.0").is_ok_and(|known| parsed.is_ok_and(|v| known.matches(&v)));
    if !known {
        let detail =
            format!("CycloneDX {version:?} is not one of 1.0 to 1.7: read by the rules of 1.7, parts may be missed");
        inventory.gap("/specVersion", Reason::Unsupported, detail);
    }
}

/// The one reader of the format.
struct Reader<'i, 's> {
    name: &'static str,
    inventory: &'i mut Inventory<'s>,
    tally: Tally,
    version: Option<String>,
}

/// What a component inherits from where it stands.
#[derive(Clone, Copy, Default)]
struct Within {
    holder: Option<u64>,
    usage: Option<Usage>,
}

impl<'i, 's> Reader<'i, 's> {
    fn new(name: &'static str, most: u64, inventory: &'i mut Inventory<'s>) -> Self {
        let tally = Tally::new(name, most, inventory);
        Reader { name, inventory, tally, version: None }
    }

    /// Closes the document: its version, and whether there was anything in it.
    fn finish(self, whole: bool) -> (Option<String>, &'i mut Inventory<'s>) {
        let Reader { inventory, tally, version, .. } = self;
        check_version(version.as_deref(), inventory);
        tally.close("a CycloneDX document without a component", version.as_deref(), whole, inventory);
        (version, inventory)
    }

    fn member(&mut self, key: &str, index: Option<usize>, node: &Node<'_>) {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "specVersion" => self.version = node.text().map(str::to_owned),
            "metadata" => self.metadata(node, &at),
            "declarations" => self.declarations(node, &at),
            "dependencies" => self.dependency(node),
            "compositions" => {
                if let (Some(coverage), Some(aggregate)) = (&mut self.inventory.coverage, node.str("aggregate")) {
                    let aggregate = crate::fact::cut(aggregate, 64);
                    if coverage.declared.len() < 16 && !coverage.declared.iter().any(|d| d == aggregate) {
                        coverage.declared.push(aggregate.to_owned());
                    }
                }
            }
            "annotations" => {
                let mut c = self.inventory.declare(self.name, &at);
                say(&mut c, FactKind::Annotation, node, "text", "/text", self.inventory);
                self.inventory.add_aside(c);
            }
            "formulation" => {
                let within = Within { usage: Some(Usage::Build), ..Within::default() };
                for (p, child) in node.each("components") {
                    self.component(child, &format!("{at}{p}"), within);
                }
                for (p, child) in node.each("services") {
                    self.service(child, &format!("{at}{p}"), within);
                }
            }
            "components" | "services" => {
                // A list given as something else: what can be read of it is, and the rest is said to be missing.
                if index.is_none() && self.odd_list(node, &at) {
                    return;
                }
                if key == "components" {
                    self.component(node, &at, Within::default());
                } else {
                    self.service(node, &at, Within::default());
                }
            }
            _ => {}
        }
    }

    /// What the document says of itself, and of the product it describes.
    fn metadata(&mut self, node: &Node<'_>, at: &str) {
        let mut own = self.inventory.declare(self.name, at);
        for key in ["manufacturer", "authors", "author"] {
            self.entities(&mut own, FactKind::DocumentMaker, node, key);
        }
        let mut author = own.kinds().next().is_some();
        // Old: a list of tools by vendor and name. New: components and services.
        let tools = node.each("tools").flat_map(|(p, tool)| {
            let nested: Vec<_> = ["components", "services"]
                .into_iter()
                .flat_map(|key| tool.each(key).map(|(q, t)| (format!("{p}{q}"), t)))
                .collect();
            if nested.is_empty() { vec![(p.to_string(), tool)] } else { nested }
        });
        for (p, tool) in tools {
            author = true;
            for key in ["vendor", "name", "publisher"] {
                if let Some(text) = tool.str(key) {
                    own.say_at(FactKind::DocumentTool, text, format_args!("{p}/{key}"));
                }
            }
            for key in ["supplier", "manufacturer"] {
                if let Some(text) = tool.get(key).and_then(named) {
                    own.say_at(FactKind::DocumentTool, text, format_args!("{p}/{key}/name"));
                }
            }
        }
        self.properties(&mut own, node);
        self.inventory.add_aside(own);
        if let Some(coverage) = &mut self.inventory.coverage {
            coverage.author |= author;
            coverage.timestamp |= node.str("timestamp").is_some();
        }
        let Some(main) = node.get("component") else {
            // A supplier without a product is still somebody's word about this document.
            let mut own = self.inventory.declare(self.name, at);
            self.entities(&mut own, FactKind::Supplier, node, "supplier");
            self.entities(&mut own, FactKind::Manufacturer, node, "manufacture");
            self.inventory.add_aside(own);
            return;
        };
        let at_main = format!("{at}/component");
        self.component_with(main, &at_main, Within::default(), Some(node));
        self.inventory.graph.root(reference(main, &at_main));
        // One that stands twice is one too many: each is looked at.
        let again: Vec<_> = node.each("component").map(|(_, c)| c).filter(|c| !std::ptr::eq(*c, main)).collect();
        for other in again {
            self.component(other, &at_main, Within::default());
        }
        // Who stands behind the product: its own maker first, then the maker of the document.
        let vendor = maker(main)
            .or_else(|| ["supplier", "manufacture", "manufacturer"].iter().find_map(|k| named(node.get(k)?)));
        let label = Label {
            vendor: vendor.map(str::to_owned),
            product: main.str("name").map(str::to_owned),
            version: main.str("version").map(str::to_owned),
            at: self.inventory.at(at_main),
            from: LabelSource::Sbom,
        };
        if label.vendor.is_some() || label.product.is_some() {
            self.inventory.labels.push(label);
        }
    }

    /// What is attested: components and services under assessment, and who signs.
    fn declarations(&mut self, node: &Node<'_>, at: &str) {
        if let Some(targets) = node.get("targets") {
            for (p, child) in targets.each("components") {
                self.component(child, &format!("{at}/targets{p}"), Within::default());
            }
            for (p, child) in targets.each("services") {
                self.service(child, &format!("{at}/targets{p}"), Within::default());
            }
        }
        let mut own = self.inventory.declare(self.name, at);
        if let Some(affirmation) = node.get("affirmation") {
            for (p, signatory) in affirmation.each("signatories") {
                if let Some(name) = signatory.get("organization").and_then(named) {
                    own.say_at(FactKind::DocumentMaker, name, format_args!("/affirmation{p}/organization/name"));
                }
            }
        }
        self.inventory.add_aside(own);
    }

    fn dependency(&mut self, node: &Node<'_>) {
        let Some(from) = node.str("ref").map(Graph::key) else { return };
        for key in ["dependsOn", "dependencies", "provides"] {
            for (_, to) in node.each(key) {
                // XML and protobuf nest the dependencies as elements of the same shape.
                if let Some(to) = to.text().or_else(|| to.str("ref")) {
                    self.inventory.graph.edge(from, Graph::key(to));
                }
            }
        }
    }

    /// An object in place of a list may be one component, or name many by its keys: that is no document of
    /// this format, and a gap.
    fn odd_list(&mut self, node: &Node<'_>, at: &str) -> bool {
        let detail = format!("{} where a list belongs; parts may be missed", node.shape());
        self.inventory.gap(at, Reason::Malformed, detail);
        node.str("name").is_none()
    }

    fn component(&mut self, node: &Node<'_>, at: &str, within: Within) {
        self.component_with(node, at, within, None);
    }

    /// A component; `document` is the metadata that speaks of it, too, where it is the one described.
    fn component_with(&mut self, node: &Node<'_>, at: &str, within: Within, document: Option<&Node<'_>>) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let mut c = self.inventory.declare(self.name, at);
        let within = self.common(&mut c, node, at, within);
        for (kind, key, field) in [
            (FactKind::Publisher, "publisher", "/publisher"),
            (FactKind::Copyright, "copyright", "/copyright"),
            (FactKind::Purl, "purl", "/purl"),
            (FactKind::Cpe, "cpe", "/cpe"),
        ] {
            say(&mut c, kind, node, key, field, self.inventory);
        }
        for (kind, key) in [
            (FactKind::Supplier, "supplier"),
            (FactKind::Manufacturer, "manufacturer"),
            (FactKind::Manufacturer, "manufacture"),
            (FactKind::Author, "author"),
            (FactKind::Author, "authors"),
        ] {
            self.entities(&mut c, kind, node, key);
        }
        if let Some(document) = document {
            // The document's `supplier` and `manufacture` are those of the component it describes.
            for (kind, key) in [(FactKind::Supplier, "supplier"), (FactKind::Manufacturer, "manufacture")] {
                let name = document.get(key).and_then(named).unwrap_or_default();
                c.say_at(kind, name, format_args!("/../{key}/name"));
            }
        }
        if let Some(name) = node.str("name") {
            say_file_name(&mut c, name, "/name");
        }
        for (p, hash) in node.each("hashes") {
            say_digest(&mut c, hash.str("alg"), content(hash), format_args!("{p}"));
        }
        for key in ["omniborId", "swhid"] {
            for (p, id) in node.each(key) {
                c.say_at(FactKind::Digest, id.text().unwrap_or_default(), format_args!("{p}"));
            }
        }
        if let Some(swid) = node.get("swid") {
            c.say(FactKind::Name, swid.str("name").unwrap_or_default(), "/swid/name");
            let id = swid.str("tagId").map(|id| format!("swid={id}")).unwrap_or_default();
            c.say(FactKind::Property, id, "/swid/tagId");
        }
        self.evidence(&mut c, node);
        self.inventory.add(c);
        for (p, child) in node.each("components") {
            self.component(child, &format!("{at}{p}"), within);
        }
        for (_, pedigree) in node.each("pedigree") {
            for key in ["ancestors", "descendants", "variants"] {
                for (p, child) in pedigree.each(key) {
                    // An ancestor's code is in the component; its kin's is not.
                    let holder = within.holder.filter(|_| key == "ancestors");
                    self.component(child, &format!("{at}/pedigree{p}"), Within { holder, ..within });
                }
            }
        }
    }

    /// How a tool came to know the component: identities, places, calls, copyright lines, licences.
    fn evidence(&mut self, c: &mut Component, node: &Node<'_>) {
        let Some(evidence) = node.get("evidence") else { return };
        for (p, identity) in evidence.each("identity") {
            let kind = match identity.str("field").unwrap_or_default() {
                "name" => FactKind::Name,
                "group" => FactKind::Group,
                "version" => FactKind::Version,
                "purl" => FactKind::Purl,
                "cpe" => FactKind::Cpe,
                _ => FactKind::Property,
            };
            c.say_at(
                kind,
                identity.str("concludedValue").unwrap_or_default(),
                format_args!("/evidence{p}/concludedValue"),
            );
            for (q, method) in identity.each("methods") {
                c.say_at(kind, method.str("value").unwrap_or_default(), format_args!("/evidence{p}{q}/value"));
            }
        }
        for (p, place) in evidence.each("occurrences") {
            if let Some(path) = place.str("location") {
                c.say_at(FactKind::Path, path.replace('\\', "/"), format_args!("/evidence{p}/location"));
                c.say_at(FactKind::FileName, crate::source::base_name(path), format_args!("/evidence{p}/location"));
            }
        }
        for (p, line) in evidence.each("copyright") {
            let text = line.str("text").or_else(|| line.text()).unwrap_or_default();
            c.say_at(FactKind::Copyright, text, format_args!("/evidence{p}"));
        }
        if let Some(stack) = evidence.get("callstack") {
            for (p, frame) in stack.each("frames") {
                if let Some(path) = frame.str("fullFilename") {
                    c.say_at(
                        FactKind::Path,
                        path.replace('\\', "/"),
                        format_args!("/evidence/callstack{p}/fullFilename"),
                    );
                }
                for key in ["package", "module"] {
                    c.say_at(
                        FactKind::Group,
                        frame.str(key).unwrap_or_default(),
                        format_args!("/evidence/callstack{p}/{key}"),
                    );
                }
            }
        }
    }

    fn service(&mut self, node: &Node<'_>, at: &str, within: Within) {
        if !self.tally.room(node, at, self.inventory) {
            return;
        }
        let mut c = self.inventory.declare(self.name, at);
        let within = self.common(&mut c, node, at, within);
        self.entities(&mut c, FactKind::Provider, node, "provider");
        for (p, endpoint) in node.each("endpoints") {
            c.say_at(FactKind::Url, endpoint.text().unwrap_or_default(), format_args!("{p}"));
        }
        self.inventory.add(c);
        for (p, child) in node.each("services") {
            self.service(child, &format!("{at}{p}"), within);
        }
    }

    /// What components and services share. Says what those inside them inherit.
    fn common(&mut self, c: &mut Component, node: &Node<'_>, at: &str, within: Within) -> Within {
        let own = reference(node, at);
        c.reference = Some(own);
        c.usage = match node.str("scope") {
            Some("optional") => Some(Usage::Optional),
            Some("excluded") => Some(Usage::Excluded),
            Some("required") => within.usage.or(Some(Usage::Required)),
            _ => within.usage,
        };
        let name = node.str("name").unwrap_or_default();
        self.inventory.graph.node(own, name, node.str("version"));
        if let Some(holder) = within.holder {
            self.inventory.graph.edge(holder, own);
        }
        for (kind, key, field) in [
            (FactKind::Name, "name", "/name"),
            (FactKind::Version, "version", "/version"),
            (FactKind::Group, "group", "/group"),
            (FactKind::Description, "description", "/description"),
        ] {
            say(c, kind, node, key, field, self.inventory);
        }
        for (p, reference) in node.each("externalReferences") {
            if let Some(url) = reference.str("url") {
                c.say_at(FactKind::Url, url, format_args!("{p}/url"));
            }
            for (q, hash) in reference.each("hashes") {
                say_digest(c, hash.str("alg"), content(hash), format_args!("{p}{q}"));
            }
        }
        for (p, licence) in node.each("licenses") {
            let (inner, q) = licence.get("license").map_or((licence, ""), |inner| (inner, "/license"));
            c.say_at(FactKind::License, inner.str("name").unwrap_or_default(), format_args!("{p}{q}/name"));
            if let Some(text) = inner.get("text") {
                let text = content(text).or_else(|| text.text()).unwrap_or_default();
                c.say_at(FactKind::License, text, format_args!("{p}{q}/text"));
            }
            if let Some(licensing) = inner.get("licensing").or_else(|| licence.get("licensing")) {
                let who = licensing.get("licensor").and_then(|l| l.get("organization").or_else(|| l.get("individual")));
                let name = who.and_then(named).unwrap_or_default();
                c.say_at(FactKind::Licensor, name, format_args!("{p}{q}/licensing/licensor"));
            }
        }
        self.properties(c, node);
        Within { holder: Some(own), usage: c.usage.filter(|u| *u != Usage::Required).or(within.usage) }
    }

    fn properties(&mut self, c: &mut Component, node: &Node<'_>) {
        for (p, property) in node.each("properties") {
            if let Some(name) = property.str("name") {
                let value = property.str("value").unwrap_or_default();
                c.say_at(FactKind::Property, format!("{name}={value}"), format_args!("{p}"));
                if name == "cdx:npm:package:development" && value == "true" {
                    c.usage = Some(Usage::Development);
                }
            }
        }
    }

    /// An organisation or a person, or a list of them; a bare string stands in for its name.
    fn entities(&mut self, c: &mut Component, kind: FactKind, node: &Node<'_>, key: &'static str) {
        for (p, entity) in node.each(key) {
            match entity {
                Node::Map(_) => {
                    for (q, name) in entity.each("name") {
                        c.say_at(kind, name.text().unwrap_or_default(), format_args!("{p}{q}"));
                    }
                    for (q, url) in entity.each("url") {
                        c.say_at(FactKind::Url, url.text().unwrap_or_default(), format_args!("{p}{q}"));
                    }
                }
                other => {
                    let at = || format!("{}{p}", c.pointer);
                    match other.text() {
                        Some(name) => {
                            // `author` is a plain string by the specification; the others are not.
                            if key != "author" {
                                self.inventory.note(at(), "a string where an object belongs; read as its name");
                            }
                            c.say_at(kind, name, format_args!("{p}"));
                        }
                        None => {
                            self.inventory.note(at(), format!("{} where an object belongs; passed over", other.shape()))
                        }
                    }
                }
            }
        }
    }
}

/// The content of a digest or text, which protobuf calls a value.
fn content<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.str("content").or_else(|| node.str("value"))
}

/// The key of a component's own name in the document, else of its place.
fn reference(node: &Node<'_>, at: &str) -> u64 {
    Graph::key(node.str("bom-ref").filter(|r| !r.is_empty()).unwrap_or(at))
}

/// The name of an entity, in either shape.
fn named<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.items().iter().filter_map(|e| e.str("name").or_else(|| e.text())).find(|name| !name.trim().is_empty())
}

/// Who makes a component, by the most telling field.
fn maker<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    ["supplier", "manufacturer", "manufacture", "publisher", "authors", "author"]
        .iter()
        .find_map(|key| named(node.get(key)?))
}
