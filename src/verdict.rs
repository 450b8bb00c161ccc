//! Findings × rules × context → verdicts. Pure: no clock, no file, the same answer for the same question.
//!
//! In: a find's class, relation and confidence, [`Rules`] and a [`Context`]. Out: a [`Verdict`] per rule.
//! Must not know: how anything was found.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::Class;
use crate::finding::{Confidence, Relation};
use crate::regulation::{Case, Mark, Reading, Regulation, Requirement, Rules, Status};

/// What a rule makes of a find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The text does not reach it.
    NotCovered,
    /// The text carves it out.
    Exempt,
    /// The text advises against it.
    Advisory,
    /// It can be read either way, or the find is not sure enough: a person must look.
    Unclear,
    /// The text probably reaches it.
    Likely,
    /// Prohibited if the facts named as missing hold.
    ProhibitedIf,
    /// Prohibited by the facts given.
    Prohibited,
}

impl Outcome {
    /// Every outcome, the worst last.
    pub const ALL: &'static [Outcome] = &[
        Outcome::NotCovered,
        Outcome::Exempt,
        Outcome::Advisory,
        Outcome::Unclear,
        Outcome::Likely,
        Outcome::ProhibitedIf,
        Outcome::Prohibited,
    ];

    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::NotCovered => "not-covered",
            Outcome::Exempt => "exempt",
            Outcome::Advisory => "advisory",
            Outcome::Unclear => "unclear",
            Outcome::Likely => "likely",
            Outcome::ProhibitedIf => "prohibited-if",
            Outcome::Prohibited => "prohibited",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Outcome::NotCovered => "not covered",
            Outcome::Exempt => "exempt",
            Outcome::Advisory => "advisory",
            Outcome::Unclear => "unclear",
            Outcome::Likely => "likely covered",
            Outcome::ProhibitedIf => "prohibited if",
            Outcome::Prohibited => "PROHIBITED",
        }
    }

    /// What it means and what would change it.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Outcome::NotCovered => {
                "The text does not reach this class, does not apply yet on the given day, or a fact you gave takes it out of scope."
            }
            Outcome::Exempt => {
                "The text would reach it and expressly leaves it out. Another class of product, or use outside the exemption, would change that."
            }
            Outcome::Advisory => "The text recommends against it and binds nobody by itself.",
            Outcome::Unclear => {
                "The text can be read either way, or the evidence is not enough to apply it: a person must look. A second, independent sign or the vendor's answer to the open questions would change it."
            }
            Outcome::Likely => {
                "The text probably reaches it; a passage that would settle it was not read or does not speak of it."
            }
            Outcome::ProhibitedIf => {
                "The text reaches it if the facts named as missing hold. Give them with --nexus, and it becomes prohibited or not covered."
            }
            Outcome::Prohibited => {
                "The text reaches it by the evidence found and the facts you gave. This is a reading, not legal advice."
            }
        }
    }

    /// Rank, the worst highest.
    #[must_use]
    pub const fn severity(self) -> u8 {
        self as u8
    }
}

/// When the product is sold, shipped or built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// A day, wherever that is: the whole of it, in the zone of each rule.
    Day(Date),
    /// An instant, which may be another day in the zone of a rule.
    Instant {
        /// The instant.
        at: Timestamp,
        /// The zone it was given in, which tells the day where a rule states none.
        offset: Offset,
    },
}

impl AsOf {
    /// The day it is in a zone.
    #[must_use]
    pub fn day(self, zone: Option<Offset>) -> Date {
        match self {
            AsOf::Day(day) => day,
            AsOf::Instant { at, offset } => zone.unwrap_or(offset).to_datetime(at).date(),
        }
    }
}

impl From<Date> for AsOf {
    fn from(day: Date) -> AsOf {
        AsOf::Day(day)
    }
}

/// `YYYY-MM-DD`, or an instant by RFC 3339. A time without an offset is neither.
impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<AsOf, String> {
        let form = || {
            "a day is written YYYY-MM-DD, such as 2024-09-29, and an instant with its offset, such as \
             2024-09-29T00:00:00-04:00"
                .to_owned()
        };
        let pieces = Pieces::parse(text).ok().filter(|p| p.time_zone_annotation().is_none()).ok_or_else(form)?;
        match (pieces.time(), pieces.to_numeric_offset()) {
            (None, None) => Ok(AsOf::Day(pieces.date())),
            (Some(time), Some(offset)) => {
                let at = offset.to_timestamp(pieces.date().to_datetime(time)).map_err(|_| form())?;
                Ok(AsOf::Instant { at, offset })
            }
            _ => Err(form()),
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AsOf::Day(day) => write!(f, "{day}"),
            AsOf::Instant { at, offset } => write!(f, "{}", at.display_with_offset(*offset)),
        }
    }
}

/// What no file can hold: the time to judge by, and the facts of the deal.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the product is sold, shipped or built.
    pub as_of: AsOf,
    /// Facts by key; an absent one is open.
    pub nexus: BTreeMap<String, bool>,
}

/// What one regulation makes of one find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The regulation's id.
    pub regulation: String,
    /// The regulation's name.
    pub name: String,
    /// The requirement's id within it.
    pub requirement: String,
    /// What comes of it.
    pub outcome: Outcome,
    /// The questions it waits for.
    pub missing: Vec<Missing>,
    /// Where the requirement stands.
    pub citation: String,
    /// Where it can be read.
    pub url: String,
    /// Whether the regulation binds today.
    pub status: Status,
    /// Report clocks, for a find that a rule may reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<String>,
    /// The first day it applies, as YYYY-MM-DD; YYYY-MM or YYYY where no more was read.
    pub applies_from: String,
    /// Hour and zone, where they matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_detail: Option<String>,
    /// Why.
    pub because: String,
    /// What the reading rests on.
    pub mark: Mark,
    /// What the date rests on.
    pub date_mark: Mark,
}

