//! The rules: what each text says, from when, of which class of product, and which facts it waits for.
//!
//! In: TOML. Out: [`Rules`]. Must not know: how anything is found. Each statement carries the mark of its
//! source; what was not read is not stated.

mod lint;
mod text;
mod when;

use serde::Deserialize;

use crate::catalog::{Added, Class};
use crate::error::Error;
use crate::finding::Relation;

pub use text::{Case, Clock, Exemption, Kind, Mark, Reading, Requirement, Source, Status};
pub use when::When;

/// The built-in files, in the order shown.
const FILES: &[(&str, &str)] = &[
    ("bis-icts-2021-002.toml", include_str!("bis-icts-2021-002.toml")),
    ("far-52-204-23.toml", include_str!("far-52-204-23.toml")),
    ("fcc-2024.toml", include_str!("fcc-2024.toml")),
    ("fcc-2022.toml", include_str!("fcc-2022.toml")),
    ("bod-17-01.toml", include_str!("bod-17-01.toml")),
    ("us-tx.toml", include_str!("us-tx.toml")),
    ("us-md.toml", include_str!("us-md.toml")),
    ("us-nj.toml", include_str!("us-nj.toml")),
    ("us-vt.toml", include_str!("us-vt.toml")),
    ("ca-2023.toml", include_str!("ca-2023.toml")),
    ("au-pspf-2025.toml", include_str!("au-pspf-2025.toml")),
    ("uk-ncsc-2017.toml", include_str!("uk-ncsc-2017.toml")),
    ("de-bsi-2022.toml", include_str!("de-bsi-2022.toml")),
    ("it-acn-2022.toml", include_str!("it-acn-2022.toml")),
    ("it-acn-2025.toml", include_str!("it-acn-2025.toml")),
    ("lt-2017.toml", include_str!("lt-2017.toml")),
    ("nl-2018.toml", include_str!("nl-2018.toml")),
    ("ro-354-2022.toml", include_str!("ro-354-2022.toml")),
    ("eu-parliament-2018.toml", include_str!("eu-parliament-2018.toml")),
    ("entity-list.toml", include_str!("entity-list.toml")),
    ("ofac.toml", include_str!("ofac.toml")),
];

/// The date of the built-in rules, which is their version.
pub const VERSION: &str = "2026-11-25";

/// A law, clause, directive or list entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Regulation {
    /// Stable id.
    pub id: String,
    /// Whether it can bar a product at all.
    #[serde(default)]
    pub kind: Kind,
    /// Name for a person.
    pub name: String,
    /// Whose law.
    #[serde(default)]
    pub jurisdiction: String,
    /// Where it is published.
    pub citation: String,
    /// Where it can be read.
    #[serde(default)]
    pub url: String,
    /// Whom it binds.
    #[serde(default)]
    pub addressee: String,
    /// Whether it binds today.
    #[serde(default = "in_force")]
    pub status: Status,
    /// Whose products it speaks of.
    #[serde(default = "kaspersky")]
    pub makers: Vec<String>,
    /// Whether it is judged when no rules are named.
    #[serde(default)]
    pub default: bool,
    /// What it reaches, in our words.
    #[serde(default)]
    pub scope: String,
    /// Version of a file of one's own.
    pub version: Option<String>,
    /// Date of a file of one's own.
    pub date: Option<String>,
    /// What else to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was read, and for what.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
    /// What it leaves out.
    #[serde(default, rename = "exemption")]
    pub exemptions: Vec<Exemption>,
    /// Within what time something must be done.
    #[serde(default, rename = "clock")]
    pub clocks: Vec<Clock>,
    /// Its duties.
    #[serde(default, rename = "requirement")]
    pub requirements: Vec<Requirement>,
    /// What it makes of each class. None for context.
    #[serde(default, rename = "case")]
    pub cases: Vec<Case>,
    /// The facts its cases wait for that no other file names.
    #[serde(default, rename = "nexus")]
    facts: Vec<Nexus>,
    /// The file it stands in.
    #[serde(skip)]
    pub file: String,
    /// Whether that is a file of the user's.
    #[serde(skip)]
    pub own: bool,
}

fn kaspersky() -> Vec<String> {
    vec!["Kaspersky".to_owned()]
}

const fn in_force() -> Status {
    Status::InForce
}

