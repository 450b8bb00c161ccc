//! The narrow waist: what an extractor may say, and all that a matcher may see.
//!
//! In: nothing. Out: [`Fact`], [`Component`], [`Label`], [`Gap`], [`Note`], gathered in an [`Inventory`].
//! Must not know: which formats exist, which indicators exist, what any rule says.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares the closed list of fact kinds once: the variant, its stable kebab-case name, the
/// [`Family`] its evidence belongs to, and what it holds.
macro_rules! fact_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $family:ident;)+) => {
        /// What a fact is about. The place decides what a value is worth: the same word as a class
        /// definition and as a line of text are two kinds, so the list is closed on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum FactKind {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl FactKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [FactKind] = &[$(FactKind::$variant),+];

            /// The stable name used in the catalogue and in every output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(FactKind::$variant => $name),+ }
            }

            /// The family of evidence a fact of this kind belongs to, unless an indicator says otherwise.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(FactKind::$variant => Family::$family),+ }
            }

            /// One sentence saying what the value of such a fact is.
            #[must_use]
            pub fn describe(self) -> &'static str {
                match self { $(FactKind::$variant => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

fact_kinds! {
    /// The name of an SBOM component, package or service.
    Name = "name", Name;
    /// The version of the component.
    Version = "version", Name;
    /// Free text that describes the component.
    Description = "description", Name;
    /// The copyright text of the component.
    Copyright = "copyright", Name;
    /// Who supplied the component (SBOM `supplier`).
    Supplier = "supplier", Declaration;
    /// Who manufactured the component (CycloneDX `manufacturer`, formerly `manufacture`).
    Manufacturer = "manufacturer", Declaration;
    /// Who published the component (CycloneDX `publisher`).
    Publisher = "publisher", Declaration;
    /// Who wrote the component (CycloneDX `author`/`authors`, package metadata `Author`).
    Author = "author", Declaration;
    /// Where the component came from first (SPDX `originator`).
    Originator = "originator", Declaration;
    /// Who runs the service (CycloneDX `services[].provider`).
    Provider = "provider", Declaration;
    /// The name space of the component (CycloneDX `group`).
    Group = "group", Identifier;
    /// A package URL.
    Purl = "purl", Identifier;
    /// A CPE name, 2.2 URI or 2.3 formatted string.
    Cpe = "cpe", Identifier;
    /// A digest as `algorithm:hex`, lower case.
    Digest = "digest", Identifier;
    /// A named property as `name=value`.
    Property = "property", Name;
    /// An address the component refers to.
    Url = "url", Network;
    /// The base name of a file, an archive member or a file an SBOM lists.
    FileName = "file-name", Name;
    /// The path of a file or archive member below its root, with `/`.
    Path = "path", Name;
    /// PE version resource: CompanyName.
    CompanyName = "company-name", Name;
    /// PE version resource: ProductName.
    ProductName = "product-name", Name;
    /// PE version resource: FileDescription.
    FileDescription = "file-description", Name;
    /// PE version resource: InternalName.
    InternalName = "internal-name", Name;
    /// PE version resource: OriginalFilename.
    OriginalFilename = "original-filename", Name;
    /// PE version resource: LegalCopyright.
    LegalCopyright = "legal-copyright", Name;
    /// PE version resource: LegalTrademarks.
    LegalTrademarks = "legal-trademarks", Name;
    /// PE version resource: ProductVersion.
    ProductVersion = "product-version", Name;
    /// PE version resource: FileVersion.
    FileVersion = "file-version", Name;
    /// PE version resource: any other string, as `key=value`.
    VersionString = "version-string", Name;
    /// The module a PE file imports from.
    ImportModule = "import-module", Code;
    /// A symbol a binary asks for: PE import, ELF undefined dynamic symbol, Mach-O undefined symbol.
    ImportSymbol = "import-symbol", Code;
    /// A symbol a binary offers: PE export, ELF or Mach-O defined symbol.
    ExportSymbol = "export-symbol", Code;
    /// The name a PE file gives itself in its export directory.
    ExportName = "export-name", Code;
    /// ELF DT_SONAME.
    Soname = "soname", Code;
    /// ELF DT_NEEDED.
    Needed = "needed", Code;
    /// Mach-O install name (LC_ID_DYLIB).
    InstallName = "install-name", Code;
    /// A library a Mach-O file loads.
    LoadDylib = "load-dylib", Code;
    /// A class defined in a class file or DEX, as `com/example/Name`.
    JavaClass = "java-class", Code;
    /// An activity, service, receiver or provider declared in an Android manifest, as a full class name.
    ManifestComponent = "manifest-component", Code;
    /// An intent action named in an Android manifest.
    ManifestAction = "manifest-action", Code;
    /// The package id of an Android application or library.
    AndroidPackage = "android-package", Identifier;
    /// A printable run inside executable code (PE, ELF, Mach-O, DEX, class file), ASCII or UTF-16LE.
    Text = "text", Text;
    /// A printable run inside data that is no known format.
    DataText = "data-text", Text;
    /// The first bytes of a file of no other known format, lower-case hex.
    Magic = "magic", Data;
}

/// Evidence of one family is one kind of witness: two of a family may both be copied from the same
/// block, so independence is counted between families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// What a thing is called, including every string of a PE version resource.
    Name,
    /// What the supplier of a document declares about who made a component.
    Declaration,
    /// An identifier with rules of its own: purl, CPE, package id, digest.
    Identifier,
    /// A code signature.
    Signature,
    /// What code defines and imports, by its own tables.
    Code,
    /// Strings in code or data: detectors, lists and clients hold the same ones.
    Text,
    /// Data files by their content.
    Data,
    /// Hosts and addresses.
    Network,
}

impl Family {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Family::Name => "name",
            Family::Declaration => "declaration",
            Family::Identifier => "identifier",
            Family::Signature => "signature",
            Family::Code => "code",
            Family::Text => "text",
            Family::Data => "data",
            Family::Network => "network",
        }
    }
}

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

