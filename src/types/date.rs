//! Calendar dates. Text and JSON form: `YYYY-MM-DD`.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A date without time and time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a date as YYYY-MM-DD")]
pub struct ParseDateError;

impl Date {
    /// The current date in UTC.
    pub(crate) fn today() -> Self {
        Self::from_timestamp(Timestamp::now())
    }

    /// The date in UTC.
    pub(super) fn from_timestamp(timestamp: Timestamp) -> Self {
        Self(jiff::tz::Offset::UTC.to_datetime(timestamp).date())
    }

    /// Days from this date to another; negative if the other is earlier.
    pub(crate) fn days_until(self, other: Self) -> i64 {
        (other.0 - self.0).get_days().into()
    }

    /// `None` if the result is out of range.
    pub(crate) fn checked_add_days(self, days: i64) -> Option<Self> {
        let span = Span::new().try_days(days).ok()?;
        self.0.checked_add(span).ok().map(Self)
    }
}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = text.parse().map(Self).map_err(|_| ParseDateError)?;
        // The other forms of ISO 8601 are not accepted.
        (date.to_string() == text)
            .then_some(date)
            .ok_or(ParseDateError)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

/// The value of `--expires`: a date, or an empty text for an unknown one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpiryArg(pub Option<Date>);

impl FromStr for ExpiryArg {
    type Err = ParseDateError;

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

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn only_one_form_is_accepted() {
        assert_eq!(date("2028-02-29").to_string(), "2028-02-29");
        for text in [
            "2027-02-29",
            "2027-2-9",
            "27-02-09",
            "20270209",
            "2027-W01-1",
            "2027-13-01",
            "2027-01-01T00:00",
            "+2027-01-01",
            "",
            "tomorrow",
        ] {
            assert_eq!(text.parse::<Date>(), Err(ParseDateError), "{text}");
        }
    }

    #[test]
    fn days_are_counted_over_months() {
        assert_eq!(date("2026-11-21").days_until(date("2026-12-05")), 14);
        assert_eq!(date("2026-11-21").days_until(date("2026-11-20")), -1);
        assert_eq!(
            date("2026-11-21").checked_add_days(14),
            Some(date("2026-12-05"))
        );
        assert_eq!(date("2026-11-21").checked_add_days(i64::MAX), None);
    }
}
