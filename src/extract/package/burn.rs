//! WiX bundles: the manifest in the first cabinet behind the program (`BurnManifest`).
//!
//! In: XML. Out: what the bundle is called and who publishes it, the files of its payloads, its codes, and the label.

use super::super::sbom::close_xml;
use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Label, LabelSource};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/burn", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    let start = head.data.get(..512).unwrap_or(head.data);
    text::first_mark(head.data) == Some(b'<') && text::decode_xml(start).0.contains("<BurnManifest")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut root = false;
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, .. } => root = name == "BurnManifest",
        Met::Child { element, .. } if root => child(&element, inventory),
        _ => {}
    });
    if !root {
        return Mine::No;
    }
    close_xml(fault, encoding, inventory);
    Mine::Yes
}

fn child(element: &Element, inventory: &mut Inventory<'_>) {
    let text = |element: &Element, key: &str| {
        element.attribute(key).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    match element.name.as_str() {
        "Registration" => {
            for key in ["Id", "ProviderKey"] {
                if let Some(value) = text(element, key) {
                    inventory.say(FactKind::Property, format!("{key}={value}"), format!("Registration/{key}"));
                }
            }
            let Some(shown) = element.children.iter().find(|child| child.name == "Arp") else { return };
            let label = Label {
                vendor: text(shown, "Publisher"),
                product: text(shown, "DisplayName"),
                version: text(shown, "DisplayVersion").or_else(|| text(element, "Version")),
                at: inventory.at("Registration/Arp"),
                from: LabelSource::PackageMetadata,
            };
            for (kind, value, key) in [
                (FactKind::CompanyName, &label.vendor, "Publisher"),
                (FactKind::ProductName, &label.product, "DisplayName"),
                (FactKind::ProductVersion, &label.version, "DisplayVersion"),
                (FactKind::Url, &text(shown, "AboutUrl"), "AboutUrl"),
            ] {
                inventory.say(kind, value.as_deref().unwrap_or_default(), format!("Registration/Arp/{key}"));
            }
            if label.vendor.is_some() || label.product.is_some() {
                inventory.labels.push(label);
            }
        }
        "Payload" => {
            if let Some(path) = text(element, "FilePath") {
                inventory.say(FactKind::FileReference, path, "Payload/FilePath");
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn a_bundle_says_who_publishes_it() {
        let manifest = br#"<?xml version="1.0" encoding="utf-8"?>
<BurnManifest xmlns="http://schemas.microsoft.com/wix/2008/Burn"><Payload Id="p" FilePath="kave8.msi"/>
<Registration Id="{1}" Version="5.2.0.0"><Arp DisplayName="Acme Shield" Publisher="Acme Networks, Inc."/></Registration>
</BurnManifest>"#;
        let (facts, gaps) = said(&EXTRACTOR, "0", manifest);
        assert!(gaps.is_empty(), "{gaps:?}");
        for fact in [
            "file-reference Payload/FilePath kave8.msi",
            "company-name Registration/Arp/Publisher Acme Networks, Inc.",
            "product-version Registration/Arp/DisplayVersion 5.2.0.0",
        ] {
            assert!(facts.iter().any(|said| said == fact), "{fact}: {facts:?}");
        }
        assert!(said(&EXTRACTOR, "0", b"<manifest>no BurnManifest</manifest>").0.is_empty());
    }
}
