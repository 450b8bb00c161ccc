//! CycloneDX protobuf 1.3 to 1.7.
//!
//! In: the wire format, known by its first field (`spec_version`). Out: the tree of the JSON form,
//! field by field. Field numbers are those of the published schema; they never changed between versions. What no
//! reader asks for is passed over.

use std::borrow::Cow;

use super::super::super::{Doc, Extractor, Head, Mine, Read};
use super::{Reader, want};
use crate::extract::json::{Members, Node};
use crate::extract::stream::Want;
use crate::extract::wire::{Field, Wire};
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const BINARY: Extractor =
    Extractor { name: "sbom/cyclonedx-protobuf", claim: claim_binary, extract: Read::Whole(binary) };

/// Messages within messages.
pub(super) const DEPTH: usize = 64;

/// A message: its fields by number, with their name in the JSON form.
struct Message(&'static [(u64, &'static str, Kind)]);

enum Kind {
    Text,
    Of(&'static Message),
    /// A number with a name each.
    Names(&'static [&'static str]),
}

use Kind::{Names, Of, Text};

static BOM: Message = Message(&[
    (1, "specVersion", Text),
    (3, "serialNumber", Text),
    (4, "metadata", Of(&METADATA)),
    (5, "components", Of(&COMPONENT)),
    (6, "services", Of(&SERVICE)),
    (8, "dependencies", Of(&DEPENDENCY)),
    (9, "compositions", Of(&COMPOSITION)),
    (11, "annotations", Of(&ANNOTATION)),
    (13, "formulation", Of(&FORMULA)),
    (14, "declarations", Of(&DECLARATIONS)),
]);
static METADATA: Message = Message(&[
    (1, "timestamp", Of(&TIMESTAMP)),
    (2, "tools", Of(&TOOL)),
    (3, "authors", Of(&CONTACT)),
    (4, "component", Of(&COMPONENT)),
    (5, "manufacture", Of(&ENTITY)),
    (6, "supplier", Of(&ENTITY)),
    (8, "properties", Of(&PROPERTY)),
    (10, "manufacturer", Of(&ENTITY)),
]);
static TIMESTAMP: Message = Message(&[]);
static TOOL: Message = Message(&[
    (1, "vendor", Text),
    (2, "name", Text),
    (3, "version", Text),
    (6, "components", Of(&COMPONENT)),
    (7, "services", Of(&SERVICE)),
]);
static ENTITY: Message = Message(&[(1, "name", Text), (2, "url", Text)]);
static CONTACT: Message = Message(&[(1, "name", Text), (2, "email", Text)]);
static COMPONENT: Message = Message(&[
    (3, "bom-ref", Text),
    (4, "supplier", Of(&ENTITY)),
    (5, "author", Text),
    (6, "publisher", Text),
    (7, "group", Text),
    (8, "name", Text),
    (9, "version", Text),
    (10, "description", Text),
    (11, "scope", Names(&["", "required", "optional", "excluded"])),
    (12, "hashes", Of(&HASH)),
    (13, "licenses", Of(&LICENCE_CHOICE)),
    (14, "copyright", Text),
    (15, "cpe", Text),
    (16, "purl", Text),
    (17, "swid", Of(&SWID)),
    (19, "pedigree", Of(&PEDIGREE)),
    (20, "externalReferences", Of(&REFERENCE)),
    (21, "components", Of(&COMPONENT)),
    (22, "properties", Of(&PROPERTY)),
    (23, "evidence", Of(&EVIDENCE)),
    (28, "manufacturer", Of(&ENTITY)),
    (29, "authors", Of(&CONTACT)),
    (31, "omniborId", Text),
    (32, "swhid", Text),
]);
static SERVICE: Message = Message(&[
    (1, "bom-ref", Text),
    (2, "provider", Of(&ENTITY)),
    (3, "group", Text),
    (4, "name", Text),
    (5, "version", Text),
    (6, "description", Text),
    (7, "endpoints", Text),
    (11, "licenses", Of(&LICENCE_CHOICE)),
    (12, "externalReferences", Of(&REFERENCE)),
    (13, "services", Of(&SERVICE)),
    (14, "properties", Of(&PROPERTY)),
]);
static HASH: Message = Message(&[
    (
        1,
        "alg",
        Names(&[
            "",
            "MD5",
            "SHA-1",
            "SHA-256",
            "SHA-384",
            "SHA-512",
            "SHA3-256",
            "SHA3-512",
            "BLAKE2b-256",
            "BLAKE2b-384",
            "BLAKE2b-512",
            "BLAKE3",
            "SHA3-384",
        ]),
    ),
    (2, "content", Text),
]);
static LICENCE_CHOICE: Message = Message(&[(1, "license", Of(&LICENCE)), (2, "expression", Text)]);
static LICENCE: Message = Message(&[
    (1, "id", Text),
    (2, "name", Text),
    (3, "text", Of(&ATTACHED)),
    (4, "url", Text),
    (6, "licensing", Of(&LICENSING)),
]);
static ATTACHED: Message = Message(&[(3, "content", Text)]);
static LICENSING: Message = Message(&[(2, "licensor", Of(&LICENSOR))]);
static LICENSOR: Message = Message(&[(1, "organization", Of(&ENTITY)), (2, "individual", Of(&CONTACT))]);
static SWID: Message = Message(&[(1, "tagId", Text), (2, "name", Text), (3, "version", Text)]);
static PEDIGREE: Message =
    Message(&[(1, "ancestors", Of(&COMPONENT)), (2, "descendants", Of(&COMPONENT)), (3, "variants", Of(&COMPONENT))]);