/// One thing an extractor read, with the field it stood in (the path is the component's).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// The value as it stood there (decoded, not normalised).
    pub value: Box<str>,
    /// JSON pointer, header field or offset.
    pub field: Box<str>,
}

/// Something that may be one piece of software: a file, an archive member, an SBOM entry.
#[derive(Clone, Debug, Default)]
pub struct Component {
    /// The extractor that found it; for a file, the last one that added to it.
    pub found_by: &'static str,
    /// The file or member it stands in.
    pub path: Arc<str>,
    /// The archive it lies in, else its own path: look-alikes cancel within it.
    pub scope: Arc<str>,
    /// True where a document names the thing, false where its bytes were at hand.
    pub declared: bool,
    /// What is known about it.
    pub facts: Vec<Fact>,
    /// Bytes of its facts.
    spent: usize,
    /// Facts beyond what is kept.
    dropped: u64,
    /// Values that were cut.
    shortened: u64,
}

/// A value is kept up to this length; no indicator is that long.
const VALUE: usize = 16 << 10;
/// Bytes of facts kept of one component, and of all that one file declares: hostile tables point a million
/// entries at one long string.
const COMPONENT_BYTES: usize = 64 << 20;
const DECLARED_BYTES: usize = 512 << 20;

impl Component {
    /// Adds a fact. Empty values say nothing and are dropped.
    pub fn say(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl Into<String>) {
        let value = value.as_ref().trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if value.is_empty() {
            return;
        }
        if self.full() {
            self.dropped += 1;
            return;
        }
        self.shortened += u64::from(value.len() > VALUE);
        let (value, field) = (cut(value, VALUE), field.into());
        self.spent = self.spent.saturating_add(value.len() + field.len() + size_of::<Fact>());
        self.facts.push(Fact { kind, value: value.into(), field: field.into_boxed_str() });
    }

