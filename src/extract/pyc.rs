//! Python bytecode: the `.pyc` of CPython.
//!
//! In: a file with CPython's magic number. Out: the source file it was compiled from, the version it is for, and the
//! constants and names that hold a stem: marshalled texts stand wall to wall, so that the string stage, which searches
//! the file as well, cannot tell where one ends. Must not know: what the names in it mean.

use std::collections::HashSet;

use super::{Doc, Extractor, Head, Mine, Read};
use crate::fact::{FactKind, Inventory, Reason};

pub(super) const EXTRACTOR: Extractor = Extractor { name: "python/bytecode", claim, extract: Read::Whole(extract) };

/// Objects within objects; the interpreter itself allows 2000.
const DEPTH: usize = 200;
/// Bytes kept of one text.
const TEXT: usize = 4096;
/// Objects passed over.
const OBJECTS: u32 = 2_000_000;
/// Texts looked at, and those of them said.
const TEXTS: usize = 500_000;
const SAID: usize = 4096;

/// First magic number of a version, its header, and the numbers in front of a code object's parts.
struct Version {
    from: u16,
    name: &'static str,
    header: usize,
    numbers: usize,
    /// Objects between the code and the file name.
    objects: usize,
}

const fn version(from: u16, name: &'static str, header: usize, numbers: usize, objects: usize) -> Version {
    Version { from, name, header, numbers, objects }
}

/// By the table in CPython's `importlib`; Python 2 stands apart, far above.
const VERSIONS: &[Version] = &[
    version(3000, "3", 8, 5, 6),
    version(3190, "3.3", 12, 5, 6),
    version(3250, "3.4", 12, 5, 6),
    version(3320, "3.5", 12, 5, 6),
    version(3360, "3.6", 12, 5, 6),
    version(3390, "3.7", 16, 5, 6),
    version(3400, "3.8", 16, 6, 6),
    version(3420, "3.9", 16, 6, 6),
    version(3430, "3.10", 16, 6, 6),
    version(3450, "3.11", 16, 5, 5),
    version(3500, "3.12", 16, 5, 5),
    version(3550, "3.13", 16, 5, 5),
    version(3600, "3.14", 16, 5, 5),
    version(3650, "", 0, 0, 0),
    version(62_011, "2", 8, 4, 6),
    version(62_300, "", 0, 0, 0),
];

fn version_of(data: &[u8]) -> Option<&'static Version> {
    let [low, high, b'\r', b'\n'] = *data.get(..4)? else { return None };
    let magic = u16::from_le_bytes([low, high]);
    VERSIONS.iter().rev().find(|v| v.from <= magic).filter(|v| !v.name.is_empty())
}

