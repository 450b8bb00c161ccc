//! Waivers: findings somebody answers for until a day. They are shown, and fail nothing.
//!
//! In: a [`Report`], [`Waiver`]s and the day of the run. Out: the same report, with what each waiver did. An expired waiver
//! waives nothing and fails the run; an unused one is told. Must not know: how a waiver came here, or how anything was found.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;

use crate::finding::Confidence;
use crate::report::{Finding, Report, Waived, WaiverState, WaiverTold};

/// A waiver as the user writes it: exactly one of `fingerprint`, `product` and `indicator`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    /// The finding of this fingerprint.
    pub fingerprint: Option<String>,
    /// Every finding of this product of the catalogue.
    pub product: Option<String>,
    /// This sign: findings that rest on waived signs alone.
    pub indicator: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The surest it covers: what grows beyond is not waived. Without it, any.
    pub up_to: Option<Confidence>,
    /// The last day it holds.
    #[serde(deserialize_with = "day")]
    pub expires: Date,
}

fn day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = text_of_day(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("{text} is no day; write it as 2027-01-31")))
}

/// A day as TOML may hold it: in quotes or bare.
pub(crate) fn text_of_day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Text(String),
        Date(toml::value::Datetime),
    }
    Ok(match Day::deserialize(deserializer)? {
        Day::Text(text) => text,
        Day::Date(date) => date.to_string(),
    })
}

impl Waiver {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// The complaint, for the user.
    pub fn check(&self) -> Result<(), String> {
        let given = [&self.fingerprint, &self.product, &self.indicator];
        if given.iter().filter(|g| g.is_some()).count() != 1 {
            return Err("a waiver names one of fingerprint, product and indicator".to_owned());
        }
        if let Some(id) =
            self.fingerprint.as_ref().filter(|id| id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(format!(
                "waiver of finding {id}: a fingerprint has 32 hex digits; `--verbose` and the JSON report show it"
            ));
        }
        for (name, text) in [("reason", &self.reason), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                return Err(format!("waiver of {}: the {name} is empty", self.what()));
            }
        }
        Ok(())
    }

    /// What it waives, in words.
    #[must_use]
    pub fn what(&self) -> String {
        match (&self.fingerprint, &self.product, &self.indicator) {
            (Some(id), ..) => format!("finding {id}"),
            (_, Some(id), _) => format!("product {id}"),
            (.., Some(id)) => format!("indicator {id}"),
            _ => "nothing".to_owned(),
        }
    }
}

/// Marks the findings that are waived on this day, and tells what became of each waiver.
pub fn apply(report: &mut Report, waivers: &[Waiver], today: Date) {
    let holds = |w: &&Waiver| w.expires >= today;
    let signs: BTreeSet<&str> = waivers.iter().filter(holds).filter_map(|waiver| waiver.indicator.as_deref()).collect();
    // A waived sign must not hide another one beside it.
    let rests_on = |finding: &Finding| {
        !finding.indicators.is_empty() && finding.indicators.iter().all(|id| signs.contains(id.as_str()))
    };
    let fits = |waiver: &Waiver, finding: &Finding| {
        let covered = waiver.up_to.is_none_or(|most| finding.confidence <= most);
        let one = waiver.fingerprint.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(&finding.fingerprint))
            || waiver.product.as_ref().is_some_and(|id| *id == finding.product.id)
            || waiver.indicator.as_ref().is_some_and(|id| finding.indicators.contains(id) && rests_on(finding));
        one && covered
    };
    let mut told = Vec::new();
    for waiver in waivers {
        let mut findings = Vec::new();
        if holds(&waiver) {
            for finding in report.findings.iter_mut().filter(|finding| fits(waiver, finding)) {
                findings.push(finding.fingerprint.clone());
                finding.waived.get_or_insert_with(|| Waived {
                    reason: waiver.reason.clone(),
                    owner: waiver.owner.clone(),
                    expires: waiver.expires.to_string(),
                });
            }
        }
        told.push(WaiverTold {
            what: waiver.what(),
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires.to_string(),
            state: match (holds(&waiver), findings.is_empty()) {
                (false, _) => WaiverState::Expired,
                (true, true) => WaiverState::Unused,
                (true, false) => WaiverState::Used,
            },
            findings,
        });
    }
    report.waivers = told;
    report.verdict = report.findings.iter().filter(|f| f.waived.is_none()).filter_map(Finding::worst).max();
}
