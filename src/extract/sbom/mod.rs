//! Software bills of materials: what a vendor declares to be inside.
//!
//! In: documents. Out: a component per entry, the label of what the document describes, gaps and notes.
//! Lenient in fields, strict in structure: a wrong type costs that field and a note, a break in the
//! text a gap, with line and column, and what stood before it is kept.

mod conformance;
pub(super) mod cyclonedx;
pub(super) mod other;
pub(super) mod spdx;

use super::json::{End, Node};
use super::text;
use crate::fact::{Component, FactKind, Inventory, Reason};
use crate::source::base_name;

/// A JSON document may be claimed from its first character; its own marker then decides.
fn looks_like_json(head: &super::Head<'_>) -> bool {
    // A list of documents is no document of these formats; its marker makes it a gap.
    matches!(text::first_mark(head.data), Some(b'{' | b'['))
}

/// True when the marker stands anywhere in the text, so that a parse is worth its time.
fn holds(text: &str, marker: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), marker.as_bytes()).is_some()
}

/// Turns the end of a stream into gaps and notes.
pub(super) fn close(end: End, text: &str, inventory: &mut Inventory) {
    match end {
        End::Clean => {}
        End::Trailing(at) if text.get(at..).is_some_and(|rest| rest.contains('{')) => {
            inventory.gap(
                format!("byte {at}"),
                Reason::Unsupported,
                "another document follows in the same file; not read by this version",
            );
        }
        End::Trailing(at) => inventory.note(format!("byte {at}"), "more text after the document; passed over"),
        End::Broken { line, column, truncated, why } => {
            let reason = if truncated { Reason::Truncated } else { Reason::Malformed };
            let detail = format!("JSON breaks off here: {why}; what stood before is in the result");
            inventory.gap(format!("line {line}, column {column}"), reason, detail);
        }
    }
}

/// True, and said, for an element that is no object: a null says nothing, anything else is lost content.
fn misplaced(node: &Node<'_>, at: &str, inventory: &mut Inventory) -> bool {
    match node {
        Node::Map(_) => return false,
        Node::Null => inventory.note(at, "null where an object belongs; passed over"),
        other => inventory.gap(at, Reason::Malformed, format!("{} where an object belongs; not read", other.shape())),
    }
    true
}

/// True where a member of this name has a value that starts so, at any depth and in any spacing.
fn states(text: &str, key: &str, value: &str) -> bool {
    let quoted = format!("\"{key}\"");
    memchr::memmem::find_iter(text.as_bytes(), quoted.as_bytes()).any(|at| {
        let rest = text.get(at + quoted.len()..).unwrap_or_default().trim_start();
        let rest = rest.strip_prefix(':').unwrap_or_default().trim_start();
        let rest = rest.strip_prefix('[').unwrap_or(rest).trim_start();
        rest.strip_prefix('"').is_some_and(|rest| rest.starts_with(value))
    })
}

/// Says a scalar member; another shape costs the field and a note.
fn say(c: &mut Component, kind: FactKind, node: &Node<'_>, key: &str, at: &str, inventory: &mut Inventory) {
    match node.get(key) {
        None => {}
        Some(value) => match value.text() {
            Some(text) => c.say(kind, text, format!("{at}/{key}")),
            None => {
                inventory.note(format!("{at}/{key}"), format!("{} where a string belongs; passed over", value.shape()))
            }
        },
    }
}

/// A component's name is also the name of a file, where it is one: engines are listed as `libx.so`.
fn say_file_name(c: &mut Component, name: &str, field: String) {
    if name.contains(['/', '\\']) {
        c.say(FactKind::Path, name.replace('\\', "/").trim_start_matches("./"), field.clone());
    }
    c.say(FactKind::FileName, base_name(name), field);
}

/// A digest as `algorithm:hex`, however the document spells the algorithm.
fn say_digest(c: &mut Component, algorithm: Option<&str>, value: Option<&str>, field: String) {
    if let (Some(algorithm), Some(value)) = (algorithm, value) {
        let algorithm = algorithm.to_ascii_lowercase().replace(['-', '_'], "");
        c.say(FactKind::Digest, format!("{algorithm}:{}", value.to_ascii_lowercase()), field);
    }
}
