//! A point in time, as JSON has it: RFC 3339, in UTC, to the second.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::date::Date;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(OffsetDateTime);

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is not a point in time, written as in RFC 3339")]
pub(crate) struct ParseTimestampError;

impl Timestamp {
    /// Now, by the clock of this machine.
    #[must_use]
    pub(crate) fn now() -> Self {
        Self(OffsetDateTime::now_utc())
    }

    /// Given in milliseconds since 1970; `None` for years that no calendar has.
    #[must_use]
    pub(crate) fn from_millis(millis: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000))
            .ok()
            .map(Self)
    }

    /// The day that it is on, in UTC.
    #[must_use]
    pub(crate) fn day(self) -> Date {
        Date::from(self.0.date())
    }

    /// So many days later.
    #[must_use]
    pub(crate) fn plus_days(self, days: i64) -> Option<Self> {
        let span = Duration::DAY.checked_mul(i32::try_from(days).ok()?)?;
        self.0.checked_add(span).map(Self)
    }

    /// How many whole days have passed since then; none for what is yet to come.
    #[must_use]
    pub(crate) fn days_until(self, later: Self) -> i64 {
        (later.0 - self.0).whole_days().max(0)
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        Self(OffsetDateTime::from(time))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ParseTimestampError)?;
        Ok(Self(instant.to_offset(UtcOffset::UTC)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.0.to_hms();
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}Z", self.day())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Reads RFC 3339, and milliseconds since 1970 as a number or as text: servers differ, and change with their
    /// versions.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Millis(i64),
            Text(String),
        }
        let read = match Wire::deserialize(deserializer)? {
            Wire::Millis(millis) => Self::from_millis(millis),
            Wire::Text(text) => match text.parse::<i64>() {
                Ok(millis) => Self::from_millis(millis),
                Err(_) => text.parse().ok(),
            },
        };
        read.ok_or_else(|| serde::de::Error::custom(ParseTimestampError))
    }
}

/// A point in time where it is one; what cannot be read is as good as not told.
///
/// # Errors
/// Never for JSON.
pub(crate) fn deserialize_lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Instant(Timestamp),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Wire::deserialize(deserializer)? {
        Wire::Instant(instant) => Some(instant),
        Wire::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_servers_write_them() {
        for text in [
            "1534377059993",
            "\"1534377059993\"",
            "\"2018-08-15T23:50:59.993890+00:00\"",
            "\"2018-08-16T01:50:59+02:00\"",
            "\"2018-08-15T23:50:59Z\"",
        ] {
            let timestamp: Timestamp = serde_json::from_str(text).unwrap();
            assert_eq!(timestamp.to_string(), "2018-08-15T23:50:59Z", "{text}");
        }
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    #[test]
    fn days_are_counted_whole() {
        let start: Timestamp = "2026-08-23T12:00:00Z".parse().unwrap();
        let count = |later: &str| start.days_until(later.parse().unwrap());
        assert_eq!(count("2026-11-21T11:59:59Z"), 89);
        assert_eq!(count("2026-11-21T12:00:00Z"), 90);
        assert_eq!(count("2026-01-01T00:00:00Z"), 0);
    }
}
