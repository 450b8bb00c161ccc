//! How complete a document is: a thin list without a find proves little, so the report says how thin.
//!
//! In: components as they are read, and what the document says of itself. Out: counts, against the minimum
//! elements for an SBOM (NTIA, July 2021): supplier, name, version, another unique identifier, dependency
//! relationship, author of the data, time stamp.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Component, FactKind};

/// What one document tells, in counts of its components.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// The format, by extractor name.
    pub format: String,
    /// Its version, as the document states it.
    pub version: String,
    /// Components, packages, files and services it lists.
    pub components: u64,
    /// With a name.
    pub named: u64,
    /// With a version.
    pub versioned: u64,
    /// With a supplier, manufacturer, publisher, originator or provider.
    pub supplied: u64,
    /// With a purl, a CPE or another identifier.
    pub identified: u64,
    /// With a digest.
    pub hashed: u64,
    /// Dependencies and containments it states.
    pub relations: u64,
    /// Whether it says who wrote it: a person, an organisation or a tool.
    pub author: bool,
    /// Whether it says when it was written.
    pub timestamp: bool,
    /// Fields in which it says that it does not know (SPDX NOASSERTION).
    pub unknown: u64,
    /// What it says of its own completeness (CycloneDX `compositions`), as declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
}

impl Coverage {
    /// A document of a format.
    #[must_use]
    pub fn of(format: &str, version: &str) -> Coverage {
        Coverage { format: format.to_owned(), version: super::cut(version, 64).to_owned(), ..Coverage::default() }
    }

    /// Takes one component into account.
    pub fn count(&mut self, component: &Component) {
        let (mut named, mut versioned, mut supplied, mut identified, mut hashed) = (false, false, false, false, false);
        for kind in component.kinds() {
            match kind {
                FactKind::Name | FactKind::Path => named = true,
                FactKind::Version => versioned = true,
                FactKind::Supplier
                | FactKind::Manufacturer
                | FactKind::Publisher
                | FactKind::Originator
                | FactKind::Provider => supplied = true,
                FactKind::Purl | FactKind::Cpe => identified = true,
                FactKind::Digest => hashed = true,
                _ => {}
            }
        }
        self.components += 1;
        self.named += u64::from(named);
        self.versioned += u64::from(versioned);
        self.supplied += u64::from(supplied);
        self.identified += u64::from(identified);
        self.hashed += u64::from(hashed);
    }

    /// The minimum elements that no component, or the document itself, leaves out.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let all = self.components;
        let rows = [
            (self.supplied < all, "supplier"),
            (self.named < all, "component name"),
            (self.versioned < all, "version"),
            (self.identified < all, "unique identifier"),
            (self.relations == 0, "dependency relationship"),
            (!self.author, "author of the data"),
            (!self.timestamp, "time stamp"),
        ];
        rows.into_iter().filter(|(missing, _)| *missing).map(|(_, what)| what).collect()
    }
}
