//! Versions of Bitbucket Data Center.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::date::Date;

/// Major, minor, patch. A suffix, as in `8.19.0-rc1`, is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a version such as 7.14 or 8.19.2")]
pub struct ParseVersionError;

impl Version {
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The end of Atlassian's support, if it is in the past. 7.x ended with Server; 8.9, 8.19 and 9.4 are long-term
    /// releases, supported longer than the others of their line.
    ///
    /// <https://confluence.atlassian.com/support/atlassian-support-end-of-life-policy-201851003.html>
    #[must_use]
    pub fn end_of_support(self, today: Date) -> Option<Date> {
        let ended = match (self.major, self.minor) {
            (0..=7, _) => "2024-02-15",
            (8, 0..=9) => "2025-04-10",
            (8, _) => "2026-03-12",
            (9, _) => "2026-12-03",
            (10, 0) => "2027-09-08",
            _ => return None,
        };
        ended.parse().ok().filter(|ended| *ended < today)
    }
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let end = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..end].parse::<u32>().map_err(|_| ParseVersionError)
        });
        let mut next = || numbers.next().transpose();
        let major = next()?.ok_or(ParseVersionError)?;
        Ok(Self::new(major, next()?.unwrap_or(0), next()?.unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
        } = self;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            _ => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("7.9.1") < version("7.14"));
        assert!(version("10.0.0") > version("9.4.12"));
        assert_eq!(version("8.19.0-rc1"), version("8.19"));
        assert_eq!(version("7.14.0-m01").to_string(), "7.14");
        for text in ["", "x", "v8", ".", "8.x"] {
            assert_eq!(text.parse::<Version>(), Err(ParseVersionError), "{text}");
        }
    }

    #[test]
    fn support_ends() {
        let today: Date = "2026-11-21".parse().unwrap();
        for (version, ended) in [
            ("7.21.5", Some("2024-02-15")),
            ("8.19.3", Some("2026-03-12")),
            ("9.4.1", None),
            ("10.2.8", None),
        ] {
            let version: Version = version.parse().unwrap();
            assert_eq!(
                version
                    .end_of_support(today)
                    .map(|date| date.to_string())
                    .as_deref(),
                ended
            );
        }
    }
}
