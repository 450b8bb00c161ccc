//! Code signatures: who signed a file, and whether the signature fits it.
//!
//! In: signed messages out of PE files, catalogues, installers, scripts, Mach-O files and packages. Out: facts about the
//! signers. A digest that was compared and fits says that the file is the one that was signed; whether the certificate is
//! to be trusted, and whether its key made the signature, is not looked at. What a signature says that does not fit its
//! file, or was not compared with it, is said as doubted: signature blocks are copied from genuine files.

pub(super) mod authenticode;
pub(super) mod ber;
mod catalogue;
mod certificate;
pub(super) mod cms;
pub(super) mod digest;
pub(super) mod file;
pub(super) mod msi;
pub(super) mod script;

use std::fmt;

pub(super) use certificate::Certificate;

pub(super) use cms::{Message, read};
use digest::Algorithm;

use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

/// What came of comparing a signature with what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The digest fits, by this algorithm.
    Valid(&'static str),
    /// It does not; which part does not.
    Mismatch(String),
    /// It was not compared, and why.
    NotChecked(String),
}

impl Verdict {
    /// The worse of two.
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Mismatch(why), _) | (_, Verdict::Mismatch(why)) => Verdict::Mismatch(why),
            (Verdict::NotChecked(why), _) | (_, Verdict::NotChecked(why)) => Verdict::NotChecked(why),
            (valid, Verdict::Valid(_)) => valid,
        }
    }

    /// By comparing two digests.
    pub fn of(algorithm: Algorithm, stated: &[u8], made: &[u8], what: &str) -> Verdict {
        if stated == made {
            Verdict::Valid(algorithm.name())
        } else {
            Verdict::Mismatch(format!("the {} digest of {what} is another", algorithm.name()))
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Valid(algorithm) => write!(f, "valid digest ({algorithm})"),
            Verdict::Mismatch(why) => write!(f, "digest mismatch ({why})"),
            Verdict::NotChecked(why) => write!(f, "not checked ({why})"),
        }
    }
}

/// Signatures within signatures, and in one file.
const DEPTH: usize = 4;
const MESSAGES: usize = 64;

/// Tells for a message whether it fits its file.
pub(super) type Compare<'c> = &'c mut dyn FnMut(&Message<'_>, &mut Inventory<'_>) -> Verdict;

/// Says who signed: the message and those nested in it.
pub(super) fn say(message: &Message<'_>, field: &str, compare: Compare<'_>, inventory: &mut Inventory<'_>) {
    let mut left = MESSAGES;
    nested(message, field, DEPTH, &mut left, compare, inventory);
    if left == 0 {
        inventory.gap(
            field,
            Reason::Limit,
            format!("more than {MESSAGES} signatures within one; the rest was not read"),
        );
    }
}

fn nested(
    message: &Message<'_>,
    field: &str,
    depth: usize,
    left: &mut usize,
    compare: Compare<'_>,
    inventory: &mut Inventory<'_>,
) {
    if depth == 0 || *left == 0 {
        let detail = format!("signatures nested more than {DEPTH} deep; the innermost were not read");
        return inventory.gap(field, Reason::Limit, detail);
    }
    *left -= 1;
    if message.signers().is_empty() {
        inventory.gap(field, Reason::Malformed, "a signature without a signer");
    }
    if message.more {
        inventory.gap(field, Reason::Limit, "more signers or certificates than are read");
    }
    let fits = compare(message, inventory);
    for (index, signer) in message.signers().iter().enumerate() {
        let field = if index == 0 { field.to_owned() } else { format!("{field}/signer[{index}]") };
        // Where the content stands in the message, the signer's own word on its digest must be true as well.
        let verdict = match message.fits(signer) {
            Some(false) => Verdict::Mismatch("what was signed is not what the signer says".to_owned()),
            None if message.content.is_some() => {
                let why = "the signer states no digest of what was signed, or by an unknown algorithm";
                fits.clone().and(Verdict::NotChecked(why.to_owned()))
            }
            _ => fits.clone(),
        };
        one(message, signer, &field, &verdict, inventory);
        for (inner, message) in signer.nested().enumerate() {
            nested(&message, &format!("{field}/nested[{inner}]"), depth - 1, left, compare, inventory);
        }
    }
}

