//! npm `package.json` of a published or installed package.
//!
//! In: a JSON object with a name and a version. Out: name, version, author, purl. A workspace root
//! without both is no package and is left to others.

use super::super::json::{End, Node, Want, stream};
use super::super::{Doc, Extractor, Head, Mine, text};
use super::Package;
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor = Extractor { name: "package/npm", claim, extract };

fn claim(head: &Head<'_>) -> bool {
    head.name == "package.json" && text::first_mark(head.data) == Some(b'{')
}

fn want(key: &str) -> Want {
    match key {
        "name" | "version" | "author" | "description" => Want::Whole,
        _ => Want::Skip,
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let (text, _) = text::decode(doc.data);
    let (mut name, mut version, mut author) = (None, None, None);
    let end = stream(&text, want, &mut |key, _, node| {
        let value = node.text().map(str::to_owned);
        match key {
            "name" => name = value,
            "version" => version = value,
            "author" => author = value.or_else(|| node.str("name").map(str::to_owned)),
            _ => {}
        }
        drop::<Node<'_>>(node);
    });
    let broken = matches!(end, End::Broken { .. });
    let (Some(name), Some(version)) = (name, version) else {
        if broken {
            super::super::sbom::close(end, &text, inventory);
            return Mine::Yes;
        }
        return Mine::No;
    };
    super::super::sbom::close(end, &text, inventory);
    let (namespace, name) = match name.split_once('/') {
        Some((scope, rest)) if scope.starts_with('@') => (Some(scope), rest),
        _ => (None, name.as_str()),
    };
    let makers = author.iter().map(|a| (FactKind::Author, a.as_str(), "author")).collect();
    Package { kind: "npm", namespace, name, version: Some(&version), makers }.say(inventory);
    Mine::Yes
}