static REFERENCE: Message = Message(&[(2, "url", Text), (3, "comment", Text), (4, "hashes", Of(&HASH))]);
static PROPERTY: Message = Message(&[(1, "name", Text), (2, "value", Text)]);
static EVIDENCE: Message = Message(&[
    (2, "copyright", Of(&COPYRIGHT)),
    (3, "identity", Of(&IDENTITY)),
    (4, "occurrences", Of(&OCCURRENCE)),
    (5, "callstack", Of(&CALLSTACK)),
]);
static COPYRIGHT: Message = Message(&[(1, "text", Text)]);
static IDENTITY: Message = Message(&[
    (1, "field", Names(&["", "group", "name", "version", "purl", "cpe", "swid", "hash", "omniborId", "swhid"])),
    (3, "methods", Of(&METHOD)),
    (5, "concludedValue", Text),
]);
static METHOD: Message = Message(&[(3, "value", Text)]);
static OCCURRENCE: Message = Message(&[(2, "location", Text)]);
static CALLSTACK: Message = Message(&[(1, "frames", Of(&FRAME))]);
static FRAME: Message = Message(&[(1, "package", Text), (2, "module", Text), (7, "fullFilename", Text)]);
static DEPENDENCY: Message = Message(&[(1, "ref", Text), (2, "dependsOn", Of(&DEPENDENCY)), (3, "provides", Text)]);
static COMPOSITION: Message = Message(&[(
    1,
    "aggregate",
    Names(&[
        "not_specified",
        "complete",
        "incomplete",
        "incomplete_first_party_only",
        "incomplete_third_party_only",
        "unknown",
    ]),
)]);
static ANNOTATION: Message = Message(&[(5, "text", Text)]);
static FORMULA: Message = Message(&[(2, "components", Of(&COMPONENT)), (3, "services", Of(&SERVICE))]);
static DECLARATIONS: Message = Message(&[(5, "targets", Of(&TARGETS))]);
static TARGETS: Message = Message(&[(2, "components", Of(&COMPONENT)), (3, "services", Of(&SERVICE))]);

