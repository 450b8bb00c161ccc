//! NuGet: the `.nuspec` of a package.
//!
//! In: XML whose root is `package` with a child `metadata`. Out: id, version, authors, owners, copyright, addresses,
//! purl and the label. Dependencies are other packages: they are not said.

use super::super::sbom::close_xml;
use super::super::xml::{Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Package;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/nuget", claim, extract: Read::Whole(extract) };

/// Fields of the metadata; the schema knows some twenty.
const FIELDS: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<')
        && (head.name.to_ascii_lowercase().ends_with(".nuspec")
            || memchr::memmem::find(head.data.get(..1024).unwrap_or(head.data), b"/nuspec.xsd").is_some())
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let (mut root, mut more, mut fields): (bool, bool, Vec<(String, String)>) = (false, false, Vec::new());
    let fault = stream(&text, &|name| name == "metadata", &mut |met| match met {
        Met::Root { name, .. } => root = name == "package",
        Met::Child { within: Some(_), element, .. } if root => {
            if fields.len() >= FIELDS {
                more = true;
                return;
            }
            if element.name == "repository" {
                fields.extend(element.attribute("url").map(|url| ("repository".to_owned(), url.to_owned())));
            } else if element.children.is_empty() {
                fields.push((element.name, element.text.trim().to_owned()));
            }
        }
        _ => {}
    });
    let broken = fault.is_some();
    if more {
        inventory.gap("metadata", Reason::Limit, format!("more than {FIELDS} fields; the rest was not read"));
    }
    let get = |key: &str| fields.iter().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str());
    // A template speaks of `$id$`: nothing was packed from it yet.
    let Some(id) = get("id").filter(|id| !id.starts_with('$')) else {
        if broken {
            close_xml(fault, encoding, inventory);
            return Mine::Yes;
        }
        return Mine::No;
    };
    close_xml(fault, encoding, inventory);
    let mut makers = Vec::new();
    for (kind, key, field) in [(FactKind::Author, "authors", "authors"), (FactKind::Publisher, "owners", "owners")] {
        makers.extend(get(key).map(|value| (kind, value, field)));
    }
    Package { kind: "nuget", namespace: None, name: id, version: get("version"), makers }.say(inventory);
    for (kind, key) in [
        (FactKind::ProductName, "title"),
        (FactKind::Copyright, "copyright"),
        (FactKind::Description, "description"),
        (FactKind::Description, "summary"),
        (FactKind::Url, "projectUrl"),
        (FactKind::Url, "repository"),
        (FactKind::License, "license"),
    ] {
        inventory.say(kind, get(key).unwrap_or_default(), key);
    }
    Mine::Yes
}
