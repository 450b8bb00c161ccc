//! The narrow waist: what an extractor may say, and all that a matcher may see.
//!
//! In: nothing. Out: [`Fact`], [`Component`], [`Label`], [`Gap`], [`Note`], gathered in an [`Inventory`].
//! Must not know: which formats exist, which indicators exist, what any rule says.

mod coverage;
mod graph;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

pub use coverage::Coverage;
pub use graph::{Graph, Route};
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
    /// Who grants the licence (CycloneDX `licensing.licensor`, SWID `softwareLicensor`).
    Licensor = "licensor", Declaration;
    /// Who contributed to it (SPDX `fileContributors`).
    Contributor = "contributor", Declaration;
    /// Who wrote the document that lists it (SPDX `creators`, CycloneDX `metadata.authors`, SWID `tagCreator`).
    DocumentMaker = "document-maker", Declaration;
    /// What wrote the document that lists it.
    DocumentTool = "document-tool", Name;
    /// The name or text of a licence.
    License = "license", Name;
    /// A remark in a document about a component (SPDX annotation, CycloneDX annotation).
    Annotation = "annotation", Name;
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

/// One thing an extractor read, as a view into its component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact<'c> {
    /// What it is about.
    pub kind: FactKind,
    /// The value as it stood there (decoded, not normalised).
    pub value: &'c str,
    /// Header field or offset; in a document, the rest of the pointer behind the component's own.
    pub field: &'c str,
}

