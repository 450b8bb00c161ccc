//! Matches about one thing in one product → a finding: what it is, how it stands to the label, how sure.
//!
//! In: settled matches, labels and the catalogue. Out: [`Find`]s. Must not know: any rule or output.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::{Catalog, Class, Indicator, Joins, Product, Strength, entity_key};
use crate::fact::{FactKind, Family, Label, LabelSource};
use crate::matching::Match;

/// How the find stands to the label on the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The code is Kaspersky's, the label is another's.
    WhiteLabelled,
    /// Code that Kaspersky publishes under its own name, and that is no engine or product, in another's product.
    Bundled,
    /// The code is Kaspersky's, and no label that names a brand was seen.
    Unlabelled,
    /// The code is Kaspersky's, and the label says so.
    Branded,
    /// A document names it; its bytes were not at hand.
    Declared,
    /// It works with Kaspersky software and holds none.
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

    /// What it means.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Relation::WhiteLabelled => "the code is Kaspersky's and the label is another's",
            Relation::Bundled => {
                "a library or client that Kaspersky publishes under its own name is part of another's product"
            }
            Relation::Unlabelled => "the code is Kaspersky's and no brand was seen on it",
            Relation::Branded => "the code is Kaspersky's and the label says so",
            Relation::Declared => "a document names it; its bytes were not at hand",
            Relation::Interoperates => "it works with Kaspersky software and holds none",
            Relation::Mention => "a sign that makes no find by itself",
        }
    }

    /// The same as far as the confidence carries it: a name or a single sign does not tell whose code it is.
    #[must_use]
    pub const fn says(self, confidence: Confidence) -> &'static str {
        match (self, confidence) {
            (Relation::Declared | Relation::Interoperates | Relation::Mention, _)
            | (_, Confidence::Confirmed | Confidence::Likely) => self.explain(),
            (Relation::Branded, Confidence::Possible) => "a sign of Kaspersky code, and the label names Kaspersky",
            (_, Confidence::Possible) => "a sign that may have other causes: whose code it is must be looked at",
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
    /// A name that does not depend on where the unit lies.
    pub name: String,
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
            groups.entry(&indicator.product).or_default().push(Evidence { indicator, hit: hit.clone(), joined: false });
        }
    }
    join(&mut groups, catalog);
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
            let fingerprint = fingerprint(id, &unit.name, label.as_ref());
            let confidence = confidence.unwrap_or(Confidence::Possible);
            found.push(Find { product, relation, confidence, label, evidence, fingerprint });
        }
    }
    found
}

/// Signs in two labelled containers side by side are of two products: two applications in one archive, two installers on
/// one disk. Each that makes a find by itself is one; what is left stays together.
fn by_product<'c>(evidence: Vec<Evidence<'c>>, unit: &Unit, catalog: &Catalog) -> Vec<Vec<Evidence<'c>>> {
    if evidence.len() < 2 || unit.label.as_ref().is_some_and(|l| l.from == LabelSource::Sbom) {
        return vec![evidence];
    }
    let all = |round: &Round<'_>| evidence.iter().all(|e| round.holds(&e.hit.at.path));
    let rounds: Vec<Round<'_>> = unit.labels.iter().filter_map(encloses).filter(|round| !all(round)).collect();
    let outermost = |path: &str| {
        let holding = rounds.iter().filter(|round| round.holds(path));
        holding.min_by_key(|round| round.len()).map(|round| round.prefix.to_owned()).unwrap_or_default()
    };
    let keys: Vec<String> = evidence.iter().map(|e| outermost(&e.hit.at.path)).collect();
    let mut groups: BTreeMap<&str, Vec<Evidence<'c>>> = BTreeMap::new();
    for (one, key) in evidence.iter().zip(&keys) {
        groups.entry(key).or_default().push(one.clone());
    }
    groups.retain(|_, group| confidence(group).is_some());
    // Two of the same name are one product in two parts.
    let named = |group: &[Evidence<'c>]| label(group, unit, catalog).map(|l| (l.vendor, l.product));
    if groups.values().map(|group| named(group)).collect::<BTreeSet<_>>().len() < groups.len().max(2) {
        return vec![evidence];
    }
    let left: Vec<Evidence<'c>> = evidence
        .iter()
        .zip(&keys)
        .filter(|(_, key)| !groups.contains_key(key.as_str()))
        .map(|(one, _)| one.clone())
        .collect();
    groups.into_values().chain(Some(left).filter(|left| !left.is_empty())).collect()
}

