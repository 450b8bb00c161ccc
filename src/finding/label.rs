//! Which label a find is held against: the box it came in.
//!
//! In: evidence and every label seen in a unit. Out: the label round the evidence, the label of a whole unit, and the
//! parts of evidence that lie under different labels. Must not know: confidence tables, rules or outputs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::confidence::{carried, confidence};
use super::{Evidence, Unit};
use crate::catalog::{Brand, Catalog, Indicator, LISTS, Strength, entity_key};
use crate::fact::{FactKind, Family, Label, LabelSource};

/// True for a name the catalogue knows as that of a maker of the code it looks for, or as one of its brands; of this maker,
/// where one is given.
pub(super) fn is_maker(name: &str, catalog: &Catalog, maker: Option<&str>) -> bool {
    let names = [FactKind::Supplier, FactKind::CompanyName, FactKind::Author, FactKind::SignerName];
    let on_names = |i: &&Indicator| !i.look_alike && i.facts.iter().any(|f| names.contains(f));
    let one = |name: &str| {
        brands(catalog, maker).any(|brand| brand.pattern.matches(name))
            || indicators(catalog, maker).filter(on_names).any(|i| i.pattern.matches(name))
    };
    // A list that names somebody else, too, is not the maker's own.
    let mut parts = name.split(LISTS).filter(|part| !part.trim().is_empty());
    parts.clone().next().is_some() && parts.all(one)
}

/// True for a name that the maker's products are sold under.
pub(super) fn is_product(name: &str, catalog: &Catalog, maker: Option<&str>) -> bool {
    brands(catalog, maker).any(|brand| brand.products.as_ref().is_some_and(|products| products.matches(name)))
}

fn brands<'c>(catalog: &'c Catalog, maker: Option<&'c str>) -> impl Iterator<Item = &'c Brand> {
    catalog.brands().iter().filter(move |brand| maker.is_none_or(|maker| brand.maker.eq_ignore_ascii_case(maker)))
}

fn indicators<'c>(catalog: &'c Catalog, maker: Option<&'c str>) -> impl Iterator<Item = &'c Indicator> {
    let of = move |i: &&Indicator| {
        maker.is_none_or(|maker| {
            catalog.product(&i.product).is_some_and(|product| product.maker.eq_ignore_ascii_case(maker))
        })
    };
    catalog.indicators().iter().filter(of)
}

/// True when the catalogue knows the label's vendor as the maker of the code it looks for; as this maker, where one is
/// given.
pub(crate) fn vendor_is_known(label: &Label, catalog: &Catalog, maker: Option<&str>) -> bool {
    if let Some(vendor) = label.vendor.as_deref() {
        return is_maker(vendor, catalog, maker);
    }
    let product = label.product.as_deref().unwrap_or_default();
    match label.from {
        LabelSource::AndroidPackage => {
            let package = product.rsplit(['(', ')']).find(|p| p.contains('.')).unwrap_or("");
            let on_package = |i: &&Indicator| !i.look_alike && i.facts.contains(&FactKind::AndroidPackage);
            let brand = |b: &Brand| b.packages.iter().any(|start| package.starts_with(start));
            brands(catalog, maker).any(brand)
                || indicators(catalog, maker).filter(on_package).any(|i| i.pattern.matches(package))
        }
        LabelSource::Bundle => is_product(product, catalog, maker),
        _ => false,
    }
}

