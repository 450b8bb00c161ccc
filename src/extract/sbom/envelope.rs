//! What a document is wrapped in: attestation envelopes, and JSON that holds a document somewhere in it.
//!
//! In: JSON of those forms. Out: the documents inside, each handed on to be looked at by itself, under the name of
//! the member it stood in; of an attestation its subjects and materials. Signatures are not checked: who signed says
//! nothing of what is inside.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::json::{self, Node};
use super::super::stream::{End, Want};
use super::super::{Extractor, Input, Mine, Read, text};
use super::probe::{expanded, marked};
use super::{Form, close, looks_like_json, say_digest, say_file_name};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const STATEMENT: Extractor =
    Extractor { name: "envelope/in-toto", claim: looks_like_json, extract: Read::Stream(statement) };
pub(in super::super) const DSSE: Extractor =
    Extractor { name: "envelope/dsse", claim: looks_like_json, extract: Read::Stream(dsse) };
pub(in super::super) const BUNDLE: Extractor =
    Extractor { name: "envelope/sigstore", claim: looks_like_json, extract: Read::Stream(bundle) };
pub(in super::super) const WRAPPER: Extractor =
    Extractor { name: "envelope/json", claim: looks_like_json, extract: Read::Stream(wrapper) };

/// Base64 in either alphabet, with or without its padding, with white space anywhere.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let alphabet = if packed.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(packed).ok()
}

