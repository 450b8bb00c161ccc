//! Matches about one thing in one product → a finding: what it is, how it stands to the label, how sure.
//!
//! In: settled matches, labels and the catalogue. Out: [`Find`]s. Must not know: any rule or output.

mod confidence;
mod contradiction;
mod join;
mod label;
mod told;

use std::collections::{BTreeMap, HashMap};

pub use contradiction::{Statement, contradictions};
pub use label::own_label;
pub(crate) use label::vendor_is_known;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
pub use told::{DateOf, Dated, dates, versions};

use crate::bytes::hex;
use crate::catalog::{Catalog, Class, Indicator, Product, Strength};
use crate::fact::{FactKind, Family, Label, LabelSource};
use crate::matching::Match;
use confidence::confidence;
use join::join;
use label::{by_product, label};

/// How the find stands to the label on the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The code is the maker's, the label is another's.
    WhiteLabelled,
    /// Code that the maker publishes under its own name, and that is no engine or product, in another's product.
    Bundled,
    /// The code is the maker's, and no label that names a brand was seen.
    Unlabelled,
    /// The code is the maker's, and the label says so.
    Branded,
    /// A document names it; its bytes were not at hand.
    Declared,
    /// It works with the maker's software and holds none.
    Interoperates,
    /// A sign that makes no find by itself. Shown only on request.
    Mention,
}

impl Relation {
    /// Every relation.
    pub const ALL: &'static [Relation] = &[
        Relation::WhiteLabelled,
        Relation::Bundled,
        Relation::Unlabelled,
        Relation::Branded,
        Relation::Declared,
        Relation::Interoperates,
        Relation::Mention,
    ];

    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Relation::WhiteLabelled => "white-labelled",
            Relation::Bundled => "bundled",
            Relation::Unlabelled => "unlabelled",
            Relation::Branded => "branded",
            Relation::Declared => "declared",
            Relation::Interoperates => "interoperates",
            Relation::Mention => "mention",
        }
    }

    /// What it means for code of this maker.
    #[must_use]
    pub fn explain(self, maker: &str) -> String {
        match self {
            Relation::WhiteLabelled => format!("the code is {maker}'s and the label is another's"),
            Relation::Bundled => {
                format!("a library or client that {maker} publishes under its own name is part of another's product")
            }
            Relation::Unlabelled => format!("the code is {maker}'s and no brand was seen on it"),
            Relation::Branded => format!("the code is {maker}'s and the label says so"),
            Relation::Declared => "a document names it; its bytes were not at hand".to_owned(),
            Relation::Interoperates => format!("it works with {maker} software and holds none"),
            Relation::Mention => "a sign that makes no find by itself".to_owned(),
        }
    }

    /// The same as far as the confidence carries it: a name or a single sign does not tell whose code it is.
    #[must_use]
    pub fn says(self, confidence: Confidence, maker: &str) -> String {
        match (self, confidence) {
            (Relation::Declared | Relation::Interoperates | Relation::Mention, _)
            | (_, Confidence::Confirmed | Confidence::Likely) => self.explain(maker),
            (Relation::Branded, Confidence::Possible) => format!("a sign of {maker} code, and the label names {maker}"),
            (_, Confidence::Possible) => {
                "a sign that may have other causes: whose code it is must be looked at".to_owned()
            }
        }
    }

    /// For a person, as far as the confidence carries it.
    #[must_use]
    pub fn title(self, confidence: Confidence) -> String {
        let guess = matches!(self, Relation::WhiteLabelled | Relation::Bundled) && confidence == Confidence::Possible;
        format!("{}{}", self.name(), if guess { " if so" } else { "" })
    }
}

/// How sure a find is: a small table, no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Anything less; a name alone never exceeds this.
    Possible,
    /// One strong with a supporting of another family, a strong name with a strong signature, or two files of different
    /// conclusive names, one of them a program.
    Likely,
    /// One conclusive that is more than a name, or two strong of different families but for a name with a signature.
    Confirmed,
}