fn claim_binary(head: &Head<'_>) -> bool {
    // Fields of a document and nothing else, one of them a spec_version "1.x", as far as is seen here.
    let mut wire = Wire::over(head.data);
    let mut versioned = false;
    while let Some(Ok((number, field))) = wire.next() {
        match (number, field) {
            (1, Field::Bytes(version)) => {
                versioned = matches!(version, [b'1', b'.', b'0'..=b'9'] | [b'1', b'.', b'0'..=b'9', b'0'..=b'9']);
                if !versioned {
                    return false;
                }
            }
            (2, Field::Number(_)) | (3..=15, Field::Bytes(_)) => {}
            _ => return false,
        }
    }
    versioned
}

/// A message as a tree. What cannot be read of it is left out; the caller counts that.
fn message<'d>(data: &'d [u8], shape: &'static Message, depth: usize, faults: &mut u64) -> Node<'d> {
    let mut members = Members::default();
    let mut wire = Wire::over(data);
    while let Some(next) = wire.next() {
        let Ok((number, field)) = next else {
            *faults += 1;
            break;
        };
        let Some((_, name, kind)) = shape.0.iter().find(|(n, ..)| *n == number) else { continue };
        let value = match (kind, field) {
            (Text, Field::Bytes(bytes)) => Node::Str(String::from_utf8_lossy(bytes)),
            (Of(_), Field::Bytes(_)) if depth >= DEPTH => {
                *faults += 1;
                continue;
            }
            (Of(inner), Field::Bytes(bytes)) => message(bytes, inner, depth + 1, faults),
            (Names(names), Field::Number(n)) => {
                let name = usize::try_from(n).ok().and_then(|n| names.get(n)).copied().unwrap_or_default();
                Node::Str(Cow::Borrowed(name))
            }
            _ => {
                *faults += 1;
                continue;
            }
        };
        members.add(*name, value);
    }
    members.node()
}

fn binary(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut reader = Reader::new(BINARY.name, doc.limits.max_components, inventory);
    let mut wire = Wire::over(doc.data);
    let (mut faults, mut broken) = (0, None);
    let mut counts = [0usize; 32];
    loop {
        let at = wire.at;
        let (number, field) = match wire.next() {
            None => break,
            Some(Err(())) => {
                broken = Some(at);
                break;
            }
            Some(Ok(field)) => field,
        };
        let Some((_, name, kind)) = BOM.0.iter().find(|(n, ..)| *n == number) else { continue };
        let node = match (kind, field) {
            (Text, Field::Bytes(bytes)) => Node::Str(String::from_utf8_lossy(bytes)),
            (Of(inner), Field::Bytes(bytes)) => message(bytes, inner, 1, &mut faults),
            _ => continue,
        };
        let count = usize::try_from(number).ok().and_then(|n| counts.get_mut(n));
        let index = count.map_or(0, |count| {
            *count += 1;
            *count - 1
        });
        reader.member(name, (want(name) == Want::Items).then_some(index), &node);
    }
    let (_, inventory) = reader.finish(broken.is_none());
    if let Some(at) = broken {
        let detail = "protobuf breaks here: no field, or one longer than the file; what stood before is in the result";
        inventory.gap(format!("byte {at}"), Reason::Truncated, detail);
    }
    if faults > 0 {
        inventory.gap("", Reason::Malformed, format!("{faults} fields of another shape than the schema's; not read"));
    }
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_by_its_numbers() {
        // A component with a name and a supplier, and a field of a later version.
        let data = [0x42, 3, b'l', b'i', b'b', 0x22, 6, 0x0a, 4, b'A', b'c', b'm', b'e', 0x9a, 0x06, 0];
        let mut faults = 0;
        let node = message(&data, &COMPONENT, 0, &mut faults);
        assert_eq!((node.str("name"), node.get("supplier").and_then(|s| s.str("name"))), (Some("lib"), Some("Acme")));
        assert_eq!(faults, 0);
        let _ = message(&data[..8], &COMPONENT, 0, &mut faults);
        assert_eq!(faults, 1);
    }
}
