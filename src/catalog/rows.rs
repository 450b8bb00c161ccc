//! A catalogue's file: its rows, and the way from them into a [`Catalog`].
//!
//! In: TOML. Out: products, indicators, look-alikes, brands, carriers and cases. Must not know: matching.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::carrier::{Carrier, CarrierRow};
use super::cases::Case;
use super::pattern::{Match, Pattern};
use super::words::Strength;
use super::{Brand, Catalog, Indicator, Product};
use crate::error::Error;
use crate::fact::{FactKind, Family};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BrandRow {
    id: String,
    r#match: Match,
    products: Option<Match>,
    #[serde(default)]
    packages: Vec<String>,
    source: String,
    checked: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    /// Whose products and brands these are, where they do not say so themselves.
    maker: Option<String>,
    /// Version of the file, for the report.
    version: Option<String>,
    #[serde(default)]
    product: Vec<Product>,
    #[serde(default)]
    indicator: Vec<Row>,
    #[serde(default)]
    look_alike: Vec<LookAlike>,
    #[serde(default)]
    brand: Vec<BrandRow>,
    #[serde(default)]
    carrier: Vec<CarrierRow>,
    #[serde(default)]
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    id: String,
    product: String,
    fact: Vec<FactKind>,
    r#match: Match,
    strength: Strength,
    family: Option<Family>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    requires: Vec<String>,
    source: String,
    checked: String,
    note: Option<String>,
    version: Option<String>,
    date: Option<String>,
    #[serde(default = "one")]
    at_least: usize,
}

const fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LookAlike {
    id: String,
    fact: Vec<FactKind>,
    r#match: Match,
    what: String,
    source: String,
    checked: String,
}

/// A regular expression with one group.
fn capture(regex: Option<String>) -> Result<Option<Regex>, String> {
    let Some(regex) = regex else { return Ok(None) };
    let built = RegexBuilder::new(&regex).size_limit(1 << 20).build().map_err(|e| format!("regex {regex:?}: {e}"))?;
    match built.captures_len() {
        2 => Ok(Some(built)),
        _ => Err(format!("regex {regex:?} needs one group: what is told")),
    }
}

impl Catalog {
    pub(super) fn load(&mut self, name: &str, text: &str, maker: Option<&str>) -> Result<Option<String>, Error> {
        let broken = |detail: String| Error::Catalog { file: name.to_owned(), detail };
        let file: File = toml::from_str(text).map_err(|e| broken(e.to_string().trim_end().to_owned()))?;
        let maker = file.maker.as_deref().or(maker);
        for mut product in file.product {
            if product.maker.is_empty() {
                maker.unwrap_or_default().clone_into(&mut product.maker);
            }
            // The rules judge by it: nobody's product may pass for somebody else's.
            if product.maker.trim().is_empty() {
                return Err(broken(format!("product {:?}: maker = \"…\" must say whose it is", product.id)));
            }
            self.products.push(product);
        }
        for row in file.indicator {
            let wrong = |e| broken(format!("indicator {:?}: {e}", row.id));
            let pattern = Pattern::compile(row.r#match).map_err(wrong)?;
            let (version, date) = (capture(row.version).map_err(wrong)?, capture(row.date).map_err(wrong)?);
            self.push(Indicator {
                id: row.id,
                product: row.product,
                facts: row.fact,
                pattern,
                strength: row.strength,
                family: row.family,
                unless: row.unless,
                requires: row.requires,
                source: row.source,
                checked: row.checked,
                note: row.note,
                at_least: row.at_least,
                version,
                date,
                look_alike: false,
                file: name.to_owned(),
            })?;
        }
        for row in file.look_alike {
            let pattern = Pattern::compile(row.r#match).map_err(|e| broken(format!("look-alike {:?}: {e}", row.id)))?;
            self.push(Indicator {
                id: row.id,
                product: String::new(),
                facts: row.fact,
                pattern,
                strength: Strength::Weak,
                family: None,
                unless: Vec::new(),
                requires: Vec::new(),
                source: row.source,
                checked: row.checked,
                note: Some(row.what),
                at_least: 1,
                version: None,
                date: None,
                look_alike: true,
                file: name.to_owned(),
            })?;
        }
        for row in file.brand {
            let Some(maker) = maker else {
                return Err(broken(format!("brand {:?}: maker = \"…\" must say whose it is", row.id)));
            };
            let pattern = Pattern::compile(row.r#match).map_err(|e| broken(format!("brand {:?}: {e}", row.id)))?;
            let products = row.products.map(Pattern::compile).transpose();
            let products = products.map_err(|e| broken(format!("brand {:?}: products: {e}", row.id)))?;
            self.brands.push(Brand {
                id: row.id,
                pattern,
                products,
                packages: row.packages,
                source: row.source,
                checked: row.checked,
                maker: maker.to_owned(),
                file: name.to_owned(),
            });
        }
        for row in file.carrier {
            let id = row.id.clone();
            if self.carriers.iter().any(|c| c.id == id) {
                return Err(broken(format!("carrier {id:?} stands twice")));
            }
            self.carriers.push(Carrier::of(row, name).map_err(|e| broken(format!("carrier {id:?}: {e}")))?);
        }
        self.cases.extend(file.case);
        Ok(file.version)
    }
}
