//! SWID tags (ISO/IEC 19770-2) and their concise form CoSWID (RFC 9393).
//!
//! In: XML whose root is `SoftwareIdentity`; CBOR with the tag `SWID`. Out: the software with its entities, each by its
//! role, and the files of its payload; the label is the software itself.

use ciborium::Value;

use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::{close_xml, nested_xml, say_digest};
use crate::bytes::hex;
use crate::fact::{Component, Coverage, FactKind, Inventory, Label, LabelSource, Reason};

pub(in super::super) const XML: Extractor =
    Extractor { name: "sbom/swid", claim: claim_xml, extract: Read::Whole(xml) };
pub(in super::super) const COSWID: Extractor =
    Extractor { name: "sbom/coswid", claim: claim_cbor, extract: Read::Whole(coswid) };

const SPACE: &str = "http://standards.iso.org/iso/19770/-2/";
/// The root of the first edition, whose fields are others.
const OLD: &str = "software_identification_tag";
/// CBOR tag 1398229316, which spells `SWID`.
const TAG: &[u8] = &[0xda, b'S', b'W', b'I', b'D'];
/// Files and folders within one another.
const DEPTH: usize = 64;
/// Bytes of one path.
const PATH: usize = 4096;

fn claim_xml(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && {
        let (text, _) = text::decode(head.data);
        text.contains(SPACE) && (text.contains("SoftwareIdentity") || text.contains(OLD))
    }
}

/// What each role makes of an entity.
fn role(role: &str) -> FactKind {
    match role {
        "softwareCreator" | "2" => FactKind::Manufacturer,
        "distributor" | "4" | "aggregator" | "3" => FactKind::Supplier,
        "licensor" | "softwareLicensor" | "5" => FactKind::Licensor,
        "maintainer" | "6" => FactKind::Author,
        _ => FactKind::DocumentMaker,
    }
}

/// What is gathered of one tag.
#[derive(Default)]
struct Tag {
    name: Option<String>,
    version: Option<String>,
    id: Option<String>,
    maker: Option<String>,
    supplier: Option<String>,
    author: bool,
}

impl Tag {
    fn entity(&mut self, c: &mut Component, name: &str, roles: &[String], field: std::fmt::Arguments<'_>) {
        let at = field.to_string();
        for one in roles {
            let kind = role(one);
            c.say(kind, name, &at);
            match kind {
                FactKind::Manufacturer => self.maker = Some(name.to_owned()),
                FactKind::Supplier => self.supplier = Some(name.to_owned()),
                FactKind::DocumentMaker => self.author = true,
                _ => {}
            }
        }
    }

    /// The software as a component, and the label it gives.
    fn close(self, mut c: Component, format: &str, relations: u64, inventory: &mut Inventory<'_>) {
        c.say(FactKind::Name, self.name.as_deref().unwrap_or_default(), "/name");
        c.say(FactKind::Version, self.version.as_deref().unwrap_or_default(), "/version");
        let id = self.id.as_deref().map(|id| format!("swid={id}")).unwrap_or_default();
        c.say(FactKind::Property, id, "/tagId");
        let mut coverage = Coverage { author: self.author, relations, ..Coverage::of(format, "") };
        coverage.count(&c);
        // A tag's own id is a unique identifier by the standard.
        coverage.identified += u64::from(self.id.is_some());
        inventory.add(c);
        inventory.coverage = Some(coverage);
        inventory.labels.push(Label {
            vendor: self.maker.or(self.supplier),
            product: self.name,
            version: self.version,
            at: inventory.at(""),
            from: LabelSource::Sbom,
        });
    }
}

