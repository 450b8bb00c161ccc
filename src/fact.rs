//! The narrow waist: what an extractor may say, and all that a matcher may see.
//!
//! In: nothing. Out: [`Fact`], [`Component`], [`Label`], [`Gap`], [`Note`], gathered in an [`Inventory`].
//! Must not know: which formats exist, which indicators exist, what any rule says.

mod coverage;
mod graph;
mod inventory;
mod kind;

use std::fmt::{self, Write as _};
use std::sync::Arc;

pub use coverage::Coverage;
pub use graph::{Graph, Route};
pub use inventory::{Embedded, Inventory, Taker};
pub use kind::{FactKind, Family};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place: a path through containers (`vendor.zip!/lib/libx.so`) and, after `#`, a field or offset in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The path; `!/` stands between a container and what is inside.
    pub path: Arc<str>,
    /// JSON pointer, header field or `0x` offset; empty for the whole.
    pub field: String,
}

impl Location {
    /// The place of a whole file or member.
    #[must_use]
    pub fn whole(path: &Arc<str>) -> Self {
        Location { path: Arc::clone(path), field: String::new() }
    }

    /// A field inside a file or member.
    #[must_use]
    pub fn field(path: &Arc<str>, field: impl Into<String>) -> Self {
        Location { path: Arc::clone(path), field: field.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.path) } else { write!(f, "{}#{}", self.path, self.field) }
    }
}

/// One thing an extractor read, as a view into its component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact<'c> {
    /// What it is about.
    pub kind: FactKind,
    /// The value as it stood there (decoded, not normalised).
    pub value: &'c str,
    /// Header field or offset; in a document, the rest of the pointer behind the component's own.
    pub field: &'c str,
    /// True where anybody could have put it there: in a signature that does not fit the file, or was not compared.
    pub doubted: bool,
}

/// Where a fact's texts stand in its component's buffer.
#[derive(Clone, Copy, Debug)]
struct Slot {
    kind: FactKind,
    value: u32,
    field: u32,
    end: u32,
    doubted: bool,
}

/// Something that may be one piece of software: a file, an archive member, an SBOM entry.
///
/// All texts stand in one buffer, which is used again for the next component: a document of a million
/// entries costs no more memory than its largest one.
#[derive(Clone, Debug, Default)]
pub struct Component {
    /// The extractor that found it; for a file, the last one that added to it.
    pub found_by: &'static str,
    /// The file or member it stands in.
    pub path: Arc<str>,
    /// The archive it lies in, else its own path: look-alikes cancel within it. Empty for a declared one.
    pub scope: Arc<str>,
    /// True where a document names the thing, false where its bytes were at hand.
    pub declared: bool,
    /// Where a declared component stands in its document; it goes in front of every field.
    pub pointer: String,
    /// The document's own name for it, as [`Graph::key`], where it has one.
    pub reference: Option<u64>,
    /// How the product uses it, where the document says so.
    pub usage: Option<Usage>,
    text: String,
    slots: Vec<Slot>,
    /// Facts beyond what is kept.
    dropped: u64,
    /// Values that were cut.
    shortened: u64,
}

/// How the product uses a component, by the words of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// It is needed at run time.
    Required,
    /// It may be left out.
    Optional,
    /// It is not part of what is shipped.
    Excluded,
    /// It serves development.
    Development,
    /// It serves tests.
    Test,
    /// It serves the build.
    Build,
}

impl Usage {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Usage::Required => "required",
            Usage::Optional => "optional",
            Usage::Excluded => "excluded",
            Usage::Development => "development",
            Usage::Test => "test",
            Usage::Build => "build",
        }
    }
}

/// A value is kept up to this length: licence texts and copyright lists have hundreds of KiB.
const VALUE: usize = 1 << 20;
/// Bytes of facts kept of one component: hostile tables point a million entries at one long string.
const COMPONENT_BYTES: usize = 64 << 20;

impl Component {
    /// Adds a fact. Empty values say nothing and are dropped.
    pub fn say(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl AsRef<str>) {
        if let Some((at, end)) = self.keep(value.as_ref()) {
            self.text.push_str(field.as_ref());
            self.close(kind, at, end);
        }
    }

    /// The same with a field that is put together: `format_args!("/hashes/{i}")`.
    pub fn say_at(&mut self, kind: FactKind, value: impl AsRef<str>, field: fmt::Arguments<'_>) {
        if let Some((at, end)) = self.keep(value.as_ref()) {
            let _ = self.text.write_fmt(field);
            self.close(kind, at, end);
        }
    }

    /// The same for what a signature says that does not fit the file, or was not compared with it.
    pub fn say_doubted(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl AsRef<str>) {
        let before = self.slots.len();
        self.say(kind, value, field);
        for slot in self.slots.iter_mut().skip(before) {
            slot.doubted = true;
        }
    }

