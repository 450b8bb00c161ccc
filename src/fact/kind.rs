//! What a fact may be about, and which family of evidence it belongs to.
//!
//! In: nothing. Out: [`FactKind`], [`Family`]: closed lists, on purpose. Must not know: which formats or indicators exist.

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
