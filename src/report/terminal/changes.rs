//! Waivers that need a hand, and what changed against an older report.
//!
//! In: a report. Out: its lines. Must not know: how either was decided.

use std::io;

use super::super::escape::terminal as safe;
use super::super::{Label, Report, WaiverState, WaiverTold};
use super::{BOLD, DIM, Page, RED, YELLOW, count};

impl Page<'_> {
    /// What needs a hand: what has expired, and what fits nothing.
    pub(super) fn waivers(&mut self, report: &Report) -> io::Result<()> {
        let open = report.waivers.iter().filter(|w| w.state != WaiverState::Used || self.style.verbose);
        let open: Vec<&WaiverTold> = open.collect();
        if open.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        writeln!(self.out, "{}", self.paint(BOLD, "WAIVERS"))?;
        for one in open {
            let (first, ansi, what) = match one.state {
                WaiverState::Expired => ("expired    ", RED, format!("on {}: it waives nothing; ", one.expires)),
                WaiverState::Unused => ("unused     ", YELLOW, "it fits no finding; ".to_owned()),
                WaiverState::Used => (
                    "used       ",
                    DIM,
                    format!("{}, until {}; ", count(one.findings.len() as u64, "finding"), one.expires),
                ),
            };
            let painted = self.paint(ansi, first);
            self.wrap(
                2,
                first,
                &painted,
                &format!("{}: {what}{}, {}", safe(&one.what), safe(&one.owner), safe(&one.reason)),
            )?;
        }
        Ok(())
    }

    pub(super) fn baseline(&mut self, report: &Report) -> io::Result<()> {
        let Some(baseline) = &report.baseline else { return Ok(()) };
        writeln!(self.out)?;
        let title = format!(
            "{} new, {} changed, {} unchanged, {} gone",
            baseline.new,
            baseline.changed,
            baseline.unchanged,
            baseline.gone.len()
        );
        let first = "Baseline   ";
        let painted = self.paint(BOLD, first);
        let older =
            format!("against a report judged as of {}, catalogue {}", safe(&baseline.as_of), safe(&baseline.catalog));
        self.wrap(0, first, &painted, &format!("{title}, {older}"))?;
        for gone in &baseline.gone {
            let label = gone.label.as_ref().map_or_else(|| gone.subject.clone(), Label::line);
            self.wrap(4, "gone ", "gone ", &format!("{} in {}", safe(&gone.product.name), safe(&label)))?;
        }
        Ok(())
    }
}
