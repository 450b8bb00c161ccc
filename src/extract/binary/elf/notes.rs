//! What the makers of a file left in it: compilers, build ids, packages, kernel module parameters.
//!
//! In: [`File`]. Out: facts; of a package's metadata also a label.

use std::collections::HashSet;

use packageurl::PackageUrl;
use serde_json::Value;

use super::file::{File, SHT_NOTE};
use crate::bytes::{be32, hex, le32, text_until_zero};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

const PT_NOTE: u32 = 4;
/// Notes and entries read of one file.
const ENTRIES: usize = 20_000;
/// Longest text of one.
const TEXT: usize = 4096;
/// Largest metadata in a note.
const METADATA: usize = 64 << 10;

/// What compilers and linkers wrote, each once.
pub(super) fn comments(file: &File<'_>, inventory: &mut Inventory<'_>) {
    let Some(bytes) = file.named(".comment", inventory) else { return };
    let mut seen = HashSet::new();
    for text in texts(bytes, ".comment", inventory) {
        if seen.insert(text) {
            inventory.say(FactKind::Toolchain, String::from_utf8_lossy(text), ".comment");
        }
    }
}

/// The entries of a section of texts with a zero behind each.
fn texts<'d>(bytes: &'d [u8], field: &str, inventory: &mut Inventory<'_>) -> Vec<&'d [u8]> {
    let mut texts: Vec<&[u8]> = bytes.split(|b| *b == 0).filter(|text| !text.is_empty()).take(ENTRIES + 1).collect();
    if texts.len() > ENTRIES {
        texts.truncate(ENTRIES);
        inventory.gap(field, Reason::Limit, format!("more than {ENTRIES} entries; the rest was not read"));
    }
    for text in &mut texts {
        *text = text.get(..TEXT).unwrap_or(text);
    }
    texts
}

/// The parameters of a Linux kernel module, `key=value` each.
pub(super) fn kernel_module(file: &File<'_>, inventory: &mut Inventory<'_>) {
    let field = ".modinfo";
    let Some(bytes) = file.named(field, inventory) else { return };
    for text in texts(bytes, field, inventory) {
        let text = String::from_utf8_lossy(text);
        inventory.say(FactKind::ModuleInfo, &text, field);
        let Some((key, value)) = text.split_once('=') else { continue };
        let kind = match key {
            "name" => FactKind::Name,
            "author" => FactKind::Author,
            "description" => FactKind::Description,
            "version" => FactKind::Version,
            "license" => FactKind::License,
            _ => continue,
        };
        inventory.say(kind, value, field);
    }
}

/// Where the file with the debugging data is said to be.
pub(super) fn debug_links(file: &File<'_>, inventory: &mut Inventory<'_>) {
    for name in [".gnu_debuglink", ".gnu_debugaltlink"] {
        if let Some(bytes) = file.named(name, inventory) {
            inventory.say(FactKind::DebugFile, text(bytes), name);
        }
    }
}

/// The text up to a zero.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    text_until_zero(bytes, TEXT)
}

/// Every note, by sections and by segments: either may be missing.
pub(super) fn notes(file: &File<'_>, inventory: &mut Inventory<'_>) {
    let debug = file.debugging_only();
    let sections = file.sections.iter().filter(|s| s.kind == SHT_NOTE).map(|s| (s.offset, s.size, s.align));
    let segments = file.segments.iter().filter(|s| s.kind == PT_NOTE && !debug).map(|s| (s.offset, s.size, s.align));
    let mut reader = Reader { file, done: HashSet::new(), others: HashSet::new() };
    let mut broken = false;
    for (offset, size, align) in sections.chain(segments) {
        if reader.done.len() >= ENTRIES || inventory.file.full() {
            break;
        }
        // Notes are aligned to four or eight: what asks for more is another thing under such a name (SQLite's text about
        // its build), and is read as text like all else.
        if align > 8 {
            continue;
        }
        broken |= reader.range(offset, size, align, inventory).is_none();
    }
    if broken {
        inventory.gap(
            "note",
            Reason::Malformed,
            "notes that lead out of their table; what stood before is in the result",
        );
    }
    if reader.done.len() >= ENTRIES {
        inventory.gap("note", Reason::Limit, format!("more than {ENTRIES} notes; the rest was not read"));
    }
}

struct Reader<'f, 'd> {
    file: &'f File<'d>,
    /// Where the notes begin that are read.
    done: HashSet<usize>,
    /// Owner and type of those that are only named.
    others: HashSet<(&'d [u8], u32)>,
}

impl<'d> Reader<'_, 'd> {
    /// The notes of one table. Nothing where it is broken.
    fn range(&mut self, offset: u64, size: u64, align: u64, inventory: &mut Inventory<'_>) -> Option<()> {
        self.file.range(offset, size)?;
        let mut at = usize::try_from(offset).ok()?;
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        // Other alignments than these two are read as of the usual one, by linkers, too.
        let align = if align == 8 { 8 } else { 4 };
        let start = at;
        let up = |n: usize| Some(start + (n.checked_sub(start)?).checked_next_multiple_of(align)?);
        while at.checked_add(12)? <= end {
            // A note that was read by another table: the rest of this one was, too.
            if self.done.len() >= ENTRIES || !self.done.insert(at) {
                break;
            }
            let (name, desc) = (self.file.u32(at)? as usize, self.file.u32(at + 4)? as usize);
            let kind = self.file.u32(at + 8)?;
            let owner_end = (at + 12).checked_add(name).filter(|to| *to <= end)?;
            let desc_start = up(owner_end)?;
            let desc_end = desc_start.checked_add(desc)?;
            if desc > 0 && desc_end > end {
                return None;
            }
            let owner = self.file.data.get(at + 12..owner_end)?;
            let owner = owner.strip_suffix(b"\0").unwrap_or(owner);
            let desc = if desc > 0 { self.file.data.get(desc_start..desc_end)? } else { &[] };
            self.one(owner, kind, desc, inventory);
            at = up(desc_end)?;
        }
        Some(())
    }

