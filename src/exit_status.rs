//! The exit statuses: numbers that scripts rely on.

use std::process::ExitCode;

/// How a run of the program ended.
///
/// Where several apply, the one with the smallest number other than zero stands for all: see [`ExitStatus::most_significant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitStatus {
    /// Success; the check passed.
    Success = 0,
    /// A check failed, for a reason that no other status names.
    Failure = 1,
    /// Flags, or an argument that cannot be parsed.
    Usage = 2,
    /// Credential missing, invalid, revoked or expired.
    Unauthorized = 3,
    /// Credential valid, but a scope or permission is missing.
    Forbidden = 4,
    /// Connection, repository, key, … not found.
    NotFound = 5,
    /// Exists with different settings, or changed concurrently.
    Conflict = 6,
    /// DNS, TCP, TLS, proxy, timeout. Nothing is known about the credential.
    Unreachable = 7,
    /// Unusable response: server error, rate limit, not Bitbucket, version too old.
    BadResponse = 8,
    /// Local error: secret store, file, configuration, missing program.
    LocalError = 9,
    /// The SSH host key is not the expected one, or revoked.
    HostKeyMismatch = 10,
    /// Warnings only, with `--strict`.
    Warnings = 11,
    /// Interrupted (128 + SIGINT).
    Interrupted = 130,
}

impl ExitStatus {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::BadResponse,
        Self::LocalError,
        Self::HostKeyMismatch,
        Self::Warnings,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The `kind` of an error document.
    #[must_use]
    pub fn error_kind(self) -> &'static str {
        match self {
            Self::Success => "done",
            Self::Failure => "failed",
            Self::Usage => "usage",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::BadResponse => "unusable_answer",
            Self::LocalError => "machine",
            Self::HostKeyMismatch => "host_key",
            Self::Warnings => "warned",
            Self::Interrupted => "interrupted",
        }
    }

    /// What the status means, for the documentation.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Success => "success; the check passed",
            Self::Failure => "check failed, for a reason that no other status names",
            Self::Usage => "usage: flags, or an argument that cannot be parsed",
            Self::Unauthorized => "credential missing, invalid, revoked or expired",
            Self::Forbidden => "credential valid, but a scope or permission is missing",
            Self::NotFound => "not found: connection, repository, key, …",
            Self::Conflict => "conflict: exists with different settings, or changed concurrently",
            Self::Unreachable => {
                "unreachable: DNS, TCP, TLS, proxy, timeout; nothing is known about the credential"
            }
            Self::BadResponse => {
                "unusable response: server error, rate limit, not Bitbucket, version too old"
            }
            Self::LocalError => "local error: secret store, file, configuration, missing program",
            Self::HostKeyMismatch => "SSH host key is not the expected one, or revoked",
            Self::Warnings => "warnings only, with `--strict`",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status of many: the smallest that is not [`ExitStatus::Success`].
    #[must_use]
    pub fn most_significant(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter()
            .filter(|&exit| exit != Self::Success)
            .min()
            .unwrap_or(Self::Success)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_promises() {
        let codes: Vec<u8> = ExitStatus::ALL.into_iter().map(ExitStatus::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130]);
    }

    #[test]
    fn kinds_are_distinct() {
        let mut kinds: Vec<_> = ExitStatus::ALL
            .into_iter()
            .map(ExitStatus::error_kind)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), ExitStatus::ALL.len());
    }

    #[test]
    fn the_smallest_failure_stands_for_all() {
        assert_eq!(ExitStatus::most_significant([]), ExitStatus::Success);
        assert_eq!(
            ExitStatus::most_significant([ExitStatus::Success, ExitStatus::Success]),
            ExitStatus::Success
        );
        assert_eq!(
            ExitStatus::most_significant([
                ExitStatus::Unreachable,
                ExitStatus::Success,
                ExitStatus::Unauthorized
            ]),
            ExitStatus::Unauthorized
        );
    }
}
