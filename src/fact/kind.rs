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
    /// Who made it, by its own metadata: PE version resource `CompanyName`, .NET `AssemblyCompany`, JAR manifest vendors,
    /// INF `Provider`.
    CompanyName = "company-name", Name;
    /// What it belongs to, by its own metadata: PE version resource `ProductName`, .NET `AssemblyProduct`, JAR manifest
    /// titles, the name an application shows.
    ProductName = "product-name", Name;
    /// PE version resource `FileDescription`, .NET `AssemblyDescription`, the description of an application manifest.
    FileDescription = "file-description", Name;
    /// PE version resource: InternalName.
    InternalName = "internal-name", Name;
    /// PE version resource: OriginalFilename.
    OriginalFilename = "original-filename", Name;
    /// PE version resource `LegalCopyright`, .NET `AssemblyCopyright`.
    LegalCopyright = "legal-copyright", Name;
    /// PE version resource: LegalTrademarks.
    LegalTrademarks = "legal-trademarks", Name;
    /// PE version resource: ProductVersion.
    ProductVersion = "product-version", Name;
    /// PE version resource: FileVersion.
    FileVersion = "file-version", Name;
    /// PE version resource: any other string, as `key=value`.
    VersionString = "version-string", Name;
    /// The module a binary imports from: PE import, .NET P/Invoke, WebAssembly import.
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
    /// An import that a PE file was bound to, or a module its exports lead on to, as `module.symbol`.
    ExportForward = "export-forward", Code;
    /// The path of the debugging data a binary was linked with: PE PDB path, ELF `.gnu_debuglink`.
    DebugFile = "debug-file", Name;
    /// What identifies one build: PE debug GUID and age, ELF and Go build ids, Mach-O UUID.
    BuildId = "build-id", Identifier;
    /// What made a binary: Rich header, `.comment`, WebAssembly producers, Go version, NSIS or Inno Setup.
    Toolchain = "toolchain", Name;
    /// A named resource of a PE file, as `type/name`.
    ResourceName = "resource-name", Name;
    /// The name in an application manifest (Windows side-by-side assembly).
    AssemblyIdentity = "assembly-identity", Name;
    /// The name a .NET assembly or module gives itself.
    AssemblyName = "assembly-name", Code;
    /// A .NET assembly another refers to.
    AssemblyReference = "assembly-reference", Code;
    /// The public-key token of a .NET assembly, lower-case hex.
    PublicKeyToken = "public-key-token", Identifier;
    /// A name space in which a .NET assembly defines types.
    Namespace = "namespace", Code;
    /// Where a binary looks for its libraries: ELF RPATH and RUNPATH, Mach-O LC_RPATH.
    Rpath = "rpath", Name;
    /// A symbol version an ELF file needs or defines, as `library:VERSION`.
    SymbolVersion = "symbol-version", Code;
    /// A note or comment of a binary, as `name=value`: Linux kernel `.modinfo`, ELF notes.
    ModuleInfo = "module-info", Name;
    /// The name of a source file in a symbol table.
    SourceFile = "source-file", Name;
    /// A class defined in Objective-C or Swift.
    ObjcClass = "objc-class", Code;
    /// An entitlement of Apple code, as `key=value`.
    Entitlement = "entitlement", Identifier;
    /// The bundle identifier of an Apple application, framework or extension, by its `Info.plist`.
    BundleId = "bundle-id", Identifier;
    /// The identifier in the code signature of a Mach-O file.
    CodeIdentifier = "code-identifier", Signature;
    /// The Apple developer team of a code signature.
    TeamId = "team-id", Signature;
    /// The whole subject of a certificate that signed the file, as `CN=…, O=…`.
    Signer = "signer", Signature;
    /// One name of a signer: its organisation or common name.
    SignerName = "signer-name", Signature;
    /// The number of a signer in its company register (subject `serialNumber`).
    SignerNumber = "signer-number", Signature;
    /// Who issued a signer's certificate.
    SignerIssuer = "signer-issuer", Signature;
    /// The serial number of a signer's certificate, upper-case hex.
    CertSerial = "certificate-serial", Signature;
    /// The digest of a signer's certificate, as `algorithm:hex`, lower case.
    CertThumbprint = "certificate-thumbprint", Signature;
    /// A certificate that code holds within itself, apart from its signature: its subject, and its digests as
    /// `algorithm:hex`. It tells whom the code trusts or knows, not who made it.
    EmbeddedCertificate = "embedded-certificate", Data;
    /// What a signature calls the signed program (SpcSpOpusInfo), and where more is said.
    SignedProgram = "signed-program", Signature;
    /// What was found when a signature's digest was compared with the file: `valid digest`, `digest mismatch`, `not checked`.
    SignatureDigest = "signature-digest", Signature;
    /// When a signature was made, and by whom that is witnessed (countersignature, RFC 3161).
    SignedAt = "signed-at", Signature;
    /// An attribute of a manifest that has no kind of its own, as `key=value` (JAR `MANIFEST.MF`, `pom.properties`).
    ManifestAttribute = "manifest-attribute", Name;
    /// A class that code refers to and does not define, as `com/example/Name`.
    ClassReference = "class-reference", Text;
    /// A permission named in an Android or browser-extension manifest.
    ManifestPermission = "manifest-permission", Identifier;
    /// An authority of an Android content provider.
    ManifestAuthority = "manifest-authority", Identifier;
    /// An item of meta-data in an Android manifest, as `name=value`.
    ManifestMetaData = "manifest-meta-data", Name;
    /// The id of a browser extension: Chromium's sixteen bytes, Firefox's add-on id.
    ExtensionId = "extension-id", Identifier;
    /// The name of a native messaging host.
    NativeHost = "native-host", Identifier;
    /// A key of a Windows registry, with `\\` between its parts.
    RegistryKey = "registry-key", Name;
    /// A service or driver that an INF file, installer or registry defines.
    ServiceName = "service-name", Name;
    /// A file another one names as part of the same product (INF copy lists, plug-in registrants).
    FileReference = "file-reference", Name;
    /// A plug-in that an application registers (Flutter, React Native).
    Plugin = "plugin", Name;
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
