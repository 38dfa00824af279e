//! A day of the calendar, as people and JSON write it: `YYYY-MM-DD`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A day, without a time of day and without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(time::Date);

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is not a day of the calendar, written as YYYY-MM-DD")]
pub struct NotADay;

impl Date {
    /// Its first moment, in UTC.
    #[must_use]
    pub fn midnight(self) -> time::OffsetDateTime {
        self.0.midnight().assume_utc()
    }

    /// Days from this one to another; negative where that is past.
    pub(super) fn days_until(self, other: Self) -> i64 {
        (other.0 - self.0).whole_days()
    }
}

impl FromStr for Date {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        time::Date::parse(text, FORMAT)
            .map(Self)
            .map_err(|_| NotADay)
    }
}

impl From<time::Date> for Date {
    fn from(date: time::Date) -> Self {
        Self(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The last day of a credential, as a person names it: nothing takes away what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpiryArg(pub Option<Date>);

impl FromStr for ExpiryArg {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|date| Self(Some(date)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(
            "2028-02-29".parse::<Date>().map(|date| date.to_string()),
            Ok("2028-02-29".to_owned())
        );
        for text in [
            "2027-02-29",
            "2027-2-9",
            "27-02-09",
            "2027-13-01",
            "2027-01-01T00:00",
            "",
            "tomorrow",
        ] {
            assert_eq!(text.parse::<Date>(), Err(NotADay), "{text}");
        }
    }
}
