//! SBOM forms that are recognised by their own marker and not read yet: each is a gap that names it.
//!
//! In: the head of a document. Out: a gap. A line leaves this table when its reader comes.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::probe::states;
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/other", claim, extract: Read::Whole(extract) };

/// How a marker must stand.
enum Marker {
    /// Anywhere in an XML head.
    Xml(&'static str),
    /// At the start of a line.
    Line(&'static str),
    /// A JSON member with this value, any spacing.
    Json(&'static str, &'static str),
}

const FORMS: &[(&str, Marker)] = &[
    ("CycloneDX XML", Marker::Xml("http://cyclonedx.org/schema/bom/")),
    ("SPDX RDF/XML", Marker::Xml("http://spdx.org/rdf/terms#")),
    ("SPDX XML", Marker::Xml("<spdxVersion>")),
    ("SWID tag", Marker::Xml("http://standards.iso.org/iso/19770/-2/")),
    ("SPDX tag-value", Marker::Line("SPDXVersion:")),
    ("SPDX YAML", Marker::Line("spdxVersion:")),
    ("SPDX 3 JSON-LD", Marker::Json("@context", "https://spdx.org/rdf/3")),
    ("SPDX 3 JSON-LD", Marker::Json("specVersion", "3.")),
    ("in-toto statement", Marker::Json("_type", "https://in-toto.io/Statement")),
    ("DSSE envelope", Marker::Json("payloadType", "application/vnd.in-toto")),
    ("Sigstore bundle", Marker::Json("mediaType", "application/vnd.dev.sigstore.bundle")),
    ("CycloneDX protobuf text", Marker::Line("spec_version:")),
];

fn claim(head: &Head<'_>) -> bool {
    matches!(text::first_mark(head.data), Some(b'<' | b'{' | b'S' | b's' | b'#' | b'-' | b'"'))
        && recognise(head.data).is_some()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory) -> Mine {
    let head = doc.data.get(..64 << 10).unwrap_or(doc.data);
    match recognise(head) {
        // A form of ours that another extractor read holds such a marker only as content.
        Some(name) if doc.known_as.is_none() => {
            inventory.gap("", Reason::Unsupported, format!("{name}: recognised, not read by this version"));
            Mine::Yes
        }
        _ => Mine::No,
    }
}

fn recognise(head: &[u8]) -> Option<&'static str> {
    let (text, _) = text::decode(head);
    let xml = text.trim_start().starts_with('<');
    let json = text.trim_start().starts_with('{');
    let found = FORMS.iter().find(|(_, marker)| match marker {
        Marker::Xml(mark) => xml && text.contains(mark),
        Marker::Line(mark) => {
            !xml && !json
                && text
                    .split(['\r', '\n'])
                    .take(200)
                    .any(|line| line.trim_start_matches(['"', '-', ' ']).starts_with(mark))
        }
        Marker::Json(key, value) => json && states(text.as_bytes(), key, value),
    });
    found.map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_known_by_its_own_marker() {
        for (text, name) in [
            (r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.4">"#, "CycloneDX XML"),
            ("SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0", "SPDX tag-value"),
            ("# comment\r\rSPDXVersion: SPDX-2.2", "SPDX tag-value"),
            (r#"{"@context" : ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld"]}"#, "SPDX 3 JSON-LD"),
            (r#"{"payloadType":"application/vnd.in-toto+json"}"#, "DSSE envelope"),
        ] {
            assert_eq!(recognise(text.as_bytes()), Some(name), "{text}");
        }
        for text in [
            "{\"name\": \"SPDXVersion:\"}",
            "the SPDXVersion: of a file",
            "{}",
            "<html>",
            "{\"type\": \"https://in-toto.io/Statement\"}",
        ] {
            assert_eq!(recognise(text.as_bytes()), None, "{text}");
        }
    }
}
