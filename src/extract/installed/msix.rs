//! The manifest of a Windows app package (MSIX, APPX), alone or of a bundle.
//!
//! In: XML of one of Microsoft's name spaces for them. Out: identity, names, publisher, programs and the label. The
//! signature is read where it lies.

use super::super::sbom::close_xml;
use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Entry;
use crate::fact::{FactKind, Inventory, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/msix", claim, extract: Read::Whole(extract) };

/// Programs said of one package.
const PROGRAMS: u32 = 10_000;

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && {
        let (text, _) = text::decode(head.data);
        text.contains("http://schemas.microsoft.com/appx/") && text.contains("Identity")
    }
}

/// The organisation of a name such as `CN=…, O="…"`, else its common name.
fn organisation(name: &str) -> Option<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for letter in name.chars().take(super::TEXT) {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(std::mem::take(&mut part)),
            letter => part.push(letter),
        }
    }
    parts.push(part);
    let of = |key: &str| parts.iter().find_map(|part| part.trim().strip_prefix(key)).map(str::to_owned);
    of("O=").or_else(|| of("CN="))
}

/// True for a text, not a key into the package's resources.
fn is_text(value: &str) -> bool {
    !value.is_empty() && !value.starts_with("ms-resource:")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut own = Entry { fields: ("Identity/Name", "Identity/Version"), ..Entry::default() };
    let (mut mine, mut shown, mut left) = (false, None, PROGRAMS);
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, .. } => mine = matches!(name.as_str(), "Package" | "Bundle"),
        Met::Child { element, .. } if mine => match element.name.as_str() {
            "Identity" => {
                let get = |key: &str| element.attribute(key).unwrap_or_default().to_owned();
                own.name = get("Name").into();
                own.version = get("Version").into();
                if let Some(publisher) = organisation(&get("Publisher")) {
                    own.add(FactKind::Publisher, publisher, "Identity/Publisher");
                }
            }
            "Properties" => {
                for child in element.children.iter().take(100) {
                    let value = cut(child.text.trim(), super::TEXT).to_owned();
                    match child.name.as_str() {
                        _ if !is_text(&value) => {}
                        "DisplayName" => {
                            shown = Some(value.clone());
                            own.add(FactKind::ProductName, value, "Properties/DisplayName");
                        }
                        "PublisherDisplayName" => {
                            own.add(FactKind::CompanyName, value.clone(), "Properties/PublisherDisplayName");
                            own.add(FactKind::Supplier, value, "Properties/PublisherDisplayName");
                        }
                        "Description" => own.add(FactKind::FileDescription, value, "Properties/Description"),
                        _ => {}
                    }
                }
            }
            "Applications" | "Packages" | "Extensions" => programs(&element, 0, &mut left, inventory),
            _ => {}
        },
        _ => {}
    });
    if !mine {
        return Mine::No;
    }
    close_xml(fault, encoding, inventory);
    if own.name.is_empty() {
        return Mine::Yes;
    }
    own.say("", &mut inventory.file);
    let label = own.label(inventory, shown.as_deref());
    inventory.labels.push(label);
    Mine::Yes
}

/// The programs that applications and extensions name.
fn programs(element: &Element, depth: usize, left: &mut u32, inventory: &mut Inventory<'_>) {
    for child in &element.children {
        let Some(fewer) = left.checked_sub(1).filter(|_| depth < 8) else { return };
        *left = fewer;
        for key in ["Executable", "FileName"] {
            let path = child.attribute(key).map_or("", |value| cut(value, super::TEXT));
            inventory.say(FactKind::FileReference, path, key);
            let name = crate::source::base_name(path);
            inventory.say(FactKind::FileReference, if name == path { "" } else { name }, key);
        }
        programs(child, depth + 1, left, inventory);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn the_publisher_is_its_organisation() {
        assert_eq!(organisation("CN=x, O=\"Acme Networks, Inc.\", C=US").as_deref(), Some("Acme Networks, Inc."));
        assert_eq!(organisation("CN=Acme").as_deref(), Some("Acme"));
        assert_eq!(organisation("C=US"), None);
    }

    #[test]
    fn keys_into_resources_are_no_names() {
        let data = b"<Package xmlns='http://schemas.microsoft.com/appx/manifest/foundation/windows10'><Identity Name='Acme.Guard' \
            Publisher='CN=Acme' Version='5.2.0.0'/><Properties><DisplayName>ms-resource:Name</DisplayName></Properties>\
            <Applications><Application Id='A' Executable='guard.exe'/></Applications></Package>";
        let (facts, gaps) = said(&EXTRACTOR, "AppxManifest.xml", data);
        let wanted = [
            "file-reference Executable guard.exe",
            "name Identity/Name Acme.Guard",
            "version Identity/Version 5.2.0.0",
            "publisher Identity/Publisher Acme",
        ];
        assert_eq!((facts, gaps.len()), (wanted.map(str::to_owned).to_vec(), 0));
    }
}
