//! A number of days, as people write it: `14d`, `2w`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::date::Date;

/// A number of days, up to a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DayCount(u32);

/// A text that is no number of days.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is not a number of days, such as 14d or 2w")]
pub(crate) struct NotDays;

impl DayCount {
    /// From one day to another; negative where that is past.
    #[must_use]
    pub(crate) fn between(from: Date, to: Date) -> i64 {
        from.days_until(to)
    }

    /// How many.
    #[must_use]
    pub(crate) fn count(self) -> i64 {
        i64::from(self.0)
    }
}

impl FromStr for DayCount {
    type Err = NotDays;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (number, unit) = match text.strip_suffix('w') {
            Some(weeks) => (weeks, 7),
            None => (text.strip_suffix('d').unwrap_or(text), 1),
        };
        let number: u32 = number.parse().map_err(|_| NotDays)?;
        let days = number.checked_mul(unit).filter(|days| *days <= 36_525);
        days.map(Self).ok_or(NotDays)
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
        ] {
            assert_eq!(
                text.parse::<DayCount>().ok().map(DayCount::count),
                days,
                "{text}"
            );
        }
        for text in ["", "d", "-1d", "1.5d", "1y", "4294967295w", "99999d"] {
            assert_eq!(text.parse::<DayCount>(), Err(NotDays), "{text}");
        }
    }

    #[test]
    fn days_are_counted_over_months() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(DayCount::between(day("2026-11-21"), day("2026-12-05")), 14);
        assert_eq!(DayCount::between(day("2026-11-21"), day("2026-11-20")), -1);
    }
}
