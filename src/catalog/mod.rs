//! What is known: products, the indicators that betray them, and the look-alikes that do not.
//!
//! In: TOML, built in or the user's own. Out: a [`Catalog`]. Must not know: any format, any rule.
//! One file a product family; a new indicator is TOML only.

mod carrier;
mod cases;
mod compare;
mod lint;
mod measured;
mod pattern;
mod rows;
mod words;

use std::collections::HashMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use carrier::{Basis, Carrier, CarrierStatus, Versions};
pub use cases::Case;
pub(crate) use compare::{LISTS, entity_key};
pub use measured::{Measured, few_say, measured};
pub(crate) use pattern::Keyed;
pub use pattern::{Match, Pattern};
pub use words::{Class, Joins, Strength};

use crate::error::Error;
use crate::fact::{FactKind, Family};

/// The built-in files.
const FILES: &[(&str, &str)] = &[
    ("android-apps.toml", include_str!("android-apps.toml")),
    ("anti-spam.toml", include_str!("anti-spam.toml")),
    ("browser.toml", include_str!("browser.toml")),
    ("carriers.toml", include_str!("carriers.toml")),
    ("databases.toml", include_str!("databases.toml")),
    ("interoperating.toml", include_str!("interoperating.toml")),
    ("kaspersky.toml", include_str!("kaspersky.toml")),
    ("kasperskyos.toml", include_str!("kasperskyos.toml")),
    ("kav-sdk.toml", include_str!("kav-sdk.toml")),
    ("kms-sdk.toml", include_str!("kms-sdk.toml")),
    ("linux.toml", include_str!("linux.toml")),
    ("look-alikes.toml", include_str!("look-alikes.toml")),
    ("macos.toml", include_str!("macos.toml")),
    ("mlad.toml", include_str!("mlad.toml")),
    ("own-libraries.toml", include_str!("own-libraries.toml")),
    ("password-manager.toml", include_str!("password-manager.toml")),
    ("products.toml", include_str!("products.toml")),
    ("security-center.toml", include_str!("security-center.toml")),
    ("services.toml", include_str!("services.toml")),
    ("threat-intelligence.toml", include_str!("threat-intelligence.toml")),
    ("windows.toml", include_str!("windows.toml")),
];

/// The date of the built-in data, which is its version.
pub const VERSION: &str = "2026-11-25";

/// Whose products the built-in files speak of.
const MAKER: &str = "Kaspersky";

/// A product, engine or library that can be found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Product {
    /// Stable id.
    pub id: String,
    /// Name for a person.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// Whose it is: the rules that speak of this maker apply.
    #[serde(default)]
    pub maker: String,
    /// Whether it joins others.
    #[serde(default)]
    pub joins: Joins,
    /// What else to know.
    pub note: Option<String>,
}

/// A sign of a product in one kind of place.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// Stable id, in every output.
    pub id: String,
    /// The product's id; empty for a look-alike.
    pub product: String,
    /// The places it may stand in.
    pub facts: Vec<FactKind>,
    /// How it compares.
    pub pattern: Pattern,
    /// What a hit is worth.
    pub strength: Strength,
    /// The family of evidence, where it is not that of the fact.
    pub family: Option<Family>,
    /// Indicators or look-alikes that cancel it within the same component.
    pub unless: Vec<String>,
    /// Indicators that must hit the same component.
    pub requires: Vec<String>,
    /// Where this is documented.
    pub source: String,
    /// When that was read.
    pub checked: String,
    /// What else to know; for a look-alike, what it really is.
    pub note: Option<String>,
    /// How many different values must hit the same document or archive before any counts.
    pub at_least: usize,
    /// What of the value is a version.
    version: Option<Regex>,
    /// What of the value is a date or a year.
    date: Option<Regex>,
    /// True for a look-alike: it never makes a find, it only cancels.
    pub look_alike: bool,
    /// The file it stands in.
    pub file: String,
}

impl Indicator {
    /// The version that a value it compared with tells.
    #[must_use]
    pub fn version(&self, value: &str) -> Option<String> {
        captured(self.version.as_ref()?, value)
    }

    /// The date or year that a value it compared with tells.
    #[must_use]
    pub fn date(&self, value: &str) -> Option<String> {
        captured(self.date.as_ref()?, value)
    }
}

fn captured(regex: &Regex, value: &str) -> Option<String> {
    regex.captures(value)?.get(1).map(|group| group.as_str().to_owned())
}

/// Names under which a maker sells its own: on a label they are no foreign brand, and they find nothing.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Stable id.
    pub id: String,
    /// How names of companies and affiliates compare.
    pub pattern: Pattern,
    /// How names of products compare.
    pub products: Option<Pattern>,
    /// What package and bundle ids begin with.
    pub packages: Vec<String>,
    /// Where this is documented.
    pub source: String,
    /// When that was read.
    pub checked: String,
    /// Whose names they are.
    pub maker: String,
    /// The file it stands in.
    pub file: String,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Catalog {
    products: Vec<Product>,
    indicators: Vec<Indicator>,
    brands: Vec<Brand>,
    carriers: Vec<Carrier>,
    added: Vec<Added>,
    cases: Vec<Case>,
    by_id: HashMap<String, usize>,
}

