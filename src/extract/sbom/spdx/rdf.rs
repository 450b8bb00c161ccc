//! SPDX RDF/XML 2.0 to 2.3: a graph, of which each node becomes an element of the JSON form.
//!
//! In: RDF/XML in SPDX's name space. Out: the same tree, element by element, in the order of the document.

use std::cell::Cell;
use std::collections::HashMap;

use oxrdfxml::RdfXmlParser;

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::super::close_xml;
use super::Reader;
use crate::extract::json::{Members, Node};
use crate::extract::xml::stream;
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/spdx-rdf", claim, extract: Read::Whole(extract) };

/// The name space of SPDX 2, with its closing `#` or with a version in between.
const SPACE: &str = "http://spdx.org/rdf/terms";
/// Statements read; a document of 100,000 files has some millions.
const STATEMENTS: usize = 8_000_000;
/// Nodes within nodes that are shown in one element.
const DEPTH: usize = 6;
/// Statements shown in one element.
const SHOWN: usize = 100_000;
/// Bytes of text kept of all statements.
const TEXT: usize = 512 << 20;

fn claim(head: &Head<'_>) -> bool {
    if text::first_mark(head.data) != Some(b'<') {
        return false;
    }
    let (text, _) = text::decode(head.data);
    text.contains(SPACE) && text.contains("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
}

/// What a statement says of its subject.
enum Object {
    Text(String),
    Node(String),
}

#[derive(Default)]
struct Statements {
    order: Vec<String>,
    about: HashMap<String, Vec<(String, Object)>>,
    /// Set when an element has more statements than are shown.
    cut: Cell<bool>,
}

/// The last part of an IRI.
fn local(iri: &str) -> &str {
    iri.rsplit(['#', '/']).next().unwrap_or(iri)
}

/// `http://…#SPDXRef-x` is `SPDXRef-x`; values that mean nothing known keep their words.
fn short(iri: &str) -> &str {
    match local(iri) {
        "noassertion" => "NOASSERTION",
        "none" if iri.starts_with(SPACE) => "NONE",
        name if iri.starts_with(SPACE) || name.starts_with("SPDXRef-") => name,
        _ => iri,
    }
}

/// The name in the JSON form.
fn json_name(predicate: &str) -> &str {
    match local(predicate) {
        "specVersion" => "spdxVersion",
        "checksum" => "checksums",
        "externalRef" => "externalRefs",
        "annotation" => "annotations",
        "attributionText" => "attributionTexts",
        "fileContributor" => "fileContributors",
        "artifactOf" => "artifactOfs",
        "hasFile" => "hasFiles",
        "creator" => "creators",
        "externalDocumentRef" => "externalDocumentRefs",
        name => name,
    }
}

impl Statements {
    fn kind(&self, subject: &str) -> Option<&str> {
        let mut kinds = self.about.get(subject)?.iter().filter_map(|(predicate, object)| match object {
            Object::Node(kind) if predicate == "type" => Some(kind.as_str()),
            _ => None,
        });
        let first = kinds.next()?;
        // One of SPDX's own types before any other.
        Some(local(std::iter::once(first).chain(kinds).find(|kind| kind.starts_with(SPACE)).unwrap_or(first)))
    }

    /// A node with what hangs on it; elements of their own are only named. `left` bounds what one element shows.
    fn node<'s>(&'s self, subject: &'s str, depth: usize, left: &Cell<usize>) -> Node<'s> {
        let mut members = Members::default();
        if subject.contains("SPDXRef-") {
            members.add("SPDXID", Node::Str(short(subject).into()));
        }
        for (predicate, object) in self.about.get(subject).into_iter().flatten() {
            if left.get() == 0 {
                self.cut.set(true);
                break;
            }
            left.set(left.get() - 1);
            let key = json_name(predicate);
            let value = match object {
                _ if key == "type" => continue,
                Object::Text(text) => Node::Str(text.as_str().into()),
                Object::Node(other) => match self.kind(other) {
                    Some("Package" | "File" | "Snippet" | "SpdxDocument" | "Relationship") | None => {
                        Node::Str(short(other).trim_start_matches("checksumAlgorithm_").into())
                    }
                    Some(_) if depth < DEPTH => self.node(other, depth + 1, left),
                    Some(_) => continue,
                },
            };
            members.add(key, value);
        }
        members.node()
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    // A declaration of another encoding no longer holds once the text is decoded.
    let body = match text.trim_start().strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, body)| body),
        None => &text,
    };
    if !modest_entities(body) {
        let detail = "entities of the document's own that name others, or repeat long texts: not expanded, not read";
        inventory.gap("", Reason::Limit, detail);
        return Mine::Yes;
    }
    let mut statements = Statements::default();
    let (mut fault, mut cut, mut spent) = (None, false, 0usize);
    let mut parser = RdfXmlParser::new().for_slice(body.as_bytes());
    if let Ok(with_base) = RdfXmlParser::new().with_base_iri("urn:document") {
        parser = with_base.for_slice(body.as_bytes());
    }
    for (count, triple) in parser.enumerate() {
        if count >= STATEMENTS || spent > TEXT {
            cut = true;
            break;
        }
        let triple = match triple {
            Ok(triple) => triple,
            Err(error) => {
                fault = Some(error.to_string());
                break;
            }
        };
        let subject = plain(&triple.subject.to_string());
        let object = triple.object.to_string();
        spent = spent.saturating_add(object.len() + 64);
        let object = match object.strip_prefix('"') {
            Some(_) => Object::Text(literal(&triple.object.to_string())),
            None => Object::Node(plain(&object)),
        };
        if !statements.about.contains_key(&subject) {
            statements.order.push(subject.clone());
        }
        let predicate = local(triple.predicate.as_str()).to_owned();
        statements.about.entry(subject).or_default().push((predicate, object));
    }
    let ours = statements.order.iter().any(|s| {
        statements.kind(s).is_some_and(|kind| matches!(kind, "SpdxDocument" | "Package" | "File" | "Snippet"))
    });
    if !ours && fault.is_none() {
        return Mine::No;
    }
    let mut reader = Reader::new(EXTRACTOR.name, doc.limits.max_components, inventory);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for subject in &statements.order {
        let Some(kind) = statements.kind(subject) else { continue };
        let key = match kind {
            "SpdxDocument" => "",
            "Package" => "packages",
            "File" => "files",
            "Snippet" => "snippets",
            _ => continue,
        };
        let node = statements.node(subject, 0, &Cell::new(SHOWN));
        if key.is_empty() {
            for key in ["SPDXID", "spdxVersion", "name", "creationInfo"] {
                if let Some(value) = node.get(key) {
                    reader.member(key, None, value);
                }
            }
            for key in ["externalDocumentRefs", "annotations"] {
                for (index, item) in node.get(key).map(Node::items).unwrap_or_default().iter().enumerate() {
                    reader.member(key, Some(index), item);
                }
            }
            for item in node.get("hasExtractedLicensingInfo").map(Node::items).unwrap_or_default() {
                reader.member("hasExtractedLicensingInfos", Some(0), item);
            }
            if let Some(described) = node.get("describesPackage") {
                reader.member("documentDescribes", None, described);
            }
        } else {
            let count = counts.entry(key).or_default();
            reader.member(key, Some(*count), &node);
            *count += 1;
        }
        for (predicate, object) in statements.about.get(subject).into_iter().flatten() {
            let Object::Node(relation) = object else { continue };
            if predicate == "relationship"
                && let Node::Map(mut members) = statements.node(relation, 0, &Cell::new(SHOWN))
            {
                members.push(("spdxElementId".into(), Node::Str(short(subject).into())));
                reader.member("relationships", Some(0), &Node::Map(members));
            }
        }
    }
    let (_, inventory) = reader.finish(fault.is_none() && text.trim_end().ends_with('>'));
    if let Some(encoding) = encoding {
        inventory.remark("", format!("encoded as {encoding}"));
    }
    // The graph's parser does not mind a text that just ends.
    let open = if fault.is_none() { stream(&text, &|_| false, &mut |_| {}) } else { None };
    close_xml(open, None, inventory);
    if let Some(why) = fault {
        let detail =
            format!("RDF/XML breaks here: {}; what stood before is in the result", crate::fact::cut(&why, 300));
        inventory.gap("", Reason::Malformed, detail);
    }
    if cut || statements.cut.get() {
        inventory.gap("", Reason::Limit, format!("more than {STATEMENTS} statements; the rest was not read"));
    }
    Mine::Yes
}

/// True where entities of the document's own expand to little: writers of RDF/XML abbreviate name spaces so.
fn modest_entities(text: &str) -> bool {
    let mut total = 0usize;
    for (at, _) in text.match_indices("<!ENTITY") {
        let declared = text.get(at + 8..).and_then(|rest| rest.split('>').next()).unwrap_or_default();
        let mut words = declared.splitn(2, ['"', '\'']);
        let (name, value) = (words.next().unwrap_or_default().trim(), words.next().unwrap_or_default());
        let used = text.matches(&format!("&{name};")).count();
        total = total.saturating_add(used.saturating_mul(value.len()));
        // Names of entities within a value multiply; so do declarations.
        if value.contains('&') || total > 64 << 20 || at > 1 << 20 {
            return false;
        }
    }
    true
}

/// The text of an IRI or blank node as N-Triples write it.
fn plain(term: &str) -> String {
    term.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(term).to_owned()
}

/// The value of a literal as N-Triples write it: quoted, escaped, with a type or language behind it.
fn literal(term: &str) -> String {
    let mut text = String::new();
    let mut letters = term.chars().skip(1);
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => break,
            },
            _ => text.push(letter),
        }
    }
    text
}
