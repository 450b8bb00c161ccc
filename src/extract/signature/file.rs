//! Signatures that are files of their own: catalogues (`.cat`), app packages (`.p7x`), detached ones (`.p7s`, `.RSA`).
//!
//! In: a file that begins as a signed message. Out: its signers; of a catalogue also the files it names.

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::catalogue::{self, TRUST_LIST};
use super::cms::{self, Message};
use super::{Verdict, say};
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "signature/pkcs7", claim, extract: Read::Whole(extract) };

/// App packages put four letters in front.
const APP_PACKAGE: &[u8] = b"PKCX";

fn claim(head: &Head<'_>) -> bool {
    cms::begins(head.data.strip_prefix(APP_PACKAGE).unwrap_or(head.data))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let data = doc.data.strip_prefix(APP_PACKAGE).unwrap_or(doc.data);
    let Some(message) = cms::read(data) else {
        inventory.gap("", Reason::Malformed, "a signed message that could not be read to its end");
        return Mine::Yes;
    };
    let list = message.content_type == TRUST_LIST;
    // A catalogue is what it signs; all others sign something that is not at hand.
    let mut compare =
        |message: &Message<'_>, _: &mut Inventory<'_>| match message.signers().first().and_then(|s| s.algorithm) {
            Some(algorithm) if message.content_type == TRUST_LIST => Verdict::Valid(algorithm.name()),
            _ => Verdict::NotChecked("it signs something outside this file".to_owned()),
        };
    say(&message, "PKCS7", &mut compare, inventory);
    if let Some(content) = message.content.as_deref().filter(|_| list) {
        let fits = message.signers().iter().any(|signer| message.fits(signer) == Some(true));
        catalogue::say(content, fits, inventory);
    }
    Mine::Yes
}
