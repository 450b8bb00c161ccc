//! Products of other makers that are on the public record as having carried what the catalogue looks for.
//!
//! In: a label. Out: the carriers it may name. Must not know: findings or rules. A carrier gives a find its context and never
//! makes one.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Match;
use super::pattern::Pattern;

/// Whether the product still carries it, as far as the record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CarrierStatus {
    /// Recent evidence that it does.
    Current,
    /// A source says it ended.
    Ended,
    /// Only old sources, no later one.
    Historical,
    /// No end was found, which does not say that it still does.
    Unknown,
}

impl CarrierStatus {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CarrierStatus::Current => "current",
            CarrierStatus::Ended => "ended",
            CarrierStatus::Historical => "historical",
            CarrierStatus::Unknown => "unknown",
        }
    }
}

/// By whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The product's own maker.
    DocumentedByVendor,
    /// The maker of what it carries.
    DocumentedByKaspersky,
    /// A research paper.
    ResearchPaper,
    /// The press.
    Press,
    /// Public code or its output.
    CodeEvidence,
}

impl Basis {
    /// For a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Basis::DocumentedByVendor => "documented by its vendor",
            Basis::DocumentedByKaspersky => "documented by Kaspersky",
            Basis::ResearchPaper => "a research paper",
            Basis::Press => "the press",
            Basis::CodeEvidence => "public code",
        }
    }
}

/// A range of versions: from the first, up to and without the last.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The first known to carry it.
    pub from: Option<String>,
    /// The first known not to.
    pub before: Option<String>,
}

/// A product on record.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// Stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// What it carried.
    pub component: String,
    /// When, in words.
    pub period: String,
    /// The same as far as versions can be compared.
    pub versions: Option<Versions>,
    /// Whether it still does.
    pub status: CarrierStatus,
    /// Since when or as seen when.
    pub status_detail: String,
    /// By whose word.
    pub basis: Basis,
    /// An add-on or a choice among several: most copies may lack it.
    pub optional: bool,
    /// Its name is nobody else's: a label without a maker names it, too.
    pub distinctive: bool,
    /// What else to know.
    pub note: Option<String>,
    /// Where this is documented.
    pub sources: Vec<String>,
    /// When that was read.
    pub checked: String,
    /// The file it stands in.
    pub file: String,
    vendors: Pattern,
    /// Names, lower case.
    products: Vec<String>,
}

