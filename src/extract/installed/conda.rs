//! conda: `conda-meta/*.json` of an environment, `info/index.json` of a package.
//!
//! In: a JSON object with a build number. Out: a component with its files; of a package's own metadata facts and the
//! label.

use super::super::json::Node;
use super::super::sbom::close;
use super::super::stream::{Want, Window};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::{Entry, Packages};
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "installed/conda", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'{')
        && memchr::memmem::find(head.data, b"\"build_number\"").is_some()
        && memchr::memmem::find(head.data, b"\"build\"").is_some()
}

fn want(key: &str) -> Want {
    match key {
        "name" | "version" | "build" | "subdir" | "channel" | "license" | "url" | "files" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut held: Vec<(String, Node<'static>)> = Vec::new();
    let mut window = Window::over(doc.data);
    let outcome = window.members(&want, &mut |key, _, node| {
        if held.len() < 100 {
            held.push((key.to_owned(), node.into_owned()));
        }
    });
    let get = |key: &str| held.iter().rev().find(|(k, _)| k == key).map(|(_, node)| node);
    let text = |key: &str| get(key).and_then(Node::text).filter(|text| !text.is_empty());
    let (Some(name), Some(version), Some(build)) = (text("name"), text("version"), text("build")) else {
        if outcome.whole() {
            return Mine::No;
        }
        close(&mut window, &outcome, inventory);
        return Mine::Yes;
    };
    close(&mut window, &outcome, inventory);
    let mut entry = Entry {
        kind: Some("conda"),
        name: name.into(),
        version: version.into(),
        fields: ("name", "version"),
        ..Entry::default()
    };
    entry.qualifiers.push(("build", build.into()));
    entry.qualifiers.extend(text("subdir").map(|subdir| ("subdir", subdir.into())));
    for (key, kind) in [("license", FactKind::License), ("channel", FactKind::Property), ("url", FactKind::Url)] {
        let value = |text| if kind == FactKind::Property { format!("{key}={text}") } else { String::from(text) };
        entry.facts.extend(text(key).map(|text| (kind, value(text).into(), key)));
    }
    if inventory.file.path.contains("conda-meta/") {
        let files = get("files").map(Node::items).unwrap_or_default().iter().filter_map(Node::text);
        Packages::new(EXTRACTOR.name, doc.limits).add(&entry, files.map(|file| format!("/{file}")), inventory);
    } else {
        entry.describe(inventory);
    }
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn a_package_is_named_with_its_build() {
        let data =
            br#"{"arch":"x86_64","build":"h1_0","build_number":0,"name":"acme","subdir":"linux-64","version":"1.2"}"#;
        let (facts, gaps) = said(&EXTRACTOR, "index.json", data);
        assert_eq!(
            facts,
            ["name name acme", "version version 1.2", "purl name pkg:conda/acme@1.2?build=h1_0&subdir=linux-64"]
        );
        assert!(gaps.is_empty());
        assert!(!said(&EXTRACTOR, "index.json", &data[..data.len() - 1]).1.is_empty());
        assert!(said(&EXTRACTOR, "x.json", br#"{"build_number":1,"build":"x"}"#).0.is_empty());
    }
}
