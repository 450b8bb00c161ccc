//! For a person: what was looked at, what was found, where, how sure, which rule speaks, what was not seen.
//!
//! In: a report and a [`Style`]. Out: lines that fit the width; plain text unless colours are asked for.
//! Everything that comes from a scanned file passes the escape.

mod changes;
mod finding;

use std::collections::HashSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style as Ansi};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::escape::{short, terminal as safe};
use super::{Document, Finding, OnRecord, Report, Style, Subject};
use crate::fact::{Coverage, LabelSource};
use crate::finding::Relation;
use crate::regulation::Mark;
use crate::verdict::{Outcome, Verdict};

/// Places listed per finding, and signs per place, unless `--verbose`.
const PLACES: usize = 10;
const SIGNS: usize = 6;
/// Gaps listed unless `--verbose`.
const GAPS: usize = 20;
/// Longest value shown.
const VALUE: usize = 80;

const BOLD: Ansi = Ansi::new().effects(Effects::BOLD);
const DIM: Ansi = Ansi::new().effects(Effects::DIMMED);
const RED: Ansi = AnsiColor::Red.on_default().effects(Effects::BOLD);
const YELLOW: Ansi = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const GREEN: Ansi = AnsiColor::Green.on_default();
const CYAN: Ansi = AnsiColor::Cyan.on_default();

pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let folder = match report.subjects.as_slice() {
        [one] if one.kind == "file" => {
            one.path.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
        }
        _ => String::new(),
    };
    let mut page = Page { style, folder, out };
    page.head(report)?;
    for subject in &report.subjects {
        page.subject(subject, report)?;
    }
    page.examined(report)?;
    page.documents(report)?;
    page.answer(report)?;
    for finding in &report.findings {
        page.finding(finding, report)?;
    }
    page.reasons(report)?;
    page.waivers(report)?;
    page.baseline(report)?;
    page.gaps(report)?;
    page.notes(report)?;
    page.opened(report)?;
    page.close(report)
}