/// General signs (a maker's name, databases, hosts) join a more telling find near them.
fn join<'c>(groups: &mut BTreeMap<&'c str, Vec<Evidence<'c>>>, catalog: &'c Catalog) {
    let joins = |id: &str| catalog.product(id).map_or(Joins::Nothing, |p| p.joins);
    let mut moving = Vec::new();
    let mut ids: Vec<&str> = groups.keys().copied().filter(|id| joins(id) != Joins::Nothing).collect();
    // What only joins a component goes first, so that it may follow what joins a unit.
    ids.sort_by_key(|id| joins(id) == Joins::Unit);
    for id in ids {
        let Some(evidence) = groups.get_mut(id) else { continue };
        for one in std::mem::take(evidence) {
            moving.push((id, one));
        }
        groups.remove(id);
    }
    // The telling finds, as they stand before anything moves: a mere mention hosts nothing.
    let hosts: Vec<(&str, Class, HashSet<_>, HashSet<_>, usize)> = groups
        .iter()
        .filter(|(_, evidence)| confidence(evidence).is_some())
        .map(|(id, evidence)| {
            let components = evidence.iter().map(|e| e.hit.component.clone()).collect();
            let scopes = evidence.iter().map(|e| e.hit.scope.clone()).collect();
            (*id, catalog.product(id).map_or(Class::Unspecified, |p| p.class), components, scopes, evidence.len())
        })
        .collect();
    for (id, one) in moving {
        let near = hosts
            .iter()
            .filter_map(|(host, class, components, scopes, weight)| {
                let distance = if components.contains(&one.hit.component) {
                    0
                } else if joins(id) == Joins::Component {
                    return None;
                } else if scopes.contains(&one.hit.scope) {
                    1
                } else {
                    2
                };
                // A library or feed client has no databases of its own: farther than its component nothing joins it.
                let engine = matches!(class, Class::EngineSdk | Class::BrandedProduct);
                (distance == 0 || engine).then_some((distance, *class != Class::EngineSdk, usize::MAX - weight, *host))
            })
            .min();
        // In the same component it is a sign of the same thing; farther off it only stands nearby.
        let joined = near.is_some_and(|(distance, ..)| distance > 0);
        groups.entry(near.map_or(id, |(.., host)| host)).or_default().push(Evidence { joined, ..one });
    }
}