/// The label a find is held against: the nearest one round all the evidence that is not the maker's own (the installer
/// round a file, the application round a library, the package in an image), else that of the whole, else what the files
/// with the evidence say of themselves. Only where every label is the maker's does that one name the product.
pub(super) fn label(evidence: &[Evidence<'_>], unit: &Unit, catalog: &Catalog) -> Option<Label> {
    let whole = unit.label.as_ref();
    // A document's components are the document's, whatever lies beside it.
    let document = |l: &&Label| l.from == LabelSource::Sbom && evidence.iter().all(|e| e.hit.at.path == l.at.path);
    if let Some(label) = whole.filter(document) {
        return Some(label.clone());
    }
    let maker = evidence.first().and_then(|e| catalog.product(&e.indicator.product)).map(|p| p.maker.as_str());
    // How sure and whose are one statement: a label counts where the evidence is that makes it so.
    let carrying = carried(evidence).map(|(_, components)| components);
    let carries = |e: &&Evidence<'_>| carrying.as_ref().is_none_or(|all| all.contains(&*e.hit.component));
    // What only joined from elsewhere, and programs that only hold a string, say nothing of where the find is.
    let telling = |e: &&Evidence<'_>| !e.joined && e.strength() > Strength::Weak;
    let telling = |e: &&Evidence<'_>| telling(e) && carries(e);
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
    let rank = |label: &Label, depth: usize| (vendor_is_known(label, catalog, maker), Reverse(depth), label.from);
    let nearest = around.min_by_key(|(label, depth)| (rank(label, *depth), &label.at)).map(|(label, _)| label);
    let places: HashSet<&str> = paths().collect();
    let own = unit.labels.iter().filter(|l| l.from != LabelSource::Bundle && places.contains(&*l.at.path));
    let own = own.min_by_key(|label| (rank(label, 0), &label.at));
    let all = || [nearest, whole, own].into_iter().flatten();
    all().find(|label| !vendor_is_known(label, catalog, maker)).or_else(|| all().next()).cloned()
}

/// The members that describe an Android application: of a package, a bundle, and sets of packages (XAPK, APKM).
const DESCRIBES: &[&str] =
    &["!/AndroidManifest.xml", "!/base/manifest/AndroidManifest.xml", "!/manifest.json", "!/info.json"];

/// The part of a tree that a label speaks for.
struct Round<'l> {
    prefix: &'l str,
    holds: Holds,
}

/// What of the paths that begin so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    All,
    /// Only what is packed in the label's file.
    Packed,
    /// Only the label's file, which is a document.
    Itself,
}

impl Round<'_> {
    fn holds(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix).is_some_and(|rest| match self.holds {
            Holds::All => true,
            Holds::Packed => rest.starts_with("!/"),
            Holds::Itself => rest.is_empty(),
        })
    }

    fn len(&self) -> usize {
        // As if the mark of a container stood behind it, so that it is no shorter than what names its members.
        self.prefix.len() + if self.holds == Holds::All { 0 } else { 2 }
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
        LabelSource::AndroidPackage => return Some(Round { prefix: path, holds: Holds::Packed }),
        LabelSource::PackageMetadata => package(path).filter(|_| directly(path))?,
        LabelSource::Bundle => path.get(..=application(path)?.len())?,
        LabelSource::PackageHeader | LabelSource::VersionResource | LabelSource::Assembly | LabelSource::Signer => {
            return Some(Round { prefix: path, holds: Holds::Packed });
        }
        LabelSource::Sbom => return Some(Round { prefix: path, holds: Holds::Itself }),
        LabelSource::FileName => return None,
    };
    Some(Round { prefix, holds: Holds::All })
}

/// The labelled products that lie within a unit.
pub(super) struct Rounds<'l>(Vec<Round<'l>>);

impl<'l> Rounds<'l> {
    /// Of all labels of a unit. A document's components are the document's.
    pub fn of(unit: &'l Unit) -> Rounds<'l> {
        let sbom = unit.label.as_ref().is_some_and(|l| l.from == LabelSource::Sbom);
        Rounds(if sbom { Vec::new() } else { unit.labels.iter().filter_map(encloses).collect() })
    }

    /// The outermost one round a place, by what its paths begin with; empty where there is none.
    pub fn outermost(&self, path: &str) -> String {
        let holding = self.0.iter().filter(|round| round.holds(path));
        holding.min_by_key(|round| round.len()).map(|round| round.prefix.to_owned()).unwrap_or_default()
    }
}

/// Signs in two labelled containers side by side are of two products: two applications in one archive, two installers on
/// one disk. Each that makes a find by itself is one; what is left stays together.
pub(super) fn by_product<'c>(evidence: Vec<Evidence<'c>>, unit: &Unit, catalog: &Catalog) -> Vec<Vec<Evidence<'c>>> {
    if evidence.len() < 2 || unit.label.as_ref().is_some_and(|l| l.from == LabelSource::Sbom) {
        return vec![evidence];
    }
    let all = |round: &Round<'_>| evidence.iter().all(|e| round.holds(&e.hit.at.path));
    let rounds = Rounds(unit.labels.iter().filter_map(encloses).filter(|round| !all(round)).collect());
    let keys: Vec<String> = evidence.iter().map(|e| rounds.outermost(&e.hit.at.path)).collect();
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

