//! The components that documents name, for whoever asks for a list of them.
//!
//! In: components as they are read. Out: each once, with what identifies it. Must not know: matching or findings.

use std::collections::BTreeSet;

use crate::fact::{Component, FactKind, cut};
use crate::report::ListedComponent;

/// Components listed per input file; the rest is counted.
const LISTED: usize = 100_000;
/// Bytes of one field.
const FIELD: usize = 512;

/// A list in the making.
#[derive(Debug, Default)]
pub(super) struct List {
    all: BTreeSet<ListedComponent>,
    dropped: u64,
}

impl List {
    /// Adds a component that a document names. One without a name or an identifier cannot be listed.
    pub fn add(&mut self, component: &Component) {
        let first = |kinds: &[FactKind]| {
            let of = |kind: &FactKind| component.facts().find(|f| f.kind == *kind && !f.value.trim().is_empty());
            kinds.iter().find_map(of).map(|fact| cut(fact.value, FIELD).to_owned())
        };
        let supplier = [FactKind::Supplier, FactKind::Manufacturer, FactKind::Publisher, FactKind::Originator];
        let one = ListedComponent {
            name: first(&[FactKind::Name, FactKind::FileName]).unwrap_or_default(),
            version: first(&[FactKind::Version]),
            supplier: first(&supplier),
            purl: first(&[FactKind::Purl]),
            license: first(&[FactKind::License]),
        };
        if one.name.is_empty() && one.purl.is_none() {
            return;
        }
        self.insert(one);
    }

    /// Takes over what another found.
    pub fn append(&mut self, other: List) {
        other.all.into_iter().for_each(|one| self.insert(one));
        self.dropped += other.dropped;
    }

    fn insert(&mut self, one: ListedComponent) {
        if self.all.len() < LISTED {
            self.all.insert(one);
        } else if !self.all.contains(&one) {
            self.dropped += 1;
        }
    }

    /// Those listed, in order, and the number of those that are only counted.
    pub fn finish(self) -> (Vec<ListedComponent>, u64) {
        (self.all.into_iter().collect(), self.dropped)
    }
}
