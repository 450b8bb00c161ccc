//! The exit codes: one table, printed by `underlabel scan --help` and the README.
//!
//! In: a [`Report`] and a threshold. Out: an [`Exit`]. Must not know: arguments.

use crate::report::{Finding, Report, WaiverState};
use crate::verdict::Outcome;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was examined and no verdict reaches the threshold.
    Clear = 0,
    /// A verdict of a finding that is not waived is at or above `--fail-on`, or a waiver has expired.
    Found = 1,
    /// The run could not go on: bad arguments, a missing path, a broken catalogue.
    Error = 2,
    /// Something could not be examined, nothing was recognised, or no rule of the run speaks of a finding.
    Incomplete = 3,
}

impl Exit {
    /// The exit for a finished report. A verdict outranks a gap: both are in the report, and a build
    /// that must stop for a find stops for it whatever else could not be seen.
    #[must_use]
    pub fn of(report: &Report, fail_on: Option<Outcome>) -> Exit {
        let reached = fail_on.is_some_and(|least| {
            let findings = report.findings.iter().filter(|f| f.waived.is_none());
            findings.flat_map(|f| &f.verdicts).any(|v| v.outcome.severity() >= least.severity())
        });
        let expired = report.waivers.iter().any(|w| w.state == WaiverState::Expired);
        if reached || expired {
            Exit::Found
        } else if !report.gaps.is_empty()
            || report.subjects.iter().any(|s| s.recognised == 0)
            || report.findings.iter().any(Finding::is_unjudged)
        {
            Exit::Incomplete
        } else {
            Exit::Clear
        }
    }

    /// The number given to the shell.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}