struct Page<'a> {
    style: &'a Style,
    /// The folder of a file that was looked at: its paths are shown from the file on.
    folder: String,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn paint(&self, ansi: Ansi, text: &str) -> String {
        if self.style.colour { format!("{ansi}{text}{ansi:#}") } else { text.to_owned() }
    }

    fn shown<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    /// A paragraph: `first` in front of its first line, as much space in front of the others.
    fn wrap(&mut self, indent: usize, first: &str, painted: &str, text: &str) -> io::Result<()> {
        let column = indent + first.chars().count();
        let pad = " ".repeat(column);
        let width = self.style.width.max(column + 12);
        let options = Options::new(width)
            .initial_indent(&pad)
            .subsequent_indent(&pad)
            .break_words(false)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        for (i, line) in textwrap::wrap(text, options).iter().enumerate() {
            if i == 0 {
                let rest: String = line.chars().skip(column).collect();
                writeln!(self.out, "{}{painted}{rest}", " ".repeat(indent))?;
            } else {
                writeln!(self.out, "{line}")?;
            }
        }
        Ok(())
    }

    fn plain(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.wrap(indent, "", "", text)
    }

    fn head(&mut self, report: &Report) -> io::Result<()> {
        let tool = self.paint(BOLD, &format!("{} {}", report.tool.name, report.tool.version));
        let catalog = &report.catalog;
        let mut rest = format!(
            "catalogue {}, {} indicators · judged as of {}",
            catalog.version, catalog.indicators, report.context.as_of
        );
        if let Some(file) = &report.context.configuration {
            rest += &format!(" · configured by {}", safe(file));
        }
        writeln!(self.out, "{tool} · {}", self.paint(DIM, &rest))
    }

    fn subject(&mut self, subject: &Subject, report: &Report) -> io::Result<()> {
        writeln!(self.out)?;
        let first = "Looked at  ";
        let painted = self.paint(BOLD, first);
        self.wrap(0, first, &painted, &safe(&subject.path))?;
        let line = match &subject.label {
            Some(label) if label.from == LabelSource::FileName => "no label seen beyond the file's name".to_owned(),
            Some(label) => format!("sold as {}", safe(&label.line())),
            None => "no common label seen".to_owned(),
        };
        self.plain(first.len(), &line)?;
        // A finding tells its own.
        let told = |one: &&OnRecord| {
            let of_subject = report.findings.iter().filter(|f| f.subject == subject.path);
            !of_subject.flat_map(|f| &f.on_record).any(|other| other.carrier == one.carrier)
        };
        let records: Vec<OnRecord> = subject.on_record.iter().filter(told).cloned().collect();
        self.on_record(first.len(), &records, false)
    }

    fn examined(&mut self, report: &Report) -> io::Result<()> {
        let e = &report.examined;
        let mut parts = vec![count(e.inputs, "file"), bytes(e.bytes)];
        if e.members > 0 {
            parts.push(format!("{} unpacked to {}", count(e.members, "archive member"), bytes(e.unpacked)));
        }
        if e.components > 0 {
            parts.push(count(e.components, "listed component"));
        }
        parts.push(format!(
            "{} in a format that is read, {} compared by name and bytes only",
            e.recognised, e.unrecognised
        ));
        if e.links > 0 {
            parts.push(format!("{} out of the tree not followed", count(e.links, "link")));
        }
        if e.special > 0 {
            parts.push(format!("{} not opened", count(e.special, "device, pipe or socket")));
        }
        let first = "Examined   ";
        let painted = self.paint(BOLD, first);
        self.wrap(0, first, &painted, &parts.join(" · "))
    }

    /// How complete the SBOMs are: a clean thin list proves little.
    fn documents(&mut self, report: &Report) -> io::Result<()> {
        let lines: Vec<String> = if report.documents.len() > 3 && !self.style.verbose {
            let sum = |of: fn(&Coverage) -> u64| report.documents.iter().map(|d| of(&d.coverage)).sum::<u64>();
            let counts = [sum(|c| c.supplied), sum(|c| c.versioned), sum(|c| c.identified), sum(|c| c.hashed)];
            vec![format!(
                "{} with {}",
                count(report.documents.len() as u64, "SBOM"),
                shares(sum(|c| c.components), counts)
            )]
        } else {
            report.documents.iter().map(|d| self.document(d)).collect()
        };
        let first = "Listed by  ";
        for (i, line) in lines.iter().enumerate() {
            let shown = if i == 0 { first } else { "           " };
            let painted = self.paint(BOLD, shown);
            self.wrap(0, shown, &painted, line)?;
        }
        Ok(())
    }

    fn document(&self, document: &Document) -> String {
        let c = &document.coverage;
        let counts = [c.supplied, c.versioned, c.identified, c.hashed];
        let mut text = format!("{} with {}", safe(self.shown(&document.path)), shares(c.components, counts));
        // The shares say the others of the minimum elements.
        let told = ["dependency relationship", "author of the data", "time stamp"];
        let lacks: Vec<&str> = c.missing().into_iter().filter(|m| told.contains(m)).collect();
        if !lacks.is_empty() {
            text += &format!("; no {}", lacks.join(", no "));
        }
        if c.unknown > 0 {
            text += &format!("; {} stated as unknown", count(c.unknown, "field"));
        }
        if !c.declared.is_empty() {
            text += &format!("; says of itself: {}", safe(&c.declared.join(", ")));
        }
        text
    }

    /// The reasons and the open questions, once each, however many finds share them.
    fn reasons(&mut self, report: &Report) -> io::Result<()> {
        let verdicts = || report.findings.iter().flat_map(|f| f.verdicts.iter());
        let mut sorted: Vec<&Verdict> = verdicts().collect();
        sorted.sort_by_key(|v| std::cmp::Reverse(v.outcome));
        let mut said = HashSet::new();
        for verdict in sorted {
            if !said.insert((&verdict.regulation, &verdict.because)) {
                continue;
            }
            if said.len() == 1 {
                writeln!(self.out)?;
                writeln!(self.out, "{}", self.paint(BOLD, "WHY"))?;
            }
            let first = format!("{:<18} ", verdict.regulation);
            let painted = self.paint(colour(verdict.outcome), &first);
            let mark = if verdict.mark == Mark::Secondary { " (secondary source)" } else { "" };
            self.wrap(2, &first, &painted, &format!("{}{mark} — {}", safe(&verdict.because), verdict.citation))?;
        }
        let mut asked = HashSet::new();
        for missing in verdicts().flat_map(|v| v.missing.iter()) {
            if !asked.insert(&missing.question) {
                continue;
            }
            if asked.len() == 1 {
                writeln!(self.out)?;
                writeln!(self.out, "{}", self.paint(BOLD, "ASK"))?;
            }
            let how = missing.key.as_ref().map_or_else(String::new, |key| format!("  --nexus {key}=yes|no"));
            self.wrap(2, "- ", "- ", &format!("{}{how}", missing.question))?;
        }
        let mut clocks = HashSet::new();
        for (verdict, clock) in verdicts().flat_map(|v| v.clocks.iter().map(move |c| (v, c))) {
            if !clocks.insert(clock) {
                continue;
            }
            if clocks.len() == 1 {
                writeln!(self.out)?;
                writeln!(self.out, "{}", self.paint(BOLD, "REPORT WITHIN"))?;
            }
            self.wrap(2, "- ", "- ", &format!("{}: {clock}", verdict.regulation))?;
        }
        Ok(())
    }

    fn gaps(&mut self, report: &Report) -> io::Result<()> {
        if report.gaps.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        let title = format!("COULD NOT SEE  {}", count(report.gaps.len() as u64, "gap"));
        writeln!(self.out, "{}", self.paint(YELLOW, &title))?;
        let most = if self.style.verbose { usize::MAX } else { GAPS };
        for gap in report.gaps.iter().take(most) {
            writeln!(self.out, "    {}", self.paint(CYAN, &safe(self.shown(&gap.at))))?;
            self.plain(6, &format!("{}: {}", gap.reason.name(), safe(&short(&gap.detail, 400))))?;
        }
        if report.gaps.len() > most {
            writeln!(
                self.out,
                "    and {} (--verbose lists them)",
                count((report.gaps.len() - most) as u64, "more gap")
            )?;
        }
        Ok(())
    }

    fn notes(&mut self, report: &Report) -> io::Result<()> {
        let all = report.notes.len() as u64 + report.examined.notes_dropped;
        if all == 0 {
            return Ok(());
        }
        writeln!(self.out)?;
        if !self.style.verbose {
            let text = format!("{} on repaired or odd places (--verbose lists them)", count(all, "note"));
            return writeln!(self.out, "{}", self.paint(DIM, &text));
        }
        writeln!(self.out, "{}", self.paint(BOLD, "Notes"))?;
        for note in &report.notes {
            writeln!(self.out, "    {}", safe(self.shown(&note.at)))?;
            self.plain(6, &safe(&short(&note.detail, 400)))?;
        }
        if report.examined.notes_dropped > 0 {
            writeln!(self.out, "    and {}", count(report.examined.notes_dropped, "more note"))?;
        }
        Ok(())
    }

    fn opened(&mut self, report: &Report) -> io::Result<()> {
        if report.containers.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        writeln!(self.out, "{}", self.paint(BOLD, "Opened"))?;
        for one in &report.containers {
            writeln!(self.out, "    {} as {}", safe(self.shown(&one.path)), one.format)?;
        }
        if report.examined.containers_dropped > 0 {
            writeln!(self.out, "    and {}", count(report.examined.containers_dropped, "more container"))?;
        }
        Ok(())
    }

    /// The answer before the detail.
    fn answer(&mut self, report: &Report) -> io::Result<()> {
        let found = report.findings.iter().filter(|f| f.relation != Relation::Mention).count();
        let gaps = report.gaps.len() as u64;
        let unseen = if gaps > 0 { format!("; {} it could not see", count(gaps, "place")) } else { String::new() };
        let (ansi, text) = match report.verdict {
            Some(worst) => {
                (colour(worst), format!("{}, worst verdict: {}{unseen}", count(found as u64, "finding"), worst.title()))
            }
            None if report.findings.iter().any(Finding::is_unjudged) => {
                (YELLOW, format!("{}, and no rule of this run speaks of it{unseen}", count(found as u64, "finding")))
            }
            None if report.findings.iter().any(|f| f.waived.is_some()) => {
                (YELLOW, format!("{}, all waived{unseen}", count(found as u64, "finding")))
            }
            None if report.examined.recognised == 0 => {
                (YELLOW, format!("nothing was recognised, so this says nothing about what is inside{unseen}"))
            }
            None if gaps > 0 => (YELLOW, format!("nothing found in what could be seen{unseen}")),
            None => (
                GREEN,
                "nothing found; renamed, packed, encrypted or statically linked code can still be there".to_owned(),
            ),
        };
        let first = "Answer     ";
        let painted = self.paint(BOLD, first);
        // Painted after wrapping would split the colour, so a coloured answer stays on one line.
        if self.style.colour {
            writeln!(self.out, "{painted}{}", self.paint(ansi, &text))
        } else {
            self.wrap(0, first, &painted, &text)
        }
    }

    fn close(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.out)?;
        if report.examined.mentions > 0 {
            let text =
                format!("{} too weak to make a find (--mentions shows all)", count(report.examined.mentions, "sign"));
            writeln!(self.out, "{}", self.paint(DIM, &text))?;
        }
        if let Some((code, why)) = self.style.exit {
            self.plain(0, &format!("exit {code}: {why}"))?;
        }
        self.plain(0, "A reading of public texts, not legal advice. `underlabel explain ID` tells more of any [id].")
    }
}

