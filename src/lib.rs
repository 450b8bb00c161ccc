//! underlabel looks under a product's label: it opens SBOMs, archives, apps and binaries, finds Kaspersky
//! SDKs, OEM engines and products inside software sold under another brand, and says, rule by rule, what
//! the law makes of each find.
//!
//! # The flow
//!
//! Extractors say facts, indicators match facts, matches about one thing become a finding, rules judge
//! findings, and every output is a view of one report. Nothing looks to the right.
//!
//! ```text
//! bytes ──► archives ──► documents ──► FACTS ──► matches ──► FINDINGS ──► verdicts ──► REPORT ──► terminal · JSON
//! source    archive      extract       fact      matching    finding      verdict      report
//!                                                   ▲                        ▲
//!                                            catalog/*.toml          regulation/*.toml
//!                └────────────── Gap: whatever could not be read or was cut short ─────────────►┘
//! ```
//!
//! `FACTS` is the narrow waist: formats and indicators never meet, so neither list knows the other.
//!
//! # The modules, left to right
//!
//! | module | what it does |
//! |---|---|
//! | `bytes` | numbers and texts out of untrusted bytes |
//! | [`fact`] | what an extractor may say and a matcher may see; labels, gaps, notes |
//! | [`error`] | what stops a run |
//! | [`source`] | paths, directories, standard input, memory; the only module that opens files |
//! | `archive` | what is inside: containers within containers, within [`Limits`] |
//! | `extract` | what a blob says of itself: SBOMs, binaries, Android, packages |
//! | [`catalog`] | products, indicators, look-alikes; load and lint |
//! | [`matching`] | inventory × catalogue → matches |
//! | [`finding`] | matches about one thing → a finding: class, relation to the label, confidence |
//! | [`regulation`] | the rules, as data with the marks of their sources |
//! | [`verdict`] | findings × rules × context → verdicts; pure |
//! | [`pages`] | catalogue and rules as pages of the documentation |
//! | [`report`] | the report and its outputs |
//! | [`waiver`] | findings somebody answers for until a day |
//! | [`baseline`] | what is new, gone and changed against an older report |
//! | `scan` | joins the stages: [`scan()`] |
//! | [`exit`] | the exit codes |
//! | [`cli`] | arguments, environment, standard output, today's date |
//!
//! # House rules, each with a check
//!
//! 1. A module names only modules to its left.
//! 2. Only `source` opens files to examine, only `cli` touches arguments, environment, standard output and the clock.
//! 3. Every blob ends as facts or as a gap; nothing recognised is not clean.
//! 4. Every read is bounded by [`Limits`], and a limit that bites is a gap.
//! 5. No input panics. No unsafe code.
//! 6. A finding carries indicator, fact and place; a verdict carries requirement and citation.
//! 7. A name alone never exceeds *possible*, and *possible* never leads to more than *unclear*.
//! 8. Same input, same report, for any number of threads.
//! 9. The JSON report validates against its schema.
//! 10. Untrusted text is escaped for the medium it reaches.
//!
//! # As a library
//!
//! ```
//! use std::collections::BTreeMap;
//! use underlabel::catalog::Catalog;
//! use underlabel::regulation::Rules;
//! use underlabel::{Context, Limits, ScanOptions, Source, scan};
//!
//! let sbom = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components":
//!     [{"name": "mail-scan-engine", "supplier": {"name": "AO Kaspersky Lab"}}]}"#;
//! let source = Source::Bytes { name: "sbom.json".into(), data: sbom.to_vec() };
//! let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus: BTreeMap::new() };
//! let (catalog, rules) = (Catalog::built_in()?, Rules::built_in()?);
//! let report = scan(&[source], &catalog, &rules, &context, &Limits::default(), ScanOptions::default())?;
//! assert_eq!(report.findings[0].places[0].evidence[0].at, "sbom.json#/components/0/supplier/name");
//! # Ok::<(), underlabel::error::Error>(())
//! ```

mod archive;
pub mod baseline;
mod bytes;
pub mod catalog;
pub mod cli;
pub mod error;
pub mod exit;
mod extract;
pub mod fact;
pub mod finding;
pub mod matching;
pub mod pages;
pub mod regulation;
pub mod report;
mod scan;
pub mod source;
pub mod verdict;
pub mod waiver;

pub use report::{Report, escape_terminal};
pub use scan::{Options as ScanOptions, Said, Scanner, inspect, scan};
pub use source::{Limits, Progress, Source, Stop};
pub use verdict::{AsOf, Context};

/// The formats of this version, for the documentation: extractors, containers, and containers that are
/// only recognised.
#[must_use]
pub fn formats() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    (extract::names(), archive::names(), archive::recognised_only())
}
