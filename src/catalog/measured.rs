//! How often each indicator was seen in software that holds none of what is looked for.
//!
//! In: the figures of the last measurement, `measured.tsv`. Out: [`Measured`]. Must not know: how they were measured;
//! `tests/clean-corpus` tells.

use crate::fact::FactKind;

/// The figures, and when and on what they were measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Files looked at, members of archives included.
    pub files: u64,
    /// Files with a hit.
    pub hits: u64,
    /// Packages with a hit.
    pub packages: u64,
    /// The day, YYYY-MM-DD.
    pub date: String,
}

const TABLE: &str = include_str!("measured.tsv");

/// What the packages say at all, by kind of fact: no hit means little where hardly anything could be hit.
const KINDS: &str = include_str!("../../tests/clean-corpus/facts.tsv");

/// Packages that say a kind of fact, fewer than which is told beside a figure.
const FEW: u64 = 30;

/// The figures of an indicator; nothing for one that was not measured yet, whose row has `-` in place of numbers.
#[must_use]
pub fn measured(id: &str) -> Option<Measured> {
    let mut row = row(id)?;
    let mut number = || row.next()?.trim().parse().ok();
    Some(Measured { files: number()?, hits: number()?, packages: number()?, date: date()?.to_owned() })
}

fn row(id: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut rows = TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    rows.find_map(|mut row| (row.next() == Some(id)).then_some(row))
}

/// How many packages say any fact of these kinds, where they are few.
#[must_use]
pub fn few_say(kinds: &[FactKind]) -> Option<u64> {
    let of = |kind: &FactKind| {
        // Every file has a name and a path, and is searched for texts; only those that an indicator is after become facts.
        let everywhere = [FactKind::FileName, FactKind::Path, FactKind::Text, FactKind::DataText];
        if everywhere.contains(kind) {
            return FEW;
        }
        let mut rows = KINDS.lines().map(|line| line.split('\t'));
        let row = rows.find_map(|mut row| (row.next() == Some(kind.name())).then_some(row));
        row.and_then(|mut row| row.nth(2)?.parse().ok()).unwrap_or(0)
    };
    kinds.iter().map(of).max().filter(|packages| *packages < FEW)
}

fn date() -> Option<&'static str> {
    TABLE.lines().find_map(|line| line.strip_prefix("# date: ")).map(str::trim)
}

impl Measured {
    /// In one line, for an indicator of these kinds of fact.
    #[must_use]
    pub fn line(&self, kinds: &[FactKind]) -> String {
        let packages = match (self.hits, self.packages) {
            (0, _) => String::new(),
            (_, 1) => ", in 1 package".to_owned(),
            (_, n) => format!(", in {n} packages"),
        };
        let few = match few_say(kinds) {
            None => String::new(),
            Some(0) => "; none of the packages says anything of that kind".to_owned(),
            Some(n) => format!("; only {n} of the packages say anything of that kind"),
        };
        format!("seen in {} of {} clean files{packages} ({}){few}", self.hits, grouped(self.files), self.date)
    }
}

/// A number with its thousands apart.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|g| String::from_utf8_lossy(g)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_240_000].map(grouped), ["0", "999", "1,000", "1,240,000"]);
    }

    #[test]
    fn every_indicator_was_measured_or_says_that_it_was_not() {
        let catalog = Catalog::built_in().unwrap();
        let bare: Vec<&str> = catalog
            .indicators()
            .iter()
            .filter(|i| !i.look_alike)
            .map(|i| i.id.as_str())
            .filter(|id| row(id).is_none())
            .collect();
        assert!(bare.is_empty(), "measure anew (tests/clean-corpus), or give them a row of -: {bare:?}");
        assert!(measured("kaspersky/company").unwrap().files > 100_000);
        assert!(measured("no/such").is_none());
        assert_eq!((few_say(&[FactKind::Text, FactKind::Cpe]), few_say(&[FactKind::TeamId])), (None, Some(5)));
    }
}
