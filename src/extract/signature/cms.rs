//! Signed messages (PKCS #7, CMS: RFC 5652): what was signed, by whom, and when.
//!
//! In: an encoded `SignedData`. Out: [`Message`], its signers, and the messages nested in them. Must not know what the
//! content means, nor whether any certificate is to be trusted.

use std::borrow::Cow;

use super::ber::{self, Element, INTEGER, OCTETS, OID, SEQUENCE, SET, context};
use super::certificate::{Certificate, Name};
use super::digest::Algorithm;

/// Signers of one message, certificates in it, attributes of a signer: real ones have a handful.
const SIGNERS: usize = 16;
const CERTIFICATES: usize = 256;
const ATTRIBUTES: usize = 64;
const TIMESTAMPS: usize = 4;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const CONTENT_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 5];
const COUNTERSIGNATURE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 6];
/// RFC 3161 tokens: as CMS says, and as Microsoft does.
const TIMESTAMP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 14];
const MICROSOFT_TIMESTAMP: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 3, 3, 1];
/// `SpcSpOpusInfo`: what the signer calls the program.
const OPUS: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 12];
/// A signature in a signature: the second one of files that carry two.
const NESTED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 4, 1];

/// A signed message.
#[derive(Clone, Debug)]
pub(in super::super) struct Message<'a> {
    /// The type of the content, as encoded.
    pub content_type: &'a [u8],
    /// What was signed, where it stands in the message: the bytes the digest is made over.
    pub content: Option<Cow<'a, [u8]>>,
    certificates: Vec<Certificate<'a>>,
    signers: Vec<Signer<'a>>,
    /// More than is read.
    pub more: bool,
}

/// One signer of a message.
#[derive(Clone, Debug)]
pub(in super::super) struct Signer<'a> {
    id: Id<'a>,
    /// The digest algorithm, unless it is one we do not know.
    pub algorithm: Option<Algorithm>,
    /// The digest of the content, as the signer states it.
    pub digest: Option<Cow<'a, [u8]>>,
    signed: Vec<(&'a [u8], Element<'a>)>,
    unsigned: Vec<(&'a [u8], Element<'a>)>,
}

#[derive(Clone, Copy, Debug)]
enum Id<'a> {
    Issued { issuer: Element<'a>, serial: &'a [u8] },
    Key(&'a [u8]),
}

/// When a signature was made, and who witnesses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Timestamp {
    /// RFC 3339.
    pub at: String,
    /// The subject of the witness, if it is known.
    pub by: Option<String>,
}

/// Reads a message, with or without the `ContentInfo` round it.
pub(in super::super) fn read(data: &[u8]) -> Option<Message<'_>> {
    let (outer, _) = ber::read(data)?;
    let mut parts = outer.children();
    let first = parts.next().filter(|_| outer.tag == SEQUENCE)?;
    let signed = match first.tag {
        OID if first.content == SIGNED_DATA => parts.next().filter(|e| e.tag == context(0))?.inner(SEQUENCE)?,
        INTEGER => outer,
        _ => return None,
    };
    Message::read(&signed)
}

/// True where the data begins as a message does.
pub(in super::super) fn begins(data: &[u8]) -> bool {
    let at = match data.get(..2) {
        Some([0x30, 0x80]) => 2,
        Some([0x30, long]) if *long > 0x80 => 2 + usize::from(long & 0x7f),
        Some([0x30, _]) => 2,
        _ => return false,
    };
    data.get(at..)
        .is_some_and(|rest| rest.starts_with(&[OID, 9]) && rest.get(2..).is_some_and(|r| r.starts_with(SIGNED_DATA)))
}

