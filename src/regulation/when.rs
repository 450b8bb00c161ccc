//! Dates as far as they were read, and the zone they are meant in.
//!
//! In: text of the rules. Out: [`When`], and offsets from UTC. Must not know: rules or verdicts.

use std::fmt;

use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, de};

/// A day, or as much of it as was read: sources often give a month only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    first: Date,
    last: Date,
}

impl When {
    /// The first day it can be.
    #[must_use]
    pub const fn first(self) -> Date {
        self.first
    }

    /// The last day it can be.
    #[must_use]
    pub const fn last(self) -> Date {
        self.last
    }
}

/// As it was written: a day, a month or a year.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else if self.first.month() == self.last.month() {
            write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
        } else {
            write!(f, "{:04}", self.first.year())
        }
    }
}

impl std::str::FromStr for When {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<When, jiff::Error> {
        let year = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        if year(text) {
            let first: Date = format!("{text}-01-01").parse()?;
            return Ok(When { first, last: first.last_of_year() });
        }
        if text.split_once('-').is_some_and(|(y, month)| year(y) && month.len() == 2) {
            let first: Date = format!("{text}-01").parse()?;
            return Ok(When { first, last: first.last_of_month() });
        }
        let day: Date = text.parse()?;
        Ok(When { first: day, last: day })
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|e| de::Error::custom(format!("{text:?} is no date: {e}")))
    }
}

/// A whole date that may be left out.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|e| de::Error::custom(format!("{text:?} is no date: {e}")))
}

/// An offset from UTC such as `-04:00`. A name would need a database of zones, and rules state the hour they mean.
pub(super) fn offset<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Offset>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let moment = format!("2000-01-01T00:00:00{text}");
    let found = Pieces::parse(&moment).ok().filter(|p| p.time_zone_annotation().is_none());
    let found = found.and_then(|p| p.to_numeric_offset());
    found.map(Some).ok_or_else(|| de::Error::custom(format!("{text:?} is no offset from UTC such as -04:00")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_month_or_a_year_is_as_much_as_was_read() {
        let read = |text: &str| text.parse::<When>().map(|w| (w.first(), w.last(), w.to_string())).unwrap();
        let (jan, feb) = (date(2024, 1, 1), date(2024, 2, 1));
        assert_eq!(read("2024-02-03"), (date(2024, 2, 3), date(2024, 2, 3), "2024-02-03".to_owned()));
        assert_eq!(read("2024-02"), (feb, date(2024, 2, 29), "2024-02".to_owned()));
        assert_eq!(read("2024"), (jan, date(2024, 12, 31), "2024".to_owned()));
        for broken in ["", "2024-13", "24-02", "2024-02-30", "February 2024", "2024-"] {
            assert!(broken.parse::<When>().is_err(), "{broken}");
        }
    }
}
