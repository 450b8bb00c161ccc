//! What an indicator must match and must not: `[[case]]` tables, in the catalogue's file or in one beside it.
//!
//! In: cases and a [`Catalog`]. Out: complaints. Must not know: how components are read or matches weighed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Catalog, Indicator, Strength};
use crate::error::Error;
use crate::fact::FactKind;

/// Values in one place, with what must come of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The indicator's id.
    pub indicator: String,
    /// The place.
    pub fact: FactKind,
    /// Values it must match.
    pub hit: Vec<String>,
    /// Values it must not match: the plausible confusion.
    #[serde(default)]
    pub miss: Vec<String>,
    /// Values in other places, where they say nothing of the product.
    #[serde(default)]
    pub elsewhere: BTreeMap<FactKind, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
}

impl Case {
    /// The cases of a file of nothing else.
    ///
    /// # Errors
    /// When the text is no such file, with line and column.
    pub fn read(name: &str, text: &str) -> Result<Vec<Case>, Error> {
        let broken = |e: toml::de::Error| Error::Catalog { file: name.to_owned(), detail: e.to_string() };
        toml::from_str::<File>(text).map(|file| file.case).map_err(broken)
    }
}

impl Catalog {
    /// Adds cases for [`Catalog::lint`].
    pub fn add_cases(&mut self, cases: Vec<Case>) {
        self.cases.extend(cases);
    }

    /// Cases that fail, and indicators without one. Those of the built-in files are asked for only where their cases are
    /// at hand.
    pub(super) fn lint_cases(&self) -> Vec<String> {
        let mut found = Vec::new();
        let matches = |i: &Indicator, fact: FactKind, value: &str| i.facts.contains(&fact) && i.pattern.matches(value);
        let (mut hit, mut missed) = (BTreeSet::new(), BTreeSet::new());
        for case in &self.cases {
            let Some(indicator) = self.indicator(&case.indicator) else {
                found.push(format!("case of {:?}: there is no such indicator", case.indicator));
                continue;
            };
            let mut say = |what: String| found.push(format!("{}: {}: {what}", indicator.file, indicator.id));
            for value in case.hit.iter().filter(|value| !matches(indicator, case.fact, value)) {
                say(format!("must match {value:?} as {}", case.fact.name()));
            }
            let elsewhere = case.elsewhere.iter().flat_map(|(fact, values)| values.iter().map(move |v| (*fact, v)));
            for (fact, value) in case.miss.iter().map(|value| (case.fact, value)).chain(elsewhere) {
                if matches(indicator, fact, value) {
                    say(format!("must not match {value:?} as {}", fact.name()));
                }
            }
            if !case.hit.is_empty() {
                hit.insert(&indicator.id);
            }
            if !case.miss.is_empty() || !case.elsewhere.is_empty() {
                missed.insert(&indicator.id);
            }
        }
        let with_cases: BTreeSet<&str> =
            self.cases.iter().filter_map(|c| self.indicator(&c.indicator)).map(|i| i.file.as_str()).collect();
        let added = |i: &Indicator| self.added.iter().any(|a| a.file == i.file);
        for indicator in self.indicators.iter().filter(|i| added(i) || with_cases.contains(i.file.as_str())) {
            let mut say = |what: &str| found.push(format!("{}: {}: {what}", indicator.file, indicator.id));
            if !hit.contains(&indicator.id) {
                say("no [[case]] that it hits");
            }
            if !missed.contains(&indicator.id) && indicator.strength < Strength::Conclusive {
                say("no [[case]] that it must not hit");
            }
        }
        found
    }

    /// Whole values that another indicator matches in the same place: one of the two is not needed, or speaks of the wrong
    /// product.
    pub(super) fn lint_shadows(&self) -> Vec<String> {
        let mut found = Vec::new();
        let signs = || self.indicators.iter().filter(|i| !i.look_alike);
        for one in signs() {
            let wholes = one.pattern.wholes();
            for other in signs().filter(|other| other.id != one.id && other.pattern.wholes().is_empty()) {
                let Some(fact) = one.facts.iter().find(|fact| other.facts.contains(fact)) else { continue };
                // A stronger sign of the same product within a weaker, wider one is how places are told apart.
                if one.product == other.product && one.strength > other.strength {
                    continue;
                }
                if let Some(value) = wholes.iter().find(|value| other.pattern.matches(value)) {
                    found.push(format!(
                        "{}: {}: {value:?} as {} is matched by {} too",
                        one.file,
                        one.id,
                        fact.name(),
                        other.id
                    ));
                }
            }
        }
        found
    }
}
