//! The parts of a regulation as its file states them: readings, marks, sources, exemptions, clocks, requirements, cases.
//!
//! In: TOML rows. Out: types. Must not know: which regulations there are, or how anything is judged.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::when::{self, When};
use crate::catalog::Class;
use crate::finding::Relation;

/// What a rule makes of a class before the context is known, in the words of the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// The text reaches it.
    Prohibited,
    /// The text probably reaches it.
    Likely,
    /// The text advises against it.
    Advisory,
    /// The text can be read either way.
    Unclear,
    /// The text carves it out.
    Exempt,
    /// The text does not reach it.
    NotCovered,
}

impl Reading {
    /// For a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Reading::Prohibited => "prohibited",
            Reading::Likely => "likely covered",
            Reading::Advisory => "advised against",
            Reading::Unclear => "unclear",
            Reading::Exempt => "exempt",
            Reading::NotCovered => "not covered",
        }
    }
}

/// Whether a statement rests on the text itself or on somebody's account of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The passage itself was read.
    Primary,
    /// A law firm, the press, an agency's paraphrase or a copy was read.
    #[default]
    Secondary,
}

impl Mark {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mark::Primary => "primary",
            Mark::Secondary => "secondary",
        }
    }
}

/// Whether a rule binds today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It binds.
    InForce,
    /// It is not final.
    Proposed,
    /// It recommends.
    Advisory,
    /// Whether it still binds was not verified.
    Unverified,
    /// Another took its place; it is judged for its time.
    Ended,
}

impl Status {
    /// For a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Status::InForce => "in force",
            Status::Proposed => "proposed, not final",
            Status::Advisory => "advisory",
            Status::Unverified => "current force not verified",
            Status::Ended => "ended, judged for its time",
        }
    }
}

/// Whether a text can bar a product at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It says something of products: finds are judged by it.
    #[default]
    Rule,
    /// It is about persons, exports or money, is often mistaken for a bar, and gives no verdict.
    Context,
}

/// Something that was read, and where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// Where it can be read.
    pub url: String,
    /// Whether it is the text itself.
    pub mark: Mark,
    /// True where only its opening was read: good for existence, date and title.
    #[serde(default)]
    pub opening: bool,
    /// What was taken from it.
    pub about: String,
}

/// What a text leaves out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Exemption {
    /// What is left out, and of what.
    pub what: String,
    /// What that rests on.
    pub mark: Mark,
}

/// Within what time something must be done once a product is found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Clock {
    /// The clause or version of it that sets the time, such as `clause DEC 2023`.
    pub clause: String,
    /// What must be done; without it, a first report.
    pub duty: Option<String>,
    /// The first day of the solicitations or contracts it stands in, where several clauses live side by side.
    #[serde(default, deserialize_with = "when::day")]
    pub from: Option<Date>,
    /// The time, such as `3 business days`.
    pub first: String,
    /// The time for what follows.
    pub follow_up: Option<String>,
    /// Whether it binds.
    pub status: Status,
    /// What the time rests on.
    pub mark: Mark,
    /// What the time for what follows rests on, where that differs.
    pub follow_up_mark: Option<Mark>,
    /// Where it stands.
    pub source: String,
}

/// A line of the report.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status != Status::InForce {
            write!(f, "{}: ", self.status.title())?;
        }
        f.write_str(&self.clause)?;
        if let Some(from) = self.from {
            write!(f, " (solicitations from {from})")?;
        }
        write!(f, ": {} within {}", self.duty.as_deref().unwrap_or("first report"), self.first)?;
        let secondary = |mark: Mark| if mark == Mark::Secondary { " (secondary source)" } else { "" };
        f.write_str(secondary(self.mark))?;
        if let Some(follow_up) = &self.follow_up {
            let mark = self.follow_up_mark.unwrap_or(self.mark);
            write!(f, "; follow-up within {follow_up}{}", secondary(mark))?;
        }
        Ok(())
    }
}

/// One duty or prohibition of a regulation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requirement {
    /// Id within the regulation.
    pub id: String,
    /// What it demands, in our words.
    pub title: String,
    /// Its own words, as far as read.
    #[serde(default)]
    pub text: String,
    /// Where it stands.
    #[serde(default)]
    pub citation: String,
    /// Where it can be read.
    #[serde(default)]
    pub url: String,
    /// What the wording rests on.
    #[serde(default)]
    pub mark: Mark,
    /// Whom it binds, where that is not whom the regulation binds.
    pub addressee: Option<String>,
    /// The first day it applies, as far as it was read.
    pub applies_from: When,
    /// The last day it applies, where it has ended.
    #[serde(default, deserialize_with = "when::day")]
    pub applies_until: Option<Date>,
    /// The zone its days begin and end in. Without one, a day is the day where the product is sold.
    #[serde(default, deserialize_with = "when::offset")]
    pub utc_offset: Option<Offset>,
    /// Hour and zone, where they matter, and what else to know of the date.
    pub applies_detail: Option<String>,
    /// What the date rests on.
    #[serde(default)]
    pub date_mark: Mark,
}

/// What a regulation makes of one class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The class; every class where none is given.
    pub class: Option<Class>,
    /// Only for finds that stand so to their label; empty for all. The first case that fits is taken.
    #[serde(default)]
    pub relation: Vec<Relation>,
    /// The reading.
    pub outcome: Reading,
    /// The requirement it rests on.
    pub requirement: String,
    /// Facts it waits for, by key.
    #[serde(default)]
    pub nexus: Vec<String>,
    /// Questions about the find itself.
    #[serde(default)]
    pub asks: Vec<String>,
    /// What the reading rests on.
    #[serde(default)]
    pub mark: Mark,
    /// Why.
    pub because: String,
}

impl Case {
    /// The class as it is shown.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        self.class.map_or("every class", Class::name)
    }
}