/// DSSE: a payload in base64, of a stated type, with signatures beside it.
fn dsse(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Dsse {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let (mut kind, mut payload) = (String::new(), None);
    let want = |key: &str| if matches!(key, "payload" | "payloadType") { Want::Whole } else { Want::Skip };
    let outcome = window.members(&want, &mut |key, _, node| match key {
        "payload" => payload = Some(node.text().and_then(decode)),
        _ => kind = node.text().unwrap_or_default().to_owned(),
    });
    match payload {
        Some(Some(data)) if !data.is_empty() => inventory.embed("payload", data),
        Some(None) => inventory.gap("/payload", Reason::Malformed, "a DSSE payload that is no base64; not read"),
        _ => inventory.gap("/payload", Reason::Empty, format!("a DSSE envelope of {kind:?} without a payload")),
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

/// Sigstore bundle: an envelope, or only the signature of something that is not in it.
fn bundle(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Bundle {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let mut found = false;
    let outcome = window.raw_members(&mut |key, raw| {
        if key == "dsseEnvelope" {
            found = true;
            inventory.embed(key, raw);
        }
    });
    if !found {
        let detail = "a Sigstore bundle that only signs: what it speaks of is not in it";
        inventory.gap("", Reason::Empty, detail);
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

/// in-toto: subjects by name and digest, and a predicate of a stated type about them.
fn statement(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Statement {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    let (mut kind, mut read) = (String::new(), false);
    let mut materials = Vec::new();
    let outcome = window.raw_members(&mut |key, raw| match key {
        "subject" => {
            if let Ok((node, _)) = json::parse(raw) {
                for (i, subject) in node.items().iter().enumerate() {
                    resource(subject, &format!("/subject/{i}"), inventory);
                }
            }
        }
        "predicateType" => {
            kind = json::parse(raw).ok().and_then(|(n, _)| n.text().map(str::to_owned)).unwrap_or_default()
        }
        "predicate" if hand_on("predicate", raw, inventory) > 0 => read = true,
        "predicate" => {
            if let Ok((node, _)) = json::parse(raw) {
                // SLSA provenance 0.x and 1.
                let definition = node.get("buildDefinition");
                let details = node.get("runDetails").and_then(|d| d.get("builder"));
                let lists = [
                    ("/predicate/materials", node.get("materials")),
                    (
                        "/predicate/buildDefinition/resolvedDependencies",
                        definition.and_then(|d| d.get("resolvedDependencies")),
                    ),
                    (
                        "/predicate/runDetails/builder/builderDependencies",
                        details.and_then(|d| d.get("builderDependencies")),
                    ),
                ];
                for (at, list) in lists {
                    for (i, one) in list.map(Node::items).unwrap_or_default().iter().enumerate() {
                        materials.push((format!("{at}/{i}"), one.clone().into_owned()));
                    }
                }
            }
        }
        _ => {}
    });
    let provenance = kind.contains("slsa.dev/provenance");
    for (at, one) in &materials {
        resource(one, at, inventory);
    }
    if !read && !provenance && outcome.whole() {
        let kind = crate::fact::cut(&kind, 200);
        let detail = format!("an attestation of type {kind:?}: recognised, its predicate is not read by this version");
        inventory.gap("/predicate", Reason::Unsupported, detail);
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

/// A subject or material: name or address, and digests.
fn resource(node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) {
    let mut c = inventory.declare(STATEMENT.name, at);
    for key in ["name", "uri"] {
        let Some(value) = node.str(key) else { continue };
        let kind = if value.starts_with("pkg:") {
            FactKind::Purl
        } else if key == "uri" {
            FactKind::Url
        } else {
            FactKind::Name
        };
        c.say_at(kind, value, format_args!("/{key}"));
        if kind == FactKind::Name {
            say_file_name(&mut c, value, "/name");
        }
    }
    for (algorithm, sum) in node.get("digest").into_iter().flat_map(Node::members) {
        say_digest(&mut c, Some(algorithm), sum.text(), format_args!("/digest/{algorithm}"));
    }
    inventory.add(c);
}

/// Hands on every member, element or following document that holds a marker.
fn wrapper(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Wrapper {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
    if input.blob.held().is_some_and(expanded) {
        let detail = "SPDX 3 in expanded JSON-LD: recognised, not read by this version; compact it";
        inventory.gap("", Reason::Unsupported, detail);
        return Mine::Yes;
    }
    let mut found = 0;
    let outcome = if text::first_mark(input.blob.head()) == Some(b'[') {
        window.elements(&mut |index, raw| found += hand_on(&format!("{index}"), raw, inventory))
    } else {
        window.raw_members(&mut |key, raw| found += hand_on(key, raw, inventory))
    };
    if matches!(outcome.end, End::Another(_) | End::Trailing(_)) {
        window.documents(2, &mut |number, raw| {
            if marked(raw) {
                found += 1;
                inventory.embed(format!("document {number}"), raw);
            }
        });
    } else if found > 0 || !outcome.whole() {
        // A marker was seen: what is broken around it may not pass in silence.
        close(&mut window, &outcome, inventory);
    }
    if found == 0 && outcome.whole() { Mine::No } else { Mine::Yes }
}

/// A value that holds a marker: an object or a list as it stands, a string as what it says.
fn hand_on(name: &str, raw: &[u8], inventory: &mut Inventory<'_>) -> usize {
    if !marked(raw) {
        return 0;
    }
    let name = if name.is_empty() { "document" } else { name };
    match raw.first() {
        Some(b'{' | b'[') => inventory.embed(name, raw),
        Some(b'"') => match json::parse(raw) {
            Ok((Node::Str(text), _)) if text.trim_start().starts_with(['{', '[']) => {
                inventory.embed(name, text.as_bytes());
            }
            Ok((Node::Str(text), _)) if text.starts_with("eyJ") => match decode(&text) {
                Some(data) => inventory.embed(name, data),
                None => return 0,
            },
            _ => return 0,
        },
        _ => return 0,
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_every_dress() {
        for text in ["eyJhIjoiPz8-In0=", "eyJhIjoiPz8+In0=", "eyJhIjoiPz8+In0", " eyJh\nIjoiPz8+In0=\n"] {
            assert_eq!(decode(text).as_deref(), Some(&br#"{"a":"??>"}"#[..]), "{text}");
        }
        assert_eq!(decode("no base64!"), None);
    }
}