/// The surest of the places that may speak of one thing: each file and SBOM entry by itself, then the files of one
/// archive together, and loose files together. Signs of different places do not add up.
fn confidence(evidence: &[Evidence<'_>]) -> Option<Confidence> {
    let mut components: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    let mut places: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    for one in evidence.iter().filter(|e| !e.joined) {
        components.entry(&one.hit.component).or_default().push(one);
        let loose = !one.hit.declared && one.hit.scope == one.hit.component;
        places.entry(if loose { "" } else { &one.hit.scope }).or_default().push(one);
    }
    let each = components.values().filter_map(|one| table(one, false));
    each.chain(places.values().filter_map(|together| table(together, true))).max()
}

/// The confidence table. Nothing when the signs make no find: weak ones never count, a supporting one
/// only beside another family. Across files a name and a text are one witness: any file may be called so, and any
/// other may speak of it.
fn table(evidence: &[&Evidence<'_>], across: bool) -> Option<Confidence> {
    let at_least = |least: Strength| evidence.iter().filter(move |e| e.strength() >= least);
    let family = |e: &Evidence<'_>| match e.family() {
        Family::Text if across => Family::Name,
        family => family,
    };
    // One indicator in one component is one witness, in however many fields: a library's file name and its SONAME are
    // the same word twice.
    let families = |least: Strength| {
        let mut witnesses: BTreeMap<(&str, &str), Family> = BTreeMap::new();
        for one in at_least(least) {
            let seen = witnesses.entry((&one.indicator.id, &one.hit.component)).or_insert_with(|| family(one));
            if *seen == Family::Name {
                *seen = family(one);
            }
        }
        witnesses.into_values().collect::<BTreeSet<_>>()
    };
    let strong = families(Strength::Strong);
    let supporting = families(Strength::Supporting);
    if at_least(Strength::Conclusive).any(|e| e.family() != Family::Name) {
        return Some(Confidence::Confirmed);
    }
    // No chain of trust is followed: a name over a certificate of the same name may both be one person's work.
    let written = [Family::Name, Family::Signature];
    if strong.len() >= 2 {
        let own_word = strong.iter().all(|family| written.contains(family));
        return Some(if own_word { Confidence::Likely } else { Confidence::Confirmed });
    }
    // Two differently named files side by side, one of them really a program: more than a name.
    let files = || at_least(Strength::Conclusive).filter(|e| e.hit.kind == FactKind::FileName);
    let folder =
        |e: &Evidence<'_>| e.hit.at.path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let beside = files().filter(|e| e.hit.program).any(|program| {
        let (home, name) = (folder(program), program.hit.value.to_lowercase());
        files().any(|e| {
            let other = folder(e);
            e.hit.value.to_lowercase() != name && (other.starts_with(&home) || home.starts_with(&other))
        })
    });
    if beside || (strong.len() == 1 && supporting.len() >= 2) {
        return Some(Confidence::Likely);
    }
    (!strong.is_empty() || supporting.len() >= 2).then_some(Confidence::Possible)
}

