//! How an indicator compares with a value, compiled once.
//!
//! In: the `match` table of an indicator. Out: a [`Pattern`] that answers for one value. Names compare
//! whole and by the rules of their kind (company, CPE, purl, path, host), never as loose substrings.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::compare::{cpe, digits_as_hash, entity_key, entity_keys, has_path, has_word, hosts, purl_keys};

/// One value or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Many {
    One(String),
    Several(Vec<String>),
}

/// The `match` table as written. Exactly one way of comparing must be given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Match {
    exact: Option<Many>,
    prefix: Option<Many>,
    suffix: Option<Many>,
    contains: Option<Many>,
    word: Option<Many>,
    regex: Option<Many>,
    entity: Option<Many>,
    cpe: Option<Many>,
    purl: Option<Many>,
    path: Option<Many>,
    host: Option<Many>,
    magic: Option<Many>,
    /// Compare without regard to case, where the way of comparing leaves a choice.
    #[serde(default)]
    ignore_case: bool,
    /// For a regex: the rare literal that stands in every match, or several of which one does.
    stem: Option<Many>,
}

impl Match {
    /// Names of companies.
    pub(super) fn entities(names: Vec<String>) -> Match {
        Match { entity: Some(Many::Several(names)), ..Match::default() }
    }
}

/// The ways of comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Exact,
    Prefix,
    Suffix,
    Contains,
    Word,
    Regex,
    Entity,
    Cpe,
    Purl,
    Path,
    Host,
    Magic,
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            How::Exact => "exact",
            How::Prefix => "prefix",
            How::Suffix => "suffix",
            How::Contains => "contains",
            How::Word => "word",
            How::Regex => "regex",
            How::Entity => "entity",
            How::Cpe => "cpe",
            How::Purl => "purl",
            How::Path => "path",
            How::Host => "host",
            How::Magic => "magic",
        }
    }
}

/// A compiled `match` table.
#[derive(Clone, Debug)]
pub struct Pattern {
    how: How,
    /// As written, for `explain` and the lint.
    written: Vec<String>,
    ignore_case: bool,
    /// Folded for comparison; also the set to look up where values compare whole.
    values: Vec<String>,
    set: HashSet<String>,
    regexes: Vec<Regex>,
    stems: Vec<String>,
}

impl Pattern {
    /// Compiles a `match` table; the error says what is wrong with it.
    pub(super) fn compile(table: Match) -> Result<Pattern, String> {
        let Match { exact, prefix, suffix, contains, word, regex, entity, cpe, purl, path, host, magic, .. } = table;
        let given = [
            (How::Exact, exact),
            (How::Prefix, prefix),
            (How::Suffix, suffix),
            (How::Contains, contains),
            (How::Word, word),
            (How::Regex, regex),
            (How::Entity, entity),
            (How::Cpe, cpe),
            (How::Purl, purl),
            (How::Path, path),
            (How::Host, host),
            (How::Magic, magic),
        ];
        let mut given = given.into_iter().filter_map(|(how, values)| Some((how, values?)));
        let (how, values) = given.next().ok_or("match says no way of comparing")?;
        if given.next().is_some() {
            return Err("match says more than one way of comparing".to_owned());
        }
        let list = |many: Many| match many {
            Many::One(value) => vec![value],
            Many::Several(values) => values,
        };
        let written = list(values);
        if written.is_empty() || written.iter().any(|v| v.trim().is_empty()) {
            return Err("match holds an empty value".to_owned());
        }
        let ignore_case = table.ignore_case || matches!(how, How::Entity | How::Host | How::Magic);
        let values: Vec<String> = written
            .iter()
            .map(|value| match how {
                How::Entity => entity_key(value),
                How::Path if ignore_case => format!("/{}", value.trim_matches('/')).to_lowercase(),
                How::Path => format!("/{}", value.trim_matches('/')),
                _ if ignore_case => value.to_lowercase(),
                _ => value.clone(),
            })
            .collect();
        let mut regexes = Vec::new();
        if how == How::Regex {
            for value in &written {
                let built = RegexBuilder::new(value).case_insensitive(ignore_case).size_limit(1 << 20).build();
                regexes.push(built.map_err(|e| format!("regex {value:?}: {e}"))?);
            }
        }
        if how == How::Magic && values.iter().any(|v| v.len() % 2 != 0 || !v.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err("magic must be pairs of hex digits".to_owned());
        }
        if how == How::Purl && values.iter().any(|v| v.split('/').count() < 2) {
            return Err("purl must be type/name or type/namespace/name".to_owned());
        }
        if how == How::Cpe && values.iter().any(|v| v.split(':').count() != 2) {
            return Err("cpe must be vendor:product, with * for any product".to_owned());
        }
        let set = values.iter().cloned().collect();
        Ok(Pattern { how, written, ignore_case, values, set, regexes, stems: table.stem.map(list).unwrap_or_default() })
    }

