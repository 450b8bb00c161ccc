//! The manifest of an extension of Visual Studio or Visual Studio Code.
//!
//! In: XML whose root is `PackageManifest` (2011) or `Vsix` (2010). Out: id, names, version, publisher and the label.

use super::super::sbom::close_xml;
use super::super::xml::{Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Entry;
use crate::fact::{FactKind, Inventory, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/vsix", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<')
        && memchr::memmem::find(head.data, b"http://schemas.microsoft.com/developer/vsx-schema/").is_some()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut own = Entry { fields: ("Identity/Id", "Identity/Version"), ..Entry::default() };
    let (mut mine, mut shown) = (false, None);
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, .. } => mine = matches!(name.as_str(), "PackageManifest" | "Vsix"),
        Met::Child { element, .. } if mine && matches!(element.name.as_str(), "Metadata" | "Identifier") => {
            if let Some(id) = element.attribute("Id") {
                own.name = id.to_owned().into();
            }
            for child in element.children.iter().take(100) {
                let get = |key: &str| child.attribute(key).map(|value| cut(value, super::TEXT).to_owned());
                let value = cut(child.text.trim(), super::TEXT).to_owned();
                match child.name.as_str() {
                    "Identity" => {
                        own.name = get("Id").unwrap_or_default().into();
                        own.version = get("Version").unwrap_or_default().into();
                        own.facts
                            .extend(get("Publisher").map(|p| (FactKind::Publisher, p.into(), "Identity/Publisher")));
                    }
                    "Version" => own.version = value.into(),
                    "Author" => own.add(FactKind::Publisher, value, "Author"),
                    "DisplayName" | "Name" => {
                        shown = Some(value.clone());
                        own.add(FactKind::ProductName, value, "DisplayName");
                    }
                    "Description" => own.add(FactKind::FileDescription, value, "Description"),
                    "MoreInfo" | "MoreInfoUrl" => own.add(FactKind::Url, value, "MoreInfo"),
                    _ => {}
                }
            }
        }
        _ => {}
    });
    if !mine {
        return Mine::No;
    }
    close_xml(fault, encoding, inventory);
    if !own.name.is_empty() {
        own.say("", &mut inventory.file);
        let label = own.label(inventory, shown.as_deref());
        inventory.labels.push(label);
    }
    Mine::Yes
}
