//! Versions and dates of what was found, where they stand: an SBOM entry, a version resource, a file name, a banner, a
//! signature, a database header.
//!
//! In: the evidence of a find. Out: versions, and dates with their place. Must not know: any rule; which day matters is theirs
//! to say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Evidence;
use super::confidence::carried;
use super::label::is_maker;
use crate::bytes::letters;
use crate::catalog::Catalog;
use crate::fact::FactKind;

/// What a date is the date of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DateOf {
    /// Its signature.
    Signature,
    /// What the sign itself says: a database header, a file's name.
    Content,
}

impl DateOf {
    /// For a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            DateOf::Signature => "signed",
            DateOf::Content => "dated",
        }
    }
}

/// A date of what was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated {
    /// The day, or the first day of a year of which only the number is told.
    pub day: Date,
    /// As it is told: `2024-10-01`, or `2024`.
    pub text: String,
    /// What it is the date of.
    pub of: DateOf,
    /// Where it stands.
    pub at: String,
    /// Whose signature it is the date of.
    pub by: Option<String>,
}

/// Versions that the evidence gives, each once.
#[must_use]
pub fn versions(evidence: &[Evidence<'_>], catalog: &Catalog) -> Vec<String> {
    let mut versions = BTreeSet::new();
    for one in evidence.iter().filter(|e| !e.joined) {
        versions.extend(one.indicator.version(&text(one)));
        let kinds: &[FactKind] = match one.hit.declared {
            true => &[FactKind::Version, FactKind::ProductVersion],
            false => &[FactKind::ProductVersion, FactKind::FileVersion],
        };
        // A version resource with a foreign name tells the wrapper's version, not the engine's.
        if one.hit.declared || is_its_makers(one, catalog) {
            let told = one.hit.says.iter().filter(|(kind, _)| kinds.contains(kind));
            versions.extend(told.map(|(_, version)| version.trim().to_owned()));
        }
    }
    versions.remove("");
    versions.into_iter().collect()
}

/// The value in letters.
fn text<'e>(one: &'e Evidence<'_>) -> Cow<'e, str> {
    match one.hit.kind {
        FactKind::Magic => Cow::Owned(letters(&one.hit.value)),
        _ => Cow::Borrowed(&one.hit.value),
    }
}

/// Whether the file names the maker as its company, and nobody else.
fn is_its_makers(one: &Evidence<'_>, catalog: &Catalog) -> bool {
    let maker = catalog.product(&one.indicator.product).map(|product| product.maker.as_str());
    let mut companies = one.hit.says.iter().filter(|(kind, _)| *kind == FactKind::CompanyName).peekable();
    companies.peek().is_some() && companies.all(|(_, name)| is_maker(name, catalog, maker))
}

/// Dates that the evidence gives, the latest first, each once in each place: of what makes the find as sure as it is, and of
/// what joined it from the same archive or folder. A signature may be somebody else's, who is told.
#[must_use]
pub fn dates(evidence: &[Evidence<'_>]) -> Vec<Dated> {
    let carrying = carried(evidence).map(|(_, components)| components).unwrap_or_default();
    let carries = |e: &Evidence<'_>| !e.joined && carrying.contains(&*e.hit.component);
    let hosts = Hosts::of(evidence.iter().filter(|e| carries(e)));
    let mut dates = BTreeSet::new();
    for one in evidence {
        let mut add = |text: &str, of: DateOf, at: String, by: Option<String>| {
            if let Some((day, text)) = day(text) {
                dates.insert(Dated { day, text, of, at, by });
            }
        };
        if let Some(date) = one.indicator.date(&text(one)).filter(|_| carries(one) || hosts.beside(one)) {
            add(&date, DateOf::Content, one.hit.at.to_string(), None);
        }
        if carries(one) && !one.hit.declared {
            let signer = one.hit.says.iter().find(|(kind, _)| *kind == FactKind::SignerName).map(|(_, name)| name);
            for (_, at) in one.hit.says.iter().filter(|(kind, _)| *kind == FactKind::SignedAt) {
                add(at, DateOf::Signature, one.hit.at.path.to_string(), signer.cloned());
            }
        }
    }
    dates.into_iter().rev().collect()
}

/// Where the evidence lies that makes the find: archives, and folders of loose files.
struct Hosts<'e> {
    scopes: HashSet<&'e str>,
    folders: BTreeSet<&'e str>,
}

impl<'e> Hosts<'e> {
    fn of<'c: 'e>(evidence: impl Iterator<Item = &'e Evidence<'c>>) -> Hosts<'e> {
        let mut hosts = Hosts { scopes: HashSet::new(), folders: BTreeSet::new() };
        for one in evidence {
            match packed(one) {
                true => hosts.scopes.insert(&one.hit.scope),
                false => hosts.folders.insert(folder(one)),
            };
        }
        hosts
    }

    /// Whether a sign lies in one of the archives, or in a folder round or below one of the folders.
    fn beside(&self, one: &Evidence<'_>) -> bool {
        if packed(one) {
            return self.scopes.contains(&*one.hit.scope);
        }
        let own = folder(one);
        let rounds = own.char_indices().filter(|(_, c)| *c == '/').filter_map(|(at, _)| own.get(..at));
        let mut rounds = rounds.chain([own]).filter(|round| !round.is_empty());
        let within = format!("{own}/");
        let below = || self.folders.range(&*within..).next().is_some_and(|folder| folder.starts_with(&within));
        rounds.any(|round| self.folders.contains(round)) || (!own.is_empty() && below())
    }
}

/// A component of a document or an archive, and no loose file.
fn packed(one: &Evidence<'_>) -> bool {
    one.hit.scope != one.hit.component
}

fn folder<'e>(one: &'e Evidence<'_>) -> &'e str {
    one.hit.at.path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The day at the beginning of a text: `YYYY-MM-DD…`, or a year alone.
fn day(text: &str) -> Option<(Date, String)> {
    if let Some(whole) = text.get(..10)
        && let Ok(day) = whole.parse::<Date>()
    {
        return Some((day, whole.to_owned()));
    }
    let year = text.trim();
    let day = Date::new(year.parse().ok()?, 1, 1).ok()?;
    (1990..=2100).contains(&day.year()).then(|| (day, year.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_years_are_read() {
        let text = |t| day(t).map(|(day, text)| (day.to_string(), text));
        assert_eq!(text("2024-10-01T10:00:00Z by Stamp"), Some(("2024-10-01".into(), "2024-10-01".into())));
        assert_eq!(text("2013"), Some(("2013-01-01".into(), "2013".into())));
        assert_eq!(text("13"), None);
        assert_eq!(text("yesterday, at noon"), None);
    }
}
