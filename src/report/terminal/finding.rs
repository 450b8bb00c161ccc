//! One finding on the page: what, how sure, where, by which way, and what each rule makes of it.
//!
//! In: a [`Finding`] of the report. Out: its lines. Must not know: how anything was found.

use std::borrow::Cow;
use std::io;

use super::super::escape::{short, terminal as safe};
use super::super::{BaselineState, EvidenceOut, Finding, OnRecord, Place, Report, Statement};
use super::{BOLD, CYAN, DIM, PLACES, Page, RED, SIGNS, VALUE, YELLOW, colour, count, since};
use crate::bytes::letters;
use crate::fact::{FactKind, LabelSource};
use crate::finding::{Confidence, Relation};
use crate::regulation::Status;
use crate::verdict::{Outcome, Verdict};

impl Page<'_> {
    pub(super) fn finding(&mut self, finding: &Finding, report: &Report) -> io::Result<()> {
        writeln!(self.out)?;
        let mention = finding.relation == Relation::Mention;
        let (word, ansi) = match (mention, &finding.waived) {
            (true, _) => ("MENTION    ", DIM),
            (false, Some(_)) => ("WAIVED     ", DIM),
            (false, None) => ("FOUND      ", RED),
        };
        let painted = self.paint(ansi, word);
        let state = match finding.baseline {
            Some(BaselineState::New) => " (new)",
            Some(BaselineState::Changed) => " (changed)",
            Some(BaselineState::Unchanged) | None => "",
        };
        let name = format!("{}{state}", finding.product.name);
        self.wrap(0, word, &painted, &name)?;
        let indent = word.len();
        let sure = if mention { "no find".to_owned() } else { finding.confidence.name().to_owned() };
        let ansi = if finding.confidence == Confidence::Possible { YELLOW } else { RED };
        let painted = self.paint(if mention { DIM } else { ansi }, &sure);
        self.wrap(
            indent,
            &sure,
            &painted,
            &format!(" · {} · {}", finding.relation.title(finding.confidence), finding.class.title()),
        )?;
        let label = finding.label.as_ref().filter(|l| l.from != LabelSource::FileName).map(|l| l.line());
        let says = finding.relation.says(finding.confidence, &finding.product.maker);
        let explain = match label {
            Some(label) => format!("{says}; sold as {}", safe(&label)),
            None => says,
        };
        self.plain(indent, &explain)?;
        if let Some(waived) = &finding.waived {
            let text = format!("until {} by {}: {}", waived.expires, safe(&waived.owner), safe(&waived.reason));
            self.plain(indent, &format!("waived {text}"))?;
        }
        if !finding.versions.is_empty() {
            let versions: Vec<_> = finding.versions.iter().take(8).map(|v| safe(&short(v, 40)).into_owned()).collect();
            self.plain(indent, &format!("version {}", versions.join(", ")))?;
        }
        for date in finding.dates.iter().take(if self.style.verbose { usize::MAX } else { 1 }) {
            let rules = date.after.join(", ");
            let after = if rules.is_empty() { String::new() } else { format!(": after {rules} applied") };
            let by = date.by.as_deref().map_or_else(String::new, |by| format!(" by {}", safe(&short(by, 60))));
            self.plain(indent, &format!("{} {}{by}{after}", date.of.title(), safe(&date.date)))?;
        }
        self.on_record(indent, &finding.on_record, true)?;
        if report.subjects.len() > 1 {
            self.plain(indent, &format!("in {}", safe(&finding.subject)))?;
        }
        self.places(finding)?;
        self.routes(finding)?;
        if self.style.verbose {
            self.plain(2, &format!("fingerprint {}", finding.fingerprint))?;
        }
        if !finding.verdicts.is_empty() {
            writeln!(self.out, "{}", self.paint(BOLD, "  Rules"))?;
            let mut verdicts: Vec<&Verdict> = finding.verdicts.iter().collect();
            verdicts.sort_by_key(|v| std::cmp::Reverse(v.outcome));
            for verdict in verdicts {
                self.verdict(verdict)?;
            }
        }
        Ok(())
    }

    /// What the public record says of a product of this label.
    pub(super) fn on_record(&mut self, indent: usize, all: &[OnRecord], found: bool) -> io::Result<()> {
        for one in all {
            let mut text = format!("{}: {} ({})", one.name, one.component, one.period);
            text += &format!("; {}", one.status.name());
            if !one.status_detail.is_empty() {
                text += &format!(", {}", one.status_detail);
            }
            text += &format!("; by {}", one.basis.title());
            if one.optional {
                text += "; an option that most copies may lack";
            }
            if !found {
                text += ". A record makes no finding: its files decide";
            }
            let first = "on record: ";
            let painted = self.paint(YELLOW, first);
            self.wrap(indent, first, &painted, &text)?;
            for source in one.sources.iter().take(if self.style.verbose { usize::MAX } else { 1 }) {
                self.plain(indent + first.len(), source)?;
            }
        }
        Ok(())
    }

    /// How the product comes to the component, by its SBOM.
    fn routes(&mut self, finding: &Finding) -> io::Result<()> {
        let most = if self.style.verbose { usize::MAX } else { 3 };
        for route in finding.routes.iter().take(most) {
            let names: Vec<_> = route.names.iter().map(|n| safe(&short(n, 60)).into_owned()).collect();
            let mut text = names.join(" → ");
            if route.more > 0 {
                text += &format!(" (and {})", count(route.more as u64, "more component that leads to it"));
            }
            if let Some(usage) = route.usage {
                text = [text, format!("used as {}", usage.name())]
                    .iter()
                    .filter(|t| !t.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ");
            }
            let painted = self.paint(DIM, "via ");
            self.wrap(6, "via ", &painted, &text)?;
        }
        Ok(())
    }

    fn places(&mut self, finding: &Finding) -> io::Result<()> {
        writeln!(self.out, "{}", self.paint(BOLD, "  Where"))?;
        let most = if self.style.verbose { usize::MAX } else { PLACES };
        for place in finding.places.iter().take(most) {
            self.place(place)?;
        }
        let more = finding.places_total.saturating_sub(most.min(finding.places.len()));
        if more > 0 {
            let hint = if self.style.verbose { "" } else { " (--verbose lists them)" };
            writeln!(self.out, "    {}", self.paint(DIM, &format!("and {}{hint}", count(more as u64, "more place"))))?;
        }
        Ok(())
    }

    fn place(&mut self, place: &Place) -> io::Result<()> {
        // A path is never wrapped: it is there to be copied.
        writeln!(self.out, "    {}", self.paint(CYAN, &safe(self.shown(&place.path))))?;
        if let Some(layer) = &place.deleted_by {
            let text = format!("deleted by a later layer, and shipped all the same: {}", safe(self.shown(layer)));
            self.plain(6, &text)?;
        }
        if !place.contradiction.is_empty() {
            let side = |sign: bool| {
                // One of each kind, and the most telling kinds first.
                let mut told: Vec<&Statement> = place.contradiction.iter().filter(|s| s.sign == sign).collect();
                told.dedup_by_key(|s| s.fact);
                let most = if self.style.verbose { usize::MAX } else { 2 };
                let told = told.iter().take(most);
                let texts =
                    told.map(|s| format!("{} \"{}\"", s.fact.name().replace('-', " "), safe(&short(&s.value, 60))));
                texts.collect::<Vec<_>>().join(", ")
            };
            let first = "contradiction: ";
            let painted = self.paint(YELLOW, first);
            self.wrap(6, first, &painted, &format!("{}, and yet {}", side(false), side(true)))?;
        }
        let most = if self.style.verbose { usize::MAX } else { SIGNS };
        for one in place.evidence.iter().take(most) {
            let field = one.at.get(place.path.len()..).unwrap_or(&one.at);
            let more = if one.more > 0 { format!(" and {} more", one.more) } else { String::new() };
            let strength = format!("{:<11}", one.strength.name());
            let text = format!(
                "{} \"{}\"{more}  {}  [{}]",
                one.fact.name().replace('-', " "),
                safe(&short(&value(one), VALUE)),
                safe(field),
                one.indicator
            );
            let painted = self.paint(DIM, &strength);
            self.wrap(6, &strength, &painted, &text)?;
        }
        if place.evidence.len() > most {
            writeln!(
                self.out,
                "      {}",
                self.paint(DIM, &format!("and {}", count((place.evidence.len() - most) as u64, "more sign")))
            )?;
        }
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let first = format!("{:<15}", verdict.outcome.title());
        let painted = self.paint(colour(verdict.outcome), &first);
        let shorts: Vec<&str> = verdict.missing.iter().filter_map(|m| m.short.as_deref()).collect();
        let text = match verdict.outcome {
            Outcome::ProhibitedIf => format!("{} — {}, since {}", shorts.join(", and "), verdict.name, since(verdict)),
            _ => format!("{}, since {}", verdict.name, since(verdict)),
        };
        let status = match verdict.status {
            Status::InForce => String::new(),
            other => format!(" ({})", other.title()),
        };
        self.wrap(4, &first, &painted, &format!("{text}{status} [{}/{}]", verdict.regulation, verdict.requirement))
    }
}

/// The value as a person reads it: a header in letters instead of hex.
fn value(one: &EvidenceOut) -> Cow<'_, str> {
    if one.fact != FactKind::Magic {
        return Cow::Borrowed(&one.value);
    }
    Cow::Owned(letters(&one.value))
}
