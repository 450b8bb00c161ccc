//! Joins the stages: source → archive → extract → matching → finding → verdict → report.
//!
//! In: sources, a catalogue, rules, a context, limits. Out: a [`Report`]. Each input file is walked by
//! itself, with a budget of its own, so that the result is the same for any number of threads.

mod inspect;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use inspect::{Said, inspect};
use sha2::{Digest, Sha256};

use crate::archive::{self, Opened, Walk};
use crate::bytes::hex;
use crate::catalog::{self, Catalog};
use crate::error::Error;
use crate::extract;
use crate::fact::{self, Embedded, Inventory, LabelSource, Location, Reason};
use crate::finding::{self, Find, Relation, Unit};
use crate::matching::{Match, Matcher, Matches};
use crate::regulation::Rules;
use crate::report::{
    CatalogInfo, ContextInfo, Document, Examined, Finding, Gap, Label, Note, Report, SCHEMA_VERSION, Subject, Tool,
};
use crate::source::{self, Entry, Limits, Source};
use crate::verdict::{self, Context};

/// What a scan may do beside the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Add conformance notes by the strict SBOM parsers.
    pub strict: bool,
    /// List signs that make no find by themselves.
    pub mentions: bool,
}

/// Looks at the sources and says what is in them and what the rules make of it.
///
/// Who looks more than once makes a [`Scanner`] and keeps it.
///
/// # Errors
/// When a source cannot be opened at all. What cannot be examined within one is a gap in the report.
pub fn scan(
    sources: &[Source],
    catalog: &Catalog,
    rules: &Rules,
    context: &Context,
    limits: &Limits,
    options: Options,
) -> Result<Report, Error> {
    Scanner::new(catalog, rules).scan(sources, context, limits, options)
}

/// A catalogue and rules, prepared once for any number of scans, from any number of threads.
#[derive(Debug)]
pub struct Scanner<'c> {
    catalog: &'c Catalog,
    rules: &'c Rules,
    matcher: Matcher<'c>,
    stems: Arc<extract::Stems>,
}

impl<'c> Scanner<'c> {
    /// Prepares a catalogue and rules.
    #[must_use]
    pub fn new(catalog: &'c Catalog, rules: &'c Rules) -> Self {
        Scanner { catalog, rules, matcher: Matcher::new(catalog), stems: stems(catalog) }
    }

    /// Looks at the sources, as [`scan()`] does.
    ///
    /// # Errors
    /// When a source cannot be opened at all.
    pub fn scan(
        &self,
        sources: &[Source],
        context: &Context,
        limits: &Limits,
        options: Options,
    ) -> Result<Report, Error> {
        run(self, sources, context, limits, options)
    }
}

/// What the string stage looks for.
fn stems(catalog: &Catalog) -> Arc<extract::Stems> {
    Arc::new(extract::Stems::new(catalog.stems().iter().map(String::as_str)))
}

fn run(
    scanner: &Scanner<'_>,
    sources: &[Source],
    context: &Context,
    limits: &Limits,
    options: Options,
) -> Result<Report, Error> {
    let (catalog, rules, matcher) = (scanner.catalog, scanner.rules, &scanner.matcher);
    let extract_options = extract::Options { stems: Arc::clone(&scanner.stems), strict: options.strict };
    let mut report = Report {
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        catalog: CatalogInfo {
            version: catalog::VERSION.to_owned(),
            products: catalog.products().len(),
            indicators: catalog.indicators().iter().filter(|i| !i.look_alike).count(),
        },
        context: ContextInfo {
            as_of: context.as_of.to_string(),
            nexus: context.nexus.clone(),
            rules: rules.regulations.iter().map(|r| r.id.clone()).collect(),
        },
        subjects: Vec::new(),
        findings: Vec::new(),
        gaps: Vec::new(),
        notes: Vec::new(),
        documents: Vec::new(),
        examined: Examined::default(),
        verdict: None,
    };
    for source in sources {
        let mut listing = source::list(source, limits)?;
        let cx = Cx { matcher, limits, options: &extract_options };
        let walked = walk_all(std::mem::take(&mut listing.entries), !listing.directory, &cx);
        report.examined.links += listing.links;
        report.examined.special += listing.special;
        report.gaps.extend(listing.gaps.iter().map(gap));
        let name = match source {
            Source::Path(path) => path.to_string_lossy().into_owned(),
            Source::Stdin => "<stdin>".to_owned(),
            Source::Bytes { name, .. } => name.clone(),
        };
        let kind = match source {
            _ if listing.directory => "directory",
            Source::Stdin => "stdin",
            _ => "file",
        };
        let mut subject = Subject {
            path: name,
            kind: kind.to_owned(),
            bytes: 0,
            recognised: 0,
            sha256: None,
            label: None,
            formats: Vec::new(),
        };
        let units = gather(walked, &mut subject, &mut report, matcher, catalog);
        for unit in &units {
            for find in finding::findings(unit, catalog) {
                conclude(&find, &subject.path, (catalog, rules), context, options, &mut report);
            }
        }
        report.subjects.push(subject);
    }
    finish(&mut report);
    Ok(report)
}

