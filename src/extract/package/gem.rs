//! RubyGems: the `metadata` of a gem (YAML) and the specification of an installed one (Ruby text).
//!
//! In: YAML tagged `Gem::Specification`; Ruby that calls `Gem::Specification.new`. Out: name, version, authors, purl.
//! Ruby is not run: only assignments of literals are read.

use super::super::json::Node;
use super::super::{Doc, Extractor, Head, Mine, Read, text, yaml};
use super::Package;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const METADATA: Extractor =
    Extractor { name: "package/gem", claim: claim_yaml, extract: Read::Whole(metadata) };
pub(in super::super) const SPECIFICATION: Extractor =
    Extractor { name: "package/gemspec", claim: claim_ruby, extract: Read::Whole(ruby) };

/// The longest specification that is read; those of gems with many files have some hundred KiB.
const MOST: usize = 8 << 20;
const BOUNDS: yaml::Bounds = yaml::Bounds { what: "a gem's metadata", bytes: MOST, nodes: 500_000 };
/// Lines of Ruby looked at.
const LINES: usize = 100_000;

const TAG: &[u8] = b"!ruby/object:Gem::Specification";

fn claim_yaml(head: &Head<'_>) -> bool {
    memchr::memmem::find(head.data.get(..256).unwrap_or(head.data), TAG).is_some()
}

fn claim_ruby(head: &Head<'_>) -> bool {
    // Ruby that only speaks of specifications has other names. RubyGems itself writes NULs into a remark, so that
    // some look like binaries.
    head.name.ends_with(".gemspec") && memchr::memmem::find(head.data, b"Gem::Specification.new").is_some()
}

/// What both forms tell.
#[derive(Default)]
struct Spec {
    name: Option<String>,
    version: Option<String>,
    authors: Vec<String>,
    texts: Vec<(FactKind, &'static str, String)>,
}

impl Spec {
    fn say(&self, inventory: &mut Inventory<'_>) -> Mine {
        let Some(name) = &self.name else { return Mine::No };
        let makers = self.authors.iter().map(|author| (FactKind::Author, author.as_str(), "authors")).collect();
        Package { kind: "gem", namespace: None, name, version: self.version.as_deref(), makers }.say(inventory);
        for (kind, field, value) in &self.texts {
            inventory.say(*kind, value, field);
        }
        Mine::Yes
    }
}

fn metadata(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(tree) = yaml::tree(doc, &BOUNDS, inventory) else { return Mine::Yes };
    let list = |key: &str| tree.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::text);
    let version = tree.get("version").and_then(|v| v.text().or_else(|| v.str("version")));
    let mut spec = Spec {
        name: tree.str("name").map(str::to_owned),
        version: version.map(str::to_owned),
        authors: list("authors").chain(tree.str("author")).take(1000).map(str::to_owned).collect(),
        texts: Vec::new(),
    };
    for (kind, field) in
        [(FactKind::Url, "homepage"), (FactKind::Description, "summary"), (FactKind::Description, "description")]
    {
        spec.texts.extend(tree.str(field).map(|value| (kind, field, value.to_owned())));
    }
    spec.texts.extend(list("licenses").take(100).map(|value| (FactKind::License, "licenses", value.to_owned())));
    if spec.say(inventory) == Mine::No {
        inventory.gap("name", Reason::Malformed, "a gem's metadata without a name");
    }
    Mine::Yes
}

fn ruby(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let text = text::decode(doc.data.get(..MOST).unwrap_or(doc.data)).0;
    let mut spec = Spec::default();
    let mut lines = text.lines();
    for line in lines.by_ref().take(LINES) {
        let Some((key, value)) = assignment(line) else { continue };
        let literals = literals(value);
        let first = || literals.first().cloned();
        match key {
            "name" => spec.name = first().or(spec.name.take()),
            "version" => spec.version = first().or(spec.version.take()),
            "author" | "authors" => spec.authors.extend(literals.into_iter().take(1000)),
            "homepage" => spec.texts.extend(first().map(|v| (FactKind::Url, "homepage", v))),
            "summary" => spec.texts.extend(first().map(|v| (FactKind::Description, "summary", v))),
            "description" => spec.texts.extend(first().map(|v| (FactKind::Description, "description", v))),
            "license" | "licenses" => {
                spec.texts.extend(literals.into_iter().take(100).map(|v| (FactKind::License, "licenses", v)));
            }
            _ => {}
        }
        if spec.texts.len() > 1000 || spec.authors.len() > 1000 {
            break;
        }
    }
    if lines.next().is_some() || doc.data.len() > MOST {
        let detail =
            format!("a specification of more than {LINES} lines, {MOST} bytes or 1000 texts; the rest was not read");
        inventory.gap("", Reason::Limit, detail);
    }
    spec.say(inventory)
}

/// `s.name = …`, under any name of the block's parameter.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (left, value) = line.split_once('=')?;
    let (variable, key) = left.trim().split_once('.')?;
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (word(variable) && word(key) && !value.starts_with('=')).then_some((key, value.trim()))
}

/// The quoted texts of a literal or of a list of them; none where the value is computed.
fn literals(value: &str) -> Vec<String> {
    if let Some(words) = value.strip_prefix("%w") {
        let inner = words.get(1..).unwrap_or_default();
        let end = inner.find([']', ')', '}', '>']).unwrap_or(inner.len());
        return inner.get(..end).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    }
    if !value.starts_with(['"', '\'', '[', '%']) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut letters = value.chars();
    while let Some(open) = letters.find(|c| matches!(c, '"' | '\'' | '#')) {
        if open == '#' {
            break;
        }
        let mut text = String::new();
        let mut closed = false;
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => escape(open, &mut letters, &mut text),
                letter if letter == open => {
                    closed = true;
                    break;
                }
                letter => text.push(letter),
            }
        }
        // A text with an expression in it is computed.
        if closed && !(open == '"' && text.contains("#{")) {
            found.push(text);
        }
    }
    found
}

/// What follows a backslash: in single quotes it only guards the next letter.
fn escape(quote: char, letters: &mut std::str::Chars<'_>, text: &mut String) {
    let Some(letter) = letters.next() else { return };
    match letter {
        'n' | 't' if quote == '"' => text.push(' '),
        'u' if quote == '"' => {
            let rest = letters.as_str();
            // Four digits, or any number of them in braces.
            let digits = match rest.strip_prefix('{') {
                Some(inner) => inner.split('}').next().unwrap_or_default(),
                None => rest.get(..4).unwrap_or_default(),
            };
            let passed = digits.len() + if rest.starts_with('{') { 2 } else { 0 };
            text.extend(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
            *letters = rest.get(passed..).unwrap_or_default().chars();
        }
        letter => text.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literals_are_read() {
        assert_eq!(assignment("  spec.name = \"x\".freeze"), Some(("name", "\"x\".freeze")));
        assert_eq!(assignment("if s.name == \"x\""), None);
        assert_eq!(literals("[\"A \\\"B\\\"\".freeze, 'C']"), ["A \"B\"", "C"]);
        assert_eq!(literals("%w[a b]"), ["a", "b"]);
        assert_eq!(literals("\"J\\u00fcrgen \\u{e9}\\u12\""), ["Jürgen é12"]);
        assert!(literals("Acme::VERSION").is_empty());
        assert!(literals("\"a#{b}\"").is_empty());
        assert!(literals("\"open").is_empty());
    }
}
