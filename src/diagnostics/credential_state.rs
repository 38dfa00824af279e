//! The state of a connection at a glance.

use serde::Serialize;

use super::connection_facts::ConnectionFacts;
use crate::exit_status::ExitStatus;
use crate::types::connection::AuthMethod;
use crate::types::date::{Date, DayCount};
use crate::types::named_enum::named_enum;

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum CredentialState {
        /// The server accepts it.
        Valid = "valid",
        /// Its expiry date is near.
        Expiring = "expiring",
        /// Its expiry date has passed.
        Expired = "expired",
        /// The server rejects it, or there is none.
        Invalid = "invalid",
        Unreachable = "unreachable",
        Unknown = "unknown",
    }
}

impl CredentialState {
    /// Concludes the state from the expiry date, reported or stored, and the response of the server, where there is one.
    pub(crate) fn new(facts: &ConnectionFacts, today: Date, warn_within: DayCount) -> Self {
        let credential = &facts.credential;
        if credential.connection.auth() == AuthMethod::Ssh {
            return Self::Unknown;
        }
        let expires_on = credential.expires_on();
        let left = expires_on.map(|(date, _)| today.days_until(date));
        let has_expired = left.is_some_and(|left| left < 0);
        let is_expiring = left.is_some_and(|left| (0..=warn_within.count()).contains(&left));
        let by_date = |otherwise| {
            if has_expired {
                Self::Expired
            } else if is_expiring {
                Self::Expiring
            } else {
                otherwise
            }
        };
        let rejected = |exit| match exit {
            ExitStatus::Unauthorized if has_expired => Self::Expired,
            ExitStatus::Unauthorized => Self::Invalid,
            // Without proof that the credential was accepted.
            ExitStatus::Forbidden => by_date(Self::Unknown),
            ExitStatus::Unreachable => Self::Unreachable,
            ExitStatus::Success
            | ExitStatus::Failure
            | ExitStatus::Usage
            | ExitStatus::NotFound
            | ExitStatus::Conflict
            | ExitStatus::BadResponse
            | ExitStatus::LocalError
            | ExitStatus::HostKeyMismatch
            | ExitStatus::Warnings
            | ExitStatus::Interrupted => Self::Unknown,
        };
        if let Err(summary) = &credential.secret {
            return rejected(summary.exit);
        }
        if let Some(summary) = facts.server_error() {
            return rejected(summary.exit);
        }
        match &credential.identity {
            None => by_date(Self::Unknown),
            Some(Err(summary)) => rejected(summary.exit),
            Some(Ok(_)) => by_date(Self::Valid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::rules::fixtures::{failure, healthy};

    /// The date that is stored, and the response of the server, where a request was sent.
    fn state(expires_on: Option<&str>, response: Option<ExitStatus>) -> &'static str {
        let mut facts = healthy();
        facts.credential.connection.expires_on = expires_on.and_then(|date| date.parse().ok());
        match response {
            None => {
                facts.version = None;
                facts.credential.identity = None;
            }
            Some(ExitStatus::Success) => {
                let identity = facts.credential.identity.as_mut().unwrap();
                identity.as_mut().unwrap().expires_on = None;
            }
            Some(exit) => facts.credential.identity = Some(Err(failure(exit))),
        }
        let today = "2026-11-21".parse().unwrap();
        CredentialState::new(&facts, today, DayCount::TWO_WEEKS).name()
    }

    #[test]
    fn the_state_follows_from_date_and_response() {
        use ExitStatus::{BadResponse, Failure, Forbidden, Success, Unauthorized, Unreachable};
        let (past, near, far) = (Some("2026-11-20"), Some("2026-12-05"), Some("2026-12-06"));
        for (expires_on, response, expected) in [
            (None, Some(Success), "valid"),
            (far, Some(Success), "valid"),
            (near, Some(Success), "expiring"),
            (Some("2026-11-21"), Some(Success), "expiring"),
            (past, Some(Success), "expired"),
            (far, Some(Unauthorized), "invalid"),
            (past, Some(Unauthorized), "expired"),
            (far, Some(Forbidden), "unknown"),
            (past, Some(Forbidden), "expired"),
            (far, Some(Unreachable), "unreachable"),
            (past, Some(Unreachable), "unreachable"),
            (far, Some(BadResponse), "unknown"),
            (None, Some(Failure), "unknown"),
            // Without a request the date alone counts.
            (None, None, "unknown"),
            (far, None, "unknown"),
            (near, None, "expiring"),
            (past, None, "expired"),
        ] {
            assert_eq!(
                state(expires_on, response),
                expected,
                "{expires_on:?} {response:?}"
            );
        }
        let mut missing = healthy();
        missing.credential.secret = Err(failure(Unauthorized));
        let today = "2026-11-21".parse().unwrap();
        let of = |facts: &ConnectionFacts| CredentialState::new(facts, today, DayCount::TWO_WEEKS);
        assert_eq!(of(&missing), CredentialState::Invalid);
        missing.credential.secret = Err(failure(ExitStatus::LocalError));
        assert_eq!(of(&missing), CredentialState::Unknown);
    }
}