fn relation(product: &Product, evidence: &[Evidence<'_>], label: Option<&Label>, catalog: &Catalog) -> Relation {
    if product.class == Class::Interoperating {
        return Relation::Interoperates;
    }
    if label.is_some_and(|label| vendor_is_known(label, catalog)) {
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

/// True for a name the catalogue knows as that of a maker of the code it looks for, or that begins with its word: an
/// affiliate, a product. It is no foreign brand.
fn is_maker(name: &str, catalog: &Catalog) -> bool {
    let names = [FactKind::Supplier, FactKind::CompanyName, FactKind::Author, FactKind::SignerName];
    let on_names = |i: &&Indicator| !i.look_alike && i.facts.iter().any(|f| names.contains(f));
    begins_with_maker(name) || catalog.indicators().iter().filter(on_names).any(|i| i.pattern.matches(name))
}

/// `Kaspersky Lab UK Limited`, `Kaspersky Anti-Virus`, `АО "Лаборатория Касперского"`. Somebody called so, or a company
/// whose name only begins so, is another.
fn begins_with_maker(name: &str) -> bool {
    const FORMS: &[&str] = &["ao", "zao", "ooo", "oao", "jsc", "ао", "зао", "ооо", "оао"];
    let name = name.to_lowercase();
    let mut words =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).skip_while(|w| FORMS.contains(w));
    match words.next() {
        Some("kaspersky") => true,
        Some("лаборатория") => words.next() == Some("касперского"),
        _ => false,
    }
}

/// True when the catalogue knows the label's vendor as the maker of the code it looks for.
pub(crate) fn vendor_is_known(label: &Label, catalog: &Catalog) -> bool {
    if let Some(vendor) = label.vendor.as_deref() {
        return is_maker(vendor, catalog);
    }
    let product = label.product.as_deref().unwrap_or_default();
    match label.from {
        LabelSource::AndroidPackage => {
            let package = product.rsplit(['(', ')']).find(|p| p.contains('.')).unwrap_or("");
            let on_package = |i: &&Indicator| !i.look_alike && i.facts.contains(&FactKind::AndroidPackage);
            package.starts_with("com.kaspersky.")
                || catalog.indicators().iter().filter(on_package).any(|i| i.pattern.matches(package))
        }
        LabelSource::Bundle => begins_with_maker(product),
        _ => false,
    }
}

/// The label a find is held against: the nearest one round all the evidence that is not the maker's own (the installer
/// round a file, the application round a library, the package in an image), else that of the whole, else what the files
/// with the evidence say of themselves. Only where every label is the maker's does that one name the product.
fn label(evidence: &[Evidence<'_>], unit: &Unit, catalog: &Catalog) -> Option<Label> {
    let whole = unit.label.as_ref();
    // A document's components are the document's, whatever lies beside it.
    if whole.is_some_and(|l| l.from == LabelSource::Sbom) {
        return whole.cloned();
    }
    // What only joined from elsewhere, and programs that only hold a string, say nothing of where the find is.
    let telling = |e: &&Evidence<'_>| !e.joined && e.strength() > Strength::Weak;
    let coded = |e: &&Evidence<'_>| telling(e) && e.family() != Family::Text;
    let only_text = !evidence.iter().any(|e| coded(&e));
    let deciding: Vec<&Evidence<'_>> =
        evidence.iter().filter(|e| if only_text { telling(e) } else { coded(e) }).collect();
    let paths = || deciding.iter().map(|e| &*e.hit.at.path);
    let (first, last) = (paths().min().unwrap_or_default(), paths().max().unwrap_or_default());
    // What begins both the first and the last of the places in order begins all between them.
    let around = unit.labels.iter().filter_map(|label| {
        let round = encloses(label)?;
        (!first.is_empty() && round.holds(first) && round.holds(last)).then_some((label, round.len()))
    });
    let rank = |label: &Label, depth: usize| (vendor_is_known(label, catalog), Reverse(depth), label.from);
    let nearest = around.min_by_key(|(label, depth)| (rank(label, *depth), &label.at)).map(|(label, _)| label);
    let places: HashSet<&str> = paths().collect();
    let own = unit.labels.iter().filter(|l| l.from != LabelSource::Bundle && places.contains(&*l.at.path));
    let own = own.min_by_key(|label| (rank(label, 0), &label.at));
    let all = || [nearest, whole, own].into_iter().flatten();
    all().find(|label| !vendor_is_known(label, catalog)).or_else(|| all().next()).cloned()
}

/// The members that describe an Android application: of a package, a bundle, and sets of packages (XAPK, APKM).
const DESCRIBES: &[&str] =
    &["!/AndroidManifest.xml", "!/base/manifest/AndroidManifest.xml", "!/manifest.json", "!/info.json"];

/// The part of a tree that a label speaks for.
struct Round<'l> {
    prefix: &'l str,
    /// Only what is packed in the label's file.
    packed: bool,
}

impl Round<'_> {
    fn holds(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix).is_some_and(|rest| !self.packed || rest.starts_with("!/"))
    }

    fn len(&self) -> usize {
        // As if the mark of a container stood behind it, so that it is no shorter than what names its members.
        self.prefix.len() + if self.packed { 2 } else { 0 }
    }
}

/// The folder of the application whose `Info.plist` this is. Frameworks, extensions and helpers within one are parts of
/// it and label nothing.
fn application(path: &str) -> Option<&str> {
    let folder = path.rsplit_once('/')?.0;
    let folder = folder.strip_suffix("/Contents").unwrap_or(folder);
    (folder.ends_with(".app") && path.matches(".app/").count() == 1).then_some(folder)
}

/// What a label speaks for, if for more than a document's components.
fn encloses(label: &Label) -> Option<Round<'_>> {
    let path = &*label.at.path;
    let archive = || path.rfind("!/").and_then(|at| path.get(..at + 2));
    let prefix = match label.from {
        // The manifest speaks for the archive it lies in; a label resolved from its resources stands at the archive.
        LabelSource::AndroidPackage if DESCRIBES.iter().any(|end| path.ends_with(end)) => archive()?,
        LabelSource::AndroidPackage => return Some(Round { prefix: path, packed: true }),
        LabelSource::PackageMetadata => archive().filter(|_| directly(path))?,
        LabelSource::Bundle => path.get(..=application(path)?.len())?,
        LabelSource::VersionResource | LabelSource::Assembly | LabelSource::Signer => {
            return Some(Round { prefix: path, packed: true });
        }
        LabelSource::Sbom | LabelSource::FileName => return None,
    };
    Some(Round { prefix, packed: false })
}

