//! Versions and dates of what was found, where they stand: an SBOM entry, a version resource, a file name, a banner, a
//! signature, a database header.
//!
//! In: the evidence of a find. Out: versions, and dates with their place. Must not know: any rule; which day matters is theirs
//! to say.

use std::borrow::Cow;
use std::collections::BTreeSet;

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
    let hosts: Vec<&Evidence<'_>> = evidence.iter().filter(|e| carries(e)).collect();
    let mut dates = BTreeSet::new();
    for one in evidence {
        let mut add = |text: &str, of: DateOf, at: String, by: Option<String>| {
            if let Some((day, text)) = day(text) {
                dates.insert(Dated { day, text, of, at, by });
            }
        };
        let near = carries(one) || hosts.iter().any(|host| beside(host, one));
        if let Some(date) = one.indicator.date(&text(one)).filter(|_| near) {
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

/// Whether two signs lie in one archive, or in one folder or a folder of it.
fn beside(host: &Evidence<'_>, one: &Evidence<'_>) -> bool {
    let packed = |e: &Evidence<'_>| e.hit.scope != e.hit.component;
    if packed(host) || packed(one) {
        return host.hit.scope == one.hit.scope;
    }
    let folder = |e: &Evidence<'_>| e.hit.at.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let (a, b) = (folder(host), folder(one));
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !a.is_empty() && !b.is_empty() && (within(&a, &b) || within(&b, &a))
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
