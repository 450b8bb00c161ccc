//! AndroidManifest.xml, as text (AAR, source trees), compiled (APK) and in protobuf (app bundles).
//!
//! In: any of these. Out: the package id, every declared component by its full class name, intent actions,
//! permissions, authorities, meta-data, libraries, and the label. Manifest names are not obfuscated: the surest sign
//! an application gives.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::axml::{self, Element};
use super::protobuf;
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/manifest", claim, extract: Read::Whole(extract) };

const FILE: &str = "AndroidManifest.xml";
/// Letters kept of a package id.
const NAME: usize = 512;

fn claim(head: &Head<'_>) -> bool {
    head.name == FILE
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let elements = if axml::is_axml(doc.data) || protobuf::is_xml(doc.data) {
        let (elements, whole) = if axml::is_axml(doc.data) { axml::read(doc.data) } else { protobuf::read(doc.data) };
        if !whole {
            let detail = format!("binary XML could not be read in full; {} elements were", elements.len());
            inventory.gap("", Reason::Truncated, detail);
        }
        elements
    } else if text::first_mark(doc.data) == Some(b'<') {
        read_text(&text::decode(doc.data).0, inventory)
    } else {
        inventory.gap("", Reason::Unsupported, "neither text nor binary nor protobuf XML: not read by this version");
        return Mine::Yes;
    };
    say(&elements, inventory);
    Mine::Yes
}

/// Package, version and the label as they stand in a compiled manifest; for whoever can look a reference up.
pub(super) fn shown(data: &[u8]) -> Option<Shown> {
    let elements = if axml::is_axml(data) { axml::read(data).0 } else { protobuf::read(data).0 };
    let manifest = elements.iter().find(|e| e.name == "manifest")?;
    let application = elements.iter().find(|e| e.name == "application")?;
    Some(Shown {
        package: cut(manifest.get("package")?, NAME).to_owned(),
        version: manifest.get("versionName").filter(|v| !v.starts_with('@')).map(str::to_owned),
        label: application.get("label")?.to_owned(),
    })
}

/// What [`shown`] gives.
pub(super) struct Shown {
    pub package: String,
    pub version: Option<String>,
    pub label: String,
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

impl Element {
    /// The first attribute of this name that says anything.
    fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// The same, where it is a text and no reference such as `@string/app` or `@0x7f0f001b`.
    fn text(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.starts_with('@'))
    }
}

fn say(elements: &[Element], inventory: &mut Inventory) {
    let mut package = "";
    let mut version = None;
    let mut title = None;
    for element in elements {
        let field = element.name.as_str();
        let mut attribute = |kind: FactKind, key: &str| {
            if let Some(value) = element.text(key) {
                inventory.say(kind, value, format!("{field}/{key}"));
            }
        };
        match field {
            "manifest" => {
                attribute(FactKind::ProductVersion, "versionName");
                attribute(FactKind::FileVersion, "versionCode");
                package = cut(element.get("package").unwrap_or_default(), NAME);
                version = element.text("versionName").map(str::to_owned);
                inventory.say(FactKind::AndroidPackage, package, "manifest/package");
            }
            "application" | "activity" | "activity-alias" | "service" | "receiver" | "provider" | "instrumentation" => {
                for key in ["permission", "readPermission", "writePermission"] {
                    attribute(FactKind::ManifestPermission, key);
                }
                if field == "application" {
                    attribute(FactKind::ProductName, "label");
                    title = element.text("label").map(str::to_owned);
                }
                // The attribute holds several, and each may begin with the name of the package.
                let authorities = element.text("authorities").filter(|_| field == "provider").unwrap_or_default();
                for authority in authorities.split(';') {
                    inventory.say(FactKind::ManifestAuthority, authority, "provider/authorities");
                }
                // A name of the process that has no colon in front is shared between applications.
                if let Some(process) = element.text("process").filter(|p| !p.starts_with(':')) {
                    inventory.say(FactKind::Property, format!("process={process}"), format!("{field}/process"));
                }
                for class in ["name", "targetActivity"].into_iter().filter_map(|key| element.text(key)) {
                    inventory.say(FactKind::ManifestComponent, full_name(package, class), field);
                }
            }
            "action" => {
                if let Some(name) = element.get("name") {
                    inventory.say(FactKind::ManifestAction, name, "intent-filter/action");
                }
            }
            "uses-permission" | "uses-permission-sdk-23" | "uses-permission-sdk-m" | "permission" => {
                attribute(FactKind::ManifestPermission, "name");
            }
            "meta-data" => {
                if let Some(name) = element.get("name") {
                    let value = element.get("value").or_else(|| element.get("resource")).unwrap_or_default();
                    inventory.say(FactKind::ManifestMetaData, format!("{name}={value}"), "meta-data");
                }
            }
            "uses-library" | "uses-native-library" | "uses-sdk-library" | "uses-static-library" | "library" => {
                attribute(FactKind::FileReference, "name");
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
