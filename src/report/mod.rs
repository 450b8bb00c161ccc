//! The report: one value, every output a view of it.
//!
//! In: finds, verdicts, gaps and counts. Out: a [`Report`], and [`Format`]s that write it.
//! The types here are the JSON frame; its schema (`docs/report.schema.json`) is generated from them.

mod acn;
mod build;
mod changes;
mod escape;
mod json;
mod terminal;

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use build::on_record;
pub use changes::{BaselineInfo, BaselineState, Gone, Waived, WaiverState, WaiverTold};
pub use escape::terminal as escape_terminal;
pub use json::schema;

use crate::catalog::{Added, Basis, CarrierStatus, Class, Strength};
use crate::fact::{self, Coverage, FactKind, Family, LabelSource, Reason, Usage};
use crate::finding::{Confidence, DateOf, Relation};
use crate::verdict::{Outcome, Verdict};

/// Version of the JSON frame: the first number changes when something is taken away or means another thing.
pub const SCHEMA_VERSION: &str = "1.4";

/// What a scan says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this frame.
    pub schema_version: String,
    /// What wrote it.
    pub tool: Tool,
    /// What was looked for.
    pub catalog: CatalogInfo,
    /// What it was judged by.
    pub context: ContextInfo,
    /// What was looked at.
    pub subjects: Vec<Subject>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be examined.
    pub gaps: Vec<Gap>,
    /// What was repaired in reading, and what the strict parsers say.
    pub notes: Vec<Note>,
    /// How complete the SBOMs are that were read: a clean thin one proves little.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// The containers that were opened, where they were asked for (`--verbose`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// The components that documents name, where a list of them was asked for (`--components`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ListedComponent>,
    /// How much was looked at.
    pub examined: Examined,
    /// The worst outcome of all findings that are not waived; absent without one, which is no proof of absence.
    pub verdict: Option<Outcome>,
    /// What became of each waiver of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverTold>,
    /// What changed against an older report, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineInfo>,
}

/// A component that a document names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ListedComponent {
    /// Its name; empty where only an identifier is given.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who supplies it: supplier, manufacturer, publisher or originator, whichever is given first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// Its package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

/// A container that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// Its path through other containers.
    pub path: String,
    /// What it was opened as.
    pub format: String,
}

/// The program.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The catalogue of the run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CatalogInfo {
    /// Date of the built-in data.
    pub version: String,
    /// Products known.
    pub products: usize,
    /// Indicators known.
    pub indicators: usize,
    /// The user's own files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Added>,
}

/// The context of the run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContextInfo {
    /// The day judged by, YYYY-MM-DD, or an instant by RFC 3339.
    pub as_of: String,
    /// The facts given.
    pub nexus: BTreeMap<String, bool>,
    /// The configuration file that was read: it may waive findings and add rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// The rules judged by.
    pub rules: Vec<String>,
    /// Date of the built-in rules.
    #[serde(default)]
    pub rules_version: String,
    /// The user's own rules files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules_added: Vec<Added>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// As given.
    pub path: String,
    /// `file`, `directory` or `stdin`.
    pub kind: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Files and members in it of a format that was read.
    pub recognised: u64,
    /// SHA-256 of a single file, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What the buyer is told it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The formats of a single file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// What the public record says of a product with this label. It makes no finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_record: Vec<OnRecord>,
}

/// A product that, by the public record, could carry what is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnRecord {
    /// Its id in the catalogue.
    pub carrier: String,
    /// Its name.
    pub name: String,
    /// What it carried.
    pub component: String,
    /// When, in words.
    pub period: String,
    /// Whether the label's version lies in the range on record; absent where either is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_range: Option<bool>,
    /// Whether it still does.
    pub status: CarrierStatus,
    /// Since when or as seen when.
    pub status_detail: String,
    /// By whose word.
    pub basis: Basis,
    /// An add-on or a choice among several: most copies may lack it.
    pub optional: bool,
    /// What else to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where that is documented.
    pub sources: Vec<String>,
}

/// A date of what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DateSeen {
    /// The day, YYYY-MM-DD, or the year where no more is told.
    pub date: String,
    /// What it is the date of.
    pub of: DateOf,
    /// Where it stands.
    pub at: String,
    /// Who signed, as the certificate says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The rules whose requirement applied already on that day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// The brand on the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    /// Who sells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it was read from.
    pub from: LabelSource,
    /// Where.
    pub at: String,
}

/// One thing found in one product.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The same for the same find in the same product, wherever it lies.
    pub fingerprint: String,
    /// What was found.
    pub product: Product,
    /// What it is to the rules.
    pub class: Class,
    /// The letter of its case, as the pages of the rules count them; absent where the kind is not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// How it stands to the label.
    pub relation: Relation,
    /// How sure.
    pub confidence: Confidence,
    /// The label of the product it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The subject it was found in.
    pub subject: String,
    /// Versions the components give themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Its dates, the twenty latest: of signatures, and those that signs tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<DateSeen>,
    /// What the public record says of a product with this label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_record: Vec<OnRecord>,
    /// The indicators that hit, each once.
    #[serde(default)]
    pub indicators: Vec<String>,
    /// Where, with what was seen there.
    pub places: Vec<Place>,
    /// Places in all, when there are more than are listed.
    pub places_total: usize,
    /// How the product comes to the components named, where a document says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What each rule makes of it.
    pub verdicts: Vec<Verdict>,
    /// Who answers for it, where it is waived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
    /// How it stands to an older report, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineState>,
}