fn conclude(
    find: &Find<'_>,
    subject: &str,
    (catalog, rules): (&Catalog, &Rules),
    context: &Context,
    options: Options,
    report: &mut Report,
) {
    let mut verdicts = Vec::new();
    if find.relation == Relation::Mention {
        report.examined.mentions += 1;
        if !options.mentions {
            return;
        }
    } else {
        verdicts = verdict::judge(find.product.class, find.relation, find.confidence, rules, context);
    }
    report.findings.push(Finding::of(find, subject, verdicts, catalog));
}

/// The worst first, then by name and place; gaps and notes by place.
fn finish(report: &mut Report) {
    report.findings.sort_by(|a, b| {
        (b.worst(), b.confidence, &a.product.id, &a.subject, &a.fingerprint).cmp(&(
            a.worst(),
            a.confidence,
            &b.product.id,
            &b.subject,
            &b.fingerprint,
        ))
    });
    report.gaps.sort();
    report.gaps.dedup();
    report.verdict = report.findings.iter().filter_map(Finding::worst).max();
}

fn gap(gap: &fact::Gap) -> Gap {
    Gap { at: gap.at.to_string(), reason: gap.reason, detail: gap.detail.clone() }
}

/// Gaps told per input file; the rest is counted.
const GAPS: usize = 1000;
/// Documents whose completeness is told per input file.
const DOCUMENTS: usize = 1000;

/// What every file's walk needs.
struct Cx<'a> {
    matcher: &'a Matcher<'a>,
    limits: &'a Limits,
    options: &'a extract::Options,
}

/// What the walk of one input file gave.
#[derive(Default)]
struct Walked {
    path: Arc<str>,
    relative: String,
    container: bool,
    bytes: u64,
    sha256: Option<String>,
    matches: Matches,
    labels: Vec<fact::Label>,
    gaps: Vec<fact::Gap>,
    notes: Vec<fact::Note>,
    notes_dropped: usize,
    members: u64,
    unpacked: u64,
    recognised: u64,
    unrecognised: u64,
    containers: u64,
    gaps_dropped: u64,
    components: u64,
    documents: Vec<Document>,
    documents_dropped: u64,
    formats: Vec<&'static str>,
}

/// Walks all files, on as many threads as allowed; results come back in the order of the input.
fn walk_all(entries: Vec<Entry>, digest: bool, cx: &Cx<'_>) -> Vec<Walked> {
    let threads = cx.limits.threads.clamp(1, entries.len().max(1));
    let entries: Vec<Mutex<Entry>> = entries.into_iter().map(Mutex::new).collect();
    let done: Vec<Mutex<Option<Walked>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(entry), Some(slot)) = (entries.get(at), done.get(at)) else { return };
            let walked = walk_one(&mut entry.lock().unwrap_or_else(PoisonError::into_inner), digest, cx);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(walked);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    done.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn walk_one(entry: &mut Entry, digest: bool, cx: &Cx<'_>) -> Walked {
    let mut walked = Walked { path: Arc::clone(&entry.path), relative: entry.relative.clone(), ..Walked::default() };
    if cx.limits.stop.raised() {
        let at = Location::whole(&entry.path);
        walked.gaps.push(fact::Gap {
            at,
            reason: Reason::Limit,
            detail: "not examined: stopped (time limit or interrupt)".to_owned(),
        });
        return walked;
    }
    let mut blob = match entry.open() {
        Ok(blob) => blob,
        Err(gap) => {
            walked.gaps.push(gap);
            return walked;
        }
    };
    walked.bytes = blob.len();
    if digest {
        walked.sha256 = blob.reader().ok().and_then(|reader| sha256(reader, cx.limits));
    }
    let mut walk = Walk::new(cx.limits, blob.len());
    archive::walk(&mut blob, &mut walk, &mut |blob, _, opened| examine(blob, opened, cx, &mut walked));
    walked.members = walk.members;
    walked.unpacked = walk.unpacked;
    walked.gaps.append(&mut walk.into_gaps(&entry.path));
    if walked.gaps_dropped > 0 {
        let detail = format!("{} more places could not be examined", walked.gaps_dropped);
        walked.gaps.push(fact::Gap { at: Location::whole(&entry.path), reason: Reason::Limit, detail });
    }
    walked
}

fn sha256(mut reader: source::Reader<'_>, limits: &Limits) -> Option<String> {
    use std::io::Read as _;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        if limits.stop.raised() {
            return None;
        }
        let n = reader.read(&mut buffer).ok()?;
        if n == 0 {
            return Some(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..n)?);
    }
}

