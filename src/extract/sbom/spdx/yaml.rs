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

/// Nodes read of one file, and letters of all texts.
const NODES: usize = 20_000_000;
const LETTERS: usize = 512 << 20;

fn claim(head: &Head<'_>) -> bool {
    let (text, _) = text::decode(head.data);
    // Writers that sort put `SPDXID` first and `spdxVersion` last, which may be far behind: the reader looks for it.
    let marker = |line: &str| {
        // A key of the document itself: deeper ones stand in examples within other texts, too.
        let line = line.strip_prefix("- ").unwrap_or(line).trim_start_matches(['"', '\'']);
        ["spdxVersion", "SPDXID"].iter().any(|key| {
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
        })
    };
    !text.trim_start().starts_with(['<', '{']) && text.split(['\r', '\n']).any(marker) && !is_tag_value(&text)
}

/// Tag-value has an `SPDXID` in lines of its own, too.
fn is_tag_value(text: &str) -> bool {
    text.split(['\r', '\n']).any(|line| line.starts_with("SPDXVersion:"))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode(doc.data);
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = NODES;
    budget.max_events = 2 * NODES;
    budget.max_total_scalar_bytes = LETTERS;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    let trees = match serde_saphyr::from_multiple_with_options::<Owned>(&text, options) {
        Ok(trees) => trees,
        Err(error) => {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            let reason = if first.contains("budget") { Reason::Limit } else { Reason::Malformed };
            let detail = format!("YAML breaks here, and nothing of it was read: {}", crate::fact::cut(first, 300));
            inventory.gap(format!("line {line}, column {column}"), reason, detail);
            return Mine::Yes;
        }
    };
    let ours = |tree: &Node<'_>| tree.str("spdxVersion").is_some_and(|v| v.starts_with("SPDX-"));
    let mut ours = trees.iter().map(|Owned(tree)| tree).filter(|tree| ours(tree));
    let Some(first) = ours.next() else { return Mine::No };
    read(first, doc, inventory);
    // Each document relates its own elements; a second one is read for its components.
    for tree in ours {
        read(tree, doc, inventory);
    }
    if let Some(encoding) = encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    Mine::Yes
}

fn read(tree: &Node<'_>, doc: &Doc<'_>, inventory: &mut Inventory<'_>) {
    let mut reader = Reader::new(EXTRACTOR.name, doc.limits.max_components, inventory);
    for (key, node) in tree.members() {
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
    reader.finish(true);
}
