//! Inventory × catalogue → matches.
//!
//! In: [`Component`]s and a [`Catalog`]. Out: [`Match`]es, look-alikes among them, then only those that
//! stand once look-alikes and requirements are settled. Must not know: any format, any rule.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::RegexSet;

use crate::catalog::{Catalog, Keyed};
use crate::fact::{Component, Fact, FactKind, Location, Route, Usage, cut};

/// An indicator that compared with a fact.
#[derive(Clone, Debug)]
pub struct Match {
    /// Index of the indicator in the catalogue.
    pub indicator: usize,
    /// The kind of fact it stood in.
    pub kind: FactKind,
    /// The value as it stood there.
    pub value: String,
    /// Where.
    pub at: Location,
    /// The component: a file's path, or a document's path and pointer.
    pub component: Arc<str>,
    /// The archive the component lies in: look-alikes cancel within it.
    pub scope: Arc<str>,
    /// Whether a document names the component, or its bytes were at hand.
    pub declared: bool,
    /// Whether the component is executable code that was read as such.
    pub program: bool,
    /// Whether it stood in a signature that does not fit the file, or was not compared with it.
    pub doubted: bool,
    /// What else the component calls itself: names of makers, and its version.
    pub says: Arc<[(FactKind, String)]>,
    /// The document's own name for the component, as [`Graph::key`](crate::fact::Graph::key).
    pub reference: Option<u64>,
    /// How the product uses it, where a document says so.
    pub usage: Option<Usage>,
    /// The way from the product to it, where a document says so.
    pub route: Option<Arc<Route>>,
}

/// The matches of one input file. A hostile one repeats a sign a million times: so many of each indicator are kept
/// that none can crowd another out, and the rest is counted.
#[derive(Debug, Default)]
pub struct Matches {
    /// Those kept.
    pub list: Vec<Match>,
    /// Those only counted.
    pub dropped: u64,
    /// By indicator: how many are kept, how many of them in the last component, and their bytes.
    kept: HashMap<usize, Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    all: usize,
    bytes: usize,
    last: Option<(Arc<str>, String)>,
    here: usize,
}

/// Kept of one indicator in one component, in one input file, and in bytes of text.
const IN_COMPONENT: usize = 50;
const IN_FILE: usize = 2000;
const BYTES: usize = 4 << 20;

impl Matches {
    /// A match once more, for the same content at another place.
    pub(crate) fn again(&mut self, one: Match) {
        let pointer = one.component.get(one.at.path.len() + 1..).unwrap_or_default();
        if self.room(one.indicator, &one.at.path, pointer, &one.value) {
            self.list.push(one);
        }
    }

    fn room(&mut self, indicator: usize, path: &Arc<str>, pointer: &str, value: &str) -> bool {
        let kept = self.kept.entry(indicator).or_default();
        let same = kept.last.as_ref().is_some_and(|(last, at)| last == path && at == pointer);
        if !same {
            kept.last = Some((Arc::clone(path), pointer.to_owned()));
            kept.here = 0;
        }
        if kept.all >= IN_FILE || kept.here >= IN_COMPONENT || kept.bytes >= BYTES {
            self.dropped += 1;
            return false;
        }
        kept.all += 1;
        kept.here += 1;
        kept.bytes += value.len() + path.len() + pointer.len();
        true
    }
}

/// The catalogue, arranged for look-up by kind of fact.
#[derive(Debug)]
pub struct Matcher<'c> {
    catalog: &'c Catalog,
    tables: HashMap<FactKind, Table>,
    sieve: Sieve,
}

/// Tells at one pass over all that a component says whether any indicator can match: nearly none can. Preparing it
/// takes some milliseconds, so the first components go without.
#[derive(Debug)]
struct Sieve {
    /// Runs of letters one of which stands in everything that matches.
    runs: Vec<String>,
    /// The kinds of fact with patterns for which no such run can be told.
    always: Vec<FactKind>,
    /// The kinds of fact that compare as companies or CPEs: punctuation within a word does not count there.
    loose: Vec<FactKind>,
    seen: AtomicUsize,
    search: OnceLock<Option<AhoCorasick>>,
}

/// Components that go without the sieve.
const BEFORE_SIEVE: usize = 200;

impl Sieve {
    fn new(catalog: &Catalog) -> Sieve {
        let (mut runs, mut always, mut loose) = (Vec::new(), Vec::new(), Vec::new());
        for indicator in catalog.indicators() {
            if matches!(indicator.pattern.keyed(), Some((Keyed::Entity | Keyed::Cpe, _))) {
                loose.extend(indicator.facts.iter().filter(|f| !loose.contains(*f)).copied().collect::<Vec<_>>());
            }
            match indicator.pattern.essentials() {
                Some(essentials) => runs.extend(essentials),
                None => always.extend(&indicator.facts),
            }
        }
        Sieve { runs, always, loose, seen: AtomicUsize::new(0), search: OnceLock::new() }
    }