impl<'a> Message<'a> {
    fn read(signed: &Element<'a>) -> Option<Message<'a>> {
        let mut parts = signed.children();
        let _version = parts.next().filter(|e| e.tag == INTEGER)?;
        let _algorithms = parts.next().filter(|e| e.tag == SET)?;
        let info = parts.next().filter(|e| e.tag == SEQUENCE)?;
        let mut info = info.children();
        let content_type = info.next().filter(|e| e.tag == OID)?.content;
        // The digest is made over what stands in the element, not over its header.
        let content = info.next().filter(|e| e.tag == context(0)).and_then(|e| e.children().next());
        let content = content.map(|e| if e.tag & 0x1f == OCTETS { e.octets() } else { Cow::Borrowed(e.content) });
        let (mut certificates, mut signers, mut more) = (Vec::new(), Vec::new(), false);
        for part in parts {
            match part.tag {
                // certificates [0]; other kinds of certificate in it are passed over.
                0xa0 => {
                    for one in part.children() {
                        if certificates.len() >= CERTIFICATES {
                            more = true;
                            break;
                        }
                        certificates.extend(Certificate::read(one.whole));
                    }
                }
                SET => {
                    for one in part.children() {
                        if signers.len() >= SIGNERS {
                            more = true;
                            break;
                        }
                        signers.extend(Signer::read(&one));
                    }
                }
                _ => {}
            }
        }
        Some(Message { content_type, content, certificates, signers, more })
    }

    /// Who signed it.
    pub fn signers(&self) -> &[Signer<'a>] {
        &self.signers
    }

    /// The certificate of a signer, where the message brings it along.
    pub fn certificate(&self, signer: &Signer<'a>) -> Option<&Certificate<'a>> {
        self.certificates.iter().find(|c| match signer.id {
            Id::Issued { issuer, serial } => c.is(issuer.whole, serial),
            Id::Key(id) => c.has_key(id),
        })
    }

    /// Whether what the signer says of the content's digest is so. Nothing where it cannot be told.
    pub fn fits(&self, signer: &Signer<'a>) -> Option<bool> {
        let (content, algorithm) = (self.content.as_ref()?, signer.algorithm?);
        let digest = signer.digest.as_ref()?;
        Some(algorithm.digest([content.as_ref()]) == digest.as_ref())
    }

    /// When a signer signed, by a witness whose word is in the message.
    pub fn timestamps(&self, signer: &Signer<'a>) -> Vec<Timestamp> {
        let mut found = Vec::new();
        for (kind, value) in &signer.unsigned {
            if found.len() >= TIMESTAMPS {
                break;
            }
            if *kind == COUNTERSIGNATURE {
                let Some(witness) = Signer::read(value) else { continue };
                let Some(at) = witness.signed(SIGNING_TIME).and_then(|e| ber::time(&e)) else { continue };
                let by = self.certificate(&witness).map(|c| c.subject().to_string());
                found.push(Timestamp { at, by });
            } else if *kind == TIMESTAMP || *kind == MICROSOFT_TIMESTAMP {
                found.extend(read(value.whole).and_then(|token| token.stamp()));
            }
        }
        found
    }

    /// The time in an RFC 3161 token: `TSTInfo` holds version, policy, imprint, serial number, time.
    fn stamp(&self) -> Option<Timestamp> {
        let content = self.content.as_ref()?;
        let (info, _) = ber::read(content)?;
        let at = info.children().filter(|e| e.tag == 0x18).find_map(|e| ber::time(&e))?;
        let by = self.signers.first().and_then(|s| self.certificate(s)).map(|c| c.subject().to_string());
        Some(Timestamp { at, by })
    }
}

impl<'a> Signer<'a> {
    fn read(info: &Element<'a>) -> Option<Signer<'a>> {
        let mut parts = info.children();
        let _version = parts.next().filter(|e| e.tag == INTEGER)?;
        let id = parts.next()?;
        let id = if id.tag == SEQUENCE {
            let mut both = id.children();
            Id::Issued { issuer: both.next()?, serial: both.next().filter(|e| e.tag == INTEGER)?.content }
        } else {
            Id::Key(id.content)
        };
        let algorithm = parts.next().filter(|e| e.tag == SEQUENCE)?;
        let algorithm = algorithm.inner(OID).and_then(|oid| Algorithm::of(oid.content));
        let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
        for part in parts {
            match part.tag {
                0xa0 => signed = attributes(&part),
                0xa1 => unsigned = attributes(&part),
                _ => {}
            }
        }
        let mut signer = Signer { id, algorithm, digest: None, signed, unsigned };
        signer.digest = signer.signed(CONTENT_DIGEST).map(|e| e.octets());
        Some(signer)
    }

    /// The first value of a signed attribute.
    pub fn signed(&self, kind: &[u8]) -> Option<Element<'a>> {
        self.signed.iter().find(|(k, _)| *k == kind).map(|(_, value)| *value)
    }

    /// The issuer and serial number it names, for a message without its certificate.
    pub fn names(&self) -> Option<(Name, String)> {
        match self.id {
            Id::Issued { issuer, serial } => Some((Name::read(&issuer), super::certificate::serial(serial))),
            Id::Key(_) => None,
        }
    }

    /// The time the signer states, without a witness.
    pub fn stated_time(&self) -> Option<String> {
        self.signed(SIGNING_TIME).and_then(|e| ber::time(&e))
    }

    /// What the signer calls the program, and where more is said of it.
    pub fn opus(&self) -> (Option<String>, Option<String>) {
        let Some(info) = self.signed(OPUS) else { return (None, None) };
        let part = |number: u8| info.children().find(|e| e.tag == context(number)).and_then(|e| e.children().next());
        // SpcString: [0] a BMPString, [1] an IA5String.
        let name = part(0).map(|e| e.text_as(if e.tag & 0x1f == 0 { 30 } else { 22 }));
        // SpcLink: [0] an address, [2] a file.
        let link = part(1).filter(|e| e.tag & 0x1f == 0).map(|e| e.text_as(22));
        let some = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        (some(name), some(link))
    }

    /// The signatures nested in this one.
    pub fn nested(&self) -> impl Iterator<Item = Message<'a>> {
        self.unsigned.iter().filter(|(kind, _)| *kind == NESTED).filter_map(|(_, value)| read(value.whole))
    }
}

/// Attributes with each of their values.
fn attributes<'a>(set: &Element<'a>) -> Vec<(&'a [u8], Element<'a>)> {
    let mut found = Vec::new();
    for attribute in set.children() {
        let mut both = attribute.children();
        let (Some(kind), Some(values)) = (both.next(), both.next()) else { continue };
        for value in values.children() {
            if found.len() >= ATTRIBUTES {
                return found;
            }
            found.push((kind.content, value));
        }
    }
    found
}