/// The product found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// Its id in the catalogue.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    #[serde(default)]
    pub maker: String,
}

/// A file, member or document with evidence.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Its path through containers.
    pub path: String,
    /// What was seen.
    pub evidence: Vec<EvidenceOut>,
    /// What the file says of its origin, where that contradicts itself: a sign of white labelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradiction: Vec<Statement>,
    /// The layer of a container image that deletes it: it is shipped all the same, in the layer below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<String>,
}

/// One thing a file says of itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// The kind of fact.
    pub fact: FactKind,
    /// What it says.
    pub value: String,
    /// True for a sign of the find, false for what names somebody or something else.
    pub sign: bool,
}

/// One sign.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceOut {
    /// The indicator's id: `underlabel explain` tells more.
    pub indicator: String,
    /// The kind of fact.
    pub fact: FactKind,
    /// The value as it stood there.
    pub value: String,
    /// The full place, `path#field`.
    pub at: String,
    /// What it is worth.
    pub strength: Strength,
    /// The family it counts for.
    pub family: Family,
    /// Where the sign is documented.
    pub source: String,
    /// Further hits of the same indicator in the same file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A part that could not be examined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The place, `path#field`.
    pub at: String,
    /// Why, as a stable code.
    pub reason: Reason,
    /// What exactly.
    pub detail: String,
}

/// A repaired place or a strict parser's complaint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The place, `path#field`.
    pub at: String,
    /// What.
    pub detail: String,
}

/// How complete one SBOM is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Its path through containers.
    pub path: String,
    /// What it tells, in counts.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// How the product comes to a component, by its SBOM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The component, `path#pointer`.
    pub component: String,
    /// Names from the product to the component, both included.
    pub names: Vec<String>,
    /// Other components that lead to it directly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// How the product uses it, where the document says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// How much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Examined {
    /// Files of the input.
    pub inputs: u64,
    /// Archive members.
    pub members: u64,
    /// Components that documents name.
    pub components: u64,
    /// Bytes of the input.
    pub bytes: u64,
    /// Bytes unpacked from archives.
    pub unpacked: u64,
    /// Files and members of a format that was read; containers are counted by themselves.
    pub recognised: u64,
    /// Containers that were opened.
    pub containers: u64,
    /// Files and members of no such format: their names were compared and, where binary, their strings.
    pub unrecognised: u64,
    /// Signs that make no find by themselves.
    pub mentions: u64,
    /// Symbolic links that lead out of the tree or nowhere, not followed.
    pub links: u64,
    /// Devices, sockets and pipes, not opened.
    pub special: u64,
    /// Notes beyond those kept.
    pub notes_dropped: u64,
    /// SBOMs whose completeness is not listed.
    #[serde(default)]
    pub documents_dropped: u64,
    /// Opened containers that are not listed.
    #[serde(default)]
    pub containers_dropped: u64,
    /// Components that are not listed.
    #[serde(default)]
    pub components_dropped: u64,
    /// Signs beyond those listed: more of an indicator that is listed.
    #[serde(default)]
    pub signs_dropped: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Label {
    /// From the fact.
    #[must_use]
    pub fn of(label: &fact::Label) -> Label {
        Label {
            vendor: label.vendor.clone(),
            product: label.product.clone(),
            version: label.version.clone(),
            from: label.from,
            at: label.at.to_string(),
        }
    }

    /// Vendor, product and version in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let name = match (&self.product, &self.version) {
            (Some(p), Some(v)) if !p.contains(v.as_str()) => Some(format!("{p} {v}")),
            (p, _) => p.clone(),
        };
        [self.vendor.clone(), name].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Terminal,
    /// For other tools.
    Json,
    /// For an Italian public buyer: component list and draft of the declaration.
    ItAcn,
}

impl Format {
    /// Every format with its name.
    pub const ALL: &'static [(&'static str, Format)] =
        &[("terminal", Format::Terminal), ("json", Format::Json), ("it-acn", Format::ItAcn)];

    /// A format by name.
    #[must_use]
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Format::Terminal => terminal::write(report, style, out),
            Format::Json => json::write(report, out),
            Format::ItAcn => acn::write(report, out),
        }
    }
}

/// How a text output looks.
#[derive(Clone, Debug)]
pub struct Style {
    /// Columns to fill.
    pub width: usize,
    /// ANSI colours.
    pub colour: bool,
    /// List every place and note.
    pub verbose: bool,
    /// What the exit code will be, for the last line.
    pub exit: Option<(u8, &'static str)>,
}

impl Default for Style {
    fn default() -> Self {
        Style { width: 100, colour: false, verbose: false, exit: None }
    }
}
