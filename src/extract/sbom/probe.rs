//! What kind of JSON document a blob is, by the format's own marker, never by a common key.
//!
//! In: a JSON text. Out: its [`Form`]. Reads no further than the marker, which mostly stands at the beginning.

use std::cell::Cell;

use super::super::json::Node;
use super::super::stream::{Want, Window};

/// The JSON forms that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Form {
    CycloneDx,
    Spdx2,
    Spdx3,
    Syft,
    Trivy,
    /// GitHub dependency snapshot.
    Snapshot,
    /// in-toto statement.
    Statement,
    /// DSSE envelope.
    Dsse,
    /// Sigstore bundle.
    Bundle,
    /// Broken, with a list `artifacts` in front of the break: Syft's, if its elements are.
    BrokenArtifacts,
    /// Broken, with a list `@graph` in front of the break: SPDX 3's, if its elements are.
    BrokenGraph,
    /// Something else with such a document somewhere in it.
    Wrapper,
    /// Nothing of ours.
    Other,
}

/// The form by the members at the top.
pub(super) fn of_window(window: &mut Window<'_>) -> Form {
    let found: Cell<Option<Form>> = Cell::new(None);
    let (schema, detector) = (Cell::new(false), Cell::new(false));
    let (results, manifests, artifacts, graph) =
        (Cell::new(false), Cell::new(false), Cell::new(false), Cell::new(false));
    let want = |key: &str| match key {
        _ if found.get().is_some() => Want::Stop,
        "bomFormat" | "$schema" | "spdxVersion" | "@context" | "_type" | "payloadType" | "mediaType" | "schema"
        | "descriptor" | "SchemaVersion" | "ArtifactName" | "detector" => Want::Whole,
        "Results" | "ArtifactType" => {
            results.set(true);
            found.set(schema.get().then_some(Form::Trivy));
            Want::Skip
        }
        "manifests" => {
            manifests.set(true);
            found.set(detector.get().then_some(Form::Snapshot));
            Want::Skip
        }
        "artifacts" => {
            artifacts.set(true);
            Want::Skip
        }
        "@graph" => {
            graph.set(true);
            Want::Skip
        }
        _ => Want::Skip,
    };
    let outcome = window.members(&want, &mut |key, _, node| {
        let text = node.text().unwrap_or_default();
        let is = |form: Form, yes: bool| yes.then_some(form);
        let form = match key {
            "bomFormat" => is(Form::CycloneDx, text.eq_ignore_ascii_case("CycloneDX")),
            "$schema" => is(Form::CycloneDx, text.contains("cyclonedx.org/schema/bom")),
            "spdxVersion" => is(Form::Spdx2, text.starts_with("SPDX-")),
            "@context" => is(Form::Spdx3, spdx3_context(&node)),
            "_type" => is(Form::Statement, text.starts_with("https://in-toto.io/Statement")),
            "payloadType" => is(Form::Dsse, !text.is_empty()),
            "mediaType" => is(Form::Bundle, text.starts_with("application/vnd.dev.sigstore.bundle")),
            "schema" => is(Form::Syft, node.str("url").is_some_and(|u| u.contains("anchore/syft"))),
            "descriptor" => is(Form::Syft, node.str("name") == Some("syft")),
            "SchemaVersion" => {
                schema.set(matches!(node, Node::Number(_)));
                is(Form::Trivy, schema.get() && results.get())
            }
            "ArtifactName" => {
                results.set(true);
                is(Form::Trivy, schema.get())
            }
            _ => {
                detector.set(node.str("name").is_some() && node.str("url").is_some());
                is(Form::Snapshot, detector.get() && manifests.get())
            }
        };
        if form.is_some() {
            found.set(form);
        }
    });
    // These bear their marker at their end: a broken one is known by what its writers put in front.
    let broken = !outcome.whole() || !outcome.faults.is_empty();
    let guessed = match () {
        () if artifacts.get() => Form::BrokenArtifacts,
        () if schema.get() || results.get() => Form::Trivy,
        () if manifests.get() && detector.get() => Form::Snapshot,
        () if graph.get() => Form::BrokenGraph,
        () => Form::Other,
    };
    found.get().unwrap_or(if broken { guessed } else { Form::Other })
}

fn spdx3_context(node: &Node<'_>) -> bool {
    match node {
        Node::Map(members) => members.iter().any(|(_, value)| spdx3_context(value)),
        other => other.items().iter().any(|n| match n {
            Node::Map(_) => spdx3_context(n),
            n => n.text().is_some_and(|t| t.contains("spdx.org/rdf/3")),
        }),
    }
}

/// Markers by which a document inside another is known: a member's name and how its value begins.
const MARKERS: &[(&str, &str)] = &[
    ("bomFormat", "CycloneDX"),
    ("spdxVersion", "SPDX-"),
    ("@context", "https://spdx.org/rdf/3"),
    ("_type", "https://in-toto.io/Statement"),
    ("payloadType", "application/vnd.in-toto"),
    ("mediaType", "application/vnd.dev.sigstore.bundle"),
];

/// How an object begins in base64, as the value of a member.
const PACKED: &[u8] = b"\"eyJ";