/// One thing a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// What it is about.
    pub kind: FactKind,
    /// What it says.
    pub value: String,
    /// Whether that is a sign of the find, or the name of somebody else.
    pub sign: bool,
}

/// A file name without what copies and versions add to it: `engine (1).dll`, `libengine.so.1.2`, `engine-2.1.exe`.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_lowercase();
    let stem =
        name.split_once(".so").map_or_else(|| name.rsplit_once('.').map_or(&*name, |(stem, _)| stem), |(s, _)| s);
    let copy = stem.split(" (").next().unwrap_or(stem).split(" - ").next().unwrap_or(stem);
    copy.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | ' ')).to_owned()
}

/// What the files with evidence say of themselves where that does not go together: a foreign maker beside a signature
/// of the find's, an original file name beside another. By component; empty for those that agree.
#[must_use]
pub fn contradictions(evidence: &[Evidence<'_>], catalog: &Catalog) -> BTreeMap<String, Vec<Statement>> {
    // What a file says of its own origin; what it imports or mentions does not contradict it.
    const ORIGIN: &[FactKind] = &[
        FactKind::CompanyName,
        FactKind::ProductName,
        FactKind::FileDescription,
        FactKind::LegalCopyright,
        FactKind::LegalTrademarks,
        FactKind::OriginalFilename,
        FactKind::InternalName,
        FactKind::ExportName,
        FactKind::ExportSymbol,
        FactKind::Soname,
        FactKind::InstallName,
        FactKind::Signer,
        FactKind::SignerName,
        FactKind::SignerNumber,
        FactKind::CertThumbprint,
        FactKind::TeamId,
        FactKind::CodeIdentifier,
        FactKind::BundleId,
        FactKind::AssemblyName,
    ];
    const MAKERS: &[FactKind] = &[FactKind::CompanyName, FactKind::ProductName, FactKind::SignerName];
    const NAMES: &[FactKind] = &[FactKind::OriginalFilename, FactKind::ExportName, FactKind::Soname];
    let mut components: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    for one in evidence.iter().filter(|e| !e.hit.declared && !e.hit.doubted && ORIGIN.contains(&e.hit.kind)) {
        components.entry(&one.hit.component).or_default().push(one);
    }
    let mut found = BTreeMap::new();
    for (component, signs) in components {
        let is_sign = |kind: FactKind, value: &str| signs.iter().any(|e| e.hit.kind == kind && e.hit.value == value);
        let says = signs.iter().flat_map(|e| e.hit.says.iter());
        let mut others: Vec<Statement> = Vec::new();
        for (kind, value) in says {
            let maker = MAKERS.contains(kind) && !is_sign(*kind, value) && !is_maker(value, catalog);
            let mut named = signs.iter().filter(|e| NAMES.contains(&e.hit.kind)).peekable();
            let renamed = *kind == FactKind::FileName
                && named.peek().is_some()
                && named.all(|e| plain_name(&e.hit.value) != plain_name(value));
            if maker || renamed {
                others.push(Statement { kind: *kind, value: value.clone(), sign: false });
            }
        }
        // A product's name beside its own maker is no contradiction: only another maker, or another file name, is.
        let foreign = others.iter().any(|s| s.kind != FactKind::ProductName)
            || !signs.iter().any(|e| matches!(e.hit.kind, FactKind::CompanyName | FactKind::SignerName));
        // A file's name alone is no word of its maker's.
        let more_than_named = signs.iter().any(|e| e.strength() > Strength::Weak && e.hit.kind != FactKind::FileName);
        if others.is_empty() || !foreign || !more_than_named {
            continue;
        }
        let own = signs.iter().map(|e| Statement { kind: e.hit.kind, value: e.hit.value.clone(), sign: true });
        let mut all: Vec<Statement> = own.chain(others).collect();
        all.sort();
        all.dedup();
        found.insert(component.to_owned(), all);
    }
    found
}

/// The same find in the same product has the same fingerprint, wherever the product lies.
fn fingerprint(product: &str, unit: &str, label: Option<&Label>) -> String {
    let vendor = label.and_then(|l| l.vendor.as_deref()).map(entity_key).unwrap_or_default();
    let name = label.and_then(|l| l.product.as_deref()).map(entity_key).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in ["underlabel/1", product, unit, &vendor, &name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The unit's own label: that of the document, application, package or program it is; else the vendor that
/// every program in it names. A bystander among files of several vendors labels nothing.
#[must_use]
pub fn own_label(labels: &[Label], path: &str, catalog: &Catalog) -> Option<Label> {
    let depth = |l: &Label| l.at.path.matches("!/").count();
    let itself = |l: &&Label| match l.from {
        // The one document in an envelope or a packed file.
        LabelSource::Sbom if labels.len() == 1 => true,
        LabelSource::Sbom | LabelSource::VersionResource | LabelSource::Assembly | LabelSource::Signer => {
            &*l.at.path == path
        }
        // `Payload/Name.app/Info.plist` of an IPA. Other archives may hold more than one application.
        LabelSource::Bundle => {
            depth(l) <= 1 && application(&l.at.path).is_some_and(|folder| folder.contains("!/Payload/"))
        }
        // The metadata of a package stands at a fixed place directly in it.
        LabelSource::AndroidPackage => {
            &*l.at.path == path || depth(l) <= 1 && DESCRIBES.iter().any(|end| l.at.path.ends_with(end))
        }
        LabelSource::PackageMetadata => depth(l) == 1 && directly(&l.at.path),
        LabelSource::FileName => false,
    };
    let own = labels.iter().filter(itself).min_by_key(|l| (vendor_is_known(l, catalog), l.from, &l.at));
    own.or_else(|| agreed(labels, catalog)).cloned()
}

/// `x.whl!/name-1.0.dist-info/METADATA`, `x.tgz!/package/package.json`, `name-1.0.tar.gz!/name-1.0/PKG-INFO`: the
/// archive is the package, and no bystander in a folder of it.
fn directly(path: &str) -> bool {
    let Some((archive, inner)) = path.rsplit_once("!/") else { return false };
    let archive = archive.rsplit(['/', '!']).next().unwrap_or(archive).to_lowercase();
    match inner.split_once('/') {
        None => true,
        Some((folder, file)) if !file.contains('/') => {
            let folder = folder.to_lowercase();
            folder == "package"
                || inner == "META-INF/MANIFEST.MF"
                || folder.ends_with(".dist-info")
                || archive.starts_with(&folder)
        }
        Some(_) => false,
    }
}

/// The label that all programs share, at least two: one alone may be a bystander. A file that names several makers
/// counts for the foreign one.
fn agreed<'l>(labels: &'l [Label], catalog: &Catalog) -> Option<&'l Label> {
    let mut files: BTreeMap<&str, &Label> = BTreeMap::new();
    for label in labels.iter().filter(|l| l.from == LabelSource::VersionResource) {
        let held = files.entry(&label.at.path).or_insert(label);
        if vendor_is_known(held, catalog) && !vendor_is_known(label, catalog) {
            *held = label;
        }
    }
    let vendor = |l: &Label| l.vendor.as_deref().map(entity_key);
    // Run-time libraries are everybody's, and what is looked for is not what it is sold as; neither has a vote, unless
    // there is nothing else.
    let redistributed =
        |l: &Label| l.at.path.to_lowercase().ends_with(".dll") && vendor(l).is_some_and(|v| v.starts_with("microsoft"));
    let votes = |l: &&Label| !redistributed(l) && !vendor_is_known(l, catalog);
    if files.values().any(&votes) {
        files.retain(|_, l| votes(l));
    }
    let program = |l: &Label| l.at.path.to_lowercase().ends_with(".exe");
    let first = files.values().next()?;
    if files.len() < 2 || files.values().any(|l| vendor(l) != vendor(first)) || !files.values().any(|l| program(l)) {
        return None;
    }
    // An installer speaks for the product sooner than one of its parts.
    let depth = |l: &Label| l.at.path.matches("!/").count();
    files.into_values().min_by_key(|l| (depth(l), !l.at.path.to_lowercase().ends_with(".exe"), &l.at))
}