fn xml(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut tag = Tag::default();
    let mut c = inventory.declare(XML.name, "");
    let (mut rooted, mut ours, mut old, mut inside, mut entities, mut links) = (false, false, false, false, 0, 0);
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, space, attributes } => {
            (rooted, old) = (true, name == OLD);
            ours = name == "SoftwareIdentity" && space.is_some_and(|s| s.starts_with(SPACE));
            for (key, value) in attributes {
                match key.as_str() {
                    "name" => tag.name = Some(value),
                    "version" => tag.version = Some(value),
                    "tagId" => tag.id = Some(value),
                    _ => {}
                }
            }
        }
        Met::Child { element, .. } if ours => match element.name.as_str() {
            "Entity" => {
                let roles: Vec<String> =
                    element.attribute("role").unwrap_or("tagCreator").split_whitespace().map(str::to_owned).collect();
                let name = element.attribute("name").unwrap_or_default();
                tag.entity(&mut c, name, &roles, format_args!("/Entity/{entities}/name"));
                c.say_at(
                    FactKind::Url,
                    element.attribute("regid").unwrap_or_default(),
                    format_args!("/Entity/{entities}/regid"),
                );
                entities += 1;
            }
            "Link" => {
                c.say_at(
                    FactKind::Url,
                    element.attribute("href").unwrap_or_default(),
                    format_args!("/Link/{links}/href"),
                );
                links += 1;
            }
            "Meta" => {
                for (key, value) in &element.attributes {
                    let kind = if key == "product" { FactKind::ProductName } else { FactKind::Description };
                    c.say_at(kind, value, format_args!("/Meta/{key}"));
                }
            }
            "Payload" | "Evidence" => files(&element, "", &format!("/{}", element.name), inventory, 0),
            _ => {}
        },
        Met::Foreign { space } => inside |= space.starts_with(SPACE),
        Met::Child { .. } => {}
    });
    if old {
        inventory.gap(
            "",
            Reason::Unsupported,
            "SWID tag of ISO/IEC 19770-2:2009: recognised, not read by this version",
        );
        return Mine::Yes;
    }
    if !ours {
        return nested_xml(fault.as_ref().filter(|_| !rooted), inside, "SWID tag", inventory);
    }
    tag.close(c, XML.name, links as u64, inventory);
    close_xml(fault, encoding, inventory);
    Mine::Yes
}

/// Files within folders, by their whole path.
fn files(element: &Element, folder: &str, at: &str, inventory: &mut Inventory<'_>, depth: usize) {
    for (i, child) in element.children.iter().enumerate() {
        let name = child.attribute("name").unwrap_or_default();
        let path = match (folder, child.attribute("location")) {
            ("", Some(place)) if !place.is_empty() => format!("{}/{name}", place.trim_end_matches(['/', '\\'])),
            ("", _) => name.to_owned(),
            (folder, _) => format!("{folder}/{name}"),
        };
        // No real path is longer; a hostile one is made anew for each file in it.
        if path.len() > PATH {
            inventory.gap(
                at,
                Reason::Limit,
                format!("a path of more than {PATH} bytes; what lies below it was not read"),
            );
            return;
        }
        let at = format!("{at}/{}/{i}", child.name);
        match child.name.as_str() {
            "Directory" if depth < DEPTH => files(child, &path, &at, inventory, depth + 1),
            "File" => {
                let mut c = file(&path, &at, XML.name, inventory);
                c.say(FactKind::Version, child.attribute("version").unwrap_or_default(), "/version");
                for (key, value) in &child.attributes {
                    // `SHA256:hash` with the prefix of the digest's name space.
                    if key.rsplit(':').next() == Some("hash") {
                        say_digest(&mut c, Some("hash"), Some(value), format_args!("/hash"));
                    }
                }
                inventory.add(c);
            }
            _ => {}
        }
    }
}

fn file(path: &str, at: &str, format: &'static str, inventory: &mut Inventory<'_>) -> Component {
    let mut c = inventory.declare(format, at);
    let path = path.replace('\\', "/");
    c.say(FactKind::FileName, crate::source::base_name(&path), "/name");
    c.say(FactKind::Path, path, "/name");
    c
}

fn claim_cbor(head: &Head<'_>) -> bool {
    head.data.starts_with(TAG) || head.name.to_ascii_lowercase().ends_with(".coswid")
}

/// The member of a map by its number (RFC 9393, section 2).
fn get(value: &Value, number: i64) -> Option<&Value> {
    value.as_map()?.iter().find(|(k, _)| k.as_integer() == Some(number.into())).map(|(_, v)| v)
}