    /// True when some indicator may match.
    fn passes(&self, component: &Component) -> bool {
        if self.seen.fetch_add(1, Ordering::Relaxed) < BEFORE_SIEVE {
            return true;
        }
        let build = || {
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(&self.runs).ok()
        };
        let Some(search) = self.search.get_or_init(build) else { return true };
        let text = component.text();
        // Folding beyond ASCII, and letters written as percent codes, are left to the patterns themselves.
        let coded = |at: usize| {
            let digits = text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
            digits.is_some_and(|byte| byte.is_ascii_alphanumeric())
        };
        // `A.C.M.E.` is the company Acme.
        let punctuated = |fact: Fact<'_>| {
            self.loose.contains(&fact.kind)
                && fact.value.contains(['.', '\\'])
                && search.is_match(&fact.value.replace(['.', '\\'], ""))
        };
        !text.is_ascii()
            || search.is_match(text)
            || memchr::memchr_iter(b'%', text.as_bytes()).any(coded)
            || component.facts().any(punctuated)
            || (!self.always.is_empty() && component.kinds().any(|kind| self.always.contains(&kind)))
    }
}

#[derive(Debug, Default)]
struct Table {
    /// Patterns that compare whole values, by the way of looking up.
    keyed: Vec<(Keyed, HashMap<String, Vec<usize>>)>,
    /// Lengths of the values of each of these, a bit a length: most values are told apart by that alone.
    lengths: Vec<u64>,
    /// Regular expressions, tried all in one pass, and whose each is.
    set: RegexSet,
    set_of: Vec<usize>,
    /// All others, tried one by one.
    others: Vec<usize>,
}

impl<'c> Matcher<'c> {
    /// Arranges a catalogue.
    #[must_use]
    pub fn new(catalog: &'c Catalog) -> Self {
        let mut tables: HashMap<FactKind, Table> = HashMap::new();
        let mut sets: HashMap<FactKind, Vec<String>> = HashMap::new();
        for (index, indicator) in catalog.indicators().iter().enumerate() {
            for fact in &indicator.facts {
                let table = tables.entry(*fact).or_default();
                match indicator.pattern.keyed() {
                    None => match indicator.pattern.regexes() {
                        Some(regexes) => {
                            table.set_of.extend(regexes.iter().map(|_| index));
                            sets.entry(*fact).or_default().extend(regexes);
                        }
                        None => table.others.push(index),
                    },
                    Some((how, values)) => {
                        let at = table.keyed.iter().position(|(k, _)| *k == how).unwrap_or_else(|| {
                            table.keyed.push((how, HashMap::new()));
                            table.lengths.push(0);
                            table.keyed.len() - 1
                        });
                        if let Some(lengths) = table.lengths.get_mut(at) {
                            *lengths |= values.iter().fold(0, |bits, value| bits | bit(value.len()));
                        }
                        if let Some((_, map)) = table.keyed.get_mut(at) {
                            for value in values {
                                map.entry(value.clone()).or_default().push(index);
                            }
                        }
                    }
                }
            }
        }
        for (fact, regexes) in sets {
            let Some(table) = tables.get_mut(&fact) else { continue };
            match RegexSet::new(&regexes) {
                Ok(set) => table.set = set,
                // Each was compiled by itself before; together they may be too large for a set.
                Err(_) => table.others.append(&mut table.set_of),
            }
        }
        Matcher { catalog, tables, sieve: Sieve::new(catalog) }
    }

