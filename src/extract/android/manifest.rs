//! AndroidManifest.xml, as text (AAR, source trees) and compiled (APK).
//!
//! In: either form. Out: the package id, every declared component by its full class name, intent
//! actions, and the label. Manifest names are not obfuscated: the surest sign an application gives.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::axml::{self, Element};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/manifest", claim, extract: Read::Whole(extract) };

const FILE: &str = "AndroidManifest.xml";

fn claim(head: &Head<'_>) -> bool {
    head.name == FILE
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let elements = if axml::is_axml(doc.data) {
        let (elements, whole) = axml::read(doc.data);
        if !whole {
            inventory.gap(
                "",
                Reason::Truncated,
                format!("binary XML could not be read to its end; {} elements were", elements.len()),
            );
        }
        elements
    } else if text::first_mark(doc.data) == Some(b'<') {
        read_text(&text::decode(doc.data).0, inventory)
    } else {
        let detail = "neither text nor binary XML (an app bundle's protobuf?): recognised, not read by this version";
        inventory.gap("", Reason::Unsupported, detail);
        return Mine::Yes;
    };
    say(&elements, inventory);
    Mine::Yes
}

fn read_text(text: &str, inventory: &mut Inventory) -> Vec<Element> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut elements = Vec::new();
    let mut depth = 0u64;
    let mut odd = false;
    let mut kept = 0;
    // Which prefixes stand for Android's name space; by custom `android`, in broken files without a declaration.
    let mut prefixes: Vec<String> = vec!["android".to_owned()];
    loop {
        if elements.len() >= axml::ELEMENTS || kept >= axml::TEXT {
            inventory.gap(
                "",
                Reason::Limit,
                format!(
                    "more than {} elements or {} bytes of attributes; the rest was not read",
                    axml::ELEMENTS,
                    axml::TEXT
                ),
            );
            return elements;
        }
        let event = reader.read_event();
        match event {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            _ => {}
        }
        match event {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                let mut attributes = Vec::new();
                for attribute in tag.attributes().with_checks(false) {
                    let read =
                        attribute.ok().and_then(|a| Some((a.normalized_value(XmlVersion::Implicit1_0).ok()?, a)));
                    let Some((value, attribute)) = read else {
                        odd = true;
                        continue;
                    };
                    kept += value.len() + 96;
                    let prefix = attribute.key.prefix().map(|p| p.as_ref().to_owned());
                    let local = attribute.key.local_name().as_ref().to_owned();
                    if prefix.as_deref() == Some("xmlns") && value == axml::ANDROID && prefixes.len() < 16 {
                        prefixes.push(local);
                    } else {
                        attributes.push((prefix, (local, value.into_owned())));
                    }
                }
                // Android's own attributes first: others may bear the same name.
                attributes.sort_by_key(|(prefix, _)| !prefix.as_ref().is_some_and(|p| prefixes.contains(p)));
                let attributes = attributes.into_iter().map(|(_, pair)| pair).collect();
                kept += 96;
                elements.push(Element { name: tag.local_name().as_ref().to_owned(), attributes });
            }
            Ok(Event::Eof) => {
                if depth > 0 {
                    inventory.gap("", Reason::Truncated, format!("XML ends with {depth} elements open"));
                }
                if odd {
                    inventory.gap(
                        "",
                        Reason::Malformed,
                        "attributes that could not be read (an undeclared entity, a missing quote)",
                    );
                }
                return elements;
            }
            Ok(_) => {}
            Err(error) => {
                let before = text.get(..usize::try_from(reader.error_position()).unwrap_or(0)).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let detail = format!("XML breaks off here: {error}; what stood before is in the result");
                inventory.gap(format!("line {line}"), Reason::Malformed, detail);
                return elements;
            }
        }
    }
}

fn say(elements: &[Element], inventory: &mut Inventory) {
    fn get<'e>(element: &'e Element, key: &str) -> Option<&'e str> {
        element.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
    let mut package = "";
    let mut version = None;
    let mut title = None;
    for element in elements {
        let name = get(element, "name");
        match element.name.as_str() {
            "manifest" => {
                package = cut(get(element, "package").unwrap_or_default(), 512);
                version = get(element, "versionName").map(str::to_owned);
                inventory.say(FactKind::AndroidPackage, package, "manifest/package");
            }
            "application" | "activity" | "activity-alias" | "service" | "receiver" | "provider" => {
                if element.name == "application" {
                    // A reference such as `@string/app` or a bare resource id is no name.
                    title = get(element, "label").filter(|l| !l.starts_with('@')).map(str::to_owned);
                }
                for class in [name, get(element, "targetActivity")].into_iter().flatten() {
                    inventory.say(FactKind::ManifestComponent, full_name(package, class), element.name.clone());
                }
            }
            "action" => {
                if let Some(name) = name {
                    inventory.say(FactKind::ManifestAction, name, "intent-filter/action");
                }
            }
            _ => {}
        }
    }
    if !package.is_empty() {
        let product = title.map_or_else(|| package.to_owned(), |title| format!("{title} ({package})"));
        let at = inventory.at("manifest/package");
        inventory.labels.push(Label {
            vendor: None,
            product: Some(product),
            version,
            at,
            from: LabelSource::AndroidPackage,
        });
    }
}

/// `.Name` and `Name` stand in the application's own package.
fn full_name(package: &str, class: &str) -> String {
    if class.starts_with('.') {
        format!("{package}{class}")
    } else if class.contains('.') || package.is_empty() {
        class.to_owned()
    } else {
        format!("{package}.{class}")
    }
}
