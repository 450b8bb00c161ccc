//! CycloneDX JSON 1.2 to 1.7 (ECMA-424), leniently.
//!
//! In: a JSON document with `"bomFormat": "CycloneDX"`. Out: a component per entry of `components`
//! (nested ones too), `services` and `metadata.component`; the label is what `metadata` describes.

use semver::{Version, VersionReq};

use super::super::json::{Node, Want, stream};
use super::super::{Doc, Extractor, Mine, text};
use super::{close, conformance, holds, looks_like_json, misplaced, say, say_digest, say_file_name, states};
use crate::fact::{Component, FactKind, Inventory, Label, LabelSource, Reason};

const NAME: &str = "sbom/cyclonedx-json";

pub(in super::super) const EXTRACTOR: Extractor = Extractor { name: NAME, claim: looks_like_json, extract };

fn want(key: &str) -> Want {
    match key {
        "components" | "services" => Want::Items,
        "bomFormat" | "specVersion" | "$schema" | "metadata" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    // UTF-16 holds the marker too, once decoded.
    let (text, encoding) = text::decode(doc.data);
    if !holds(&text, "\"bomFormat\"") {
        return Mine::No;
    }
    let mut reader = Reader { inventory, left: doc.max_components, seen: 0, marked: false, version: None };
    let end = stream(&text, want, &mut |key, index, node| reader.member(key, index, &node));
    let Reader { left, seen, marked, version, inventory } = reader;
    // A break before the marker leaves the claim to the text itself.
    let whole = matches!(end, super::End::Clean | super::End::Trailing(_));
    if !marked && (whole || seen == 0) {
        // Broken before the marker, or a document within another: either way it may not pass unseen.
        if !states(&text, "bomFormat", "CycloneDX") {
            return Mine::No;
        }
        if whole {
            let detail = "a CycloneDX document nested in another: recognised, not read by this version";
            inventory.gap("", Reason::Unsupported, detail);
            return Mine::Yes;
        }
    }
    if let Some(encoding) = encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    close(end, &text, inventory);
    if left == 0 {
        let detail = format!("more than {} components; the rest was not read", doc.max_components);
        inventory.gap("/components", Reason::Limit, detail);
    }
    check_version(version.as_deref(), inventory);
    if seen == 0 && whole {
        inventory.gap("", Reason::Empty, "a CycloneDX document without a component: nothing to assess");
    }
    if doc.options.strict {
        conformance::cyclonedx(&text, version.as_deref(), inventory);
    }
    Mine::Yes
}

/// A version that is not known is read by the rules of the last one, and said.
fn check_version(version: Option<&str>, inventory: &mut Inventory) {
    let Some(version) = version else {
        return inventory.note("/specVersion", "no specVersion; read by the rules of 1.7");
    };
    let parsed = Version::parse(&format!("{version}.0"));
    let known = VersionReq::parse(">=1.2.0, <1.8.0").is_ok_and(|known| parsed.is_ok_and(|v| known.matches(&v)));
    if !known {
        let detail =
            format!("CycloneDX {version:?} is not one of 1.2 to 1.7: read by the rules of 1.7, parts may be missed");
        inventory.gap("/specVersion", Reason::Unsupported, detail);
    }
}

struct Reader<'i> {
    inventory: &'i mut Inventory,
    left: u64,
    seen: u64,
    marked: bool,
    version: Option<String>,
}

