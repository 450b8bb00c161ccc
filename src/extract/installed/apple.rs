//! macOS installer packages: receipts of what was installed, and what a package says of itself.
//!
//! In: `InstallHistory.plist` and the lists under `receipts`; `Distribution` and `PackageInfo` of a package. Out: a
//! component per receipt; of a package facts and the label.

use super::super::json::Node;
use super::super::sbom::close_xml;
use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, plist, text};
use super::{Entry, Packages, no_files};
use crate::fact::{FactKind, Inventory, cut};

pub(in super::super) const RECEIPTS: Extractor =
    Extractor { name: "installed/apple-receipts", claim: claim_receipts, extract: Read::Whole(receipts) };
pub(in super::super) const PACKAGE: Extractor =
    Extractor { name: "package/apple-pkg", claim: claim_package, extract: Read::Whole(package) };

fn holds(head: &Head<'_>, what: &[u8]) -> bool {
    memchr::memmem::find(head.data, what).is_some()
}

fn claim_receipts(head: &Head<'_>) -> bool {
    plist::begins(head.data)
        && (holds(head, b"packageIdentifiers")
            || (holds(head, b"PackageIdentifier") && holds(head, b"InstallProcessName")))
}

fn receipts(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (root, fault) = plist::read(doc.data);
    if let Some((reason, why)) = fault {
        inventory.gap("", reason, why);
    }
    let mut packages = Packages::new(RECEIPTS.name, doc.limits);
    for receipt in root.iter().flat_map(Node::items) {
        let text = |key: &str| receipt.str(key).unwrap_or_default();
        let own = text("PackageIdentifier");
        let (shown, field) =
            if own.is_empty() { (text("displayName"), "displayName") } else { (own, "PackageIdentifier") };
        let (version, at) = match text("PackageVersion") {
            "" => (text("displayVersion"), "displayVersion"),
            version => (version, "PackageVersion"),
        };
        let mut entry = Entry { name: shown.into(), version: version.into(), fields: (field, at), ..Entry::default() };
        if own.is_empty() {
            entry.add(FactKind::ProductName, shown, "displayName");
        } else {
            entry.add(FactKind::BundleId, own, "PackageIdentifier");
            entry.add(FactKind::FileReference, text("PackageFileName"), "PackageFileName");
            entry.add(FactKind::Path, text("InstallPrefixPath"), "InstallPrefixPath");
        }
        let ids = receipt.get("packageIdentifiers").map(Node::items).unwrap_or_default();
        for id in ids.iter().filter_map(Node::text).take(1000) {
            entry.add(FactKind::BundleId, id, "packageIdentifiers");
        }
        if !shown.is_empty() && !packages.add(&entry, no_files(), inventory) {
            break;
        }
    }
    Mine::Yes
}

fn claim_package(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<')
        && (holds(head, b"<installer-gui-script") || holds(head, b"<installer-script") || holds(head, b"<pkg-info"))
}

/// References to packages and bundles said of one file.
const REFERENCES: u32 = 10_000;

fn package(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut own = Entry { fields: ("identifier", "version"), ..Entry::default() };
    let (mut root, mut title, mut left) = (String::new(), None, REFERENCES);
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, attributes, .. } => {
            for (key, value) in attributes.into_iter().filter(|_| name == "pkg-info") {
                match key.as_str() {
                    "identifier" => own.name = value.into(),
                    "version" => own.version = value.into(),
                    "install-location" => own.add(FactKind::Path, value, "install-location"),
                    _ => {}
                }
            }
            root = name;
        }
        Met::Child { element, .. } if left > 0 => {
            left -= 1;
            match element.name.as_str() {
                "title" => title = Some(element.text.trim().to_owned()).filter(|t| !t.is_empty()),
                "product" => {
                    own.name = element.attribute("id").unwrap_or_default().to_owned().into();
                    own.version = element.attribute("version").unwrap_or_default().to_owned().into();
                }
                "pkg-ref" | "bundle" => bundles(&element, 0, inventory),
                _ => {}
            }
        }
        _ => {}
    });
    if !matches!(root.as_str(), "pkg-info" | "installer-gui-script" | "installer-script") {
        return Mine::No;
    }
    close_xml(fault, encoding, inventory);
    let name = own.name.clone();
    own.add(FactKind::BundleId, name, "identifier");
    if let Some(title) = &title {
        own.add(FactKind::ProductName, title.clone(), "title");
    }
    own.say("", &mut inventory.file);
    // A title that is a key into translations is none; nor is one package of many the product.
    let shown = title.filter(|title| title.contains(' ') || !title.to_uppercase().eq(title));
    if shown.is_some() || !own.name.is_empty() {
        let label = own.label(inventory, shown.as_deref());
        inventory.labels.push(label);
    }
    Mine::Yes
}

/// The identifiers of the packages and bundles that one brings.
fn bundles(element: &Element, depth: usize, inventory: &mut Inventory<'_>) {
    let text = |key: &str| element.attribute(key).map_or("", |value| cut(value, super::TEXT));
    let id = if element.name == "bundle" { text("CFBundleIdentifier") } else { "" };
    inventory.say(FactKind::BundleId, if id.is_empty() { text("id") } else { id }, &element.name);
    inventory.say(FactKind::FileReference, text("path"), &element.name);
    let within = element.children.iter().filter(|c| matches!(c.name.as_str(), "bundle" | "bundle-version"));
    for child in within.take(if depth < 4 { 1000 } else { 0 }) {
        bundles(child, depth + 1, inventory);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn packages_say_what_they_are() {
        let data = b"<?xml version='1.0'?><installer-gui-script minSpecVersion='1'><title>Acme MailGuard</title>\
            <product id='com.acme.guard' version='5.2'/><pkg-ref id='com.kaspersky.kav.core' version='8'>#core.pkg</pkg-ref></installer-gui-script>";
        let (facts, gaps) = said(&PACKAGE, "Distribution", data);
        let wanted = [
            "bundle-id pkg-ref com.kaspersky.kav.core",
            "name identifier com.acme.guard",
            "version version 5.2",
            "bundle-id identifier com.acme.guard",
            "product-name title Acme MailGuard",
        ];
        assert_eq!((facts, gaps.len()), (wanted.map(str::to_owned).to_vec(), 0));
        assert!(said(&PACKAGE, "x.html", b"<p><pkg-info/></p>").0.is_empty());
    }
}
