//! Flutter: the list of plug-ins an application was built with.
//!
//! In: `.flutter-plugins-dependencies`, JSON with `plugins` by platform. Out: a fact for each plug-in and platform.

use super::super::json::Node;
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::extension::{too_long, tree};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/flutter-plugins", claim, extract: Read::Whole(extract) };

/// Plug-ins said of one application.
const PLUGINS: usize = 10_000;

fn claim(head: &Head<'_>) -> bool {
    let holds = |what: &[u8]| memchr::memmem::find(head.data, what).is_some();
    text::first_mark(head.data) == Some(b'{')
        && (head.name == ".flutter-plugins-dependencies" || (holds(b"\"plugins\"") && holds(b"\"dependencyGraph\"")))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if too_long(doc, inventory) {
        return Mine::Yes;
    }
    let text = text::decode(doc.data).0;
    let broken = inventory.gaps.len();
    let node = tree(text.as_bytes(), inventory);
    let broken = inventory.gaps.len() > broken;
    let Some(plugins @ Node::Map(_)) = node.as_ref().and_then(|n| n.get("plugins")) else {
        return if broken { Mine::Yes } else { Mine::No };
    };
    let mut left = PLUGINS;
    for (platform, list) in plugins.members() {
        for (index, plugin) in list.items().iter().enumerate() {
            if left == 0 || inventory.file.full() {
                inventory.gap(
                    "/plugins",
                    Reason::Limit,
                    format!("more than {PLUGINS} plug-ins; the rest was not read"),
                );
                return Mine::Yes;
            }
            left -= 1;
            let name = plugin.str("name").unwrap_or_default();
            inventory.say(FactKind::Plugin, name, format!("/plugins/{platform}/{index}/name"));
        }
    }
    Mine::Yes
}
