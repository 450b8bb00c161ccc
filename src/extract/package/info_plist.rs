//! `Info.plist` of Apple applications, frameworks and extensions, and the property lists that start services.
//!
//! In: a property list, as a file or out of a program. Out: identifier, names, versions, files and services it names, and
//! the label.

use super::super::json::Node;
use super::super::{Doc, Extractor, Head, Mine, Read, plist};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/info-plist", claim, extract: Read::Whole(extract) };

fn is_info(name: &str) -> bool {
    name == "Info.plist" || name.ends_with("-Info.plist")
}

fn claim(head: &Head<'_>) -> bool {
    head.name.ends_with(".plist") && (is_info(head.name) || plist::begins(head.data))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (root, fault) = plist::read(doc.data);
    let known = root.as_ref().is_some_and(speaks);
    // Broken lists of other names say nothing that was looked for, as whole ones do.
    let name = inventory.file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let broken = fault.is_some() && is_info(&name);
    if !(known || broken) {
        return Mine::No;
    }
    if let Some((reason, why)) = fault {
        let old = doc.data.trim_ascii_start().starts_with(b"{") || doc.data.trim_ascii_start().starts_with(b"/*");
        let (reason, why) = if old && root.is_none() {
            (Reason::Unsupported, "a property list in its first, bracketed form: not read by this version".to_owned())
        } else {
            (reason, why)
        };
        inventory.gap("", reason, why);
    }
    if let Some(root) = root {
        say(&root, "", inventory);
    }
    Mine::Yes
}

/// True for a list of a bundle, or of a service.
fn speaks(root: &Node<'_>) -> bool {
    let has = |key: &str| root.get(key).is_some();
    has("CFBundleIdentifier")
        || has("CFBundleExecutable")
        || has("CFBundleName")
        || (has("Label") && (has("Program") || has("ProgramArguments") || has("BundleProgram")))
}

/// What each key says.
const KEYS: &[(&str, FactKind)] = &[
    ("CFBundleIdentifier", FactKind::BundleId),
    ("CFBundleName", FactKind::ProductName),
    ("CFBundleDisplayName", FactKind::ProductName),
    ("CFBundleExecutable", FactKind::FileReference),
    ("CFBundleShortVersionString", FactKind::ProductVersion),
    ("CFBundleVersion", FactKind::FileVersion),
    ("NSHumanReadableCopyright", FactKind::LegalCopyright),
    ("CFBundleGetInfoString", FactKind::FileDescription),
    ("NEMachServiceName", FactKind::ServiceName),
    ("NSExtensionPointIdentifier", FactKind::ServiceName),
    ("NSExtensionPrincipalClass", FactKind::ClassReference),
];
/// Keys of a list that starts a service.
const SERVICE: &[(&str, FactKind)] = &[
    ("Label", FactKind::ServiceName),
    ("Program", FactKind::FileReference),
    ("BundleProgram", FactKind::FileReference),
];
/// Lists that hold more of the keys.
const WITHIN: &[&str] = &["NetworkExtension", "NSExtension", "EXAppExtensionAttributes"];
/// Names of one kind in a list; real ones have some dozens.
const NAMES: usize = 1000;

/// Says what a list says; `prefix` stands in front of every field.
pub(in super::super) fn say(root: &Node<'_>, prefix: &str, inventory: &mut Inventory<'_>) {
    for (key, kind) in KEYS {
        inventory.say(*kind, root.str(key).unwrap_or_default(), format!("{prefix}/{key}"));
    }
    for outer in WITHIN {
        let Some(inner) = root.get(outer) else { continue };
        for (key, kind) in KEYS {
            inventory.say(*kind, inner.str(key).unwrap_or_default(), format!("{prefix}/{outer}/{key}"));
        }
        let classes = inner.get("NEProviderClasses").map(Node::members).into_iter().flatten();
        for (index, (provider, class)) in classes.enumerate() {
            if index >= NAMES {
                let detail = format!("more than {NAMES} names; the rest was not read");
                inventory.gap(format!("{prefix}/{outer}/NEProviderClasses"), Reason::Limit, detail);
                break;
            }
            let field = format!("{prefix}/{outer}/NEProviderClasses/{provider}");
            inventory.say(FactKind::ClassReference, class.text().unwrap_or_default(), field);
        }
    }
    services(root, prefix, inventory);
    let text = |key: &str| root.str(key).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let product = text("CFBundleDisplayName").or_else(|| text("CFBundleName"));
    // Debugging bundles have no name.
    if product.is_some() {
        inventory.labels.push(Label {
            vendor: None,
            product,
            version: text("CFBundleShortVersionString").or_else(|| text("CFBundleVersion")),
            at: inventory.at(format!("{prefix}/CFBundleName")),
            from: LabelSource::Bundle,
        });
    }
}

/// What a list that starts a service says, and the tools that an application installs.
fn services(root: &Node<'_>, prefix: &str, inventory: &mut Inventory<'_>) {
    for (key, kind) in SERVICE {
        inventory.say(*kind, root.str(key).unwrap_or_default(), format!("{prefix}/{key}"));
    }
    inventory.say(
        FactKind::FileReference,
        root.str("ProgramArguments").unwrap_or_default(),
        format!("{prefix}/ProgramArguments/0"),
    );
    for key in ["MachServices", "SMPrivilegedExecutables"] {
        let names = root.get(key).map(Node::members).into_iter().flatten();
        for (index, (name, _)) in names.enumerate() {
            if index >= NAMES {
                let detail = format!("more than {NAMES} names; the rest was not read");
                inventory.gap(format!("{prefix}/{key}"), Reason::Limit, detail);
                break;
            }
            inventory.say(FactKind::ServiceName, name, format!("{prefix}/{key}/{name}"));
        }
    }
}
