//! RPM packages: the lead, the signature header and the header in front of the payload.
//!
//! In: a file that begins as an RPM package. Out: name, version, makers, purl, the files it would install, and the label.
//! Signatures are not checked. Must not know: the payload, which the archive stage opens.

use std::io::Read as _;

use super::super::installed::Packages;
use super::super::installed::rpm::header::{Fault, Header, length};
use super::super::installed::rpm::{entry, files};
use super::super::{Extractor, Head, Input, Mine, Read};
use crate::fact::{Inventory, LabelSource, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/rpm", claim, extract: Read::Stream(extract) };

const MAGIC: &[u8] = b"\xed\xab\xee\xdb";
const LEAD: usize = 96;
/// The mark in front of each header, with its version and four bytes kept free.
const MARK: &[u8] = b"\x8e\xad\xe8\x01";
const BEFORE: usize = 8;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(MAGIC) && matches!(head.data.get(4), Some(3 | 4))
}

/// The next header, without its mark.
fn header(reader: &mut impl std::io::Read) -> Result<Vec<u8>, (Reason, &'static str)> {
    let cut = (Reason::Truncated, "an RPM package that ends within its headers");
    let mut start = [0; BEFORE + 8];
    reader.read_exact(&mut start).map_err(|_| cut)?;
    let (mark, counts) = start.split_at(BEFORE);
    if !mark.starts_with(MARK) {
        return Err((Reason::Malformed, "a header of an RPM package that is none"));
    }
    let len = match length(counts) {
        Ok(len) => len,
        Err(Fault::Short) => return Err(cut),
        Err(Fault::Huge) => return Err((Reason::Limit, "a header longer than any RPM package has; not read")),
    };
    let mut data = counts.to_vec();
    let rest = len.saturating_sub(counts.len());
    // Nothing is set aside for what a file only claims to hold.
    reader.take(u64::try_from(rest).unwrap_or(u64::MAX)).read_to_end(&mut data).map_err(|_| cut)?;
    if data.len() < len { Err(cut) } else { Ok(data) }
}

/// The header of the package: behind the lead and the signatures, which are filled up to eight bytes.
fn main_header(input: &Input<'_>) -> Result<Vec<u8>, (Reason, &'static str)> {
    let mut reader = input.blob.reader();
    let mut lead = [0; LEAD];
    let cut = (Reason::Truncated, "an RPM package that ends within its lead");
    reader.read_exact(&mut lead).map_err(|_| cut)?;
    let signatures = header(&mut reader)?;
    let fill = (8 - signatures.len() % 8) % 8;
    let mut filling = [0; 8];
    reader.read_exact(filling.get_mut(..fill).unwrap_or_default()).map_err(|_| cut)?;
    header(&mut reader)
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let data = match main_header(input) {
        Ok(data) => data,
        Err((reason, what)) => {
            inventory.gap("0x60", reason, what);
            return Mine::Yes;
        }
    };
    match Header::read(&data) {
        Ok(header) => match entry(&header) {
            Some(entry) => {
                entry.describe(inventory);
                if let Some(label) = inventory.labels.last_mut() {
                    label.from = LabelSource::PackageHeader;
                }
                let mut listed = Packages::new(EXTRACTOR.name, input.limits);
                listed.say_files(files(&header), "BASENAMES", &mut inventory.file);
                listed.close(inventory);
                if header.broken {
                    inventory.gap("", Reason::Malformed, "a tag of the RPM header leads out of it");
                }
            }
            None => inventory.gap("NAME", Reason::Malformed, "an RPM package without a name"),
        },
        Err(_) => inventory.gap("", Reason::Malformed, "an RPM header that leads out of itself"),
    }
    Mine::Yes
}