/// One blob: its facts, matched at once, so that only what matched is kept. Documents inside it come back.
fn examine(blob: &mut source::Blob, opened: Opened, cx: &Cx<'_>, walked: &mut Walked) -> Vec<Embedded> {
    let first = walked.matches.list.len();
    let mut taker = |component: &fact::Component| cx.matcher.matches(component, &mut walked.matches);
    let mut inventory = Inventory::with_taker(&blob.path, &blob.scope, &mut taker);
    inventory.strict = cx.options.strict;
    extract::name_facts(&blob.inner, &mut inventory);
    read(blob, opened, cx.limits, cx.options, &mut inventory);
    let mut inventory = inventory.without_taker();
    cx.matcher.matches(&inventory.file, &mut walked.matches);
    trace(walked.matches.list.get_mut(first..).unwrap_or_default(), &inventory);
    // A container is only a wrapper: something in it must be recognised, too.
    let recognised = !inventory.formats.is_empty();
    if let Opened::As(format) = opened {
        inventory.formats.insert(0, format);
    }
    if blob.depth == 0 {
        walked.container = matches!(opened, Opened::As(_)) || !inventory.embedded.is_empty();
        walked.formats.clone_from(&inventory.formats);
    }
    match opened {
        _ if recognised => walked.recognised += 1,
        Opened::As(_) => walked.containers += 1,
        _ => walked.unrecognised += 1,
    }
    walked.components += inventory.declared;
    if let Some(coverage) = inventory.coverage.take() {
        if walked.documents.len() < DOCUMENTS {
            walked.documents.push(Document { path: blob.path.to_string(), coverage });
        } else {
            walked.documents_dropped += 1;
        }
    }
    walked.labels.append(&mut inventory.labels);
    let room = GAPS.saturating_sub(walked.gaps.len());
    walked.gaps_dropped += inventory.gaps.len().saturating_sub(room) as u64 + inventory.gaps_dropped;
    walked.gaps.extend(inventory.gaps.drain(..).take(room));
    walked.notes.append(&mut inventory.notes);
    walked.notes_dropped += inventory.notes_dropped;
    std::mem::take(&mut inventory.embedded)
}

/// Lets the extractors read a blob.
fn read(
    blob: &mut source::Blob,
    opened: Opened,
    limits: &Limits,
    options: &extract::Options,
    inventory: &mut Inventory<'_>,
) {
    // What is packed says nothing as bytes; a program in front of an archive does.
    let packed = matches!(opened, Opened::As(_)) && !extract::is_program(blob.head());
    extract::extract(blob, packed, limits, options, inventory);
    if opened == Opened::Leaf {
        extract::header_fact(blob.head(), inventory);
    }
    inventory.close();
}

/// Adds to the signs of one document how the product comes to each component.
fn trace(matches: &mut [Match], inventory: &Inventory<'_>) {
    let wanted: HashSet<u64> = matches.iter().filter_map(|m| m.reference).collect();
    let routes: HashMap<u64, Arc<fact::Route>> =
        inventory.graph.routes(&wanted).into_iter().map(|(key, route)| (key, Arc::new(route))).collect();
    for one in matches {
        if let Some(reference) = one.reference {
            one.route = routes.get(&reference).cloned();
            one.usage = inventory.usages.get(&reference).copied().or(one.usage);
        }
    }
}

/// Sorts what was walked into units of judgement. An archive or document with a label of its own is one;
/// everything else in a directory belongs to the directory.
fn gather(
    walked: Vec<Walked>,
    subject: &mut Subject,
    report: &mut Report,
    matcher: &Matcher<'_>,
    catalog: &Catalog,
) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut rest = Unit::default();
    let single = subject.kind != "directory";
    for mut one in walked {
        let examined = &mut report.examined;
        examined.inputs += 1;
        examined.members += one.members;
        examined.components += one.components;
        examined.bytes += one.bytes;
        examined.unpacked += one.unpacked;
        examined.recognised += one.recognised;
        examined.containers += one.containers;
        examined.unrecognised += one.unrecognised;
        examined.notes_dropped += one.notes_dropped as u64;
        report.gaps.extend(one.gaps.iter().map(gap));
        examined.documents_dropped += one.documents_dropped;
        report.documents.append(&mut one.documents);
        report.notes.extend(one.notes.iter().map(|n| Note { at: n.at.to_string(), detail: n.detail.clone() }));
        subject.bytes += one.bytes;
        subject.recognised += one.recognised;
        examined.signs_dropped += one.matches.dropped;
        let matches = matcher.settle(std::mem::take(&mut one.matches.list));
        let own = one.container || one.labels.iter().any(|l| l.from == LabelSource::Sbom);
        let label = (single || own).then(|| finding::own_label(&one.labels, &one.path, catalog)).flatten();
        if single || label.is_some() {
            if single {
                let by_name = || fact::Label {
                    vendor: None,
                    product: Some(one.relative.clone()),
                    version: None,
                    at: Location::whole(&one.path),
                    from: LabelSource::FileName,
                };
                subject.label = Some(Label::of(&label.clone().unwrap_or_else(by_name)));
                subject.sha256 = one.sha256;
                subject.formats = one.formats.iter().map(|f| (*f).to_owned()).collect();
            }
            if !matches.is_empty() {
                units.push(Unit { name: one.relative, label, matches, labels: one.labels });
            }
        } else {
            rest.matches.extend(matches);
            rest.labels.append(&mut one.labels);
        }
    }
    if !single {
        rest.label = finding::own_label(&rest.labels, "", catalog);
        subject.label = rest.label.as_ref().map(Label::of);
        if !rest.matches.is_empty() {
            units.push(rest);
        }
    }
    units
}

#[cfg(test)]
mod tests;
