//! `os-release`: which system a file tree is.
//!
//! In: lines `KEY=value` as a shell reads them. Out: facts of the system. It is no label: what is sold may be a part.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "installed/os-release", claim, extract: Read::Whole(extract) };

/// What each key says.
const KEYS: &[(&str, FactKind)] = &[
    ("NAME", FactKind::ProductName),
    ("PRETTY_NAME", FactKind::ProductName),
    ("ID", FactKind::Name),
    ("VERSION_ID", FactKind::ProductVersion),
    ("VENDOR_NAME", FactKind::CompanyName),
    ("VENDOR_URL", FactKind::Url),
    ("HOME_URL", FactKind::Url),
    ("CPE_NAME", FactKind::Cpe),
    ("VARIANT", FactKind::Description),
];
/// Lines read; real ones have some twenty.
const LINES: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    // Shell scripts may set the same names: a system's file holds nothing but them.
    let start = head.data.get(..4096).unwrap_or(head.data);
    if memchr::memmem::find(start, b"ID=").is_none() || text::is_binary(start) {
        return false;
    }
    let text = String::from_utf8_lossy(start);
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    let plain =
        |line: &str| line.is_empty() || line.starts_with('#') || line.split_once('=').is_some_and(|(key, _)| word(key));
    has("ID=") && has("NAME=") && text.lines().take(8).all(|line| plain(line.trim()))
}

fn word(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// A value without its quotes; in double ones a backslash guards the next letter.
fn unquoted(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.strip_suffix('\'').unwrap_or(inner).into();
    }
    let inner = value.strip_prefix('"').map_or(value, |rest| rest.strip_suffix('"').unwrap_or(rest));
    if inner.contains('\\') {
        let mut guarded = false;
        let plain = |c: &char| {
            guarded = *c == '\\' && !guarded;
            !guarded
        };
        return inner.chars().filter(plain).collect::<String>().into();
    }
    inner.into()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    for line in text.lines().take(LINES) {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        if let Some((field, kind)) = KEYS.iter().find(|(known, _)| *known == key) {
            inventory.say(*kind, cut(&unquoted(value), super::TEXT), *field);
        }
    }
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let data = b"# x\nNAME=\"Acme \\\"OS\\\"\"\nID=acme\nVERSION_ID='5.2'\nVENDOR_NAME=Acme\n";
        let (facts, _) = said(&EXTRACTOR, "os-release", data);
        let wanted = [
            "product-name NAME Acme \"OS\"",
            "name ID acme",
            "product-version VERSION_ID 5.2",
            "company-name VENDOR_NAME Acme",
        ];
        assert_eq!(facts, wanted);
        assert!(said(&EXTRACTOR, "x.sh", b"#!/bin/sh\nset -e\nID=1\nNAME=x\n").0.is_empty());
    }
}
