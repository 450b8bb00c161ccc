//! How sure a find is: a small table over families of evidence, no score.
//!
//! In: the evidence of one product. Out: a [`Confidence`], or nothing where the signs make no find. Must not know: labels,
//! rules or outputs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Confidence, Evidence};
use crate::catalog::Strength;
use crate::fact::{FactKind, Family};

/// The surest of the places that may speak of one thing: each file and SBOM entry by itself, then the files of one
/// archive together, and loose files together. Signs of different places do not add up.
pub(super) fn confidence(evidence: &[Evidence<'_>]) -> Option<Confidence> {
    carried(evidence).map(|(confidence, _)| confidence)
}

/// The same, with the components of the places that reach it: what others say, or are labelled, is not about them.
pub(super) fn carried<'e>(evidence: &'e [Evidence<'_>]) -> Option<(Confidence, BTreeSet<&'e str>)> {
    let mut components: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    let mut places: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    for one in evidence.iter().filter(|e| !e.joined) {
        components.entry(&one.hit.component).or_default().push(one);
        let loose = !one.hit.declared && one.hit.scope == one.hit.component;
        places.entry(if loose { "" } else { &one.hit.scope }).or_default().push(one);
    }
    let alone = components.values().filter_map(|one| table(one, false).map(|sure| (sure, one)));
    let reached: Vec<_> = alone.collect();
    let best = reached.iter().map(|(sure, _)| *sure).max();
    let names = |group: &[&'e Evidence<'_>]| group.iter().map(|e| &*e.hit.component).collect::<BTreeSet<&'e str>>();
    let together = places.values().filter_map(|group| table(group, true).map(|sure| (sure, group)));
    let together: Vec<_> = together.filter(|(sure, _)| best.is_none_or(|best| *sure > best)).collect();
    let best = together.iter().map(|(sure, _)| *sure).max().or(best)?;
    let all = reached.iter().chain(&together).filter(|(sure, _)| *sure == best);
    Some((best, all.flat_map(|(_, group)| names(group)).collect()))
}

/// The confidence table. Nothing when the signs make no find: weak ones never count, a supporting one
/// only beside another family. Across files a name and a text are one witness: any file may be called so, and any
/// other may speak of it.
fn table(evidence: &[&Evidence<'_>], across: bool) -> Option<Confidence> {
    let at_least = |least: Strength| evidence.iter().filter(move |e| e.strength() >= least);
    let family = |e: &Evidence<'_>| match e.family() {
        Family::Text if across => Family::Name,
        family => family,
    };
    // One indicator in one component is one witness, in however many fields: a library's file name and its SONAME are
    // the same word twice.
    let families = |least: Strength| {
        let mut witnesses: BTreeMap<(&str, &str), Family> = BTreeMap::new();
        for one in at_least(least) {
            let seen = witnesses.entry((&one.indicator.id, &one.hit.component)).or_insert_with(|| family(one));
            if *seen == Family::Name {
                *seen = family(one);
            }
        }
        witnesses.into_values().collect::<BTreeSet<_>>()
    };
    let strong = families(Strength::Strong);
    let supporting = families(Strength::Supporting);
    if at_least(Strength::Conclusive).any(|e| e.family() != Family::Name) {
        return Some(Confidence::Confirmed);
    }
    // No chain of trust is followed: a name over a certificate of the same name may both be one person's work.
    let written = [Family::Name, Family::Signature];
    if strong.len() >= 2 {
        let own_word = strong.iter().all(|family| written.contains(family));
        return Some(if own_word { Confidence::Likely } else { Confidence::Confirmed });
    }
    // Two differently named files side by side, one of them really a program: more than a name.
    let files = || at_least(Strength::Conclusive).filter(|e| e.hit.kind == FactKind::FileName && !e.foreign);
    let folder =
        |e: &Evidence<'_>| e.hit.at.path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let beside = files().filter(|e| e.hit.program).any(|program| {
        let (home, name) = (folder(program), program.hit.value.to_lowercase());
        files().any(|e| {
            let other = folder(e);
            e.hit.value.to_lowercase() != name && (other.starts_with(&home) || home.starts_with(&other))
        })
    });
    if beside || (strong.len() == 1 && supporting.len() >= 2) {
        return Some(Confidence::Likely);
    }
    (!strong.is_empty() || supporting.len() >= 2).then_some(Confidence::Possible)
}
