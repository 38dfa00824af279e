//! Numbers of days as command-line arguments: `14d`, `2w`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