/// Words behind a product's name that do not make another product.
const EDITIONS: &[&str] = &[
    "business",
    "edition",
    "enterprise",
    "for",
    "free",
    "home",
    "linux",
    "plus",
    "premium",
    "pro",
    "professional",
    "server",
    "standard",
    "windows",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CarrierRow {
    pub id: String,
    name: String,
    vendor: String,
    component: String,
    label_vendor: Vec<String>,
    label_product: Vec<String>,
    period: String,
    versions: Option<Versions>,
    status: CarrierStatus,
    status_detail: String,
    basis: Basis,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    distinctive: bool,
    note: Option<String>,
    sources: Vec<String>,
    checked: String,
}

impl Carrier {
    pub(super) fn of(row: CarrierRow, file: &str) -> Result<Carrier, String> {
        Ok(Carrier {
            id: row.id,
            name: row.name,
            vendor: row.vendor,
            component: row.component,
            period: row.period,
            versions: row.versions,
            status: row.status,
            status_detail: row.status_detail,
            basis: row.basis,
            optional: row.optional,
            distinctive: row.distinctive,
            note: row.note,
            sources: row.sources,
            checked: row.checked,
            file: file.to_owned(),
            vendors: Pattern::compile(Match::entities(row.label_vendor))?,
            products: row.label_product.iter().map(|name| name.to_lowercase()).collect(),
        })
    }

    /// Whether a label may name it, in a version it is on record for. A label without a version may.
    #[must_use]
    pub fn is(&self, vendor: Option<&str>, product: &str, version: Option<&str>) -> bool {
        self.names(product)
            && vendor.map_or(self.distinctive, |vendor| self.vendors.matches(vendor))
            && self.covers(version) != Some(false)
    }

    /// Whether a product's name is one on record, with a version, an edition or an id behind it at most: what is made for a
    /// product has more words.
    fn names(&self, product: &str) -> bool {
        let product = product.to_lowercase();
        let product = product.split('(').next().unwrap_or_default().trim();
        self.products.iter().any(|name| {
            product.strip_prefix(name.as_str()).is_some_and(|rest| {
                let apart = rest.is_empty() || rest.starts_with([' ', '-', ',']);
                let mut words = rest.split([' ', '-', ',']).filter(|word| !word.is_empty());
                apart && words.all(|word| word.contains(|c: char| c.is_ascii_digit()) || EDITIONS.contains(&word))
            })
        })
    }

    /// Whether a version lies in the range on record; nothing where either is not known.
    #[must_use]
    pub fn covers(&self, version: Option<&str>) -> Option<bool> {
        let (range, version) = (self.versions.as_ref()?, version?);
        let from = range.from.as_deref().is_none_or(|from| compare(version, from) != Ordering::Less);
        let before = range.before.as_deref().is_none_or(|before| compare(version, before) == Ordering::Less);
        Some(from && before)
    }
}

/// Compares versions of any scheme: runs of digits as numbers, what stands between them as text.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (runs(a), runs(b));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u128>(), other.parse::<u128>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                _ => one.cmp(other),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn runs(version: &str) -> impl Iterator<Item = &str> {
    let digit = |c: char| c.is_ascii_digit();
    let mut rest = version;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() || digit(c) != digit(first)).unwrap_or(rest.len());
        let (run, left) = rest.split_at(end);
        rest = left;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::*;

    #[test]
    fn versions_of_any_scheme_compare() {
        for (less, more) in
            [("9.5", "12.1X46"), ("12.1X46-D10.2", "15.1X49-D10"), ("5.4.5", "5.4.10"), ("3", "4"), ("3.11", "4.0")]
        {
            assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less), Ordering::Greater, "{less} {more}");
        }
        assert_eq!(compare("1.0", "1-0"), Ordering::Equal);
    }

    #[test]
    fn a_carrier_is_named_by_maker_product_and_version() {
        let catalog = Catalog::built_in().unwrap();
        let named = |vendor: Option<&str>, product: &str, version: Option<&str>| -> Vec<String> {
            catalog.carriers().iter().filter(|c| c.is(vendor, product, version)).map(|c| c.id.clone()).collect()
        };
        assert_eq!(named(Some("Juniper Networks, Inc."), "Junos OS", Some("12.1X46-D40")), ["juniper-srx"]);
        assert_eq!(named(Some("Juniper Networks, Inc."), "JUNOS", None), ["juniper-srx"]);
        assert!(named(Some("Juniper Networks, Inc."), "Junos OS", Some("18.4R1")).is_empty(), "another engine by then");
        assert!(named(Some("Acme Networks, Inc."), "Junos OS", None).is_empty(), "somebody else's");
        assert!(
            named(None, "Junos OS", None).is_empty() && named(None, "untangle", Some("1.2.1")).is_empty(),
            "anybody's"
        );
        assert_eq!(named(None, "RuStore (ru.vk.store)", None), ["rustore-kavsdk"]);
        assert!(named(Some("F-Secure Corporation"), "F-Secure Elements", None).is_empty());
        assert!(named(Some("OPSWAT"), "MetaDefender plugin for Jenkins", None).is_empty(), "made for it");
        assert_eq!(named(Some("Juniper Networks"), "Junos OS 12.1X46-D40 (domestic)", None), ["juniper-srx"]);
        assert_eq!(named(Some("OPSWAT, Inc."), "MetaDefender Core", None), ["opswat-metadefender"]);
    }
}
