//! `Cargo.toml` of a crate, as `cargo package` writes it, or of a source tree.
//!
//! In: TOML with a `[package]` that states name and version. Out: name, version, authors, addresses, licence, purl and the
//! label. What a workspace states for its members is not at hand: such fields are silence. Dependencies are other crates:
//! they are not said.

use toml::{Table, Value};

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Package;
use crate::fact::{FactKind, Inventory, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/cargo", claim, extract: Read::Whole(extract) };

/// The longest manifest that is read; real ones have some KiB.
const MOST: usize = 1 << 20;
/// Authors said of one crate.
const AUTHORS: usize = 100;

fn claim(head: &Head<'_>) -> bool {
    head.name == "Cargo.toml" && memchr::memmem::find(head.data, b"[package]").is_some()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if doc.data.len() > MOST {
        let detail = format!("a Cargo.toml of {} bytes, more than {MOST}; not read", doc.data.len());
        inventory.gap("", Reason::Limit, detail);
        return Mine::Yes;
    }
    let text = text::decode(doc.data).0;
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            let detail = format!("TOML breaks here, and nothing of it was read: {}", cut(error.message(), 300));
            let at = error.span().map(|span| format!("byte {}", span.start)).unwrap_or_default();
            inventory.gap(at, Reason::Malformed, detail);
            return Mine::Yes;
        }
    };
    let Some(package) = table.get("package").and_then(Value::as_table) else { return Mine::No };
    let get = |key: &str| package.get(key).and_then(Value::as_str);
    let (Some(name), Some(version)) = (get("name"), get("version")) else { return Mine::No };
    let authors = package.get("authors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let authors = authors.iter().filter_map(Value::as_str).take(AUTHORS);
    let makers = authors.map(|author| {
        // `Name <address>` is the name.
        let name = author.split('<').next().unwrap_or(author).trim();
        (FactKind::Author, if name.is_empty() { author } else { name }, "package/authors")
    });
    Package { kind: "cargo", namespace: None, name, version: Some(version), makers: makers.collect() }.say(inventory);
    for (kind, key) in [
        (FactKind::Description, "description"),
        (FactKind::Url, "homepage"),
        (FactKind::Url, "repository"),
        (FactKind::License, "license"),
    ] {
        inventory.say(kind, get(key).unwrap_or_default(), format!("package/{key}"));
    }
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn a_crate_states_its_name_and_version() {
        let data = b"[package]\nname = \"acme\"\nversion = \"1.2.0\"\nauthors = [\"Acme <a@acme.example>\"]\nlicense = \"MIT\"\n";
        let (facts, gaps) = said(&EXTRACTOR, "Cargo.toml", data);
        let wanted = [
            "name name acme",
            "version version 1.2.0",
            "author package/authors Acme",
            "purl name pkg:cargo/acme@1.2.0",
            "license package/license MIT",
        ];
        assert_eq!((facts, gaps.len()), (wanted.map(str::to_owned).to_vec(), 0));
        assert!(said(&EXTRACTOR, "Cargo.toml", b"[package]\nversion.workspace = true\n").0.is_empty());
        assert_eq!(said(&EXTRACTOR, "Cargo.toml", b"[package]\nname = \"open").1.len(), 1);
        let deep = format!("[package]\nname = {}", "[".repeat(100_000));
        assert_eq!(said(&EXTRACTOR, "Cargo.toml", deep.as_bytes()).1.len(), 1);
    }
}