/// `bom.json.gz!/bom.json`, `product.zip!/sbom.json`: no document in some folder of it, which may be of a part.
fn outermost(path: &str) -> bool {
    path.split("!/").skip(1).all(|inner| !inner.trim_start_matches("./").contains('/'))
}

/// The unit's own label: that of the document, application, package or program it is; else the vendor that
/// every program in it names. A bystander among files of several vendors labels nothing.
#[must_use]
pub fn own_label(labels: &[Label], path: &str, catalog: &Catalog) -> Option<Label> {
    let depth = |l: &Label| l.at.path.matches("!/").count();
    let itself = |l: &&Label| match l.from {
        // The one document in an envelope or a packed file.
        LabelSource::Sbom if labels.len() == 1 && outermost(&l.at.path) => true,
        LabelSource::Sbom
        | LabelSource::PackageHeader
        | LabelSource::VersionResource
        | LabelSource::Assembly
        | LabelSource::Signer => &*l.at.path == path,
        // `Payload/Name.app/Info.plist` of an IPA. Other archives may hold more than one application.
        LabelSource::Bundle => {
            depth(l) <= 1 && application(&l.at.path).is_some_and(|folder| folder.contains("!/Payload/"))
        }
        // The metadata of a package stands at a fixed place directly in it.
        LabelSource::AndroidPackage => {
            &*l.at.path == path || depth(l) <= 1 && DESCRIBES.iter().any(|end| l.at.path.ends_with(end))
        }
        LabelSource::PackageMetadata => {
            directly(&l.at.path) && package(&l.at.path).is_some_and(|package| package.matches("!/").count() == 1)
        }
        LabelSource::FileName => false,
    };
    let own = labels.iter().filter(itself).min_by_key(|l| (vendor_is_known(l, catalog, None), l.from, &l.at));
    own.or_else(|| agreed(labels, catalog)).cloned()
}

/// Members that describe their package from a folder of it, or from an archive within it (deb, image).
const WITHIN: &[&str] = &["meta/snap.yaml", "info/index.json", "AppxMetadata/AppxBundleManifest.xml"];

/// The package that its metadata speaks for, up to and with the mark of a container: the archive they lie in, or the
/// one round it where a package keeps them in an archive of their own (`x.deb!/control.tar.xz!/control`).
fn package(path: &str) -> Option<&str> {
    let own = path.get(..path.rfind("!/")? + 2)?;
    let round = own.get(..own.len() - 2)?;
    let (outer, name) = match round.rfind("!/") {
        Some(at) => round.split_at(at + 2),
        None => ("", round),
    };
    let base = |of: &str| name.strip_prefix("./").unwrap_or(name).starts_with(of);
    let apart = (base("control.tar") && path.ends_with("/control")) || (base("info-") && path.ends_with("/index.json"));
    Some(if apart && !outer.is_empty() { outer } else { own })
}

/// `x.whl!/name-1.0.dist-info/METADATA`, `x.tgz!/package/package.json`, `name-1.0.tar.gz!/name-1.0/PKG-INFO`: the
/// archive is the package, and no bystander in a folder of it.
fn directly(path: &str) -> bool {
    let Some((archive, inner)) = path.rsplit_once("!/") else { return false };
    let archive = archive.rsplit(['/', '!']).next().unwrap_or(archive).to_lowercase();
    let inner = inner.strip_prefix("./").unwrap_or(inner);
    // The configuration of an image lies among its blobs, under its digest.
    if WITHIN.contains(&inner) || inner.strip_prefix("blobs/sha256/").is_some_and(|blob| !blob.contains('/')) {
        return true;
    }
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
        if vendor_is_known(held, catalog, None) && !vendor_is_known(label, catalog, None) {
            *held = label;
        }
    }
    let vendor = |l: &Label| l.vendor.as_deref().map(entity_key);
    // Run-time libraries are everybody's, and what is looked for is not what it is sold as; neither has a vote, unless
    // there is nothing else.
    let redistributed =
        |l: &Label| l.at.path.to_lowercase().ends_with(".dll") && vendor(l).is_some_and(|v| v.starts_with("microsoft"));
    let votes = |l: &&Label| !redistributed(l) && !vendor_is_known(l, catalog, None);
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