    fn one(&mut self, owner: &'d [u8], kind: u32, desc: &[u8], inventory: &mut Inventory<'_>) {
        match (owner, kind) {
            (b"GNU", 3) => {
                let id = desc.get(..64).unwrap_or(desc);
                inventory.say(FactKind::BuildId, hex(id), ".note.gnu.build-id");
            }
            (b"GNU", 4) => inventory.say(FactKind::Toolchain, text(desc), ".note.gnu.gold-version"),
            // The least kernel, and features of the processor.
            (b"GNU", 1 | 5) => {}
            (b"Go", 4) => inventory.say(FactKind::BuildId, text(desc), ".note.go.buildid"),
            (b"Android", 1) => android(self.file, desc, inventory),
            (b"FDO", 0xcafe_1a7e) => package(desc, inventory),
            (b"FDO", 0x407c_0c0a) => opened_later(desc, inventory),
            // Of the compiler's plug-in that records how each function was built, only what the compiler was.
            ([b'G', b'A', mark, rest @ ..], _) if matches!(mark, b'$' | b'!' | b'*' | b'+') => {
                let tool = rest.strip_prefix(b"\x05").filter(|_| *mark == b'$' && self.others.insert((owner, 0)));
                inventory.say(FactKind::Toolchain, text(tool.unwrap_or_default()), ".gnu.build.attributes");
            }
            _ => {
                if self.others.insert((owner, kind)) {
                    inventory.say(FactKind::ModuleInfo, format!("note:{}={kind}", text(owner)), "note");
                }
            }
        }
    }
}

/// What the Android NDK wrote: the least system, and its own version and build.
fn android(file: &File<'_>, desc: &[u8], inventory: &mut Inventory<'_>) {
    let field = ".note.android.ident";
    let Some(level) = (if file.little() { le32(desc, 0) } else { be32(desc, 0) }) else { return };
    let part = |from: usize| desc.get(from..(from + 64).min(desc.len())).map(text).filter(|text| !text.is_empty());
    inventory.say(FactKind::Toolchain, format!("Android API {level}"), field);
    if let Some(version) = part(4) {
        let build = part(68).map(|build| format!(" ({build})")).unwrap_or_default();
        inventory.say(FactKind::Toolchain, format!("Android NDK {version}{build}"), field);
    }
}

/// The JSON in a note, which may be padded with zeros.
fn json(desc: &[u8], field: &str, inventory: &mut Inventory<'_>) -> Option<Value> {
    let end = memchr::memchr(0, desc).unwrap_or(desc.len());
    let text = desc.get(..end).unwrap_or_default();
    if text.len() > METADATA {
        inventory.gap(field, Reason::Limit, format!("metadata of more than {} KiB; not read", METADATA >> 10));
        return None;
    }
    match serde_json::from_slice(text) {
        Ok(value) => Some(value),
        Err(error) => {
            inventory.gap(field, Reason::Malformed, format!("metadata that is no JSON: {error}"));
            None
        }
    }
}

/// The package a distribution built the file for (systemd's `ELF_PACKAGE_METADATA`).
fn package(desc: &[u8], inventory: &mut Inventory<'_>) {
    let field = ".note.package";
    let Some(value) = json(desc, field, inventory) else { return };
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    for (key, kind) in [
        ("name", FactKind::Name),
        ("version", FactKind::Version),
        ("osCpe", FactKind::Cpe),
        ("appCpe", FactKind::Cpe),
        ("debugInfoUrl", FactKind::Url),
    ] {
        inventory.say(kind, text(key).unwrap_or_default(), format!("{field}/{key}"));
    }
    for key in ["type", "os", "osVersion", "architecture"] {
        if let Some(value) = text(key) {
            inventory.say(FactKind::Property, format!("{key}={value}"), format!("{field}/{key}"));
        }
    }
    let Some(name) = text("name") else { return };
    if let Some(purl) = text("type").and_then(|kind| purl(kind, name, &text)) {
        inventory.say(FactKind::Purl, purl, field);
    }
    inventory.labels.push(Label {
        vendor: None,
        product: Some(name.to_owned()),
        version: text("version").map(str::to_owned),
        at: inventory.at(field),
        from: LabelSource::PackageMetadata,
    });
}

/// The package URL, where the kind of package has one that its fields determine.
fn purl<'v>(kind: &str, name: &str, text: &dyn Fn(&str) -> Option<&'v str>) -> Option<String> {
    let kind = match kind {
        "deb" | "rpm" | "apk" | "alpm" => kind,
        "pacman" => "alpm",
        _ => return None,
    };
    let mut purl = PackageUrl::new(kind, name.to_owned()).ok()?;
    purl.with_namespace(text("os")?.to_owned()).ok()?;
    if let Some(version) = text("version") {
        purl.with_version(version.to_owned()).ok()?;
    }
    if let Some(architecture) = text("architecture") {
        purl.add_qualifier("arch", architecture.to_owned()).ok()?;
    }
    Some(purl.to_string())
}

/// Libraries that are opened only when they are needed (systemd's `ELF_DLOPEN_METADATA`).
fn opened_later(desc: &[u8], inventory: &mut Inventory<'_>) {
    let field = ".note.dlopen";
    let Some(value) = json(desc, field, inventory) else { return };
    for entry in value.as_array().map(Vec::as_slice).unwrap_or_default() {
        for name in entry.get("soname").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
            inventory.say(FactKind::Needed, name.as_str().unwrap_or_default(), field);
        }
    }
}
