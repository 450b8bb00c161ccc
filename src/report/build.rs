//! From a find to its part of the report: places with the most telling first, bounded lists, ways through documents.
//!
//! In: a find and its verdicts. Out: a [`Finding`].

use super::{EvidenceOut, Finding, Label, Place, Product, Route, Statement};
use crate::catalog::Catalog;
use crate::fact::FactKind;
use crate::finding::{self, Evidence, Find};
use crate::verdict::{Outcome, Verdict};

/// Evidence of one indicator listed per place; the rest is counted.
const SHOWN_PER_INDICATOR: usize = 5;
/// Places listed per finding; the rest is counted.
const PLACES: usize = 1000;
/// Ways to components listed per finding.
const ROUTES: usize = 50;

impl Finding {
    /// From a find and its verdicts.
    #[must_use]
    pub fn of(find: &Find<'_>, subject: &str, verdicts: Vec<Verdict>, catalog: &Catalog) -> Finding {
        let mut places: Vec<Place> = Vec::new();
        let mut contradictions = finding::contradictions(&find.evidence, catalog);
        let mut versions: Vec<String> = Vec::new();
        for one in &find.evidence {
            let path = one.hit.at.path.to_string();
            if places.last().is_none_or(|p| p.path != path) {
                places.push(Place { path, evidence: Vec::new(), contradiction: Vec::new(), deleted_by: None });
            }
            if let Some(place) = places.last_mut() {
                add(place, one);
            }
            let version =
                one.hit.says.iter().filter(|(kind, _)| matches!(kind, FactKind::Version | FactKind::ProductVersion));
            // A version resource with a foreign name tells the wrapper's version, not the engine's.
            versions.extend(version.filter(|_| one.hit.declared).map(|(_, v)| v.clone()));
        }
        versions.sort();
        versions.dedup();
        // The most telling first.
        for place in &mut places {
            let statements = contradictions.remove(&place.path).unwrap_or_default();
            place.contradiction =
                statements.into_iter().map(|s| Statement { fact: s.kind, value: s.value, sign: s.sign }).collect();
            place.evidence.sort_by(|a, b| (b.strength, &a.indicator, &a.at).cmp(&(a.strength, &b.indicator, &b.at)));
        }
        let mut routes: Vec<Route> = Vec::new();
        for hit in find.evidence.iter().map(|e| &e.hit).filter(|h| h.route.is_some() || h.usage.is_some()) {
            if routes.len() < ROUTES && !routes.iter().any(|r| *r.component == *hit.component) {
                routes.push(Route {
                    component: hit.component.to_string(),
                    names: hit.route.as_ref().map(|r| r.names.clone()).unwrap_or_default(),
                    more: hit.route.as_ref().map_or(0, |r| r.more),
                    usage: hit.usage,
                });
            }
        }
        routes.sort();
        let best = |p: &Place| p.evidence.iter().map(|e| e.strength).max();
        places.sort_by(|a, b| (best(b), &a.path).cmp(&(best(a), &b.path)));
        let places_total = places.len();
        places.truncate(PLACES);
        Finding {
            fingerprint: find.fingerprint.clone(),
            product: Product { id: find.product.id.clone(), name: find.product.name.clone() },
            class: find.product.class,
            relation: find.relation,
            confidence: find.confidence,
            label: find.label.as_ref().map(Label::of),
            subject: subject.to_owned(),
            versions,
            places,
            places_total,
            routes,
            verdicts,
        }
    }

    /// The worst outcome.
    #[must_use]
    pub fn worst(&self) -> Option<Outcome> {
        self.verdicts.iter().map(|v| v.outcome).max()
    }
}

fn add(place: &mut Place, one: &Evidence<'_>) {
    let same = place.evidence.iter().filter(|e| e.indicator == one.indicator.id).count();
    if same >= SHOWN_PER_INDICATOR {
        if let Some(last) = place.evidence.iter_mut().rfind(|e| e.indicator == one.indicator.id) {
            last.more += 1;
        }
        return;
    }
    place.evidence.push(EvidenceOut {
        indicator: one.indicator.id.clone(),
        fact: one.hit.kind,
        value: one.hit.value.clone(),
        at: one.hit.at.to_string(),
        strength: one.strength(),
        family: one.family(),
        source: one.indicator.source.clone(),
        more: 0,
    });
}