/// The names in the markers, for a search through a file.
pub(super) fn needles() -> impl Iterator<Item = &'static [u8]> {
    MARKERS.iter().map(|(key, _)| key.as_bytes()).chain([PACKED, EXPANDED.1.as_bytes()])
}

/// The type of an element of SPDX 3 where its terms are whole addresses (expanded JSON-LD).
const EXPANDED: (&str, &str) = ("@type", "https://spdx.org/rdf/3");

/// True where the text holds such elements.
pub(super) fn expanded(text: &[u8]) -> bool {
    states(text, EXPANDED.0, EXPANDED.1)
}

/// Texts in base64 that begin like an object.
fn packed(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    memchr::memmem::find_iter(text, PACKED).filter_map(|at| {
        let rest = text.get(at + 1..)?;
        let raw = rest.get(..memchr::memchr(b'"', rest)?)?;
        super::envelope::decode(std::str::from_utf8(raw).ok()?)
    })
}

/// True where the text states such a marker at any depth, in any spacing, plain or within a string.
pub(super) fn marked(text: &[u8]) -> bool {
    let plain = |text: &[u8]| MARKERS.iter().any(|(key, value)| states(text, key, value));
    plain(text) || packed(text).any(|text| plain(&text))
}

/// True where a member of this name has a value that begins so.
pub(super) fn states(text: &[u8], key: &str, value: &str) -> bool {
    place(text, key, value).is_some()
}

/// True where such a member stands at the top of the document, as far as brackets tell.
pub(super) fn states_at_top(text: &[u8], key: &str, value: &str) -> bool {
    let (mut depth, mut string, mut escape) = (0usize, false, false);
    for byte in text.get(..place(text, key, value).unwrap_or(0)).unwrap_or_default() {
        match byte {
            _ if escape => escape = false,
            b'\\' if string => escape = true,
            b'"' => string = !string,
            b'{' | b'[' if !string => depth += 1,
            b'}' | b']' if !string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth == 1
}

/// Where such a member's name stands.
fn place(text: &[u8], key: &str, value: &str) -> Option<usize> {
    fn blank(text: &[u8]) -> &[u8] {
        let skip = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
        text.get(skip..).unwrap_or_default()
    }
    // Within a string the quotes are escaped, once or more.
    fn quote(text: &[u8]) -> Option<&[u8]> {
        let skip = text.iter().take_while(|b| **b == b'\\').count();
        text.get(skip..)?.strip_prefix(b"\"")
    }
    memchr::memmem::find_iter(text, key).find(|at| {
        let at = *at;
        let quoted = at > 0 && text.get(at - 1) == Some(&b'"');
        let rest = text.get(at + key.len()..).and_then(quote).filter(|_| quoted);
        let rest = rest.and_then(|rest| blank(rest).strip_prefix(b":")).map(blank);
        let rest = rest.map(|rest| rest.strip_prefix(b"[").map_or(rest, blank));
        rest.and_then(quote).is_some_and(|rest| rest.starts_with(value.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        of_window(&mut Window::over(text.as_bytes()))
    }

    #[test]
    fn a_form_is_known_by_its_own_marker() {
        for (text, wanted) in [
            (r#"{"bomFormat":"CycloneDX"}"#, Form::CycloneDx),
            (r#"{"components":[{}],"bomFormat":"CycloneDX"}"#, Form::CycloneDx),
            (r#"{"spdxVersion": "SPDX-2.3"}"#, Form::Spdx2),
            (r#"{"@context" : ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld"]}"#, Form::Spdx3),
            (r#"{"artifacts":[],"descriptor":{"name":"syft"}}"#, Form::Syft),
            (r#"{"SchemaVersion":2,"ArtifactName":"x"}"#, Form::Trivy),
            (r#"{"payloadType":"application/vnd.in-toto+json","payload":""}"#, Form::Dsse),
            (r#"{"version":0,"detector":{"name":"d","url":"u"},"manifests":{}}"#, Form::Snapshot),
            (r#"{"@context":"https://openvex.dev/ns"}"#, Form::Other),
            (r#"{"bomFormat":{"type":"string"}}"#, Form::Other),
            (r#"{"artifacts":[],"descriptor":{"name":"other"}}"#, Form::Other),
            (r#"{"sbom":{"spdxVersion":"SPDX-2.3"}}"#, Form::Other),
            ("{}", Form::Other),
            ("", Form::Other),
        ] {
            assert_eq!(form(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_marker_is_a_name_and_a_value() {
        for text in [
            r#"{"a":{"bomFormat" : "CycloneDX"}}"#,
            r#"{"Data":"{\"spdxVersion\":\"SPDX-2.3\"}"}"#,
            r#"{"a":{"@context":["https://spdx.org/rdf/3.0.1/c"]}}"#,
            r#"{"a":"eyJib21Gb3JtYXQiOiJDeWNsb25lRFgifQ=="}"#,
        ] {
            assert!(marked(text.as_bytes()), "{text}");
        }
        for text in [
            r#"{"bomFormat":{"enum":["CycloneDX"]}}"#,
            r#"{"x":"bomFormat: CycloneDX"}"#,
            r#"{"t":"eyJhIjoxfQ"}"#,
            "bomFormat",
            "",
        ] {
            assert!(!marked(text.as_bytes()), "{text}");
        }
    }
}