    /// Every indicator and look-alike that compares with a fact of the component.
    pub fn matches(&self, component: &Component, found: &mut Matches) {
        if !self.sieve.passes(component) {
            return;
        }
        let mut says: Option<Arc<[(FactKind, String)]>> = None;
        let mut keys: Option<(Arc<str>, Arc<str>)> = None;
        for fact in component.facts() {
            let Some(table) = self.tables.get(&fact.kind) else { continue };
            let value = fact.value;
            let mut hits: Vec<usize> = Vec::new();
            for ((how, map), lengths) in table.keyed.iter().zip(&table.lengths) {
                let fits = lengths & bit(value.len()) != 0;
                if *how == Keyed::Whole {
                    hits.extend(fits.then(|| map.get(value)).flatten().into_iter().flatten());
                } else if *how == Keyed::Folded && !fits && value.is_ascii() {
                    // Folding keeps the length of plain letters.
                } else {
                    for key in how.keys(value) {
                        hits.extend(map.get(&key).into_iter().flatten());
                    }
                }
            }
            let compares = |i: &&usize| self.catalog.indicators().get(**i).is_some_and(|i| i.pattern.matches(value));
            // The set only compares; the pattern also asks for its stem.
            let in_set = table.set.matches(value).into_iter().filter_map(|i| table.set_of.get(i));
            hits.extend(in_set.chain(&table.others).filter(compares));
            hits.sort_unstable();
            hits.dedup();
            for indicator in hits {
                if !found.room(indicator, &component.path, &component.pointer, value) {
                    continue;
                }
                let says = says.get_or_insert_with(|| says_of(component));
                let (key, scope) = keys.get_or_insert_with(|| keys_of(component));
                found.list.push(Match {
                    indicator,
                    kind: fact.kind,
                    value: value.to_owned(),
                    at: component.at(fact.field),
                    component: Arc::clone(key),
                    scope: Arc::clone(scope),
                    declared: component.declared,
                    program: component.found_by.starts_with("binary/"),
                    doubted: fact.doubted,
                    says: Arc::clone(says),
                    reference: component.reference,
                    usage: component.usage,
                    route: None,
                });
            }
        }
    }

    /// Drops look-alikes, what they cancel, and what lacks a required neighbour.
    #[must_use]
    pub fn settle(&self, matches: Vec<Match>) -> Vec<Match> {
        let by_scope: HashSet<(Arc<str>, usize)> =
            matches.iter().map(|m| (Arc::clone(&m.scope), m.indicator)).collect();
        let index: HashMap<&str, usize> =
            self.catalog.indicators().iter().enumerate().map(|(i, indicator)| (indicator.id.as_str(), i)).collect();
        let hit = |m: &Match, id: &String| {
            index.get(id.as_str()).is_some_and(|i| by_scope.contains(&(Arc::clone(&m.scope), *i)))
        };
        // Of what only tells in number: the different values in each document or archive.
        let mut values: HashMap<(&str, usize), HashSet<&str>> = HashMap::new();
        let place = |m: &Match| if m.declared { m.at.path.clone() } else { Arc::clone(&m.scope) };
        let places: Vec<Arc<str>> = matches.iter().map(place).collect();
        for (m, place) in matches.iter().zip(&places) {
            if self.catalog.indicators().get(m.indicator).is_some_and(|i| i.at_least > 1) {
                values.entry((place, m.indicator)).or_default().insert(&m.value);
            }
        }
        let enough = |m: &Match, least: usize| {
            least <= 1 || values.get(&(&*place(m), m.indicator)).is_some_and(|values| values.len() >= least)
        };
        let stands = |m: &Match| {
            self.catalog.indicators().get(m.indicator).is_some_and(|indicator| {
                !indicator.look_alike
                    && enough(m, indicator.at_least)
                    && !indicator.unless.iter().any(|id| hit(m, id))
                    && indicator.requires.iter().all(|id| hit(m, id))
            })
        };
        let standing: Vec<bool> = matches.iter().map(stands).collect();
        matches.into_iter().zip(standing).filter(|(_, stands)| *stands).map(|(m, _)| m).collect()
    }
}

/// The bit of a length; all long ones share the last.
fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// What a component is known by across files, and what its look-alikes cancel within.
fn keys_of(component: &Component) -> (Arc<str>, Arc<str>) {
    if component.declared {
        let own: Arc<str> = format!("{}#{}", component.path, component.pointer).into();
        (Arc::clone(&own), own)
    } else {
        (Arc::clone(&component.path), Arc::clone(&component.scope))
    }
}

/// Names of makers, products and files, and the version: what a component says of itself, for showing and for telling
/// where it contradicts itself. A doubted name is no label of its file.
fn says_of(component: &Component) -> Arc<[(FactKind, String)]> {
    const TOLD: &[FactKind] = &[
        FactKind::CompanyName,
        FactKind::Supplier,
        FactKind::Manufacturer,
        FactKind::Publisher,
        FactKind::SignerName,
        FactKind::ProductName,
        FactKind::FileName,
        FactKind::Version,
        FactKind::ProductVersion,
        FactKind::FileVersion,
        FactKind::SignedAt,
    ];
    let told = component.facts().filter(|f| TOLD.contains(&f.kind) && !f.doubted);
    let mut says: Vec<(FactKind, String)> = Vec::new();
    for fact in told.take(SAYS) {
        if !says.iter().any(|(kind, value)| *kind == fact.kind && value == fact.value) {
            says.push((fact.kind, cut(fact.value, 256).to_owned()));
        }
    }
    says.into()
}

/// Such names looked at of one component.
const SAYS: usize = 256;
