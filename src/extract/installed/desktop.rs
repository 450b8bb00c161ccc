//! Keyed files of Linux desktops: desktop entries, the metadata of a Flatpak; and the AppStream description of a
//! component.
//!
//! In: groups of `key=value` lines; XML whose root is `component`. Out: names, versions, programs, makers; the label of an
//! AppImage and of a Flatpak.

use super::super::sbom::close_xml;
use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Entry;
use crate::fact::{FactKind, Inventory, cut};

pub(in super::super) const ENTRY: Extractor =
    Extractor { name: "installed/desktop-entry", claim: claim_entry, extract: Read::Whole(entry) };
pub(in super::super) const FLATPAK: Extractor =
    Extractor { name: "package/flatpak", claim: claim_flatpak, extract: Read::Whole(flatpak) };
pub(in super::super) const APPSTREAM: Extractor =
    Extractor { name: "installed/appstream", claim: claim_appstream, extract: Read::Whole(appstream) };

/// Lines of one file; desktop entries are translated into a hundred languages.
const LINES: usize = 20_000;

fn starts(head: &Head<'_>, group: &[u8]) -> bool {
    let start = head.data.get(..1024).unwrap_or(head.data);
    start.starts_with(group) || (start.starts_with(b"#") && memchr::memmem::find(start, group).is_some())
}

fn claim_entry(head: &Head<'_>) -> bool {
    starts(head, b"[Desktop Entry]")
}

fn claim_flatpak(head: &Head<'_>) -> bool {
    let wanted = memchr::memmem::find(head.data, b"\nruntime=").is_some();
    wanted && (starts(head, b"[Application]") || starts(head, b"[Runtime]"))
}

fn claim_appstream(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<')
        && memchr::memmem::find(head.data, b"<component").is_some()
        && (memchr::memmem::find(head.data, b"<metadata_license>").is_some()
            || head.name.ends_with(".metainfo.xml")
            || head.name.ends_with(".appdata.xml"))
}

/// The values of the first group.
fn first_group(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().take(LINES).skip_while(|line| !line.starts_with('[')).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.trim(), v.trim()))
}

/// The program of a command line.
fn program(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(rest) => rest.split('"').next().unwrap_or(rest),
        None => line.split_whitespace().next().unwrap_or(line),
    }
}

fn entry(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut own = Entry { fields: ("X-AppImage-Name", "X-AppImage-Version"), ..Entry::default() };
    let (mut image, mut shown) = (false, None);
    for (key, value) in first_group(&text) {
        match key {
            // Names in other languages have the language behind the key.
            "Name" => {
                shown = Some(value);
                own.add(FactKind::ProductName, value, "Name");
            }
            "Comment" => own.add(FactKind::FileDescription, value, "Comment"),
            "Exec" => own.add(FactKind::FileReference, program(value), "Exec"),
            "X-AppImage-Version" => (image, own.version) = (true, value.into()),
            "X-AppImage-Name" => (image, own.name) = (true, value.into()),
            _ => {}
        }
        if own.facts.len() > 100 {
            break;
        }
    }
    own.say("", &mut inventory.file);
    if image && shown.is_some() {
        let label = own.label(inventory, shown);
        inventory.labels.push(label);
    }
    Mine::Yes
}

fn flatpak(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut own = Entry { fields: ("name", "version"), ..Entry::default() };
    for (key, value) in first_group(&text).take(1000) {
        match key {
            "name" => own.name = value.into(),
            "command" => own.add(FactKind::FileReference, program(value), "command"),
            "runtime" => own.add(FactKind::Property, format!("runtime={}", cut(value, super::TEXT)), "runtime"),
            _ => {}
        }
    }
    if own.name.is_empty() {
        return Mine::No;
    }
    own.describe(inventory);
    Mine::Yes
}

fn appstream(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let (mut mine, mut left) = (false, 10_000u32);
    let fault = stream(&text, &|_| false, &mut |met| match met {
        Met::Root { name, .. } => mine = name == "component",
        Met::Child { element, .. } if mine && left > 0 => {
            left -= 1;
            component(&element, inventory);
        }
        _ => {}
    });
    if !mine {
        return Mine::No;
    }
    close_xml(fault, encoding, inventory);
    Mine::Yes
}

fn component(element: &Element, inventory: &mut Inventory<'_>) {
    // What stands there in other languages bears one; the first is the original.
    if element.attribute("lang").or_else(|| element.attribute("xml:lang")).is_some() {
        return;
    }
    let text = cut(element.text.trim(), super::TEXT);
    match element.name.as_str() {
        "id" => inventory.say(FactKind::Name, text, "id"),
        "name" => inventory.say(FactKind::ProductName, text, "name"),
        "summary" => inventory.say(FactKind::Description, text, "summary"),
        "developer_name" => inventory.say(FactKind::Publisher, text, "developer_name"),
        "project_license" => inventory.say(FactKind::License, text, "project_license"),
        "url" => inventory.say(FactKind::Url, text, "url"),
        "developer" => {
            for name in element.children.iter().filter(|c| c.name == "name" && c.attributes.is_empty()).take(10) {
                inventory.say(FactKind::Publisher, cut(name.text.trim(), super::TEXT), "developer/name");
            }
        }
        "provides" => {
            for child in element.children.iter().filter(|c| matches!(c.name.as_str(), "binary" | "library")).take(1000)
            {
                inventory.say(FactKind::FileReference, cut(child.text.trim(), super::TEXT), "provides");
            }
        }
        "releases" => {
            let newest = element.children.iter().find(|c| c.name == "release").and_then(|r| r.attribute("version"));
            inventory.say(FactKind::Version, cut(newest.unwrap_or_default(), super::TEXT), "releases/release");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn desktop_files_name_programs_and_makers() {
        let data = b"[Desktop Entry]\nName=Acme Guard\nName[de]=Acme Wache\nExec=\"/opt/acme/guard\" %U\nX-AppImage-Version=5.2\n[Desktop Action x]\nExec=other\n";
        let (facts, _) = said(&ENTRY, "acme.desktop", data);
        assert_eq!(
            facts,
            [
                "version X-AppImage-Version 5.2",
                "product-name Name Acme Guard",
                "file-reference Exec /opt/acme/guard",
                "file-reference Exec guard"
            ]
        );
        let data = b"[Application]\nname=com.acme.Guard\nruntime=org.x/1\ncommand=guard\n";
        let (facts, _) = said(&FLATPAK, "metadata", data);
        assert_eq!(
            facts,
            ["name name com.acme.Guard", "property runtime runtime=org.x/1", "file-reference command guard"]
        );
        let data = b"<?xml version='1.0'?><component><id>com.acme.Guard</id><metadata_license>MIT</metadata_license>\
            <name>Guard</name><name xml:lang='de'>Wache</name><developer id='x'><name>Acme</name></developer>\
            <releases><release version='2'/><release version='1'/></releases></component>";
        let (facts, gaps) = said(&APPSTREAM, "x.xml", data);
        assert_eq!(
            facts,
            [
                "name id com.acme.Guard",
                "product-name name Guard",
                "publisher developer/name Acme",
                "version releases/release 2"
            ]
        );
        assert!(gaps.is_empty());
    }
}
