//! Provisioning profiles of Apple applications: `embedded.mobileprovision`, `embedded.provisionprofile`.
//!
//! In: a signed message with a property list in it. Out: the team, what the application is called, what it may do, all as
//! doubted: whether the message is Apple's is not looked at. Who signed is said by the reader of signed messages.

use super::super::binary::entitlements;
use super::super::signature::{self, Verdict};
use super::super::{Doc, Extractor, Head, Mine, Read, plist};
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/provisioning-profile", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.name.ends_with(".mobileprovision") || head.name.ends_with(".provisionprofile")
}

/// What each key says.
const KEYS: &[(&str, FactKind)] = &[
    ("TeamName", FactKind::SignerName),
    ("TeamIdentifier", FactKind::TeamId),
    ("ApplicationIdentifierPrefix", FactKind::TeamId),
    ("AppIDName", FactKind::ProductName),
];
/// Values of one key; real ones have one.
const VALUES: usize = 16;

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    // What is no signed message, or signs no list, is left to others.
    let Some(content) = signature::read(doc.data).and_then(|message| message.content) else { return Mine::No };
    if !plist::begins(&content) {
        return Mine::No;
    }
    let (root, fault) = plist::read(&content);
    if let Some((reason, why)) = fault {
        inventory.gap("profile", reason, why);
    }
    let Some(root) = root else { return Mine::Yes };
    for (key, kind) in KEYS {
        let values = root.get(key).map(|node| node.items()).unwrap_or_default();
        for value in values.iter().take(VALUES) {
            inventory.file.say_doubted(*kind, value.text().unwrap_or_default(), format!("profile/{key}"));
        }
    }
    if let Some(list) = root.get("Entitlements") {
        let verdict = Verdict::NotChecked("whether the profile is Apple's is not looked at".to_owned());
        entitlements::say(list, "profile/Entitlements", &verdict, inventory);
    }
    Mine::Yes
}
