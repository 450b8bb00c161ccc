//! The rules: what each text says, from when, of which class of product, and which facts it waits for.
//!
//! In: TOML. Out: [`Rules`]. Must not know: how anything is found. Each statement carries the mark of its
//! source; what was not read is not stated.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::Class;
use crate::error::Error;
use crate::finding::Relation;

/// The built-in files.
const FILES: &[(&str, &str)] = &[
    ("bis-icts-2021-002.toml", include_str!("bis-icts-2021-002.toml")),
    ("far-52-204-23.toml", include_str!("far-52-204-23.toml")),
    ("fcc-2024.toml", include_str!("fcc-2024.toml")),
    ("fcc-2022.toml", include_str!("fcc-2022.toml")),
    ("bod-17-01.toml", include_str!("bod-17-01.toml")),
];

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

/// Whether a statement rests on the text itself or on somebody's account of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The passage itself was read.
    Primary,
    /// A law firm, the press, an agency's paraphrase or a copy was read.
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
        }
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
    pub text: String,
    /// Where it stands.
    pub citation: String,
    /// Where it can be read.
    pub url: String,
    /// What the wording rests on.
    pub mark: Mark,
    /// The first day it applies.
    #[serde(deserialize_with = "date")]
    pub applies_from: Date,
    /// Hour and zone, where they matter.
    pub applies_detail: Option<String>,
    /// What the date rests on.
    pub date_mark: Mark,
}

/// What a regulation makes of one class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The class.
    pub class: Class,
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
    pub mark: Mark,
    /// Why.
    pub because: String,
}

/// A law, clause, directive or list entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Regulation {
    /// Stable id.
    pub id: String,
    /// Name for a person.
    pub name: String,
    /// Whose law.
    pub jurisdiction: String,
    /// Where it is published.
    pub citation: String,
    /// Where it can be read.
    pub url: String,
    /// Whom it binds.
    pub addressee: String,
    /// Whether it binds today.
    pub status: Status,
    /// Whether it is judged when no rules are named.
    #[serde(default)]
    pub default: bool,
    /// What it reaches, in our words.
    pub scope: String,
    /// What else to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Report clocks.
    #[serde(default)]
    pub clocks: Vec<String>,
    /// Its duties.
    #[serde(rename = "requirement")]
    pub requirements: Vec<Requirement>,
    /// What it makes of each class.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
    /// The file it stands in.
    #[serde(skip)]
    pub file: String,
}

impl Regulation {
    /// The case for a class and its relation to the label.
    #[must_use]
    pub fn case(&self, class: Class, relation: Relation) -> Option<&Case> {
        self.cases.iter().find(|c| c.class == class && (c.relation.is_empty() || c.relation.contains(&relation)))
    }

    /// A requirement by id.
    #[must_use]
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|r| r.id == id)
    }
}

/// A fact that no file can hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Nexus {
    /// Key on the command line.
    pub key: String,
    /// As the end of "prohibited if …".
    pub short: String,
    /// The question to ask.
    pub question: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NexusFile {
    nexus: Vec<Nexus>,
}

/// The rules of a run.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The regulations, in the order shown.
    pub regulations: Vec<Regulation>,
    /// The facts they may wait for.
    pub nexus: Vec<Nexus>,
}

impl Rules {
    /// All built-in rules.
    ///
    /// # Errors
    /// When a built-in file is broken, which the tests rule out.
    pub fn built_in() -> Result<Rules, Error> {
        let mut rules = Rules::default();
        let broken = |e: toml::de::Error| Error::Rules { file: "nexus.toml".to_owned(), detail: e.to_string() };
        rules.nexus = toml::from_str::<NexusFile>(include_str!("nexus.toml")).map_err(broken)?.nexus;
        for (name, text) in FILES {
            rules.add(name, text)?;
        }
        Ok(rules)
    }

    /// Adds a regulation in TOML and checks it.
    ///
    /// # Errors
    /// When the text is no regulation or names what is nowhere.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let broken = |detail: String| Error::Rules { file: file.to_owned(), detail };
        let mut regulation: Regulation =
            toml::from_str(text).map_err(|e| broken(e.to_string().trim_end().to_owned()))?;
        file.clone_into(&mut regulation.file);
        for case in &regulation.cases {
            if regulation.requirement(&case.requirement).is_none() {
                return Err(broken(format!(
                    "case {}: requirement {:?} is nowhere",
                    case.class.name(),
                    case.requirement
                )));
            }
            if let Some(key) = case.nexus.iter().find(|key| self.nexus(key).is_none()) {
                return Err(broken(format!("case {}: nexus {key:?} is nowhere", case.class.name())));
            }
        }
        if let Some(class) =
            Class::ALL.iter().find(|c| !regulation.cases.iter().any(|k| k.class == **c && k.relation.is_empty()))
        {
            return Err(broken(format!("no case for the class {}", class.name())));
        }
        if self.regulations.iter().any(|r| r.id == regulation.id) {
            return Err(broken(format!("regulation {:?} stands twice", regulation.id)));
        }
        self.regulations.push(regulation);
        Ok(())
    }

    /// A regulation by id.
    #[must_use]
    pub fn regulation(&self, id: &str) -> Option<&Regulation> {
        self.regulations.iter().find(|r| r.id == id)
    }

    /// A nexus fact by key.
    #[must_use]
    pub fn nexus(&self, key: &str) -> Option<&Nexus> {
        self.nexus.iter().find(|n| n.key == key)
    }
}

fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|e| serde::de::Error::custom(format!("{text:?} is no date: {e}")))
}