const fn colour(outcome: Outcome) -> Ansi {
    match outcome {
        Outcome::Prohibited | Outcome::ProhibitedIf => RED,
        Outcome::Likely | Outcome::Unclear | Outcome::Advisory => YELLOW,
        Outcome::Exempt | Outcome::NotCovered => GREEN,
    }
}

/// The date a verdict applies from, with what it rests on.
fn since(verdict: &Verdict) -> String {
    let detail = verdict.applies_detail.as_ref().map_or_else(String::new, |d| format!(", {d}"));
    let mark = if verdict.date_mark == Mark::Secondary { " (date: secondary source)" } else { "" };
    format!("{}{detail}{mark}", verdict.applies_from)
}

/// What share of the components has a supplier, a version, an identifier and a hash.
fn shares(all: u64, counts: [u64; 4]) -> String {
    let share = |n: u64| (n.min(all) * 100).checked_div(all).unwrap_or(0);
    let named = ["supplier", "version", "identifier", "hash"].into_iter().zip(counts);
    let parts: Vec<String> = named.map(|(what, n)| format!("{what} {} %", share(n))).collect();
    format!("{}: {}", count(all, "component"), parts.join(", "))
}

fn count(n: u64, what: &str) -> String {
    let plural = match what.split_once(',') {
        Some((first, rest)) if n != 1 => format!("{first}s,{rest}s"),
        _ if n != 1 => format!("{what}s"),
        _ => what.to_owned(),
    };
    format!("{n} {plural}")
}

/// Bytes for a person, in powers of 1000.
fn bytes(n: u64) -> String {
    const UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = n as f64;
    let mut unit = UNITS.iter();
    let mut name = unit.next().copied().unwrap_or("B");
    while value >= 999.95 {
        let Some(next) = unit.next() else { break };
        value /= 1000.0;
        name = next;
    }
    if n < 1000 { format!("{n} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(5184), "5.2 kB");
        assert_eq!(bytes(999_960), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(2, "device, pipe or socket"), "2 devices, pipe or sockets");
    }
}
