//! What is new, gone, changed and unchanged against an older report.
//!
//! In: a [`Report`] and an older one. Out: the report, each finding with its state, and what is gone. Must not know: where the
//! older one came from. Findings are one when their fingerprints are.

use std::collections::{HashMap, HashSet};

use crate::report::{BaselineInfo, BaselineState, Finding, Gone, Report};

/// Compares with an older report.
pub fn compare(report: &mut Report, old: &Report) {
    let before: HashMap<&str, &Finding> = old.findings.iter().map(|f| (f.fingerprint.as_str(), f)).collect();
    for finding in &mut report.findings {
        finding.baseline = Some(match before.get(finding.fingerprint.as_str()) {
            None => BaselineState::New,
            Some(other) if same(finding, other) => BaselineState::Unchanged,
            Some(_) => BaselineState::Changed,
        });
    }
    let count = |state| report.findings.iter().filter(|f| f.baseline == Some(state)).count() as u64;
    let now: HashSet<&str> = report.findings.iter().map(|f| f.fingerprint.as_str()).collect();
    let gone = old.findings.iter().filter(|f| !now.contains(f.fingerprint.as_str()));
    report.baseline = Some(BaselineInfo {
        as_of: old.context.as_of.clone(),
        catalog: old.catalog.version.clone(),
        new: count(BaselineState::New),
        changed: count(BaselineState::Changed),
        unchanged: count(BaselineState::Unchanged),
        gone: gone
            .map(|f| Gone {
                fingerprint: f.fingerprint.clone(),
                product: f.product.clone(),
                label: f.label.clone(),
                subject: f.subject.clone(),
            })
            .collect(),
    });
}

/// Whether a find is what it was: how sure, how it stands to its label, and what the rules make of it. Where in the product
/// its files lie may change with every build.
fn same(a: &Finding, b: &Finding) -> bool {
    let outcomes = |f: &Finding| f.verdicts.iter().map(|v| (v.regulation.clone(), v.outcome)).collect::<Vec<_>>();
    (a.confidence, a.relation, a.class) == (b.confidence, b.relation, b.class) && outcomes(a) == outcomes(b)
}