/// A fact a verdict waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// Key for `--nexus`, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// As the end of "prohibited if …".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// The question to ask.
    pub question: String,
}

/// Judges a find of this maker's by every regulation that speaks of the maker.
#[must_use]
pub fn judge(
    maker: &str,
    class: Class,
    relation: Relation,
    confidence: Confidence,
    rules: &Rules,
    context: &Context,
) -> Vec<Verdict> {
    let one = |regulation: &Regulation| {
        if !regulation.judges() || !regulation.makers.iter().any(|m| m.eq_ignore_ascii_case(maker)) {
            return None;
        }
        let case = regulation.case(class, relation)?;
        let requirement = regulation.requirement(&case.requirement)?;
        Some(apply(regulation, case, requirement, confidence, rules, context))
    };
    rules.regulations.iter().filter_map(one).collect()
}

fn apply(
    regulation: &Regulation,
    case: &Case,
    requirement: &Requirement,
    confidence: Confidence,
    rules: &Rules,
    context: &Context,
) -> Verdict {
    let mut because = case.because.clone();
    let mut missing: Vec<Missing> = Vec::new();
    let denied = case.nexus.iter().find(|key| context.nexus.get(*key) == Some(&false));
    let (mut mark, date_mark) = (case.mark, requirement.date_mark);
    let day = context.as_of.day(requirement.utc_offset);
    let from = requirement.applies_from;
    let over = requirement.applies_until.filter(|until| day > *until);
    let outcome = match case.outcome {
        Reading::NotCovered => Outcome::NotCovered,
        _ if day < from.first() => {
            mark = date_mark;
            because = format!("it applies from {from} and the product is judged as of {}", context.as_of);
            Outcome::NotCovered
        }
        _ if over.is_some() => {
            mark = date_mark;
            let until = over.map_or_else(String::new, |until| until.to_string());
            because = format!("it applied until {until} and the product is judged as of {}", context.as_of);
            Outcome::NotCovered
        }
        Reading::Exempt => Outcome::Exempt,
        _ if denied.is_some() => {
            // Nobody's text but the user's own word.
            mark = Mark::Primary;
            let short = denied.and_then(|key| rules.nexus(key)).map_or("", |n| &n.short);
            because = format!("by your word it is not the case that {short}");
            Outcome::NotCovered
        }
        reading => {
            let open =
                case.nexus.iter().filter(|key| !context.nexus.contains_key(*key)).filter_map(|key| rules.nexus(key));
            missing.extend(open.map(|n| Missing {
                key: Some(n.key.clone()),
                short: Some(n.short.clone()),
                question: n.question.clone(),
            }));
            if let Some((short, question)) = doubt(regulation.status).filter(|_| reading == Reading::Prohibited) {
                missing.push(Missing {
                    key: None,
                    short: Some(short.to_owned()),
                    question: format!("Is {} {question}?", regulation.name),
                });
            }
            let settled = missing.is_empty();
            missing.extend(case.asks.iter().map(|q| Missing { key: None, short: None, question: q.clone() }));
            let mut outcome = match reading {
                // What only recommends bars nothing, whatever a file of one's own makes of it.
                Reading::Prohibited | Reading::Likely if regulation.status == Status::Advisory => Outcome::Advisory,
                Reading::Prohibited if settled => Outcome::Prohibited,
                Reading::Prohibited => Outcome::ProhibitedIf,
                Reading::Likely => Outcome::Likely,
                Reading::Advisory => Outcome::Advisory,
                _ => Outcome::Unclear,
            };
            // Between the first and the last day it can have begun, nobody knows.
            if day < from.last() && outcome > Outcome::Unclear {
                outcome = Outcome::Unclear;
                because =
                    format!("it applies from some day of {from}, and which one was not read; after that: {because}");
            }
            cap(outcome, confidence, &mut because, &mut missing)
        }
    };
    Verdict {
        regulation: regulation.id.clone(),
        name: regulation.name.clone(),
        requirement: requirement.id.clone(),
        outcome,
        missing,
        citation: requirement.citation.clone(),
        url: requirement.url.clone(),
        status: regulation.status,
        clocks: if outcome >= Outcome::Likely { regulation.clock_lines() } else { Vec::new() },
        applies_from: requirement.applies_from.to_string(),
        applies_detail: requirement.applies_detail.clone(),
        because,
        mark,
        date_mark,
    }
}

/// What stands between a text that may not bind and a plain prohibition, and the end of "Is it …?".
const fn doubt(status: Status) -> Option<(&'static str, &'static str)> {
    match status {
        Status::InForce | Status::Ended | Status::Advisory => None,
        Status::Proposed => Some(("it became final, which was not found", "final")),
        Status::Unverified => Some(("it is still in force, which was not verified", "still in force")),
    }
}

/// A find that is only possible never leads to more than "a person must look".
fn cap(outcome: Outcome, confidence: Confidence, because: &mut String, missing: &mut Vec<Missing>) -> Outcome {
    if confidence > Confidence::Possible || outcome < Outcome::Unclear {
        return outcome;
    }
    *because =
        format!("the evidence is a name or a single sign, which never settles it; were the find confirmed: {because}");
    missing.insert(
        0,
        Missing {
            key: None,
            short: None,
            question: "Does the product hold this component, and whose code is it?".to_owned(),
        },
    );
    Outcome::Unclear
}
