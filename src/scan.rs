//! Joins the stages: source → archive → extract → matching → finding → verdict → report.
//!
//! In: sources, a catalogue, rules, a context, limits. Out: a [`Report`]. Each input file is walked by
//! itself, with a budget of its own, so that the result is the same for any number of threads.

mod inspect;
mod jobs;
mod layers;
mod listed;
mod memo;
mod walk;

use std::sync::Arc;

pub use inspect::{Said, inspect};
use layers::Layers;
use memo::Memo;
use walk::{Cx, Walked, walk_all};

use crate::catalog::{self, Catalog};
use crate::error::Error;
use crate::extract;
use crate::fact::{self, LabelSource, Location};
use crate::finding::{self, Find, Relation, Unit};
use crate::matching::Matcher;
use crate::regulation::{self, Rules};
use crate::report::{
    CatalogInfo, ContextInfo, Examined, Finding, Gap, Label, Note, Report, SCHEMA_VERSION, Subject, Tool, on_record,
};
use crate::source::{self, Limits, Source};
use crate::verdict::{self, Context};

/// What a scan may do beside the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Add conformance notes by the strict SBOM parsers.
    pub strict: bool,
    /// List signs that make no find by themselves.
    pub mentions: bool,
    /// List the containers that were opened.
    pub opened: bool,
    /// List the components that documents name.
    pub components: bool,
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
            added: catalog.added().to_vec(),
        },
        context: ContextInfo {
            as_of: context.as_of.to_string(),
            nexus: context.nexus.clone(),
            rules: rules.regulations.iter().filter(|r| r.judges()).map(|r| r.id.clone()).collect(),
            configuration: None,
            rules_version: regulation::VERSION.to_owned(),
            rules_added: rules.added(),
        },
        subjects: Vec::new(),
        findings: Vec::new(),
        gaps: Vec::new(),
        notes: Vec::new(),
        documents: Vec::new(),
        containers: Vec::new(),
        components: Vec::new(),
        examined: Examined::default(),
        verdict: None,
        waivers: Vec::new(),
        baseline: None,
    };
    for source in sources {
        let mut listing = source::list(source, limits)?;
        let memo = Memo::default();
        let cx = Cx {
            matcher,
            limits,
            options: &extract_options,
            opened: options.opened,
            listed: options.components,
            memo: &memo,
        };
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
            on_record: Vec::new(),
        };
        let mut layers = Layers::default();
        let mut walked = walked;
        walked.iter_mut().for_each(|one| layers.append(std::mem::take(&mut one.layers)));
        for one in &mut walked {
            let (mut components, dropped) = std::mem::take(&mut one.listed).finish();
            report.components.append(&mut components);
            report.examined.components_dropped += dropped;
        }
        let first = report.findings.len();
        let units = gather(walked, &mut subject, &mut report, matcher, catalog);
        let finds = units.iter().flat_map(|unit| finding::findings(unit, catalog)).collect();
        for find in finding::merge(finds) {
            conclude(&find, &subject.path, (catalog, rules), context, options, &mut report);
        }
        let places = report.findings.iter_mut().skip(first).flat_map(|finding| &mut finding.places);
        for place in places {
            place.deleted_by = layers.deletes(&place.path).map(str::to_owned);
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
        verdicts =
            verdict::judge(&find.product.maker, find.product.class, find.relation, find.confidence, rules, context);
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
    report.components.sort();
    report.components.dedup();
    report.verdict = report.findings.iter().filter_map(Finding::worst).max();
}

fn gap(gap: &fact::Gap) -> Gap {
    Gap { at: gap.at.to_string(), reason: gap.reason, detail: gap.detail.clone() }
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
        report.containers.append(&mut one.opened);
        examined.containers_dropped += one.opened_dropped;
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
                subject.on_record = label.as_ref().map(|label| on_record(label, catalog)).unwrap_or_default();
                subject.label = Some(Label::of(&label.clone().unwrap_or_else(by_name)));
                subject.sha256 = one.sha256;
                subject.formats = one.formats.iter().map(|f| (*f).to_owned()).collect();
            }
            if !matches.is_empty() {
                units.push(Unit { name: one.relative, root: String::new(), label, matches, labels: one.labels });
            }
        } else {
            if let Some(root) = one.path.strip_suffix(one.relative.as_str()) {
                root.clone_into(&mut rest.root);
            }
            rest.matches.extend(matches);
            rest.labels.append(&mut one.labels);
        }
    }
    if !single {
        rest.label = finding::own_label(&rest.labels, "", catalog);
        subject.on_record = rest.label.as_ref().map(|label| on_record(label, catalog)).unwrap_or_default();
        subject.label = rest.label.as_ref().map(Label::of);
        if !rest.matches.is_empty() {
            units.push(rest);
        }
    }
    units
}

#[cfg(test)]
mod tests;
