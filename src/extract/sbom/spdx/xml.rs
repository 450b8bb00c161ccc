//! SPDX XML 2.2 and 2.3: the JSON form in elements, a list as an element that stands again.
//!
//! In: XML with an element `spdxVersion` below its root. Out: the same tree.

use std::collections::HashMap;

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::super::{close_xml, nested_xml};
use super::{Reader, want};
use crate::extract::stream::Want;
use crate::extract::xml::{Met, stream};
use crate::fact::Inventory;

pub(in super::super::super) const XML: Extractor =
    Extractor { name: "sbom/spdx-xml", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && {
        let (text, _) = text::decode(head.data);
        // `spdxVersion` may stand behind a long list; the reader looks for it.
        let page = |mark: &str| text.trim_start().get(..mark.len()).is_some_and(|t| t.eq_ignore_ascii_case(mark));
        !page("<!doctype html") && !page("<html") && (text.contains("spdxVersion") || text.contains("SPDXID>"))
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode_xml(doc.data);
    let mut reader = Reader::new(XML.name, doc.limits.max_components, inventory);
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut ours = false;
    let fault = stream(&text, &|_| false, &mut |met| {
        let Met::Child { element, .. } = met else { return };
        let key = element.name.clone();
        ours |= key == "spdxVersion";
        let index = (want(&key) == Want::Items).then(|| {
            let count = counts.entry(key.clone()).or_default();
            *count += 1;
            *count - 1
        });
        reader.member(&key, index, &element.node(&|_| false, &|_| None));
    });
    if !ours {
        return nested_xml(fault.as_ref(), false, "SPDX XML", reader.inventory);
    }
    let (_, inventory) = reader.finish(fault.is_none());
    close_xml(fault, encoding, inventory);
    Mine::Yes
}