    fn keep(&mut self, value: &str) -> Option<(usize, usize)> {
        let value = value.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if value.is_empty() {
            return None;
        }
        if self.full() {
            self.dropped += 1;
            return None;
        }
        self.shortened += u64::from(value.len() > VALUE);
        let at = self.text.len();
        self.text.push_str(cut(value, VALUE));
        Some((at, self.text.len()))
    }

    fn close(&mut self, kind: FactKind, value: usize, field: usize) {
        // The bound on a component keeps every offset far below 4 GiB.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            kind,
            value: narrow(value),
            field: narrow(field),
            end: narrow(self.text.len()),
            doubted: false,
        });
    }

    /// What is known about it.
    pub fn facts(&self) -> impl Iterator<Item = Fact<'_>> {
        let part = |from: u32, to: u32| self.text.get(from as usize..to as usize).unwrap_or_default();
        self.slots.iter().map(move |s| Fact {
            kind: s.kind,
            value: part(s.value, s.field),
            field: part(s.field, s.end),
            doubted: s.doubted,
        })
    }

    /// Everything it says, one text behind the other.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kinds of its facts.
    pub fn kinds(&self) -> impl Iterator<Item = FactKind> {
        self.slots.iter().map(|s| s.kind)
    }

    /// The place of one of its fields; one that begins with `/..` stands beside the component.
    #[must_use]
    pub fn at(&self, field: &str) -> Location {
        let beside = field.strip_prefix("/..").zip(self.pointer.rsplit_once('/'));
        Location::field(
            &self.path,
            match beside {
                Some((field, (around, _))) => format!("{around}{field}"),
                None => format!("{}{field}", self.pointer),
            },
        )
    }

    /// True when no more facts are kept: a reader of a table may stop.
    #[must_use]
    pub fn full(&self) -> bool {
        self.text.len() + self.slots.len() * size_of::<Slot>() >= COMPONENT_BYTES
    }

    /// Forgets everything about the last component and keeps the buffers.
    fn renew(&mut self) {
        let keep = |buffer: &mut String| {
            buffer.clear();
            buffer.shrink_to(1 << 20);
        };
        keep(&mut self.text);
        keep(&mut self.pointer);
        self.slots.clear();
        (self.reference, self.usage, self.dropped, self.shortened) = (None, None, 0, 0);
    }
}

/// The beginning of a text, up to `most` bytes, at a border between letters.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

/// What the buyer is told: the brand on the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Who sells it.
    pub vendor: Option<String>,
    /// What it is called.
    pub product: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where that was read.
    pub at: Location,
    /// What kind of statement it is.
    pub from: LabelSource,
}

/// What a label was read from, the more telling first: the order ranks labels of equal depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelSource {
    /// The component an SBOM describes.
    Sbom,
    /// The package id of an Android application or library.
    AndroidPackage,
    /// The `Info.plist` of an Apple application or framework.
    Bundle,
    /// The metadata of a package (wheel, npm, JAR, browser extension, NuGet, gem).
    PackageMetadata,
    /// The header of a package in front of its content (RPM).
    PackageHeader,
    /// The version resource of a PE file.
    VersionResource,
    /// The attributes of a .NET assembly.
    Assembly,
    /// Who signed the file.
    Signer,
    /// Only the name of the file.
    FileName,
}

/// Why a part was not examined. The code is stable; outputs print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The bytes do not follow the format they claim.
    Malformed,
    /// The data ends before the format does.
    Truncated,
    /// A key is needed.
    Encrypted,
    /// The format, version or method is recognised and not read.
    Unsupported,
    /// Packed or encrypted data of no known format.
    Opaque,
    /// A limit on size, count, depth, expansion or time was reached.
    Limit,
    /// The file system refused.
    Unreadable,
    /// A document was read and holds nothing to assess.
    Empty,
    /// A document refers to a part that is not at hand.
    Absent,
    /// It was read all the same, and does not follow its specification (only with `--strict`).
    Nonconforming,
}

impl Reason {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::Truncated => "truncated",
            Reason::Encrypted => "encrypted",
            Reason::Unsupported => "unsupported",
            Reason::Opaque => "opaque",
            Reason::Limit => "limit",
            Reason::Unreadable => "unreadable",
            Reason::Empty => "empty",
            Reason::Absent => "absent",
            Reason::Nonconforming => "nonconforming",
        }
    }
}

/// A part that could not be examined, or not to its end. The run goes on; a gap never looks like a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub at: Location,
    /// Why.
    pub reason: Reason,
    /// What exactly, for a person.
    pub detail: String,
}

/// A place a lenient reader had to repair or pass over, or a strict parser complained about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub at: Location,
    /// What.
    pub detail: String,
}
