//! CycloneDX in protobuf's text format, 1.3 to 1.7.
//!
//! In: text with a line `spec_version:`. Out: the tree of the JSON form, field by field.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::protobuf::DEPTH;
use super::{Reader, want};
use crate::extract::json::{Members, Node};
use crate::extract::stream::Want;
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const TEXT: Extractor =
    Extractor { name: "sbom/cyclonedx-textproto", claim: claim_text, extract: Read::Whole(textual) };

fn claim_text(head: &Head<'_>) -> bool {
    let (text, _) = text::decode(head.data);
    text.lines().any(|line| {
        let rest = line.trim_start().strip_prefix("spec_version").and_then(|rest| rest.trim_start().strip_prefix(':'));
        rest.is_some_and(|rest| rest.trim_start().starts_with(['"', '\'']))
    })
}

fn textual(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut reader = Reader::new(TEXT.name, doc.limits.max_components, inventory);
    let mut parser = Parser { text: &text, at: 0 };
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut broken = None;
    while parser.peek().is_some() {
        let start = parser.at;
        let Some((key, node)) = parser.field(0) else {
            broken = Some(parser.at.max(start));
            break;
        };
        if want(&key) != Want::Items {
            reader.member(&key, None, &node);
            continue;
        }
        // A repeated field stands several times, or once with a list.
        for item in node.items() {
            let count = counts.entry(key.clone()).or_default();
            reader.member(&key, Some(*count), item);
            *count += 1;
        }
    }
    let (_, inventory) = reader.finish(broken.is_none());
    if let Some(at) = broken {
        let line = text.get(..at).unwrap_or(&text).matches('\n').count() + 1;
        let detail = "protobuf text breaks here; what stood before is in the result";
        inventory.gap(format!("line {line}"), Reason::Malformed, detail);
    }
    Mine::Yes
}

/// The text format: `name: scalar`, `name { … }`, `name: [ … ]`, comments to the end of the line.
struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ';' | ','));
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return trimmed.chars().next();
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn word(&mut self) -> Option<&'t str> {
        self.peek()?;
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'))).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).filter(|word| !word.is_empty())
    }

    fn field(&mut self, depth: usize) -> Option<(String, Node<'t>)> {
        let key = json_name(self.word()?);
        if self.peek()? == ':' {
            self.at += 1;
        }
        Some((key, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Option<Node<'t>> {
        match self.peek()? {
            _ if depth > DEPTH => None,
            open @ ('{' | '<') => {
                self.at += 1;
                let close = if open == '{' { '}' } else { '>' };
                let mut members = Members::default();
                while self.peek()? != close {
                    let (key, value) = self.field(depth + 1)?;
                    members.add(key, value);
                }
                self.at += 1;
                Some(members.node())
            }
            '[' => {
                self.at += 1;
                let mut items = Vec::new();
                while self.peek()? != ']' {
                    items.push(self.value(depth + 1)?);
                }
                self.at += 1;
                Some(Node::List(items))
            }
            '"' | '\'' => {
                let mut text = String::new();
                // Strings with nothing but blanks between them are one.
                while let Some(quote @ ('"' | '\'')) = self.rest().trim_start().chars().next() {
                    self.at += self.rest().len() - self.rest().trim_start().len();
                    self.string(quote, &mut text)?;
                }
                Some(Node::Str(Cow::Owned(text)))
            }
            _ => self.word().map(|word| Node::Str(enum_name(word))),
        }
    }

    fn string(&mut self, quote: char, text: &mut String) -> Option<()> {
        self.at += 1;
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                _ if letter == quote => {
                    self.at += at + 1;
                    return Some(());
                }
                '\\' => text.push(match letters.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                _ => text.push(letter),
            }
        }
        None
    }
}

/// `external_references` is `externalReferences` in JSON.
fn json_name(name: &str) -> String {
    match name {
        "bom_ref" => return "bom-ref".to_owned(),
        "mime_type" => return "mime-type".to_owned(),
        _ => {}
    }
    let mut parts = name.split('_');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        key.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        key.push_str(letters.as_str());
    }
    key
}

/// `SCOPE_OPTIONAL` is `optional` in JSON.
fn enum_name(word: &str) -> Cow<'_, str> {
    for prefix in ["SCOPE_", "AGGREGATE_", "EVIDENCE_FIELD_"] {
        if let Some(rest) = word.strip_prefix(prefix) {
            return Cow::Owned(rest.to_ascii_lowercase());
        }
    }
    Cow::Borrowed(word.strip_prefix("HASH_ALG_").unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_the_same() {
        let text = "# c\nname: \"li\" 'b'\nsupplier { name: \"A\\\"\" url: [\"u\", \"v\"] }\nexternal_references <url: 'x'>\nscope: SCOPE_OPTIONAL";
        let mut parser = Parser { text, at: 0 };
        let mut seen = Vec::new();
        while parser.peek().is_some() {
            seen.push(parser.field(0).unwrap());
        }
        let node = Node::Map(seen.into_iter().map(|(k, v)| (Cow::Owned(k), v)).collect());
        assert_eq!((node.str("name"), node.str("scope")), (Some("lib"), Some("optional")));
        assert_eq!(node.get("supplier").unwrap().each("url").count(), 2);
        assert_eq!(node.get("externalReferences").unwrap().str("url"), Some("x"));
        assert!(Parser { text: &"a {".repeat(10_000), at: 0 }.field(0).is_none());
    }
}