fn one(message: &Message<'_>, signer: &cms::Signer<'_>, field: &str, verdict: &Verdict, inventory: &mut Inventory<'_>) {
    inventory.say(FactKind::SignatureDigest, verdict.to_string(), format!("{field}/digest"));
    let (program, link) = signer.opus();
    let say = |kind: FactKind, value: &str, at: &str, inventory: &mut Inventory<'_>| {
        doubt(kind, value, &format!("{field}/{at}"), verdict, inventory);
    };
    match message.certificate(signer) {
        Some(found) => certificate(found, field, verdict, program.as_deref(), inventory),
        None => {
            // Without its certificate a signer is still named by who issued it.
            if let Some((issuer, serial)) = signer.names() {
                say(FactKind::SignerIssuer, &issuer.to_string(), "issuer", inventory);
                say(FactKind::CertSerial, &serial, "serial", inventory);
            }
            inventory.gap(field, Reason::Absent, "the signer's certificate is not in the signature");
        }
    }
    for (value, at) in [(program, "program"), (link, "more-info")] {
        if let Some(value) = value {
            say(FactKind::SignedProgram, &value, at, inventory);
        }
    }
    let stamps = message.timestamps(signer);
    for stamp in &stamps {
        let by = stamp.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        say(FactKind::SignedAt, &format!("{}{by}", stamp.at), "timestamp", inventory);
    }
    if let Some(at) = signer.stated_time().filter(|_| stamps.is_empty()) {
        say(FactKind::SignedAt, &format!("{at} by the signer's own word"), "signing-time", inventory);
    }
}

/// Signers of what others have made: Microsoft's attestation of drivers, Apple's store; Google's is called Android, and
/// Mozilla's signs as the production of its add-ons.
const FOR_OTHERS: &[&str] = &[
    "Microsoft Windows Hardware Compatibility",
    "Microsoft Windows Software Compatibility",
    "Microsoft Windows Early Launch Anti-malware",
    "Microsoft Windows Third Party",
    "Microsoft Windows UEFI Driver Publisher",
    "Microsoft UEFI CA",
    "Microsoft Marketplace",
    "Apple Mac OS Application Signing",
    "Apple iPhone OS Application Signing",
];

/// Says whose certificate signed. The label is that of the signer.
pub(super) fn certificate(
    certificate: &Certificate<'_>,
    field: &str,
    verdict: &Verdict,
    program: Option<&str>,
    inventory: &mut Inventory<'_>,
) {
    let subject = certificate.subject();
    let mut say = |kind: FactKind, value: &str, at: &str| {
        doubt(kind, value, &format!("{field}/{at}"), verdict, inventory);
    };
    say(FactKind::Signer, &subject.to_string(), "signer");
    let mut names: Vec<&str> = Vec::new();
    // Who signs for others is not the maker: the whole subject tells it, and it labels nothing.
    let for_others = subject.get("CN").any(|name| name == "Android" || FOR_OTHERS.iter().any(|k| name.starts_with(k)))
        || subject.get("O").any(|name| name == "Addons") && subject.get("OU").any(|name| name == "Production");
    for kind in ["O", "CN"] {
        for name in subject.get(kind).filter(|_| !for_others) {
            if !names.contains(&name) {
                names.push(name);
                say(FactKind::SignerName, name, &format!("signer/{kind}"));
            }
        }
    }
    for kind in ["serialNumber", "organizationIdentifier"] {
        subject.get(kind).for_each(|number| say(FactKind::SignerNumber, number, &format!("signer/{kind}")));
    }
    say(FactKind::SignerIssuer, &Name::read(&certificate.issuer).to_string(), "issuer");
    say(FactKind::CertSerial, &certificate.serial(), "serial");
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
        say(FactKind::CertThumbprint, &certificate.thumbprint(algorithm), "certificate");
    }
    if let (Verdict::Valid(_), Some(vendor)) = (verdict, names.first()) {
        let at = inventory.at(format!("{field}/signer"));
        inventory.labels.push(Label {
            vendor: Some((*vendor).to_owned()),
            product: program.map(str::to_owned),
            version: None,
            at,
            from: LabelSource::Signer,
        });
    }
}

use certificate::Name;

/// A fact of a signature, doubted unless the signature fits.
pub(super) fn doubt(kind: FactKind, value: &str, field: &str, verdict: &Verdict, inventory: &mut Inventory<'_>) {
    if matches!(verdict, Verdict::Valid(_)) {
        inventory.say(kind, value, field);
    } else {
        inventory.file.say_doubted(kind, value, field);
    }
}
