//! SPDX XML 2.2 and 2.3: the JSON form in elements, a list as an element that stands again.
//!
//! In: XML with an element `spdxVersion` below its root. Out: the same tree.

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::super::{close_xml, nested_xml};
use super::{Reader, want};
use crate::extract::stream::Want;
use crate::extract::xml::{Met, stream};
use crate::fact::Inventory;

pub(in super::super::super) const XML: Extractor =
    Extractor { name: "sbom/spdx-xml", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && text::decode(head.data).0.contains("<spdxVersion>")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut reader = Reader::new(XML.name, doc.limits.max_components, inventory);
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut ours = false;
    let fault = stream(&text, &|_| false, &mut |met| {
        let Met::Child { element, .. } = met else { return };
        let key = element.name.clone();
        ours |= key == "spdxVersion";
        let count = match counts.iter_mut().find(|(k, _)| *k == key) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((key.clone(), 0));
                0
            }
        };
        let index = (want(&key) == Want::Items).then_some(count);
        reader.member(&key, index, &element.node(&|_| false, &|_| None));
    });
    if !ours {
        return nested_xml(fault.as_ref(), "SPDX XML", reader.inventory);
    }
    let (_, inventory) = reader.finish(fault.is_none());
    close_xml(fault, encoding, inventory);
    Mine::Yes
}