/// A file of the user's own that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Added {
    /// The file.
    pub file: String,
    /// Its version, where it states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Catalog {
    /// The built-in catalogue.
    ///
    /// # Errors
    /// When a built-in file is broken, which the tests rule out.
    pub fn built_in() -> Result<Catalog, Error> {
        let mut catalog = Catalog::default();
        for (name, text) in FILES {
            catalog.load(name, text, Some(MAKER))?;
        }
        catalog.check()?;
        Ok(catalog)
    }

    /// Adds a file of the same form. Call [`Catalog::check`] once all are in.
    ///
    /// # Errors
    /// When the text is no catalogue, with line and column.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let version = self.load(name, text, None)?;
        self.added.push(Added { file: name.to_owned(), version });
        Ok(())
    }

    fn push(&mut self, indicator: Indicator) -> Result<(), Error> {
        if let Some(&at) = self.by_id.get(&indicator.id) {
            let other = self.indicators.get(at).map_or("", |i| &i.file);
            let detail = format!("indicator {:?} stands in {other} already", indicator.id);
            return Err(Error::Catalog { file: indicator.file, detail });
        }
        self.by_id.insert(indicator.id.clone(), self.indicators.len());
        self.indicators.push(indicator);
        Ok(())
    }

    /// Whether every name leads somewhere: a catalogue that fails this cannot be used.
    ///
    /// # Errors
    /// The first name that leads nowhere.
    pub fn check(&self) -> Result<(), Error> {
        for (at, product) in self.products.iter().enumerate() {
            if self.products.iter().take(at).any(|p| p.id == product.id) {
                let detail = format!("product {:?} stands twice", product.id);
                return Err(Error::Catalog { file: "(all)".to_owned(), detail });
            }
        }
        for indicator in &self.indicators {
            let broken = |detail: String| Err(Error::Catalog { file: indicator.file.clone(), detail });
            if !indicator.look_alike && self.product(&indicator.product).is_none() {
                return broken(format!(
                    "indicator {:?} names product {:?}, which is nowhere",
                    indicator.id, indicator.product
                ));
            }
            for other in indicator.unless.iter().chain(&indicator.requires) {
                if self.indicator(other).is_none() {
                    return broken(format!("indicator {:?} names {other:?}, which is nowhere", indicator.id));
                }
            }
        }
        Ok(())
    }

    /// A product by id.
    #[must_use]
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|p| p.id == id)
    }

    /// An indicator or look-alike by id.
    #[must_use]
    pub fn indicator(&self, id: &str) -> Option<&Indicator> {
        self.by_id.get(id).and_then(|at| self.indicators.get(*at))
    }

    /// All products.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// All indicators and look-alikes.
    #[must_use]
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }

    /// Every name a maker sells its own under.
    #[must_use]
    pub fn brands(&self) -> &[Brand] {
        &self.brands
    }

    /// Every product on record as having carried what is looked for.
    #[must_use]
    pub fn carriers(&self) -> &[Carrier] {
        &self.carriers
    }

    /// The user's own files.
    #[must_use]
    pub fn added(&self) -> &[Added] {
        &self.added
    }

    /// What the string stage looks for. Every pattern on text contains one of these (the lint checks it):
    /// a few rare stems, so that the size of the catalogue costs nothing. Patterns of added files that
    /// contain none bring their own.
    #[must_use]
    pub fn stems(&self) -> Vec<String> {
        let mut stems: Vec<String> = STEMS.iter().map(|s| (*s).to_owned()).collect();
        for literal in self.text_literals().map(|(_, literal)| literal) {
            if !stems.iter().any(|stem| literal.contains(stem)) {
                stems.push(literal);
            }
        }
        stems
    }

    fn text_literals(&self) -> impl Iterator<Item = (&Indicator, String)> {
        let on_text = |i: &&Indicator| i.facts.iter().any(|f| matches!(f, FactKind::Text | FactKind::DataText));
        self.indicators.iter().filter(on_text).flat_map(|i| i.pattern.literals().into_iter().map(move |l| (i, l)))
    }
}

/// Rare in software at large, present in every catalogued string.
const STEMS: &[&str] = &[
    "kaspersky",
    "kl_plugins",
    "kav_sht_",
    "kav_e_",
    "kav_o_m_",
    "kav_protection_",
    "kav sdk",
    "kl icap",
    "kavsdk",
    "appinfo.kli",
    "kl_mobile_sdk",
    "ksnm;kmsh2",
    "safemoney-sdk",
    "kavebase",
    "kave_ppl_path",
    "avp_lib_index",
    "koscever",
    "koscedir",
];
