//! npm `package.json` of a published or installed package.
//!
//! In: a JSON object with a name and a version. Out: name, version, author, purl. A workspace root
//! without both is no package and is left to others.

use super::super::sbom::close;
use super::super::stream::{Want, Window};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Package;
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/npm", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.name == "package.json" && text::first_mark(head.data) == Some(b'{')
}

fn want(key: &str) -> Want {
    match key {
        "name" | "version" | "author" | "description" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (mut name, mut version, mut author) = (None, None, None);
    let mut window = Window::over(doc.data);
    let outcome = window.members(&want, &mut |key, _, node| {
        let value = node.text().map(str::to_owned);
        match key {
            "name" => name = value,
            "version" => version = value,
            "author" => author = value.or_else(|| node.str("name").map(str::to_owned)),
            _ => {}
        }
    });
    let (Some(name), Some(version)) = (name, version) else {
        if outcome.whole() {
            return Mine::No;
        }
        close(&mut window, &outcome, inventory);
        return Mine::Yes;
    };
    close(&mut window, &outcome, inventory);
    let (namespace, name) = match name.split_once('/') {
        Some((scope, rest)) if scope.starts_with('@') => (Some(scope), rest),
        _ => (None, name.as_str()),
    };
    let makers = author.iter().map(|a| (FactKind::Author, a.as_str(), "author")).collect();
    Package { kind: "npm", namespace, name, version: Some(&version), makers }.say(inventory);
    Mine::Yes
}
