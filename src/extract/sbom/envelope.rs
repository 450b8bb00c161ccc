//! What a document is wrapped in: attestation envelopes, and JSON that holds a document somewhere in it.
//!
//! In: JSON of those forms. Out: the documents inside, each handed on to be looked at by itself, under the name of
//! the member it stood in. Signatures are not checked: who signed says nothing of what is inside.

use super::super::json::Node;
use super::super::stream::End;
use super::super::{Extractor, Input, Mine, Read, text};
use super::probe::marked;
use super::{Form, close, looks_like_json};
use crate::fact::Inventory;

pub(in super::super) const WRAPPER: Extractor =
    Extractor { name: "envelope/json", claim: looks_like_json, extract: Read::Stream(wrapper) };

/// Hands on every member, element or following document that holds a marker.
fn wrapper(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if input.form() != Form::Wrapper {
        return Mine::No;
    }
    let Some(mut window) = input.window() else { return Mine::No };
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
    } else if found > 0 {
        close(&mut window, &outcome, inventory);
    }
    if found == 0 { Mine::No } else { Mine::Yes }
}

/// A value that holds a marker: an object or a list as it stands, a string as what it says.
fn hand_on(name: &str, raw: &[u8], inventory: &mut Inventory<'_>) -> usize {
    if !marked(raw) {
        return 0;
    }
    let name = if name.is_empty() { "document" } else { name };
    match raw.first() {
        Some(b'{' | b'[') => inventory.embed(name, raw),
        Some(b'"') => match super::super::json::parse(raw) {
            Ok((Node::Str(text), _)) if text.trim_start().starts_with(['{', '[']) => {
                inventory.embed(name, text.as_bytes());
            }
            _ => return 0,
        },
        _ => return 0,
    }
    1
}
