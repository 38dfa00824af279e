//! Calendar dates (`YYYY-MM-DD`), instants, and numbers of days as command-line arguments (`14d`, `2w`).

use std::fmt;
use std::str::FromStr;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Span, civil};
use serde::{Deserialize, Deserializer};
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
        Self::from_timestamp(jiff::Timestamp::now())
    }

    /// The date in UTC.
    fn from_timestamp(timestamp: jiff::Timestamp) -> Self {
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

/// A number of days, up to a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DayCount(u32);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a number of days, such as 14d or 2w")]
pub(crate) struct ParseDayCountError;

impl DayCount {
    pub(crate) const TWO_WEEKS: Self = Self(14);

    pub(crate) fn count(self) -> i64 {
        i64::from(self.0)
    }

    /// Parses the lifetime of a key or token.
    pub(crate) fn parse_lifetime(text: &str) -> Result<Self, ParseDayCountError> {
        let days = text.parse::<Self>()?;
        if days.0 == 0 {
            return Err(ParseDayCountError);
        }
        Ok(days)
    }
}

impl FromStr for DayCount {
    type Err = ParseDayCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (number, unit) = match text.strip_suffix('w') {
            Some(weeks) => (weeks, 7),
            None => (text.strip_suffix('d').unwrap_or(text), 1),
        };
        let number: u32 = number.parse().map_err(|_| ParseDayCountError)?;
        let days = number.checked_mul(unit).filter(|days| *days <= 36_525);
        days.map(Self).ok_or(ParseDayCountError)
    }
}

impl fmt::Display for DayCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

/// A point in time, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(jiff::Timestamp);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a time as in RFC 3339")]
pub(crate) struct ParseTimestampError;

impl Timestamp {
    pub(crate) fn now() -> Self {
        Self::from(jiff::Timestamp::now())
    }

    /// From milliseconds since 1970; `None` if out of range.
    pub(crate) fn from_millis(millis: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(millis)
            .ok()
            .map(Self::from)
    }

    /// The `Date` field of an HTTP response (RFC 9110, section 5.6.7).
    pub(crate) fn from_http_date(text: &str) -> Option<Self> {
        let zoned = rfc2822::parse(text).ok()?;
        Some(Self::from(zoned.timestamp()))
    }

    /// Seconds since 1970.
    pub(crate) fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// The date in UTC.
    pub(crate) fn date(self) -> Date {
        Date::from_timestamp(self.0)
    }

    /// `None` if the result is out of range.
    pub(crate) fn checked_add_days(self, days: i64) -> Option<Self> {
        let duration = SignedDuration::from_hours(days.checked_mul(24)?);
        self.0.checked_add(duration).ok().map(Self)
    }

    /// Whole days until a later time; 0 if that is in the past.
    pub(crate) fn days_until(self, later: Self) -> i64 {
        (later.0.duration_since(self.0).as_hours() / 24).max(0)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Drops the fraction of a second.
    fn from(timestamp: jiff::Timestamp) -> Self {
        let fraction = SignedDuration::from_nanos(timestamp.subsec_nanosecond().into());
        Self(timestamp.saturating_sub(fraction).unwrap_or(timestamp))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        Self::from(jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|_| ParseTimestampError)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Reads RFC 3339 and milliseconds since 1970 as a number or as text: servers and their versions differ.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Millis(i64),
            Text(String),
        }
        let timestamp = match Wire::deserialize(deserializer)? {
            Wire::Millis(millis) => Self::from_millis(millis),
            Wire::Text(text) => match text.parse::<i64>() {
                Ok(millis) => Self::from_millis(millis),
                Err(_) => text.parse().ok(),
            },
        };
        timestamp.ok_or_else(|| serde::de::Error::custom(ParseTimestampError))
    }
}

/// Reads a timestamp; `None` for any other value.
pub(crate) fn deserialize_lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Timestamp(Timestamp),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Wire::deserialize(deserializer)? {
        Wire::Timestamp(timestamp) => Some(timestamp),
        Wire::Other(_) => None,
    })
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

    #[test]
    fn days_and_weeks_are_read() {
        for (text, days) in [
            ("14d", Some(14)),
            ("2w", Some(14)),
            ("0d", Some(0)),
            ("90", Some(90)),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("1.5d", None),
            ("1y", None),
            ("4294967295w", None),
            ("99999d", None),
        ] {
            assert_eq!(
                text.parse::<DayCount>().ok().map(DayCount::count),
                days,
                "{text}"
            );
        }
        assert!(DayCount::parse_lifetime("0d").is_err());
        assert_eq!(DayCount::parse_lifetime("1d").map(DayCount::count), Ok(1));
    }

    #[test]
    fn every_form_of_the_servers_is_read() {
        for text in [
            "1534377059993",
            "\"1534377059993\"",
            "\"2018-08-15T23:50:59.993890+00:00\"",
            "\"2018-08-16T01:50:59+02:00\"",
            "\"2018-08-15T23:50:59Z\"",
        ] {
            let timestamp: Timestamp = serde_json::from_str(text).unwrap();
            assert_eq!(timestamp.to_string(), "2018-08-15T23:50:59Z", "{text}");
            assert_eq!(timestamp.date().to_string(), "2018-08-15", "{text}");
        }
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
        assert!(serde_json::from_str::<Timestamp>("9223372036854775807").is_err());
    }

    #[test]
    fn http_dates_are_read() {
        let timestamp = Timestamp::from_http_date("Sat, 21 Nov 2026 19:03:59 GMT");
        assert_eq!(timestamp.map(Timestamp::as_second), Some(1_795_287_839));
        assert_eq!(Timestamp::from_http_date("yesterday"), None);
    }

    #[test]
    fn whole_days_are_counted() {
        let start: Timestamp = "2026-08-23T12:00:00Z".parse().unwrap();
        let count = |later: &str| start.days_until(later.parse().unwrap());
        assert_eq!(count("2026-11-21T11:59:59Z"), 89);
        assert_eq!(count("2026-11-21T12:00:00Z"), 90);
        assert_eq!(count("2026-01-01T00:00:00Z"), 0);
    }
}