impl Reader<'_> {
    fn member(&mut self, key: &str, index: Option<usize>, node: &Node<'_>) {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "bomFormat" => self.marked |= node.text() == Some("CycloneDX"),
            "specVersion" => self.version = node.text().map(str::to_owned),
            "$schema" => self.marked |= node.text().is_some_and(|s| s.contains("cyclonedx.org/schema/bom")),
            "metadata" => self.metadata(node, &at),
            // A list given as something else: what can be read of it is, and the rest is said to be missing.
            _ if index.is_none() && self.odd_list(node, &at) => {}
            "components" => self.component(node, &at),
            _ => self.service(node, &at),
        }
    }

    fn metadata(&mut self, node: &Node<'_>, at: &str) {
        let Some(main) = node.get("component") else { return };
        let at_main = format!("{at}/component");
        let first = self.inventory.components.len();
        self.component(main, &at_main);
        // The document's `supplier` and `manufacture` are those of the component it describes.
        if let Some(mut c) = self.inventory.components.get_mut(first).map(std::mem::take) {
            self.entities(&mut c, FactKind::Supplier, node, "supplier", at);
            self.entities(&mut c, FactKind::Manufacturer, node, "manufacture", at);
            if let Some(slot) = self.inventory.components.get_mut(first) {
                *slot = c;
            }
        }
        // Who stands behind the product: its own maker first, then the maker of the document.
        let vendor = maker(main)
            .or_else(|| ["supplier", "manufacturer", "manufacture"].iter().find_map(|k| named(node.get(k)?)));
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

    /// An object in place of a list may be one component, or name many by its keys: that is no document of
    /// this format, and a gap.
    fn odd_list(&mut self, node: &Node<'_>, at: &str) -> bool {
        let detail = format!("{} where a list belongs; parts may be missed", node.shape());
        self.inventory.gap(at, Reason::Malformed, detail);
        node.str("name").is_none()
    }

    /// Room for one more component; the limit is noted when the document ends.
    fn room(&mut self, node: &Node<'_>, at: &str) -> bool {
        if misplaced(node, at, self.inventory) {
            return false;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.seen += 1;
        true
    }

    fn component(&mut self, node: &Node<'_>, at: &str) {
        if !self.room(node, at) {
            return;
        }
        let mut c = self.inventory.declare(NAME, at);
        self.common(&mut c, node, at);
        for (kind, key) in [
            (FactKind::Publisher, "publisher"),
            (FactKind::Copyright, "copyright"),
            (FactKind::Purl, "purl"),
            (FactKind::Cpe, "cpe"),
        ] {
            say(&mut c, kind, node, key, at, self.inventory);
        }
        for (kind, key) in [
            (FactKind::Supplier, "supplier"),
            (FactKind::Manufacturer, "manufacturer"),
            (FactKind::Manufacturer, "manufacture"),
            (FactKind::Author, "author"),
            (FactKind::Author, "authors"),
        ] {
            self.entities(&mut c, kind, node, key, at);
        }
        if let Some(name) = node.str("name") {
            say_file_name(&mut c, name, format!("{at}/name"));
        }
        for (p, hash) in node.each("hashes") {
            say_digest(&mut c, hash.str("alg"), hash.str("content"), format!("{at}{p}"));
        }
        if let Some(swid) = node.get("swid") {
            let at = format!("{at}/swid");
            say(&mut c, FactKind::Name, swid, "name", &at, self.inventory);
        }
        self.inventory.add(c);
        for (p, child) in node.each("components") {
            self.component(child, &format!("{at}{p}"));
        }
    }

    fn service(&mut self, node: &Node<'_>, at: &str) {
        if !self.room(node, at) {
            return;
        }
        let mut c = self.inventory.declare(NAME, at);
        self.common(&mut c, node, at);
        self.entities(&mut c, FactKind::Provider, node, "provider", at);
        for (p, endpoint) in node.each("endpoints") {
            if let Some(url) = endpoint.text() {
                c.say(FactKind::Url, url, format!("{at}{p}"));
            }
        }
        self.inventory.add(c);
        for (p, child) in node.each("services") {
            self.service(child, &format!("{at}{p}"));
        }
    }

    /// What components and services share.
    fn common(&mut self, c: &mut Component, node: &Node<'_>, at: &str) {
        for (kind, key) in [
            (FactKind::Name, "name"),
            (FactKind::Version, "version"),
            (FactKind::Group, "group"),
            (FactKind::Description, "description"),
        ] {
            say(c, kind, node, key, at, self.inventory);
        }
        for (p, reference) in node.each("externalReferences") {
            if let Some(url) = reference.str("url") {
                c.say(FactKind::Url, url, format!("{at}{p}/url"));
            }
            for (q, hash) in reference.each("hashes") {
                say_digest(c, hash.str("alg"), hash.str("content"), format!("{at}{p}{q}"));
            }
        }
        for (p, property) in node.each("properties") {
            if let Some(name) = property.str("name") {
                let value = property.str("value").unwrap_or_default();
                c.say(FactKind::Property, format!("{name}={value}"), format!("{at}{p}"));
            }
        }
    }

    /// An organisation or a person, or a list of them; a bare string stands in for its name.
    fn entities(&mut self, c: &mut Component, kind: FactKind, node: &Node<'_>, key: &str, at: &str) {
        for (p, entity) in node.each(key) {
            match entity {
                Node::Map(_) => {
                    if let Some(name) = entity.str("name") {
                        c.say(kind, name, format!("{at}{p}/name"));
                    }
                    for (q, url) in entity.each("url") {
                        if let Some(url) = url.text() {
                            c.say(FactKind::Url, url, format!("{at}{p}{q}"));
                        }
                    }
                }
                other => match other.text() {
                    Some(name) => {
                        // `author` is a plain string by the specification; the others are not.
                        if key != "author" {
                            self.inventory
                                .note(format!("{at}{p}"), "a string where an object belongs; read as its name");
                        }
                        c.say(kind, name, format!("{at}{p}"));
                    }
                    None => self
                        .inventory
                        .note(format!("{at}{p}"), format!("{} where an object belongs; passed over", other.shape())),
                },
            }
        }
    }
}

/// The name of an entity, in either shape.
fn named<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.items().iter().find_map(|e| e.str("name").or_else(|| e.text()))
}

/// Who makes a component, by the most telling field.
fn maker<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    ["supplier", "manufacturer", "manufacture", "publisher", "authors", "author"]
        .iter()
        .find_map(|key| named(node.get(key)?))
}
