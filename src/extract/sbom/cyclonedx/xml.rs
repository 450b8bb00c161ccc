//! CycloneDX XML 1.0 to 1.7: the same document by elements and attributes.
//!
//! In: XML whose root stands in CycloneDX's name space. Out: the tree of the JSON form, element by element.

use super::super::super::xml::{Met, stream};
use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::super::{close_xml, nested_xml};
use super::{Reader, want};
use crate::extract::json::Node;
use crate::extract::stream::Want;
use crate::fact::Inventory;

pub(in super::super::super) const XML: Extractor =
    Extractor { name: "sbom/cyclonedx-xml", claim, extract: Read::Whole(extract) };

const SPACE: &str = "http://cyclonedx.org/schema/bom/";

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && text::decode(head.data).0.contains(SPACE)
}

/// Elements that only hold a list.
fn is_list(name: &str) -> bool {
    const LISTS: &[&str] = &[
        "components",
        "services",
        "dependencies",
        "compositions",
        "hashes",
        "licenses",
        "externalReferences",
        "properties",
        "authors",
        "ancestors",
        "descendants",
        "variants",
        "commits",
        "patches",
        "occurrences",
        "endpoints",
        "annotations",
        "formulation",
        "methods",
        "frames",
        "assemblies",
        "signatories",
        "lifecycles",
        "tags",
    ];
    LISTS.contains(&name)
}

fn renamed(name: &str) -> Option<&'static str> {
    match name {
        "dependency" => Some("dependsOn"),
        _ => None,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut reader = Reader::new(XML.name, doc.limits.max_components, inventory);
    let (mut ours, mut first, mut inside) = (false, true, false);
    let fault = stream(&text, &|name| want(name) == Want::Items, &mut |met| match met {
        Met::Root { space, .. } => {
            if let Some(version) = space.as_deref().and_then(|s| s.strip_prefix(SPACE)).filter(|_| first) {
                ours = true;
                reader.member("specVersion", None, &Node::Str(version.trim_end_matches('/').into()));
            }
            first = false;
        }
        Met::Foreign { space } => inside |= space.starts_with(SPACE),
        Met::Child { .. } if !ours => {}
        Met::Child { within: Some(key), index, element } => {
            reader.member(&key, Some(index), &element.node(&is_list, &renamed));
        }
        Met::Child { within: None, element, .. } => {
            let key = element.name.clone();
            reader.member(&key, None, &element.node(&is_list, &renamed));
        }
    });
    if !ours {
        return nested_xml(fault.as_ref().filter(|_| first), inside, "CycloneDX XML", reader.inventory);
    }
    let (_, inventory) = reader.finish(fault.is_none());
    close_xml(fault, encoding, inventory);
    Mine::Yes
}
