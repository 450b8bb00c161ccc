//! SPDX 2.0 to 2.3 JSON (ISO/IEC 5962), leniently.
//!
//! In: a JSON document with `"spdxVersion": "SPDX-2.…"`. Out: a component per package and per file; the
//! label is the package the document describes.

use std::collections::HashMap;

use super::super::json::{Node, Want, stream};
use super::super::{Doc, Extractor, Mine, text};
use super::{close, conformance, holds, looks_like_json, misplaced, say, say_digest, say_file_name, states};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

const NAME: &str = "sbom/spdx-json";

pub(in super::super) const EXTRACTOR: Extractor = Extractor { name: NAME, claim: looks_like_json, extract };

/// Packages whose label is kept until the document says which one it describes.
const LABELS_KEPT: usize = 100_000;

fn want(key: &str) -> Want {
    match key {
        "packages" | "files" | "relationships" => Want::Items,
        "spdxVersion" | "SPDXID" | "name" | "documentDescribes" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let (text, encoding) = text::decode(doc.data);
    if !holds(&text, "\"spdxVersion\"") {
        return Mine::No;
    }
    let mut reader = Reader {
        inventory,
        left: doc.max_components,
        seen: 0,
        version: None,
        name: None,
        id: "SPDXRef-DOCUMENT".to_owned(),
        described: Vec::new(),
        labels: HashMap::new(),
        first: None,
    };
    let end = stream(&text, want, &mut |key, index, node| reader.member(key, index, &node));
    let whole = matches!(end, super::End::Clean | super::End::Trailing(_));
    let marked = reader.version.as_deref().is_some_and(|v| v.starts_with("SPDX-"));
    if !marked && (whole || reader.seen == 0) {
        // Broken before the marker, or a document within another: either way it may not pass unseen.
        if !states(&text, "spdxVersion", "SPDX-2") {
            return Mine::No;
        }
        if whole {
            reader.inventory.gap(
                "",
                Reason::Unsupported,
                "an SPDX document nested in another: recognised, not read by this version",
            );
            return Mine::Yes;
        }
    }
    reader.label();
    let Reader { left, seen, version, inventory, .. } = reader;
    if let Some(encoding) = encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    close(end, &text, inventory);
    if left == 0 {
        let detail = format!("more than {} packages and files; the rest was not read", doc.max_components);
        inventory.gap("/packages", Reason::Limit, detail);
    }
    match version.as_deref() {
        Some("SPDX-2.0" | "SPDX-2.1" | "SPDX-2.2" | "SPDX-2.2.1" | "SPDX-2.2.2" | "SPDX-2.3") => {}
        Some(other) => {
            let detail =
                format!("{other:?} is not one of SPDX-2.0 to SPDX-2.3: read by the rules of 2.3, parts may be missed");
            inventory.gap("/spdxVersion", Reason::Unsupported, detail);
        }
        None => inventory.note("/spdxVersion", "no usable spdxVersion; read by the rules of 2.3"),
    }
    if seen == 0 && whole {
        inventory.gap("", Reason::Empty, "an SPDX document without a package or file: nothing to assess");
    }
    if doc.options.strict {
        conformance::spdx(&text, version.as_deref(), inventory);
    }
    Mine::Yes
}

struct Reader<'i> {
    inventory: &'i mut Inventory,
    left: u64,
    seen: u64,
    version: Option<String>,
    name: Option<String>,
    id: String,
    described: Vec<String>,
    labels: HashMap<String, Label>,
    first: Option<String>,
}

