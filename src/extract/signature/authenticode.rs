//! Authenticode in PE files (Windows Authenticode Portable Executable Signature Format): every entry of the certificate
//! table, compared with the file.
//!
//! In: an image and where its parts stand. Out: facts about each signer.

use std::borrow::Cow;

use super::ber::{self, OCTETS, SEQUENCE, SET, context};
use super::cms::{self, Message};
use super::digest::Algorithm;
use super::{Verdict, say as say_message};
use crate::bytes::{le16, le32};
use crate::fact::{Inventory, Reason};

/// `SpcIndirectDataContent`: what a signature of a file signs.
const INDIRECT: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// Page hashes, by SHA-1 and by SHA-256.
const PAGE_HASHES: &[&[u8]] = &[&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 3, 1], &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 3, 2]];
/// Entries of the table; real ones have one or two.
const ENTRIES: usize = 16;

/// Tables of page hashes compared per file: each costs as much as the file itself.
const PAGE_TABLES: usize = 4;

/// What was made of the file already.
#[derive(Default)]
struct Made {
    digests: Vec<(Algorithm, Vec<u8>)>,
    page_tables: usize,
}

/// The parts of an image that a signature leaves out or counts by.
pub(in super::super) struct Layout {
    /// Where the checksum stands.
    pub checksum: usize,
    /// Where the certificate table's directory entry stands.
    pub directory: usize,
    /// Where the table stands and how long it is.
    pub table: (usize, usize),
    /// Size of the headers and of a page.
    pub headers: usize,
    pub page: usize,
    /// Offset and size of each section's data, in the order of the section table.
    pub sections: Vec<(usize, usize)>,
}

/// Says who signed an image.
pub(in super::super) fn say(data: &[u8], layout: &Layout, inventory: &mut Inventory<'_>) {
    let (start, size) = layout.table;
    let Some(table) = data.get(start..start.saturating_add(size).min(data.len())) else { return };
    let mut made = Made::default();
    let mut at = 0usize;
    for index in 0.. {
        let Some(rest) = table.get(at..).filter(|rest| rest.len() >= 8) else { break };
        let field = format!("Authenticode[{index}]");
        if index >= ENTRIES {
            return inventory.gap(field, Reason::Limit, format!("more than {ENTRIES} certificate entries; not read"));
        }
        let length = le32(rest, 0).unwrap_or(0) as usize;
        let kind = le16(rest, 6).unwrap_or(0);
        if length < 8 {
            // Padding behind the last one.
            if rest.len() > 64 || rest.iter().any(|b| *b != 0) {
                let detail = format!("{} bytes in the certificate table that are no entry; not read", rest.len());
                inventory.gap(field, Reason::Malformed, detail);
            }
            break;
        }
        let Some(body) = rest.get(8..length) else {
            let detail = format!("a certificate entry of {length} bytes in a table with {} left", rest.len());
            inventory.gap(&field, Reason::Truncated, detail);
            break;
        };
        match (kind, cms::read(body)) {
            // WIN_CERT_TYPE_PKCS_SIGNED_DATA.
            (2, Some(message)) => {
                let whole = ber::read(body).map_or(0, |(element, _)| element.whole.len());
                let behind = body.get(whole..).unwrap_or_default();
                if behind.len() > 8 || behind.iter().any(|b| *b != 0) {
                    let detail = format!("{} bytes behind a signature, which no digest covers; not read", behind.len());
                    inventory.gap(&field, Reason::Unsupported, detail);
                }
                let mut compare = |message: &Message<'_>, inventory: &mut Inventory<'_>| {
                    compare(data, layout, message, &mut made, &field, inventory)
                };
                say_message(&message, &field, &mut compare, inventory);
            }
            (2, None) => inventory.gap(field, Reason::Malformed, "a signature that is no signed message"),
            _ => inventory.gap(
                field,
                Reason::Unsupported,
                format!("a certificate entry of type 0x{kind:x}: recognised, not read by this version"),
            ),
        }
        at = at.saturating_add(length.saturating_add(7) & !7);
    }
}

/// Whether the digest a message states is that of the file.
fn compare(
    data: &[u8],
    layout: &Layout,
    message: &Message<'_>,
    made: &mut Made,
    field: &str,
    inventory: &mut Inventory<'_>,
) -> Verdict {
    let stated = match stated(message) {
        Ok(stated) => stated,
        Err(verdict) => return verdict,
    };
    // The digest leaves the table out: what else stands in it is not signed.
    let (table, size) = layout.table;
    let end = table.saturating_add(size);
    let covers = |from: usize, len: usize| from < end && from.saturating_add(len) > table;
    if table < layout.directory.saturating_add(8)
        || covers(0, layout.headers)
        || layout.sections.iter().any(|(offset, len)| covers(*offset, *len))
    {
        return Verdict::Mismatch(
            "headers or sections lie in the certificate table, which no digest covers".to_owned(),
        );
    }
    let have =
        made.digests.iter().find(|(algorithm, _)| *algorithm == stated.algorithm).map(|(_, digest)| digest.clone());
    let digest = have.unwrap_or_else(|| {
        let digest = stated.algorithm.digest(parts(data, layout));
        made.digests.push((stated.algorithm, digest.clone()));
        digest
    });
    if let Some((algorithm, pages)) = &stated.pages
        && made.page_tables < PAGE_TABLES
    {
        made.page_tables += 1;
        if pages_differ(data, layout, *algorithm, pages) {
            inventory.remark(field, "its page hashes are not those of the file");
        }
    }
    Verdict::of(stated.algorithm, &stated.digest, &digest, "the file")
}