fn claim(head: &Head<'_>) -> bool {
    let named = [".pyc", ".pyo"].iter().any(|ending| head.name.ends_with(ending));
    match version_of(head.data) {
        // The header is followed by a code object.
        Some(v) => named || matches!(head.data.get(v.header), Some(b'c' | 0xe3)),
        None => named && head.data.get(2..4) == Some(b"\r\n"),
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(version) = version_of(doc.data) else {
        inventory.gap(
            "0x0",
            Reason::Unsupported,
            "Python bytecode of a version that is not known; searched for strings only",
        );
        return Mine::Yes;
    };
    inventory.say(FactKind::Toolchain, format!("CPython {} bytecode", version.name), "magic");
    let mut marshal = Marshal::new(doc.data, version.header);
    let name = marshal.file_name(version);
    let named = name.is_some();
    inventory.say(FactKind::SourceFile, name.unwrap_or_default(), "co_filename");
    let whole = named && marshal.behind(version, 0).is_some();
    say_texts(&marshal.texts, doc, inventory);
    if marshal.texts.len() >= TEXTS {
        inventory.gap("", Reason::Limit, format!("more than {TEXTS} texts; the rest was searched as bytes only"));
    }
    if !whole {
        let at = marshal.at.min(doc.data.len());
        let reason = match () {
            () if marshal.left == 0 => Reason::Limit,
            () if at == doc.data.len() => Reason::Truncated,
            () => Reason::Malformed,
        };
        let until = if named { "to its end" } else { "up to its file name" };
        inventory.gap(format!("0x{at:x}"), reason, format!("the code object cannot be read {until}"));
    }
    Mine::Yes
}

/// Says the texts that hold a stem, each once.
fn say_texts(texts: &[(usize, &[u8])], doc: &Doc<'_>, inventory: &mut Inventory<'_>) {
    let mut seen = HashSet::new();
    for (at, bytes) in doc.options.stems.among(texts) {
        if !seen.insert(bytes) {
            continue;
        }
        if seen.len() > SAID {
            inventory.gap("", Reason::Limit, format!("more than {SAID} catalogued texts; the rest was not kept"));
            return;
        }
        let text = String::from_utf8_lossy(bytes.get(..TEXT).unwrap_or(bytes));
        inventory.say(FactKind::Text, text, format!("0x{at:x}"));
    }
}

/// Reads forward through marshalled objects.
struct Marshal<'d> {
    data: &'d [u8],
    at: usize,
    left: u32,
    /// Texts that later objects may refer to; other objects hold their place.
    refs: Vec<Option<&'d [u8]>>,
    /// The same of Python 2, which counts interned texts only.
    names: Vec<&'d [u8]>,
    /// All texts, with their places.
    texts: Vec<(usize, &'d [u8])>,
}

impl<'d> Marshal<'d> {
    fn new(data: &'d [u8], at: usize) -> Marshal<'d> {
        Marshal { data, at, left: OBJECTS, refs: Vec::new(), names: Vec::new(), texts: Vec::new() }
    }

    /// The file name of the outermost code object.
    fn file_name(&mut self, version: &Version) -> Option<String> {
        let kind = self.byte()?;
        if kind & 0x7f != b'c' {
            return None;
        }
        if kind & 0x80 != 0 {
            self.refs.push(None);
        }
        self.skip(4 * version.numbers)?;
        for _ in 0..version.objects {
            self.object(version, 0)?;
        }
        let name = self.object(version, 0)??;
        Some(String::from_utf8_lossy(name.get(..TEXT).unwrap_or(name)).into_owned())
    }

    /// What follows the file name.
    fn behind(&mut self, version: &Version, depth: usize) -> Option<()> {
        self.object(version, depth)?;
        // The qualified name came with 3.11, and the table of exceptions.
        let newer = version.objects == 5;
        if newer {
            self.object(version, depth)?;
        }
        self.skip(4)?;
        self.object(version, depth)?;
        if newer {
            self.object(version, depth)?;
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.data.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn skip(&mut self, len: usize) -> Option<&'d [u8]> {
        let end = self.at.saturating_add(len);
        let part = self.data.get(self.at..end);
        self.at = if part.is_some() { end } else { self.data.len() };
        part
    }

    fn word(&mut self) -> Option<u32> {
        self.skip(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// Passes one object: none where it breaks, else its text where it is one.
    fn object(&mut self, version: &Version, depth: usize) -> Option<Option<&'d [u8]>> {
        self.left = self.left.checked_sub(1)?;
        if depth > DEPTH {
            self.left = 0;
            return None;
        }
        let tag = self.byte()?;
        let (kind, kept) = (tag & 0x7f, tag & 0x80 != 0);
        let place = kept.then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        });
        let mut text = None;
        match kind {
            b'0' | b'N' | b'T' | b'F' | b'S' | b'.' => {}
            b'i' | b'I' | b'g' | b'y' => {
                self.skip(match kind {
                    b'i' => 4,
                    b'y' => 16,
                    _ => 8,
                })?;
            }
            b'f' => {
                let len = self.byte()?;
                self.skip(usize::from(len))?;
            }
            b'x' => {
                for _ in 0..2 {
                    let len = self.byte()?;
                    self.skip(usize::from(len))?;
                }
            }
            b'l' => {
                let digits = i32::from_le_bytes(self.skip(4)?.try_into().ok()?).unsigned_abs();
                self.skip(usize::try_from(digits).ok()?.saturating_mul(2))?;
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let len = self.word()?;
                let bytes = self.skip(usize::try_from(len).ok()?)?;
                text = Some(bytes);
                if kind == b't' && version.from > 60_000 {
                    self.names.push(bytes);
                }
            }
            b'z' | b'Z' => {
                let len = self.byte()?;
                text = Some(self.skip(usize::from(len))?);
            }
            b'r' => {
                let index = usize::try_from(self.word()?).ok()?;
                text = *self.refs.get(index)?;
            }
            b'R' => {
                let index = usize::try_from(self.word()?).ok()?;
                text = Some(*self.names.get(index)?);
            }
            b'(' | b'[' | b'<' | b'>' => {
                for _ in 0..self.word()? {
                    self.object(version, depth + 1)?;
                }
            }
            b')' => {
                for _ in 0..self.byte()? {
                    self.object(version, depth + 1)?;
                }
            }
            b':' => {
                for _ in 0..3 {
                    self.object(version, depth + 1)?;
                }
            }
            b'{' => {
                // Pairs, until a key that is none.
                while self.data.get(self.at)? & 0x7f != b'0' {
                    self.object(version, depth + 1)?;
                    self.object(version, depth + 1)?;
                }
                self.at += 1;
            }
            b'c' => {
                self.skip(4 * version.numbers)?;
                for _ in 0..=version.objects {
                    self.object(version, depth + 1)?;
                }
                self.behind(version, depth + 1)?;
            }
            _ => return None,
        }
        if let Some(bytes) = text
            && !matches!(kind, b'r' | b'R')
            && self.texts.len() < TEXTS
        {
            self.texts.push((self.at.saturating_sub(bytes.len()), bytes));
        }
        if let (Some(place), Some(bytes)) = (place, text)
            && let Some(slot) = self.refs.get_mut(place)
        {
            *slot = Some(bytes);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marshal(data: &[u8]) -> Marshal<'_> {
        Marshal::new(data, 0)
    }

    #[test]
    fn nesting_and_counts_are_bounded() {
        let version = &VERSIONS[9];
        let deep: Vec<u8> = [b')', 1].repeat(1000);
        assert!(marshal(&deep).object(version, 0).is_none());
        assert!(marshal(b"(\xff\xff\xff\xffN").object(version, 0).is_none());
        assert!(marshal(b"r\x05\0\0\0").object(version, 0).is_none());
        assert_eq!(marshal(b"\xfa\x01a").object(version, 0), Some(Some(&b"a"[..])));
    }

    #[test]
    fn versions_are_told_by_their_number() {
        let name = |magic: u16| version_of(&[&magic.to_le_bytes()[..], b"\r\n"].concat()).map(|v| v.name);
        assert_eq!(name(3495), Some("3.11"));
        assert_eq!(name(3413), Some("3.8"));
        assert_eq!(name(62_211), Some("2"));
        assert_eq!(name(9000), None);
    }
}
