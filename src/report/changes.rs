//! What is said of findings beyond the scan: waivers, and what changed against an older report.
//!
//! In: nothing. Out: the parts of the JSON frame. Must not know: how either is decided.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Label, Product};

/// Somebody answers for a finding until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it holds, YYYY-MM-DD.
    pub expires: String,
}

/// A waiver, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverTold {
    /// What it waives.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it holds, YYYY-MM-DD.
    pub expires: String,
    /// What became of it.
    pub state: WaiverState,
    /// The fingerprints of the findings it waives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// What became of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverState {
    /// It waives a finding.
    Used,
    /// It fits no finding: take it out.
    Unused,
    /// Its day is over: it waives nothing, and the run fails.
    Expired,
}

/// How a finding stands to an older report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineState {
    /// It is not in the older one.
    New,
    /// It is, with another confidence, relation or verdict.
    Changed,
    /// It is, and says the same.
    Unchanged,
}

/// What changed against an older report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineInfo {
    /// The day the older one judged by.
    pub as_of: String,
    /// The catalogue of the older one.
    pub catalog: String,
    /// Findings that are new.
    pub new: u64,
    /// Findings that changed.
    pub changed: u64,
    /// Findings that did not.
    pub unchanged: u64,
    /// Findings of the older report that this one has not: mended, or no more to be seen; the gaps tell.
    #[serde(default)]
    pub gone: Vec<Gone>,
}

/// A finding of an older report that is no more found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gone {
    /// Its fingerprint.
    pub fingerprint: String,
    /// What was found.
    pub product: Product,
    /// The label of the product it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The subject it was found in.
    pub subject: String,
}