/// What a signature says of the file.
pub(super) struct Stated<'a> {
    pub algorithm: Algorithm,
    pub digest: Cow<'a, [u8]>,
    pages: Option<(Algorithm, Cow<'a, [u8]>)>,
}

/// The digest of the file as a signature states it.
pub(super) fn stated<'m>(message: &'m Message<'_>) -> Result<Stated<'m>, Verdict> {
    let unknown = |why: &str| Verdict::NotChecked(why.to_owned());
    if message.content_type != INDIRECT {
        return Err(unknown("it signs something other than a file"));
    }
    let content = message.content.as_deref().ok_or_else(|| unknown("without content"))?;
    let mut both = ber::all(content);
    let (about, info) = (both.next(), both.next());
    let mut info = info.ok_or_else(|| unknown("without a digest"))?.children();
    let algorithm = info.next().and_then(|e| e.children().next()).and_then(|oid| Algorithm::of(oid.content));
    let algorithm = algorithm.ok_or_else(|| unknown("by an algorithm that is not known"))?;
    let digest = info.next().filter(|e| e.tag & 0x1f == OCTETS).ok_or_else(|| unknown("without a digest"))?.octets();
    Ok(Stated { algorithm, digest, pages: about.and_then(|e| pages(&e)) })
}

/// `SpcPeImageData` → `SpcLink` → `SpcSerializedObject` → a set of attributes, one of which holds the table.
fn pages<'a>(about: &ber::Element<'a>) -> Option<(Algorithm, Cow<'a, [u8]>)> {
    let image = about.children().nth(1).filter(|e| e.tag == SEQUENCE)?;
    let link = image.children().find(|e| e.tag == context(0))?;
    let object = link.inner(context(1))?;
    let serialised = object.children().nth(1)?;
    let set = ber::read(serialised.content)?.0;
    for attribute in set.children().take(16) {
        let mut both = attribute.children();
        let kind = both.next()?;
        if PAGE_HASHES.contains(&kind.content) {
            let algorithm = if kind.content.ends_with(&[1]) { Algorithm::Sha1 } else { Algorithm::Sha256 };
            return Some((algorithm, both.next().filter(|e| e.tag == SET)?.inner(OCTETS)?.octets()));
        }
    }
    None
}

/// What a digest is made over: all but the checksum, the entry of the table and the table.
fn parts<'d>(data: &'d [u8], layout: &Layout) -> [&'d [u8]; 4] {
    let (table, size) = layout.table;
    let part = |from: usize, to: usize| data.get(from..to.min(data.len())).unwrap_or_default();
    [
        part(0, layout.checksum),
        part(layout.checksum.saturating_add(4), layout.directory),
        part(layout.directory.saturating_add(8), table),
        part(table.saturating_add(size), data.len()),
    ]
}

/// True where the table of page hashes is laid out as usual and says something else than the file.
fn pages_differ(data: &[u8], layout: &Layout, algorithm: Algorithm, table: &[u8]) -> bool {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let page = layout.page;
    if !(512..=ZEROS.len()).contains(&page) || layout.headers > page {
        return false;
    }
    let width = 4 + algorithm.digest([]).len();
    let size_of = |offset: usize, size: usize| size.min(data.len().saturating_sub(offset));
    // The last entry marks the end. Sections of a hostile file overlap: the table's length is checked before anything is
    // made, and no more is digested than the file holds.
    let pages = layout.sections.iter().map(|(offset, size)| size_of(*offset, *size).div_ceil(page));
    let bytes = layout.sections.iter().map(|(offset, size)| size_of(*offset, *size) as u64).sum::<u64>();
    if !table.len().is_multiple_of(width)
        || pages.sum::<usize>() + 2 != table.len() / width
        || bytes > data.len() as u64
    {
        return false;
    }
    let in_sections = layout.sections.iter().flat_map(|(offset, size)| {
        let size = size_of(*offset, *size);
        (0..size.div_ceil(page)).map(move |i| (offset + i * page, (size - i * page).min(page)))
    });
    let expected = std::iter::once((0, layout.headers)).chain(in_sections);
    let of_page = |(offset, len): (usize, usize)| {
        let padding = ZEROS.get(..page - len).unwrap_or_default();
        if offset > 0 {
            return algorithm.digest([data.get(offset..offset + len).unwrap_or_default(), padding]);
        }
        let [a, b, ..] = parts(data, layout);
        let rest = data.get(layout.directory.saturating_add(8)..layout.headers).unwrap_or_default();
        algorithm.digest([a, b, rest, padding])
    };
    expected.zip(table.chunks_exact(width)).any(|(place, entry)| {
        let at = le32(entry, 0).unwrap_or(0) as usize;
        at != place.0 || entry.get(4..) != Some(&of_page(place))
    })
}