impl Confidence {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Confirmed => "confirmed",
        }
    }
}

/// One piece of evidence.
#[derive(Clone, Debug)]
pub struct Evidence<'c> {
    /// The indicator.
    pub indicator: &'c Indicator,
    /// The match.
    pub hit: Match,
    /// True for a general sign that joined this find from elsewhere: shown, but it makes nothing surer.
    pub joined: bool,
    /// True where the file names another as its company or signer: its name is then nothing but a name.
    pub foreign: bool,
}

impl Evidence<'_> {
    /// The family it counts for. A name in a signature that was not shown to fit the file is only a name: signature
    /// blocks are copied from genuine files.
    #[must_use]
    pub fn family(&self) -> Family {
        if self.hit.doubted {
            return Family::Name;
        }
        self.indicator.family.unwrap_or_else(|| self.hit.kind.family())
    }

    /// What it is worth where it stood. A string never proves by itself that code is what it speaks of:
    /// detectors and clients hold the same ones; and in data of unknown meaning it only supports.
    #[must_use]
    pub fn strength(&self) -> Strength {
        let most = match self.hit.kind {
            _ if self.hit.doubted => Strength::Supporting,
            FactKind::DataText => Strength::Supporting,
            FactKind::Text => Strength::Strong,
            _ => Strength::Conclusive,
        };
        self.indicator.strength.min(most)
    }
}

/// Everything about one product in one unit.
#[derive(Clone, Debug)]
pub struct Find<'c> {
    /// What was found.
    pub product: &'c Product,
    /// How it stands to the label.
    pub relation: Relation,
    /// How sure.
    pub confidence: Confidence,
    /// The label of the product it was found in.
    pub label: Option<Label>,
    /// The signs, sorted by place.
    pub evidence: Vec<Evidence<'c>>,
    /// Stable across runs and path prefixes.
    pub fingerprint: String,
}

/// What a product, archive or document gave: one unit of judgement.
#[derive(Debug, Default)]
pub struct Unit {
    /// A name that does not depend on where the unit lies; empty for a folder of no one product.
    pub name: String,
    /// What its paths begin with that does.
    pub root: String,
    /// The unit's own label: of the document, package or program it is, or the one all its programs share.
    pub label: Option<Label>,
    /// Settled matches.
    pub matches: Vec<Match>,
    /// Every label seen in it.
    pub labels: Vec<Label>,
}

/// The findings of a unit. Signs that make no find come back as mentions.
#[must_use]
pub fn findings<'c>(unit: &Unit, catalog: &'c Catalog) -> Vec<Find<'c>> {
    let mut groups: BTreeMap<&str, Vec<Evidence<'c>>> = BTreeMap::new();
    for hit in &unit.matches {
        if let Some(indicator) = catalog.indicators().get(hit.indicator) {
            let maker = catalog.product(&indicator.product).map(|product| product.maker.as_str());
            let names = |kind: &FactKind| matches!(kind, FactKind::CompanyName | FactKind::SignerName);
            let foreign = indicator.strength == Strength::Conclusive
                && hit.kind == FactKind::FileName
                && hit.says.iter().any(|(kind, name)| names(kind) && !label::is_maker(name, catalog, maker));
            let one = Evidence { indicator, hit: hit.clone(), joined: false, foreign };
            groups.entry(&indicator.product).or_default().push(one);
        }
    }
    join(&mut groups, unit, catalog);
    let mut found: Vec<Find<'c>> = Vec::new();
    for (id, mut evidence) in groups {
        let Some(product) = catalog.product(id) else { continue };
        evidence.sort_by(|a, b| {
            (&a.hit.at, &a.indicator.id, &a.hit.value).cmp(&(&b.hit.at, &b.indicator.id, &b.hit.value))
        });
        evidence
            .dedup_by(|a, b| a.hit.at == b.hit.at && a.indicator.id == b.indicator.id && a.hit.value == b.hit.value);
        for evidence in by_product(evidence, unit, catalog) {
            let confidence = confidence(&evidence);
            let label = label(&evidence, unit, catalog);
            let relation = match confidence {
                None => Relation::Mention,
                Some(_) => relation(product, &evidence, label.as_ref(), catalog),
            };
            let fingerprint = fingerprint(id, &name_of(unit, &evidence), label.as_ref());
            let confidence = confidence.unwrap_or(Confidence::Possible);
            found.push(Find { product, relation, confidence, label, evidence, fingerprint });
        }
    }
    found
}

