//! X.509 certificates (RFC 5280): whose they are and who issued them.
//!
//! In: an encoded certificate. Out: its names, serial number and thumbprints. Only what names it is read; nothing about
//! trust is said.

use super::ber::{self, Element, INTEGER, SEQUENCE, context};
use super::digest::Algorithm;
use crate::bytes::hex;
use crate::fact::cut;

/// A certificate, as far as it is read.
#[derive(Clone, Debug)]
pub(in super::super) struct Certificate<'a> {
    whole: &'a [u8],
    /// The serial number as encoded.
    pub serial: &'a [u8],
    /// The issuer's name as encoded.
    pub issuer: Element<'a>,
    subject: Element<'a>,
    /// The subject key identifier of its extensions.
    key_id: Option<&'a [u8]>,
}

/// Longest value of a name that is kept.
const VALUE: usize = 1024;
/// Attributes of a name; real ones have a dozen.
const ATTRIBUTES: usize = 64;

impl<'a> Certificate<'a> {
    /// Reads a certificate.
    pub fn read(whole: &'a [u8]) -> Option<Certificate<'a>> {
        let (outer, _) = ber::read(whole)?;
        let tbs = outer.inner(SEQUENCE)?;
        let mut fields = tbs.children().peekable();
        // The version is stated from 2 on.
        fields.next_if(|e| e.tag == context(0));
        let serial = fields.next().filter(|e| e.tag == INTEGER)?.content;
        let _algorithm = fields.next()?;
        let issuer = fields.next().filter(|e| e.tag == SEQUENCE)?;
        let _validity = fields.next()?;
        let subject = fields.next().filter(|e| e.tag == SEQUENCE)?;
        let key_id = fields.find(|e| e.tag == context(3)).and_then(|e| e.inner(SEQUENCE)).and_then(key_id);
        Some(Certificate { whole: outer.whole, serial, issuer, subject, key_id })
    }

    /// True where its issuer's signature stands behind it, as the standard wants: what only begins like one is none.
    pub fn is_whole(&self) -> bool {
        let parts = ber::all(self.whole).next().map(|outer| outer.children().map(|e| e.tag).collect::<Vec<_>>());
        parts.is_some_and(|tags| tags == [SEQUENCE, SEQUENCE, 0x03])
    }

    /// True when a signature made with this certificate names it so.
    pub fn is(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.serial == serial && self.issuer.whole == issuer
    }

    /// True when its key has this identifier.
    pub fn has_key(&self, id: &[u8]) -> bool {
        self.key_id == Some(id)
    }

    /// Whose it is.
    pub fn subject(&self) -> Name {
        Name::read(&self.subject)
    }

    /// The serial number in upper-case hex.
    pub fn serial(&self) -> String {
        serial(self.serial)
    }

    /// The digest of the whole certificate, `algorithm:hex`.
    pub fn thumbprint(&self, algorithm: Algorithm) -> String {
        let name = algorithm.name().to_ascii_lowercase().replace('-', "");
        format!("{name}:{}", hex(&algorithm.digest([self.whole])))
    }
}

/// A serial number in hex, without the zero that only keeps it positive.
pub(super) fn serial(content: &[u8]) -> String {
    let content = content.get(..64).unwrap_or(content);
    hex(content.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(content)).to_ascii_uppercase()
}

fn key_id(extensions: Element<'_>) -> Option<&[u8]> {
    // Extension ::= SEQUENCE { OID, critical OPTIONAL, OCTET STRING }; the id is an OCTET STRING within.
    let found =
        extensions.children().find(|e| e.children().next().is_some_and(|oid| oid.content == [0x55, 0x1d, 0x0e]))?;
    let value = found.children().last()?;
    ber::read(value.content).map(|(id, _)| id.content)
}

/// A distinguished name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Name(Vec<(String, String)>);

impl Name {
    /// Reads a name.
    pub fn read(name: &Element<'_>) -> Name {
        let parts = name.children().flat_map(|set| set.children().collect::<Vec<_>>());
        let pair = |part: Element<'_>| {
            let mut both = part.children();
            let (kind, value) = (both.next()?, both.next()?);
            // Cut before it is decoded: each name may be asked for many times.
            let near = value.content.get(..4 * VALUE).unwrap_or(value.content);
            let text = Element { content: near, ..value }.text();
            Some((short(kind.content), cut(&text, VALUE).to_owned()))
        };
        Name(parts.take(ATTRIBUTES).filter_map(pair).collect())
    }

    /// The values of an attribute.
    pub fn get<'n>(&'n self, kind: &'n str) -> impl Iterator<Item = &'n str> {
        self.0.iter().filter(move |(k, _)| k == kind).map(|(_, value)| value.as_str())
    }
}

/// In the order of the certificate, as RFC 4514 writes each part.
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (kind, value)) in self.0.iter().enumerate() {
            write!(f, "{}{kind}=", if i > 0 { ", " } else { "" })?;
            for letter in value.chars() {
                if matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
                    f.write_str("\\")?;
                }
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// The short name of an attribute.
fn short(oid: &[u8]) -> String {
    let known = match oid {
        [0x55, 4, n] => match n {
            3 => "CN",
            4 => "SN",
            5 => "serialNumber",
            6 => "C",
            7 => "L",
            8 => "ST",
            9 => "street",
            10 => "O",
            11 => "OU",
            12 => "title",
            13 => "description",
            15 => "businessCategory",
            17 => "postalCode",
            18 => "postOfficeBox",
            42 => "GN",
            97 => "organizationIdentifier",
            _ => "",
        },
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, n] => match n {
            1 => "UID",
            25 => "DC",
            _ => "",
        },
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        // Extended validation: where the company is registered.
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, n] => match n {
            1 => "jurisdictionL",
            2 => "jurisdictionST",
            3 => "jurisdictionC",
            _ => "",
        },
        _ => "",
    };
    if known.is_empty() { ber::dotted(oid) } else { known.to_owned() }
}