    /// True when a value compares.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match self.how {
            How::Exact | How::Entity | How::Host | How::Cpe | How::Purl => {
                self.keyed().is_some_and(|(keyed, _)| keyed.keys(value).iter().any(|key| self.set.contains(key)))
            }
            How::Prefix => self.any(&self.fold(value), |value, p| value.starts_with(p)),
            How::Suffix => self.any(&self.fold(value), |value, p| value.ends_with(p)),
            How::Contains => self.any(&self.fold(value), |value, p| value.contains(p)),
            How::Word => self.any(&self.fold(value), has_word),
            // A stem is a promise: a match without it is none, whichever way the value came here.
            How::Regex => self.regexes.iter().any(|r| r.is_match(value)) && self.has_stem(value),
            How::Path => self.any(&self.fold(&format!("/{}", value.trim_start_matches('/'))), has_path),
            How::Magic => self.any(&value.to_ascii_lowercase(), |value, p| value.starts_with(p)),
        }
    }

    fn has_stem(&self, value: &str) -> bool {
        let folded = || value.to_ascii_lowercase();
        self.stems.is_empty() || self.stems.iter().any(|stem| folded().contains(&stem.to_ascii_lowercase()))
    }

    fn fold<'v>(&self, value: &'v str) -> std::borrow::Cow<'v, str> {
        if self.ignore_case { value.to_lowercase().into() } else { value.into() }
    }

    fn any(&self, value: &str, test: fn(&str, &str) -> bool) -> bool {
        self.values.iter().any(|pattern| test(value, pattern))
    }

    /// How it compares and with what, for a person.
    #[must_use]
    pub fn describe(&self) -> String {
        let case = if self.ignore_case { ", any case" } else { "" };
        format!("{}{case}: {}", self.how.name(), self.written.join(" | "))
    }

    /// The values as written.
    #[must_use]
    pub fn written(&self) -> &[String] {
        &self.written
    }

    /// How values are looked up, where they compare as wholes: the matcher keeps one table for all such
    /// patterns, so their number costs nothing.
    pub(crate) fn keyed(&self) -> Option<(Keyed, &[String])> {
        let keyed = match (self.how, self.ignore_case) {
            (How::Exact, false) => Keyed::Whole,
            (How::Exact, true) => Keyed::Folded,
            (How::Entity, _) => Keyed::Entity,
            (How::Cpe, _) => Keyed::Cpe,
            (How::Purl, false) => Keyed::Purl,
            (How::Purl, true) => Keyed::PurlFolded,
            (How::Host, _) => Keyed::Host,
            _ => return None,
        };
        Some((keyed, &self.values))
    }

    /// The values that compare as wholes and are no identifiers with wildcards; empty for other ways of comparing.
    pub(crate) fn wholes(&self) -> &[String] {
        if matches!(self.how, How::Exact | How::Entity) { &self.written } else { &[] }
    }

    /// The regular expressions, case rule included, where that is how it compares: one set tries all.
    pub(crate) fn regexes(&self) -> Option<Vec<String>> {
        let case = if self.ignore_case { "(?i)" } else { "" };
        (self.how == How::Regex).then(|| self.written.iter().map(|r| format!("{case}(?:{r})")).collect())
    }

    /// The literals a text must hold for this pattern to match, lower case: for the string stage.
    pub(crate) fn literals(&self) -> Vec<String> {
        match self.how {
            How::Regex => self.stems.iter().map(|s| s.to_lowercase()).collect(),
            How::Host => self.values.iter().map(|v| v.rsplit(['#']).next().unwrap_or(v).to_owned()).collect(),
            _ => self.values.iter().map(|v| v.to_lowercase()).collect(),
        }
    }

    /// For each value, a text that stands in everything it matches, lower case; nothing where none can be told. What
    /// holds none of them cannot match.
    pub(crate) fn essentials(&self) -> Option<Vec<String>> {
        let run = |text: &str| {
            let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
            // The rarest in software at large, else the longest.
            runs.max_by_key(|run| (run.contains("kaspersky"), run.len())).filter(|run| run.len() >= 3)
        };
        match self.how {
            How::Regex => {
                self.stems.iter().map(|stem| Some(stem.to_ascii_lowercase()).filter(|s| s.len() >= 3)).collect()
            }
            How::Magic => None,
            // These compare letter by letter.
            How::Exact | How::Prefix | How::Suffix | How::Contains | How::Word => {
                self.values.iter().map(|v| Some(v.to_ascii_lowercase()).filter(|v| v.len() >= 3)).collect()
            }
            How::Path => self.values.iter().map(|v| Some(v.trim_matches('/').to_ascii_lowercase())).collect(),
            How::Entity | How::Cpe | How::Purl | How::Host => self.values.iter().map(|value| run(value)).collect(),
        }
        .filter(|runs: &Vec<String>| !runs.is_empty())
    }

    /// Characters that a pattern pins down: a short one is met by chance.
    pub(crate) fn shortest(&self) -> usize {
        match self.how {
            // Identifiers have structure that chance does not produce.
            How::Cpe | How::Purl | How::Entity => usize::MAX,
            How::Magic => self.values.iter().map(|v| v.len() / 2).min().unwrap_or(0),
            How::Regex => {
                self.written.iter().map(|v| v.chars().filter(char::is_ascii_alphanumeric).count()).min().unwrap_or(0)
            }
            _ => self.values.iter().map(String::len).min().unwrap_or(0),
        }
    }
}

/// The ways of looking a value up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Keyed {
    Whole,
    Folded,
    Entity,
    Cpe,
    Purl,
    PurlFolded,
    Host,
}

impl Keyed {
    /// Every key under which a value may stand.
    pub(crate) fn keys(self, value: &str) -> Vec<String> {
        match self {
            Keyed::Whole => vec![value.to_owned()],
            Keyed::Folded => vec![value.to_lowercase()],
            Keyed::Entity => entity_keys(value),
            Keyed::Cpe => cpe(value)
                .map(|(vendor, product)| vec![format!("{vendor}:{product}"), format!("{vendor}:*")])
                .unwrap_or_default(),
            Keyed::Purl => purl_keys(value, false),
            Keyed::PurlFolded => purl_keys(value, true),
            Keyed::Host => hosts(value).flat_map(|host| [digits_as_hash(&host), host]).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
