//! SPDX YAML 2.2 and 2.3: the JSON form in another notation.
//!
//! In: YAML with a member `spdxVersion` at the top. Out: the same tree.

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::{Reader, want};
use crate::extract::json::{Node, Owned};
use crate::extract::stream::Want;
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/spdx-yaml", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    let (text, _) = text::decode(head.data);
    let marker = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix("spdxVersion").is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
    };
    !text.trim_start().starts_with(['<', '{']) && text.split(['\r', '\n']).any(marker)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode(doc.data);
    let tree = match serde_saphyr::from_str::<Owned>(&text) {
        Ok(Owned(tree)) => tree,
        Err(error) => {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            let detail = format!("YAML breaks here: {}", crate::fact::cut(first, 300));
            inventory.gap(format!("line {line}, column {column}"), Reason::Malformed, detail);
            return Mine::Yes;
        }
    };
    let mut reader = Reader::new(EXTRACTOR.name, doc.limits.max_components, inventory);
    if let Node::Map(members) = &tree {
        for (key, node) in members {
            match want(key) {
                Want::Items => {
                    for (index, item) in node.items().iter().enumerate() {
                        reader.member(key, Some(index), item);
                    }
                }
                Want::Whole => reader.member(key, None, node),
                Want::Skip | Want::Stop => {}
            }
        }
    }
    let (_, inventory) = reader.finish(true);
    if let Some(encoding) = encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    Mine::Yes
}
