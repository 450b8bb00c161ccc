//! `underlabel explain FINGERPRINT --report FILE`: one finding from its facts to what the rules make of it.
//!
//! In: a report. Out: text. Everything that came from a scanned file passes the escape.

use std::fmt::Write as _;

use crate::catalog::measured;
use crate::escape_terminal as safe;
use crate::report::{Finding, Report};
use crate::verdict::Verdict;

/// The chain of the finding whose fingerprint begins so; nothing when there is none.
pub(super) fn chain(id: &str, report: &Report) -> Option<String> {
    let finding = report.findings.iter().find(|f| id.len() >= 8 && f.fingerprint.starts_with(id))?;
    let mut text = String::new();
    let label = finding.label.as_ref().map_or_else(|| "no label".to_owned(), |label| label.line());
    let _ = writeln!(text, "{}: {} in {}", safe(&finding.fingerprint), safe(&finding.product.name), safe(&label));
    text += "\nfact → indicator (source)\n";
    for place in &finding.places {
        for one in &place.evidence {
            let more = if one.more > 0 { format!(" and {} more", one.more) } else { String::new() };
            let _ = writeln!(text, "    {}", safe(&one.at));
            let _ = writeln!(text, "        {} \"{}\"{more}", one.fact.name(), safe(&one.value));
            let family = one.family.name();
            let _ = writeln!(
                text,
                "        → {} ({}, {family}): {}",
                safe(&one.indicator),
                one.strength.name(),
                safe(&one.source)
            );
            if let Some(measured) = measured(&one.indicator) {
                let _ = writeln!(text, "          {}", measured.line(&[one.fact]));
            }
        }
    }
    let more = finding.places_total.saturating_sub(finding.places.len());
    if more > 0 {
        let _ = writeln!(text, "    and {more} more places");
    }
    text += &stands(finding);
    for verdict in &finding.verdicts {
        text += &judged(verdict);
    }
    if finding.verdicts.is_empty() {
        text += "\nno rule of the run speaks of it\n";
    }
    let _ =
        writeln!(text, "\njudged as of {}, catalogue {}", safe(&report.context.as_of), safe(&report.catalog.version));
    text += "A reading of public texts, not legal advice.\n";
    Some(text)
}

fn stands(finding: &Finding) -> String {
    let mut text =
        format!("\n→ product {} {}", safe(&finding.product.id), safe(&finding.class.whose(&finding.product.maker)));
    let letter = finding.class.letter().map_or_else(String::new, |letter| format!(", case ({letter})"));
    let _ = writeln!(text, ": {}{letter}", finding.class.title());
    let says = finding.relation.says(finding.confidence, &finding.product.maker);
    let _ = writeln!(text, "    {}: {}", finding.relation.title(finding.confidence), safe(&says));
    let _ = writeln!(text, "    {} (`underlabel explain confidence` has the table)", finding.confidence.name());
    for (what, value) in [("version", finding.versions.join(", "))] {
        if !value.is_empty() {
            let _ = writeln!(text, "    {what} {}", safe(&value));
        }
    }
    for date in &finding.dates {
        let after = if date.after.is_empty() {
            String::new()
        } else {
            format!(", after {} applied", safe(&date.after.join(", ")))
        };
        let _ = writeln!(text, "    {} {}{after}: {}", date.of.title(), safe(&date.date), safe(&date.at));
    }
    text
}

fn judged(verdict: &Verdict) -> String {
    let mut text =
        format!("\n→ {}/{}: {}\n", safe(&verdict.regulation), safe(&verdict.requirement), verdict.outcome.title());
    let _ = writeln!(text, "    {} [{} source]", safe(&verdict.because), verdict.mark.name());
    let _ = writeln!(text, "    {}, {}", safe(&verdict.citation), safe(&verdict.url));
    let detail = verdict.applies_detail.as_deref().map_or_else(String::new, |d| format!(", {}", safe(d)));
    let _ = writeln!(
        text,
        "    applies from {}{detail} [{} source]",
        safe(&verdict.applies_from),
        verdict.date_mark.name()
    );
    for missing in &verdict.missing {
        let how = missing.key.as_ref().map_or_else(String::new, |key| format!(" (--nexus {}=yes|no)", safe(key)));
        let _ = writeln!(text, "    missing: {}{how}", safe(&missing.question));
    }
    for clock in &verdict.clocks {
        let _ = writeln!(text, "    report: {}", safe(clock));
    }
    text
}