fn relation(product: &Product, evidence: &[Evidence<'_>], label: Option<&Label>, catalog: &Catalog) -> Relation {
    if product.class == Class::Interoperating {
        return Relation::Interoperates;
    }
    if label.is_some_and(|label| vendor_is_known(label, catalog, Some(&product.maker))) {
        return Relation::Branded;
    }
    // What a program says it was built from is in it.
    if evidence.iter().all(|e| e.hit.declared && !e.hit.program) {
        return Relation::Declared;
    }
    match label {
        Some(label) if label.from != LabelSource::FileName => match product.class {
            Class::ThreatIntelligence | Class::Training | Class::NonSecurityLibrary => Relation::Bundled,
            _ => Relation::WhiteLabelled,
        },
        _ => Relation::Unlabelled,
    }
}

/// What a find without a label of its own is told apart by: the unit, or in a folder of no one product the first of its
/// places.
fn name_of(unit: &Unit, evidence: &[Evidence<'_>]) -> String {
    if !unit.name.is_empty() {
        return unit.name.clone();
    }
    let telling = evidence.iter().filter(|e| !e.joined && e.strength() > Strength::Weak).map(|e| &*e.hit.at.path);
    let first = telling.min().unwrap_or_default();
    first.strip_prefix(unit.root.as_str()).unwrap_or(first).to_owned()
}

/// The same find in the same product has the same fingerprint, wherever the product lies and however its file is called: a
/// label with maker and product names it, or one with the id of an application. A product's name alone may be anybody's.
fn fingerprint(product: &str, unit: &str, label: Option<&Label>) -> String {
    let label = label.filter(|l| l.from != LabelSource::FileName);
    // Letter by letter, but for case and what is between: two forms of a company are two, as are two editions.
    let folded = |name: &str| {
        let lower = name.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    };
    let vendor = label.and_then(|l| l.vendor.as_deref()).map(folded).unwrap_or_default();
    let name = label.and_then(|l| l.product.as_deref()).map(folded).unwrap_or_default();
    let id = label.is_some_and(|l| l.from == LabelSource::AndroidPackage);
    let unit = if name.is_empty() || (vendor.is_empty() && !id) { unit } else { "" };
    let mut hash = Sha256::new();
    for part in ["underlabel/2", product, unit, &vendor, &name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// Finds of one fingerprint are one: an SBOM and the files it speaks of, the parts of one product in several packages.
/// Signs of different places make nothing surer, so the surest of them stands.
#[must_use]
pub fn merge(finds: Vec<Find<'_>>) -> Vec<Find<'_>> {
    let mut merged: Vec<Find<'_>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for mut find in finds {
        let Some(one) = places.get(&find.fingerprint).and_then(|at| merged.get_mut(*at)) else {
            places.insert(find.fingerprint.clone(), merged.len());
            merged.push(find);
            continue;
        };
        let mention = |f: &Find<'_>| f.relation == Relation::Mention;
        // A sign too weak for a find says nothing of how the find stands to its label; nor does a document where the
        // bytes were at hand.
        let weight = |f: &Find<'_>| (!mention(f), f.confidence, f.relation != Relation::Declared);
        // How sure, how it stands and to which label is one statement: halves of two would be a third that nobody made.
        if weight(&find) > weight(one) {
            (one.relation, one.confidence, one.label) = (find.relation, find.confidence, find.label.take());
        }
        one.evidence.append(&mut find.evidence);
        one.evidence.sort_by(|a, b| (&a.hit.at, &a.indicator.id).cmp(&(&b.hit.at, &b.indicator.id)));
    }
    merged
}
