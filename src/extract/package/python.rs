//! Python core metadata: `METADATA` of a wheel or installed distribution, `PKG-INFO` of a source one.
//!
//! In: a file of RFC 822 headers that begins with `Metadata-Version`. Out: name, version, author, purl.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Package;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/python", claim, extract: Read::Whole(extract) };

/// Header lines read; real ones have hundreds (classifiers, requirements).
const LINES: usize = 20_000;

fn claim(head: &Head<'_>) -> bool {
    matches!(head.name, "METADATA" | "PKG-INFO")
        && head.data.get(..64).unwrap_or(head.data).windows(17).any(|w| w.eq_ignore_ascii_case(b"Metadata-Version:"))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let (text, _) = text::decode(doc.data);
    // The headers end at the first empty line; the description behind it is prose.
    let mut head = text.lines().take_while(|line| !line.trim().is_empty());
    let mut fields = Vec::new();
    for line in head.by_ref().take(LINES) {
        // A line that begins with white space goes on with the one before; only long texts do that.
        if let Some((key, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) {
            fields.push((key.trim().to_ascii_lowercase(), value.trim()));
        }
    }
    if head.next().is_some() {
        inventory.gap("", Reason::Limit, format!("more than {LINES} header lines; the rest was not read"));
    }
    let get =
        |key: &str| fields.iter().find(|(k, _)| k == key).map(|(_, v)| *v).filter(|v| !v.is_empty() && *v != "UNKNOWN");
    let Some(name) = get("name") else { return Mine::No };
    let mut makers = Vec::new();
    for (key, field) in [("author", "Author"), ("maintainer", "Maintainer")] {
        makers.extend(get(key).map(|v| (FactKind::Author, v, field)));
    }
    for (key, field) in [("author-email", "Author-email"), ("maintainer-email", "Maintainer-email")] {
        // `Name <address>`: the newer way to give a name.
        makers.extend(
            get(key)
                .and_then(|v| v.split_once('<'))
                .map(|(name, _)| (FactKind::Author, name.trim().trim_matches('"'), field)),
        );
    }
    Package { kind: "pypi", namespace: None, name, version: get("version"), makers }.say(inventory);
    Mine::Yes
}