impl Reader<'_> {
    fn member(&mut self, key: &str, index: Option<usize>, node: &Node<'_>) {
        let at = index.map_or_else(|| format!("/{key}"), |i| format!("/{key}/{i}"));
        match key {
            "spdxVersion" => self.version = node.text().map(str::to_owned),
            "SPDXID" => self.id = node.text().map_or_else(|| self.id.clone(), str::to_owned),
            "name" => self.name = node.text().map(str::to_owned),
            "documentDescribes" => {
                self.described.extend(node.items().iter().filter_map(|n| n.text()).map(str::to_owned));
            }
            "relationships" => self.relationship(node),
            "packages" => self.package(node, &at),
            _ => self.file(node, &at),
        }
    }

    fn relationship(&mut self, node: &Node<'_>) {
        let kind = node.str("relationshipType").unwrap_or_default();
        let (from, to) = (node.str("spdxElementId"), node.str("relatedSpdxElement"));
        let described = match kind {
            "DESCRIBES" if from == Some(&self.id) => to,
            "DESCRIBED_BY" if to == Some(&self.id) => from,
            _ => None,
        };
        self.described.extend(described.map(str::to_owned));
    }

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

    fn package(&mut self, node: &Node<'_>, at: &str) {
        if !self.room(node, at) {
            return;
        }
        let mut c = self.inventory.declare(NAME, at);
        for (kind, key) in [
            (FactKind::Name, "name"),
            (FactKind::Version, "versionInfo"),
            (FactKind::Description, "description"),
            (FactKind::Description, "summary"),
            (FactKind::Description, "comment"),
        ] {
            say(&mut c, kind, node, key, at, self.inventory);
        }
        for (kind, key) in [
            (FactKind::Supplier, "supplier"),
            (FactKind::Originator, "originator"),
            (FactKind::Copyright, "copyrightText"),
            (FactKind::Url, "downloadLocation"),
            (FactKind::Url, "homepage"),
        ] {
            if let Some(value) = node.str(key).and_then(asserted) {
                c.say(kind, entity(value), format!("{at}/{key}"));
            }
        }
        if let Some(name) = node.str("name") {
            say_file_name(&mut c, name, format!("{at}/name"));
        }
        if let Some(name) = node.str("packageFileName").and_then(asserted) {
            say_file_name(&mut c, name, format!("{at}/packageFileName"));
        }
        for (p, sum) in node.each("checksums") {
            say_digest(&mut c, sum.str("algorithm"), sum.str("checksumValue"), format!("{at}{p}"));
        }
        for (p, text) in node.each("attributionTexts") {
            c.say(FactKind::Copyright, text.text().unwrap_or_default(), format!("{at}{p}"));
        }
        for (p, reference) in node.each("externalRefs") {
            let kind = match reference.str("referenceType").unwrap_or_default().to_ascii_lowercase() {
                t if t.ends_with("purl") || t.ends_with("package-url") => FactKind::Purl,
                t if t.contains("cpe") => FactKind::Cpe,
                _ => FactKind::Url,
            };
            if let Some(locator) = reference.str("referenceLocator") {
                c.say(kind, locator, format!("{at}{p}/referenceLocator"));
            }
        }
        if let Some(id) = node.str("SPDXID").filter(|_| self.labels.len() < LABELS_KEPT) {
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
    }

    fn file(&mut self, node: &Node<'_>, at: &str) {
        if !self.room(node, at) {
            return;
        }
        let mut c = self.inventory.declare(NAME, at);
        if let Some(name) = node.str("fileName") {
            let path = name.trim_start_matches("./");
            c.say(FactKind::Path, path, format!("{at}/fileName"));
            c.say(FactKind::FileName, crate::source::base_name(path), format!("{at}/fileName"));
        }
        if let Some(text) = node.str("copyrightText").and_then(asserted) {
            c.say(FactKind::Copyright, text, format!("{at}/copyrightText"));
        }
        for (p, sum) in node.each("checksums") {
            say_digest(&mut c, sum.str("algorithm"), sum.str("checksumValue"), format!("{at}{p}"));
        }
        self.inventory.add(c);
    }

    /// The described package gives the label; a document of one package describes that one; else only
    /// the document's own name is known.
    fn label(&mut self) {
        let described = self.described.iter().find_map(|id| self.labels.remove(id));
        let only =
            (self.labels.len() == 1).then(|| self.first.as_ref().and_then(|id| self.labels.remove(id))).flatten();
        let named = self.name.take().and_then(|name| asserted(&name).map(str::to_owned)).map(|name| Label {
            vendor: None,
            product: Some(name),
            version: None,
            at: self.inventory.at("/name"),
            from: LabelSource::Sbom,
        });
        self.inventory.labels.extend(described.or(only).or(named));
    }
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
