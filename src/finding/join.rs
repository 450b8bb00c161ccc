//! Which general signs belong to which find: a maker's name beside an engine, databases in its archive.
//!
//! In: evidence by product. Out: the same, each sign with the product it is a sign of. Must not know: labels' texts, rules or
//! outputs.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::confidence::confidence;
use super::label::Rounds;
use super::{Evidence, Unit};
use crate::catalog::{Catalog, Class, Joins};

/// General signs (a maker's name, databases, hosts, a product named as such) join a more telling find near them.
pub(super) fn join<'c>(groups: &mut BTreeMap<&'c str, Vec<Evidence<'c>>>, unit: &Unit, catalog: &'c Catalog) {
    let joins = |id: &str| catalog.product(id).map_or(Joins::Nothing, |p| p.joins);
    let of = |groups: &BTreeMap<&'c str, Vec<Evidence<'c>>>, wanted: &[Joins]| -> Vec<&'c str> {
        groups.keys().copied().filter(|id| wanted.contains(&joins(id))).collect()
    };
    let rounds = Rounds::of(unit);
    let mut moving = Vec::new();
    let mut ids = of(groups, &[Joins::Component, Joins::Unit]);
    // What only joins a component goes first, so that it may follow what joins a unit.
    ids.sort_by_key(|id| joins(id) == Joins::Unit);
    for id in ids {
        moving.extend(groups.remove(id).unwrap_or_default().into_iter().map(|one| (id, one)));
    }
    let hosts = hosts(groups, &moving, &rounds, catalog);
    for (id, one) in moving {
        let near = nearest(&hosts, &one, joins(id), &rounds);
        // In the same component it is a sign of the same thing; farther off it only stands nearby.
        let joined = near.is_some_and(|(distance, _)| distance > 0);
        groups.entry(near.map_or(id, |(_, host)| host)).or_default().push(Evidence { joined, ..one });
    }
    // What has gathered its own signs by now may itself be part of something more telling.
    for id in of(groups, &[Joins::Last]) {
        let all = groups.remove(id).unwrap_or_default();
        let hosts = self::hosts(groups, &[], &rounds, catalog);
        for one in all {
            let near = nearest(&hosts, &one, Joins::Last, &rounds).filter(|_| !one.joined);
            groups.entry(near.map_or(id, |(_, host)| host)).or_default().push(one);
        }
    }
}

/// A find that others may join.
struct Host<'c> {
    product: &'c str,
    class: Class,
    components: HashSet<Arc<str>>,
    scopes: HashSet<Arc<str>>,
    /// The labelled products within the unit that it lies in.
    rounds: HashSet<String>,
    weight: usize,
}

/// The telling finds, as they stand before anything moves. A mere mention hosts nothing, unless a sign that would join it
/// in the same component makes a find of the two.
fn hosts<'c>(
    groups: &BTreeMap<&'c str, Vec<Evidence<'c>>>,
    moving: &[(&'c str, Evidence<'c>)],
    rounds: &Rounds<'_>,
    catalog: &'c Catalog,
) -> Vec<Host<'c>> {
    let telling = |evidence: &[Evidence<'c>], components: &HashSet<Arc<str>>| {
        if confidence(evidence).is_some() {
            return true;
        }
        let near = moving.iter().map(|(_, one)| one).filter(|one| components.contains(&one.hit.component));
        confidence(&evidence.iter().chain(near).cloned().collect::<Vec<_>>()).is_some()
    };
    groups
        .iter()
        .filter_map(|(id, evidence)| {
            let components = evidence.iter().map(|e| Arc::clone(&e.hit.component)).collect();
            telling(evidence, &components).then(|| Host {
                product: id,
                class: catalog.product(id).map_or(Class::Unspecified, |p| p.class),
                components,
                scopes: evidence.iter().map(|e| Arc::clone(&e.hit.scope)).collect(),
                rounds: evidence.iter().map(|e| rounds.outermost(&e.hit.at.path)).collect(),
                weight: evidence.len(),
            })
        })
        .collect()
}

/// The host nearest to a sign, and how far: 0 in the same component, 1 in the same archive, 2 in the same unit.
fn nearest<'c>(hosts: &[Host<'c>], one: &Evidence<'_>, joins: Joins, rounds: &Rounds<'_>) -> Option<(u8, &'c str)> {
    let round = rounds.outermost(&one.hit.at.path);
    let near = hosts.iter().filter_map(|host| {
        let distance = if host.components.contains(&one.hit.component) {
            0
        } else if joins != Joins::Unit {
            return None;
        } else if !host.rounds.contains(&round) {
            // Another product beside it, with a label of its own.
            return None;
        } else if host.scopes.contains(&one.hit.scope) {
            1
        } else {
            2
        };
        // A library or feed client has no databases of its own: farther than its component nothing joins it.
        let engine = matches!(host.class, Class::EngineSdk | Class::BrandedProduct);
        let order = (distance, host.class != Class::EngineSdk, usize::MAX - host.weight, host.product);
        (distance == 0 || engine).then_some(order)
    });
    near.min().map(|(distance, .., product)| (distance, product))
}
