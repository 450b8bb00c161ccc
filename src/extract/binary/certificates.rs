//! Certificates that code holds within itself: what it trusts, or checks others by.
//!
//! In: a program. Out: subject and thumbprints of each certificate in it, as what they are: a boot loader trusts the
//! holder, a detector knows him. Nobody signed the program by that. Those of its own signature are that one's.

use std::collections::HashSet;

use super::super::signature::Certificate;
use super::super::signature::digest::Algorithm;
use super::super::{Doc, Extractor, Head, Mine, Read};
use crate::archive::is_program;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/certificates", claim, extract: Read::Whole(extract) };

/// How a certificate goes on behind its two headers of four bytes: version 3, then its serial number.
const MARK: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02, 0x02];
/// Bytes in front of the mark.
const HEADERS: usize = 8;
/// Certificates of one program, and bytes of one; a store of all public roots holds some two hundred.
const CERTIFICATES: usize = 1000;
const LONGEST: usize = 64 << 10;

fn claim(head: &Head<'_>) -> bool {
    is_program(head.data)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut seen = HashSet::new();
    for at in memchr::memmem::find_iter(doc.data, MARK) {
        let Some(start) = at.checked_sub(HEADERS) else { continue };
        // What stands in no section is the signature's.
        let Some(region) = inventory.region(start as u64).map(str::to_owned) else { continue };
        let near = doc.data.get(start..(start + LONGEST).min(doc.data.len())).unwrap_or_default();
        let found = Certificate::read(near).filter(|c| near.starts_with(&[0x30, 0x82]) && c.is_whole());
        let Some(certificate) = found else { continue };
        let subject = certificate.subject().to_string();
        let thumbprint = certificate.thumbprint(Algorithm::Sha1);
        if subject.is_empty() || !seen.insert(thumbprint.clone()) {
            continue;
        }
        if seen.len() > CERTIFICATES {
            let detail = format!("more than {CERTIFICATES} certificates in a program; the rest was not read");
            inventory.gap("certificates", Reason::Limit, detail);
            break;
        }
        let field = format!("0x{start:x} {region}");
        inventory.say(FactKind::EmbeddedCertificate, subject, &field);
        inventory.say(FactKind::EmbeddedCertificate, thumbprint, &field);
        inventory.say(FactKind::EmbeddedCertificate, certificate.thumbprint(Algorithm::Sha256), &field);
    }
    // What a program holds makes no format known.
    Mine::No
}