    /// True when no more facts are kept: a reader of a table may stop.
    #[must_use]
    pub fn full(&self) -> bool {
        self.spent >= COMPONENT_BYTES
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
    /// The metadata of a package (wheel, npm).
    PackageMetadata,
    /// The version resource of a PE file.
    VersionResource,
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
    /// A limit on size, count, depth, expansion or time was reached.
    Limit,
    /// The file system refused.
    Unreadable,
    /// A document was read and holds nothing to assess.
    Empty,
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
            Reason::Limit => "limit",
            Reason::Unreadable => "unreadable",
            Reason::Empty => "empty",
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

/// More notes than this about one file are counted, not kept.
const NOTES_KEPT: usize = 20;

/// Everything said about one blob. The walk makes one, the extractors fill it, the matcher reads it.
#[derive(Debug)]
pub struct Inventory {
    /// The blob itself.
    pub file: Component,
    /// What documents in it name.
    pub components: Vec<Component>,
    declared_bytes: usize,
    declared_dropped: u64,
    /// The labels it shows.
    pub labels: Vec<Label>,
    /// What could not be examined.
    pub gaps: Vec<Gap>,
    /// What was repaired.
    pub notes: Vec<Note>,
    /// Notes beyond those kept.
    pub notes_dropped: usize,
    /// The formats that were recognised, by extractor name.
    pub formats: Vec<&'static str>,
}

impl Inventory {
    /// An inventory of the blob at `path`, which lies in the container `scope`.
    #[must_use]
    pub fn new(path: &Arc<str>, scope: &Arc<str>) -> Self {
        Inventory {
            file: Component {
                found_by: "file",
                path: Arc::clone(path),
                scope: Arc::clone(scope),
                ..Component::default()
            },
            components: Vec::new(),
            declared_bytes: 0,
            declared_dropped: 0,
            labels: Vec::new(),
            gaps: Vec::new(),
            notes: Vec::new(),
            notes_dropped: 0,
            formats: Vec::new(),
        }
    }

    /// Adds a fact about the blob itself.
    pub fn say(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl Into<String>) {
        self.file.say(kind, value, field);
    }

    /// A new component that a document in this blob names; its scope is its own place in the document.
    #[must_use]
    pub fn declare(&self, found_by: &'static str, pointer: &str) -> Component {
        Component {
            found_by,
            path: Arc::clone(&self.file.path),
            scope: pointer.into(),
            declared: true,
            ..Component::default()
        }
    }

    /// Keeps a declared component, within the bounds of one file.
    pub fn add(&mut self, component: Component) {
        if self.declared_bytes >= DECLARED_BYTES {
            self.declared_dropped += 1;
            return;
        }
        self.declared_bytes += component.spent + component.scope.len() + size_of::<Component>();
        self.file.dropped += component.dropped;
        self.file.shortened += component.shortened;
        self.components.push(component);
    }

    /// Says what the bounds kept out. Called once, when all extractors are done.
    pub fn close(&mut self) {
        // Readers of tables stop once it is full, so that alone is enough to say.
        if self.file.full() || self.file.dropped > 0 {
            let detail =
                format!("more than {} MiB of facts about one component; the rest was not kept", COMPONENT_BYTES >> 20);
            self.gap("", Reason::Limit, detail);
        }
        if self.file.shortened > 0 {
            let detail = format!("{} values longer than {} KiB were cut to that", self.file.shortened, VALUE >> 10);
            self.note("", detail);
        }
        if self.declared_dropped > 0 {
            let detail =
                format!("{} components beyond {} MiB were not kept", self.declared_dropped, DECLARED_BYTES >> 20);
            self.gap("", Reason::Limit, detail);
        }
    }

    /// Records that a part could not be examined.
    pub fn gap(&mut self, field: impl Into<String>, reason: Reason, detail: impl Into<String>) {
        self.gaps.push(Gap { at: Location::field(&self.file.path, field), reason, detail: detail.into() });
    }

    /// Records a repaired place.
    pub fn note(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(Note { at: Location::field(&self.file.path, field), detail: detail.into() });
        } else {
            self.notes_dropped += 1;
        }
    }

    /// The place of a field of this blob.
    #[must_use]
    pub fn at(&self, field: impl Into<String>) -> Location {
        Location::field(&self.file.path, field)
    }
}