impl Regulation {
    /// The case for a class and its relation to the label.
    #[must_use]
    pub fn case(&self, class: Class, relation: Relation) -> Option<&Case> {
        self.cases
            .iter()
            .find(|c| c.class.is_none_or(|c| c == class) && (c.relation.is_empty() || c.relation.contains(&relation)))
    }

    /// True when finds are judged by it.
    #[must_use]
    pub fn judges(&self) -> bool {
        self.kind == Kind::Rule
    }

    /// How it stands today, for a person.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match self.kind {
            Kind::Rule => self.status.title(),
            Kind::Context => "context, never a product bar",
        }
    }

    /// The report clocks that bind somebody, a line each. What is only proposed binds nobody.
    #[must_use]
    pub fn clock_lines(&self) -> Vec<String> {
        self.clocks.iter().filter(|c| c.status != Status::Proposed).map(Clock::to_string).collect()
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
        rules.regulations.iter_mut().for_each(|regulation| regulation.own = false);
        Ok(rules)
    }

    /// Adds a regulation in TOML and checks it. Its file may name facts of its own (`[[nexus]]`).
    ///
    /// # Errors
    /// When the text is no regulation or names what is nowhere. Nothing is added then.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let broken = |detail: String| Error::Rules { file: file.to_owned(), detail };
        let mut regulation: Regulation =
            toml::from_str(text).map_err(|e| broken(e.to_string().trim_end().to_owned()))?;
        file.clone_into(&mut regulation.file);
        regulation.own = true;
        let facts = std::mem::take(&mut regulation.facts);
        for (nth, fact) in facts.iter().enumerate() {
            if self.nexus(&fact.key).is_some() || facts.iter().take(nth).any(|other| other.key == fact.key) {
                return Err(broken(format!("nexus {:?} stands twice", fact.key)));
            }
        }
        for (nth, requirement) in regulation.requirements.iter().enumerate() {
            if regulation.requirements.iter().take(nth).any(|other| other.id == requirement.id) {
                return Err(broken(format!("requirement {:?} stands twice", requirement.id)));
            }
        }
        for case in &regulation.cases {
            if regulation.requirement(&case.requirement).is_none() {
                return Err(broken(format!(
                    "case {}: requirement {:?} is nowhere",
                    case.class_name(),
                    case.requirement
                )));
            }
            let known = |key: &String| self.nexus(key).is_some() || facts.iter().any(|fact| fact.key == *key);
            if let Some(key) = case.nexus.iter().find(|key| !known(key)) {
                return Err(broken(format!("case {}: nexus {key:?} is nowhere", case.class_name())));
            }
        }
        if !regulation.judges() {
            if !regulation.cases.is_empty() {
                return Err(broken("context has no cases: it never gives a verdict".to_owned()));
            }
        } else if let Some(class) = Class::ALL
            .iter()
            .find(|c| !regulation.cases.iter().any(|k| k.class.is_none_or(|k| k == **c) && k.relation.is_empty()))
        {
            return Err(broken(format!("no case for the class {}", class.name())));
        }
        if self.regulations.iter().any(|r| r.id == regulation.id) {
            return Err(broken(format!("regulation {:?} stands twice", regulation.id)));
        }
        self.nexus.extend(facts);
        self.regulations.push(regulation);
        Ok(())
    }

    /// Keeps the regulations named, `all` of them that judge, or where none is named, those judged by default.
    ///
    /// # Errors
    /// When a name is nobody's, or of one that never gives a verdict: judging by nothing would look like a pass.
    pub fn choose(&mut self, ids: &[String]) -> Result<(), Error> {
        for id in ids.iter().filter(|id| *id != "all") {
            let found = self
                .regulation(id)
                .ok_or_else(|| Error::Usage(format!("no rules {id:?}; `underlabel rules list` names them")))?;
            if !found.judges() {
                return Err(Error::Usage(format!("{id} is {}: nothing is judged by it", found.standing())));
            }
        }
        let all = ids.iter().any(|id| id == "all");
        let named = |r: &Regulation| if ids.is_empty() { r.default } else { all || ids.contains(&r.id) };
        self.regulations.retain(|r| r.judges() && named(r));
        Ok(())
    }

    /// The user's own files.
    #[must_use]
    pub fn added(&self) -> Vec<Added> {
        let own = self.regulations.iter().filter(|r| r.own);
        own.map(|r| Added { file: r.file.clone(), version: r.version.clone() }).collect()
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
