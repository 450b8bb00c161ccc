//! Android binary XML: chunks, a string pool, start elements.
//!
//! In: the bytes of a compiled manifest. Out: its elements with their attributes, in order.

use super::pool::{self, Pool, u16_at, u32_at};

/// An element: its name, and attributes as (name, value). A reference to a resource is `@0x` and its number.
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

/// Elements read per file, attributes per element, and text in all: hostile files repeat one a million times.
pub(super) const ELEMENTS: usize = 100_000;
pub(super) const ATTRIBUTES: usize = 256;
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

/// Every start element up to the end or the first break; the flag says whether the end was reached.
pub(super) fn read(data: &[u8]) -> (Vec<Element>, bool) {
    let mut pool = Pool::default();
    let mut ids = Vec::new();
    let (mut elements, mut text) = (Vec::new(), 0);
    // The header says how long the whole is; a cut between chunks shows only there.
    let Some(end) = u32_at(data, 4).map(|end| end as usize).filter(|end| *end <= data.len() && *end > 8) else {
        return (elements, false);
    };
    let mut at = 8usize;
    while at < end {
        let Some((kind, size)) = u16_at(data, at).zip(u32_at(data, at + 4)) else { return (elements, false) };
        let size = size as usize;
        let Some(chunk) = data.get(at..at.saturating_add(size)).filter(|_| size >= 8) else {
            return (elements, false);
        };
        match kind {
            0x0001 => match Pool::read(chunk) {
                Some(read) => pool = read,
                None => return (elements, false),
            },
            0x0180 => ids = chunk.get(8..).unwrap_or_default().chunks_exact(4).filter_map(|c| u32_at(c, 0)).collect(),
            0x0102 => match element(chunk, &pool, &ids) {
                Some(element) if elements.len() < ELEMENTS && text < TEXT => {
                    text += element.attributes.iter().map(|(k, v)| k.len() + v.len() + 48).sum::<usize>();
                    elements.push(element);
                }
                _ => return (elements, false),
            },
            _ => {}
        }
        at = at.saturating_add(size);
    }
    (elements, true)
}

fn element(chunk: &[u8], pool: &Pool<'_>, ids: &[u32]) -> Option<Element> {
    // Chunk header, line, comment: 16 bytes; then name space, name, attribute start and size and count.
    let name = pool.get(u32_at(chunk, 20)?)?;
    let start = 16 + usize::from(u16_at(chunk, 24)?);
    let size = usize::from(u16_at(chunk, 26)?).max(20);
    let count = usize::from(u16_at(chunk, 28)?);
    let mut attributes: Vec<(bool, (String, String))> = (0..count.min(ATTRIBUTES))
        .map_while(|i| {
            let at = start + i * size;
            let key = u32_at(chunk, at + 4)?;
            let raw = u32_at(chunk, at + 8)?;
            let kind = *chunk.get(at + 15)?;
            let value = u32_at(chunk, at + 16)?;
            let id = ids.get(key as usize).copied().unwrap_or(0);
            let known = KNOWN.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
            let key = known.or_else(|| pool.get(key)).unwrap_or_default();
            let text = pool::value(kind, value, pool).or_else(|| pool.get(raw));
            // Android's own attributes are known by their resource id or name space; others may bear the same name.
            let own = KNOWN.iter().any(|(known, _)| *known == id)
                || u32_at(chunk, at).and_then(|space| pool.get(space)).is_some_and(|space| space == ANDROID);
            Some(text.map(|text| (!own, (key, text))))
        })
        .flatten()
        .collect();
    attributes.sort_by_key(|(foreign, _)| *foreign);
    Some(Element { name, attributes: attributes.into_iter().map(|(_, pair)| pair).collect() })
}
