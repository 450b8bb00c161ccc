//! Android binary XML: chunks, a string pool, start elements.
//!
//! In: the bytes of a compiled manifest. Out: its elements with their attributes, in order.

/// An element: its name, and attributes as (name, value). Values that are no text are left out.
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

/// Letters kept of one string.
const LONGEST: usize = 2048;
/// Elements read per file, attributes per element, and text in all: hostile files repeat one a million times.
pub(super) const ELEMENTS: usize = 100_000;
const ATTRIBUTES: usize = 256;
pub(super) const TEXT: usize = 16 << 20;

/// The name space of Android's own attributes.
pub(super) const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// Resource ids of the attributes whose names some packers blank out.
const KNOWN: &[(u32, &str)] = &[
    (0x0101_0001, "label"),
    (0x0101_0003, "name"),
    (0x0101_0006, "permission"),
    (0x0101_0018, "authorities"),
    (0x0101_021b, "versionCode"),
    (0x0101_021c, "versionName"),
];

pub(super) fn is_axml(data: &[u8]) -> bool {
    data.starts_with(&[3, 0, 8, 0])
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
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
            // Type 3 is a string of the pool; others only have a raw text, if any.
            let text = if kind == 3 { pool.get(value) } else { pool.get(raw) };
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

/// The string pool, read on demand.
#[derive(Default)]
struct Pool<'a> {
    chunk: &'a [u8],
    count: u32,
    start: usize,
    utf8: bool,
}

impl<'a> Pool<'a> {
    fn read(chunk: &'a [u8]) -> Option<Pool<'a>> {
        Some(Pool {
            chunk,
            count: u32_at(chunk, 8)?,
            utf8: u32_at(chunk, 16)? & 0x100 != 0,
            start: u32_at(chunk, 20)? as usize,
        })
    }

    /// A string, up to [`LONGEST`]: a hostile pool points every attribute at one endless text.
    fn get(&self, index: u32) -> Option<String> {
        if index >= self.count {
            return None;
        }
        // The offsets stand behind the 28-byte header.
        let offset = u32_at(self.chunk, 28 + (index as usize).checked_mul(4)?)? as usize;
        let rest = self.chunk.get(self.start.checked_add(offset)?..)?;
        if self.utf8 {
            // Length in characters, then in bytes, one or two bytes each.
            let skip = |at: usize| rest.get(at).map(|b| if b & 0x80 == 0 { 1 } else { 2 });
            let first = skip(0)?;
            let len = match (rest.get(first)?, rest.get(first + 1)) {
                (high, Some(low)) if high & 0x80 != 0 => usize::from(high & 0x7f) << 8 | usize::from(*low),
                (len, _) => usize::from(*len),
            };
            let text = first + skip(first)?;
            Some(String::from_utf8_lossy(rest.get(text..text + len)?.get(..len.min(LONGEST))?).into_owned())
        } else {
            let (len, text): (usize, usize) = match u16_at(rest, 0)? {
                high if high & 0x8000 != 0 => ((usize::from(high & 0x7fff) << 16) | usize::from(u16_at(rest, 2)?), 4),
                len => (usize::from(len), 2),
            };
            let bytes = rest.get(text..text.checked_add(len.checked_mul(2)?)?)?;
            let units: Vec<u16> = bytes.chunks_exact(2).take(LONGEST).filter_map(|c| u16_at(c, 0)).collect();
            Some(String::from_utf16_lossy(&units))
        }
    }
}