/// One value, or each of a list.
fn each(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn coswid(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut rest = doc.data;
    let read: Result<Value, _> = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH);
    let value = match read {
        Ok(value) => value,
        Err(error) => {
            let eof = matches!(&error, ciborium::de::Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof);
            let reason = if eof { Reason::Truncated } else { Reason::Malformed };
            inventory.gap("", reason, format!("CBOR of a CoSWID tag could not be read: {error}"));
            return Mine::Yes;
        }
    };
    if !rest.is_empty() {
        let at = format!("byte {}", doc.data.len() - rest.len());
        inventory.gap(at, Reason::Unsupported, "more data behind the CoSWID tag; not read by this version");
    }
    let mut value = &value;
    while let Value::Tag(_, inner) = value {
        value = inner;
    }
    if value.as_map().is_none() {
        inventory.gap(
            "",
            Reason::Unsupported,
            "a CoSWID tag in an envelope (COSE): recognised, not read by this version",
        );
        return Mine::Yes;
    }
    let text = |number| get(value, number).and_then(Value::as_text).map(str::to_owned);
    let mut tag = Tag { id: text(0), name: text(1), version: text(13), ..Tag::default() };
    let mut c = inventory.declare(COSWID.name, "");
    for (i, entity) in each(get(value, 2)).iter().enumerate() {
        let number = |v: &Value| v.as_integer().map(|n| i128::from(n).to_string());
        let roles: Vec<String> = each(get(entity, 33)).iter().filter_map(number).collect();
        let name = get(entity, 31).and_then(Value::as_text).unwrap_or_default();
        tag.entity(&mut c, name, &roles, format_args!("/entity/{i}/entity-name"));
        let id = get(entity, 32).and_then(Value::as_text).unwrap_or_default();
        c.say_at(FactKind::Url, id, format_args!("/entity/{i}/reg-id"));
    }
    let links = each(get(value, 4));
    for (i, link) in links.iter().enumerate() {
        c.say_at(
            FactKind::Url,
            get(link, 38).and_then(Value::as_text).unwrap_or_default(),
            format_args!("/link/{i}/href"),
        );
    }
    for meta in each(get(value, 5)) {
        c.say(
            FactKind::ProductName,
            get(meta, 52).and_then(Value::as_text).unwrap_or_default(),
            "/software-meta/product",
        );
        c.say(
            FactKind::Description,
            get(meta, 46).and_then(Value::as_text).unwrap_or_default(),
            "/software-meta/description",
        );
    }
    for (number, name) in [(6, "payload"), (3, "evidence")] {
        for part in each(get(value, number)) {
            concise_files(part, "", &format!("/{name}"), inventory, 0);
        }
    }
    tag.close(c, COSWID.name, links.len() as u64, inventory);
    Mine::Yes
}

/// Files (17) within folders (16, with path elements 26).
fn concise_files(value: &Value, folder: &str, at: &str, inventory: &mut Inventory<'_>, depth: usize) {
    let named = |value: &Value| {
        let name = get(value, 24).and_then(Value::as_text).unwrap_or_default();
        if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
    };
    for (i, one) in each(get(value, 17)).iter().enumerate() {
        let mut c = file(&named(one), &format!("{at}/file/{i}"), COSWID.name, inventory);
        if let Some([algorithm, Value::Bytes(sum)]) = get(one, 7).and_then(Value::as_array).map(Vec::as_slice) {
            // The named-information registry's numbers: 1 is SHA-256, 7 SHA-384, 8 SHA-512.
            let algorithm = match algorithm.as_integer().map(i128::from) {
                Some(1) => "sha256",
                Some(7) => "sha384",
                Some(8) => "sha512",
                _ => "hash",
            };
            say_digest(&mut c, Some(algorithm), Some(&hex(sum)), format_args!("/hash"));
        }
        inventory.add(c);
    }
    for (i, one) in each(get(value, 16)).iter().enumerate().filter(|_| depth < DEPTH) {
        if let Some(inside) = get(one, 26) {
            concise_files(inside, &named(one), &format!("{at}/directory/{i}"), inventory, depth + 1);
        }
    }
}
