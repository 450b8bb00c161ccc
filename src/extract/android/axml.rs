//! Android binary XML: chunks, a string pool, start elements.
//!
//! In: the bytes of a compiled manifest. Out: its elements with their attributes, in order.

use super::pool::{self, Pool};
use crate::bytes::{le16, le32};

/// An element: its name, and attributes as (name, value). A reference to a resource is `@0x` and its number.
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

/// Elements read per file, attributes per element, and text in all: hostile files repeat one a million times.
pub(super) const ELEMENTS: usize = 100_000;
pub(super) const ATTRIBUTES: usize = 1024;
pub(super) const TEXT: usize = 16 << 20;

/// The name space of Android's own attributes.
pub(super) const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// Resource ids of the attributes whose names some packers blank out.
const KNOWN: &[(u32, &str)] = &[
    (0x0101_0001, "label"),
    (0x0101_0003, "name"),
    (0x0101_0006, "permission"),
    (0x0101_0007, "readPermission"),
    (0x0101_0008, "writePermission"),
    (0x0101_000b, "sharedUserId"),
    (0x0101_0011, "process"),
    (0x0101_0018, "authorities"),
    (0x0101_0021, "targetPackage"),
    (0x0101_0024, "value"),
    (0x0101_0025, "resource"),
    (0x0101_0202, "targetActivity"),
    (0x0101_021b, "versionCode"),
    (0x0101_021c, "versionName"),
];

pub(super) fn is_axml(data: &[u8]) -> bool {
    data.starts_with(&[3, 0, 8, 0])
}

/// Every start element up to the end or the first break; the flag says whether all of it could be read.
pub(super) fn read(data: &[u8]) -> (Vec<Element>, bool) {
    let mut pool = Pool::default();
    let mut ids = Vec::new();
    let (mut elements, mut text, mut whole) = (Vec::new(), 0, true);
    // The header says how long the whole is; a cut between chunks shows only there.
    let Some(end) = le32(data, 4).map(|end| end as usize).filter(|end| *end <= data.len() && *end > 8) else {
        return (elements, false);
    };
    let mut at = 8usize;
    while at < end {
        let Some((kind, size)) = le16(data, at).zip(le32(data, at + 4)) else { return (elements, false) };
        let size = size as usize;
        let Some(chunk) = data.get(at..at.saturating_add(size)).filter(|_| size >= 8) else {
            return (elements, false);
        };
        match kind {
            0x0001 => match Pool::read(chunk) {
                Some(read) => pool = read,
                None => return (elements, false),
            },
            0x0180 => ids = chunk.get(8..).unwrap_or_default().chunks_exact(4).filter_map(|c| le32(c, 0)).collect(),
            0x0102 => match element(chunk, &pool, &ids) {
                Some((element, all)) if elements.len() < ELEMENTS && text < TEXT => {
                    whole &= all;
                    text += element.attributes.iter().map(|(k, v)| k.len() + v.len() + 48).sum::<usize>();
                    elements.push(element);
                }
                _ => return (elements, false),
            },
            _ => {}
        }
        at = at.saturating_add(size);
    }
    (elements, whole)
}

/// An element, and whether every attribute of it could be read.
fn element(chunk: &[u8], pool: &Pool<'_>, ids: &[u32]) -> Option<(Element, bool)> {
    // Chunk header, line, comment; then name space, name, attribute start and size and count.
    let body = usize::from(le16(chunk, 2)?).max(16);
    let name = pool.get(le32(chunk, body + 4)?)?;
    let start = body + usize::from(le16(chunk, body + 8)?);
    let size = usize::from(le16(chunk, body + 10)?).max(20);
    let count = usize::from(le16(chunk, body + 12)?);
    let mut whole = count <= ATTRIBUTES;
    let mut attributes: Vec<(bool, (String, String))> = Vec::new();
    for index in 0..count.min(ATTRIBUTES) {
        let Some((foreign, name, value)) = attribute(chunk, start + index * size, pool, ids) else {
            whole = false;
            break;
        };
        match (name, value) {
            (Some(name), Some(value)) => attributes.extend(value.map(|value| (foreign, (name, value)))),
            // A name or a text that is not in the pool.
            _ => whole = false,
        }
    }
    attributes.sort_by_key(|(foreign, _)| *foreign);
    Some((Element { name, attributes: attributes.into_iter().map(|(_, pair)| pair).collect() }, whole))
}

/// What a value says; nothing where it leads out of the pool.
type Value = Option<Option<String>>;

/// An attribute: whether it is another's than Android's; its name and value, as far as they are in the pool. A value
/// may be of a kind that says nothing here.
fn attribute(chunk: &[u8], at: usize, pool: &Pool<'_>, ids: &[u32]) -> Option<(bool, Option<String>, Value)> {
    let key = le32(chunk, at + 4)?;
    let raw = le32(chunk, at + 8)?;
    let kind = *chunk.get(at + 15)?;
    let value = le32(chunk, at + 16)?;
    let id = ids.get(key as usize).copied().unwrap_or(0);
    let known = KNOWN.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
    // Android's own attributes are known by their resource id or name space; others may bear the same name.
    let own =
        known.is_some() || le32(chunk, at).and_then(|space| pool.get(space)).is_some_and(|space| space == ANDROID);
    let text = pool::value(kind, value, pool).or_else(|| pool.get(raw));
    let text = if text.is_none() && kind == pool::STRING { None } else { Some(text) };
    Some((!own, known.or_else(|| pool.get(key)), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest of one element with these attributes, as indexes of the pool; and a longer header of that.
    fn manifest(attributes: &[(u32, u32)], header: u16) -> Vec<u8> {
        let le = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let texts = b"\x08\x08manifest\0\x01\x01x\0\x07\x07package\0\x08\x08com.acme\0";
        let offsets = usize::from(header) + 16;
        let mut pool =
            [&[1, 0][..], &header.to_le_bytes(), &le(offsets + texts.len()), &le(4), &le(0), &le(0x100)].concat();
        pool.extend(le(offsets));
        pool.resize(usize::from(header), 0);
        for at in [0, 11, 15, 25] {
            pool.extend(le(at));
        }
        pool.extend(texts);
        let mut element = [&[2, 1, 16, 0][..], &le(36 + 20 * attributes.len()), &le(1), &[0xff; 8], &le(0)].concat();
        element.extend([20, 0, 20, 0]);
        element.extend(u16::try_from(attributes.len()).unwrap().to_le_bytes());
        element.extend([0; 6]);
        for (key, value) in attributes {
            element.extend(
                [&[0xff; 4][..], &key.to_le_bytes(), &value.to_le_bytes(), &[8, 0, 0, 3], &value.to_le_bytes()]
                    .concat(),
            );
        }
        [&[3, 0, 8, 0][..], &le(8 + pool.len() + element.len()), &pool, &element].concat()
    }

    #[test]
    fn attributes_that_are_lost_are_told() {
        for header in [28, 32] {
            let (elements, whole) = read(&manifest(&[(1, 1), (2, 3)], header));
            assert!(whole);
            assert_eq!(elements[0].attributes[1], ("package".to_owned(), "com.acme".to_owned()));
        }
        assert!(!read(&manifest(&[(2, 99)], 28)).1);
        let mut many = vec![(1, 1); ATTRIBUTES];
        assert!(read(&manifest(&many, 28)).1);
        many.push((2, 3));
        assert!(!read(&manifest(&many, 28)).1);
    }
}