/// Where a fact's texts stand in its component's buffer.
#[derive(Clone, Copy, Debug)]
struct Slot {
    kind: FactKind,
    value: u32,
    field: u32,
    end: u32,
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
        self.slots.push(Slot { kind, value: narrow(value), field: narrow(field), end: narrow(self.text.len()) });
    }

    /// What is known about it.
    pub fn facts(&self) -> impl Iterator<Item = Fact<'_>> {
        let part = |from: u32, to: u32| self.text.get(from as usize..to as usize).unwrap_or_default();
        self.slots.iter().map(move |s| Fact {
            kind: s.kind,
            value: part(s.value, s.field),
            field: part(s.field, s.end),
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

/// More notes than this about one file are counted, not kept.
const NOTES_KEPT: usize = 20;
/// The same for gaps.
const GAPS_KEPT: usize = 1000;
/// Bytes of embedded documents held of one blob.
const EMBEDDED_BYTES: usize = 256 << 20;

/// Who is handed each declared component as it is read.
pub type Taker<'s> = &'s mut dyn FnMut(&Component);

/// A document inside a blob: the payload of an envelope, the second line of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its name behind the `!/`.
    pub name: String,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Everything said about one blob. The walk makes one, the extractors fill it, the matcher reads it.
pub struct Inventory<'s> {
    /// The blob itself.
    pub file: Component,
    /// What documents in it name, where nobody takes them as they come.
    pub components: Vec<Component>,
    /// How many components documents in it name.
    pub declared: u64,
    taker: Option<Taker<'s>>,
    spare: Component,
    /// The labels it shows.
    pub labels: Vec<Label>,
    /// What could not be examined.
    pub gaps: Vec<Gap>,
    /// Gaps beyond those kept.
    pub gaps_dropped: u64,
    /// What was repaired.
    pub notes: Vec<Note>,
    /// Notes beyond those kept.
    pub notes_dropped: usize,
    /// The formats that were recognised, by extractor name.
    pub formats: Vec<&'static str>,
    /// What depends on what, by the document.
    pub graph: Graph,
    /// How complete a document in it is.
    pub coverage: Option<Coverage>,
    /// Documents inside it, to be looked at by themselves.
    pub embedded: Vec<Embedded>,
    /// Whether every repair is to be a gap.
    pub strict: bool,
    /// Uses that a document states apart from its components.
    pub usages: HashMap<u64, Usage>,
}

impl<'s> Inventory<'s> {
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
            declared: 0,
            taker: None,
            spare: Component::default(),
            labels: Vec::new(),
            gaps: Vec::new(),
            gaps_dropped: 0,
            notes: Vec::new(),
            notes_dropped: 0,
            formats: Vec::new(),
            graph: Graph::default(),
            coverage: None,
            embedded: Vec::new(),
            strict: false,
            usages: HashMap::new(),
        }
    }

    /// The same, with somebody who takes each declared component as it is read: none is kept then.
    #[must_use]
    pub fn with_taker(path: &Arc<str>, scope: &Arc<str>, taker: Taker<'s>) -> Self {
        Inventory { taker: Some(taker), ..Inventory::new(path, scope) }
    }

    /// The same inventory, once nothing more is declared.
    #[must_use]
    pub fn without_taker<'t>(self) -> Inventory<'t> {
        Inventory { taker: None, ..self }
    }

    /// Adds a fact about the blob itself.
    pub fn say(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl AsRef<str>) {
        self.file.say(kind, value, field);
    }

    /// A new component that a document in this blob names at `pointer`. Hand it back with [`Inventory::add`].
    #[must_use]
    pub fn declare(&mut self, found_by: &'static str, pointer: &str) -> Component {
        let mut component = std::mem::take(&mut self.spare);
        component.renew();
        component.found_by = found_by;
        component.path = Arc::clone(&self.file.path);
        component.declared = true;
        component.pointer.push_str(pointer);
        component
    }

    /// Takes a declared component over.
    pub fn add(&mut self, component: Component) {
        self.declared += 1;
        self.file.dropped += component.dropped;
        self.file.shortened += component.shortened;
        if let Some(coverage) = &mut self.coverage {
            coverage.count(&component);
        }
        match &mut self.taker {
            Some(taker) => {
                taker(&component);
                self.spare = component;
            }
            None => self.components.push(component),
        }
    }

    /// The document says, apart from the component, how it is used.
    pub fn used(&mut self, reference: u64, usage: Usage, most: usize) {
        if self.usages.len() < most {
            self.usages.insert(reference, usage);
        }
    }

    /// Takes over what a document says of itself: matched like a component, and not counted as one.
    pub fn add_aside(&mut self, component: Component) {
        match &mut self.taker {
            Some(taker) => {
                taker(&component);
                self.spare = component;
            }
            None => self.components.push(component),
        }
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
            self.gap("", Reason::Limit, detail);
        }
        if self.graph.is_full() {
            self.note("", "too many dependencies to keep: paths to components are not shown");
        }
    }

    /// Records that a part could not be examined.
    pub fn gap(&mut self, field: impl Into<String>, reason: Reason, detail: impl Into<String>) {
        if self.gaps.len() < GAPS_KEPT {
            self.gaps.push(Gap { at: Location::field(&self.file.path, field), reason, detail: detail.into() });
        } else {
            self.gaps_dropped += 1;
        }
    }

    /// Records a repaired place: a note, or a gap where conformance is asked for.
    pub fn note(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.strict {
            self.gap(field, Reason::Nonconforming, detail);
        } else {
            self.remark(field, detail);
        }
    }

    /// Records what is worth knowing and is no repair.
    pub fn remark(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(Note { at: Location::field(&self.file.path, field), detail: detail.into() });
        } else {
            self.notes_dropped += 1;
        }
    }

    /// Keeps a document inside this blob for a look of its own.
    pub fn embed(&mut self, name: impl Into<String>, data: impl Into<Vec<u8>>) {
        let (name, data) = (name.into(), data.into());
        let held: usize = self.embedded.iter().map(|e| e.data.len()).sum();
        if held.saturating_add(data.len()) > EMBEDDED_BYTES {
            let detail = format!("{name}: more than {} MiB of documents in one file; not read", EMBEDDED_BYTES >> 20);
            self.gap("", Reason::Limit, detail);
        } else {
            self.embedded.push(Embedded { name, data });
        }
    }

    /// The place of a field of this blob.
    #[must_use]
    pub fn at(&self, field: impl Into<String>) -> Location {
        Location::field(&self.file.path, field)
    }
}
