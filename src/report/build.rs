//! From a find to its part of the report: places with the most telling first, bounded lists, ways through documents.
//!
//! In: a find and its verdicts. Out: a [`Finding`].

use super::{DateSeen, EvidenceOut, Finding, Label, OnRecord, Place, Product, Route, Statement};
use crate::catalog::Catalog;
use crate::fact::{self, LabelSource};
use crate::finding::{self, Evidence, Find, Relation};
use crate::regulation::When;
use crate::verdict::{Outcome, Verdict};

/// Evidence of one indicator listed per place; the rest is counted.
const SHOWN_PER_INDICATOR: usize = 5;
/// Places listed per finding; the rest is counted.
const PLACES: usize = 1000;
/// Dates listed per finding, the latest.
const DATES: usize = 20;
/// Ways to components listed per finding.
const ROUTES: usize = 50;

impl Finding {
    /// From a find and its verdicts.
    #[must_use]
    pub fn of(find: &Find<'_>, subject: &str, verdicts: Vec<Verdict>, catalog: &Catalog) -> Finding {
        let mut places: Vec<Place> = Vec::new();
        let mut contradictions = finding::contradictions(&find.evidence, catalog);
        for one in &find.evidence {
            let path = one.hit.at.path.to_string();
            if places.last().is_none_or(|p| p.path != path) {
                places.push(Place { path, evidence: Vec::new(), contradiction: Vec::new(), deleted_by: None });
            }
            if let Some(place) = places.last_mut() {
                add(place, one);
            }
        }
        let mut indicators: Vec<String> = find.evidence.iter().map(|e| e.indicator.id.clone()).collect();
        indicators.sort_unstable();
        indicators.dedup();
        let mut dates = dates(find, &verdicts);
        dates.truncate(DATES);
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
            product: Product {
                id: find.product.id.clone(),
                name: find.product.name.clone(),
                maker: find.product.maker.clone(),
            },
            class: find.product.class,
            case: find.product.class.letter().map(String::from),
            relation: find.relation,
            confidence: find.confidence,
            label: find.label.as_ref().map(Label::of),
            subject: subject.to_owned(),
            versions: finding::versions(&find.evidence, catalog),
            dates,
            on_record: find.label.as_ref().map(|label| on_record(label, catalog)).unwrap_or_default(),
            indicators,
            places,
            places_total,
            routes,
            verdicts,
            waived: None,
            baseline: None,
        }
    }

    /// Whether no rule of the run speaks of it: that is no pass.
    #[must_use]
    pub fn is_unjudged(&self) -> bool {
        self.relation != Relation::Mention && self.verdicts.is_empty() && self.waived.is_none()
    }

    /// The worst outcome.
    #[must_use]
    pub fn worst(&self) -> Option<Outcome> {
        self.verdicts.iter().map(|v| v.outcome).max()
    }
}

/// The dates of a find, and which rules applied already by then.
fn dates(find: &Find<'_>, verdicts: &[Verdict]) -> Vec<DateSeen> {
    let dated = finding::dates(&find.evidence).into_iter();
    dated
        .map(|one| {
            // Where only the month of a rule was read, the whole of it is left out.
            let applied = |v: &&Verdict| v.applies_from.parse::<When>().is_ok_and(|from| one.day >= from.last());
            let after = verdicts.iter().filter(|v| v.outcome > Outcome::Exempt).filter(applied);
            let after = after.map(|v| v.regulation.clone()).collect();
            DateSeen { date: one.text, of: one.of, at: one.at, by: one.by, after }
        })
        .collect()
}

/// What the public record says of a product with this label. A file's name is no label.
pub(crate) fn on_record(label: &fact::Label, catalog: &Catalog) -> Vec<OnRecord> {
    let Some(product) = label.product.as_deref().filter(|_| label.from != LabelSource::FileName) else {
        return Vec::new();
    };
    let (vendor, version) = (label.vendor.as_deref(), label.version.as_deref());
    let carriers = catalog.carriers().iter().filter(|c| c.is(vendor, product, version));
    carriers
        .map(|c| OnRecord {
            carrier: c.id.clone(),
            name: c.name.clone(),
            component: c.component.clone(),
            period: c.period.clone(),
            in_range: c.covers(version),
            status: c.status,
            status_detail: c.status_detail.clone(),
            basis: c.basis,
            optional: c.optional,
            note: c.note.clone(),
            sources: c.sources.clone(),
        })
        .collect()
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
