//! The credential: whether there is one, whether it is accepted, its kind, its expiry. `check` reports each by itself;
//! `doctor` reports the first that asks for a change.

use super::server::in_days;
use crate::diagnostics::connection_facts::{CheckOptions, CredentialFacts};
use crate::diagnostics::finding::{Finding, FindingId};
use crate::exit_status::ExitStatus;
use crate::types::auth_failure_help::{CredentialOrigin, KindMismatch};
use crate::types::connection::{AuthMethod, StoreKind, TokenLevel, TokenPrefix};
use crate::types::date::{Date, DayCount};
use crate::types::deployment::Deployment;
use crate::types::purpose::Purpose;

pub(crate) fn present(facts: &CredentialFacts) -> Finding {
    const ID: FindingId = FindingId::CredentialPresent;
    let connection = &facts.connection;
    if connection.auth() == AuthMethod::Ssh {
        return Finding::pass(ID, "the connection is SSH-only and needs no credential");
    }
    match &facts.secret {
        Ok(_) => {
            let store = connection.store().map_or("none", StoreKind::name);
            let message = format!("{} found", connection.auth().secret_label());
            Finding::pass(ID, message).with_evidence(format!("store: {store}"))
        }
        Err(summary) => Finding::from_error(ID, summary),
    }
}

/// The response of the server to the credential.
pub(crate) fn valid(id: FindingId, facts: &CredentialFacts) -> Option<Finding> {
    Some(match facts.identity.as_ref()? {
        Ok(identity) => match &identity.account {
            Some(account) => Finding::pass(id, format!("accepted as {account}")),
            None => Finding::pass(id, "accepted by the server"),
        },
        // The responses say neither yes nor no. A server that refuses every request cannot be used all the same.
        Err(summary) if matches!(summary.exit, ExitStatus::Failure | ExitStatus::Forbidden) => {
            let is_refused = summary.exit == ExitStatus::Forbidden;
            Finding {
                exit: if is_refused {
                    ExitStatus::Forbidden
                } else {
                    ExitStatus::Success
                },
                next: summary.hint.clone(),
                ..Finding::undetermined(id, summary.message.clone())
            }
        }
        Err(summary) => Finding::from_error(id, summary),
    })
}

/// Whether the credential is of the kind that the connection says, and of one that is still supported.
pub(crate) fn kind(id: FindingId, facts: &CredentialFacts) -> Option<Finding> {
    let auth = facts.connection.auth();
    let prefix = *facts.secret.as_ref().ok()?;
    if auth == AuthMethod::Ssh {
        return None;
    }
    let origin = CredentialOrigin::of(&facts.connection, &facts.name);
    if let Some(KindMismatch { looks_like, fix }) =
        KindMismatch::find(&facts.connection, prefix, origin)
    {
        let message = format!(
            "the secret looks like {looks_like}, not {}",
            kind_name(auth)
        );
        return Some(Finding::warn(id, message).with_next(fix));
    }
    if auth == AuthMethod::AppPassword || prefix == TokenPrefix::AppPassword {
        let next = format!(
            "create an API token with scopes at https://id.atlassian.com/manage-profile/security/api-tokens, then {}",
            facts.edit_command("--auth api-token --email ADDRESS --token-stdin")
        );
        let message =
            "the secret is an app password; Bitbucket Cloud retired app passwords on 2026-07-28";
        return Some(Finding::warn(id, message).with_next(next));
    }
    let owner = match facts.level() {
        Some(TokenLevel::User) => " of a user",
        Some(TokenLevel::Workspace) => " of a workspace",
        Some(TokenLevel::Project) => " of a project",
        Some(TokenLevel::Repo) => " of a repository",
        None => "",
    };
    let name = kind_name(auth);
    Some(Finding::pass(id, format!("used as {name}{owner}")))
}

fn kind_name(auth: AuthMethod) -> &'static str {
    match auth {
        AuthMethod::ApiToken => "an API token",
        AuthMethod::AccessToken => "an access token",
        AuthMethod::AppPassword => "an app password",
        AuthMethod::HttpAccessToken => "an HTTP access token",
        AuthMethod::OAuth => "an OAuth login",
        AuthMethod::ClientCredentials => "an OAuth consumer",
        AuthMethod::Password => "a password",
        AuthMethod::Ssh => "an SSH key",
    }
}

/// Cloud's access tokens cannot register SSH keys, whatever their scopes.
pub(crate) fn key_registration(facts: &CredentialFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::CredentialKind;
    let mut registering = options
        .purposes
        .iter()
        .filter(|purpose| purpose.requires_key_admin());
    let first = registering
        .clone()
        .next()
        .filter(|_| facts.connection.auth() == AuthMethod::AccessToken)?;
    let message = format!(
        "access tokens of Bitbucket Cloud cannot register SSH keys, so this one cannot be used for `{}`",
        first.name()
    );
    // Appsmith's page leaves the registration of the key to the user.
    let finding = if registering.any(|purpose| *purpose != Purpose::Appsmith) {
        Finding::fail(ID, ExitStatus::Forbidden, message)
    } else {
        Finding::warn(ID, message)
    };
    Some(finding.with_next(
        "use an API token with scopes: bbconnect token scopes --auth api-token --for deploy-key",
    ))
}

/// The expiry date; `None` for credentials that have none.
pub(crate) fn expiry(
    id: FindingId,
    facts: &CredentialFacts,
    today: Date,
    warn_within: DayCount,
    server_is_unusable: bool,
) -> Option<Finding> {
    let connection = &facts.connection;
    if connection.auth() == AuthMethod::Ssh || facts.secret.is_err() {
        return None;
    }
    let is_refused = facts.identity.as_ref().is_some_and(|identity| {
        let refusal = identity.as_ref().err();
        refusal.is_some_and(|summary| summary.exit == ExitStatus::Unauthorized)
    });
    let is_past = |(date, _): &(Date, bool)| today.days_until(*date) < 0;
    // A revoked token is not good until its expiry date.
    if is_refused && !facts.expires_on().as_ref().is_some_and(is_past) {
        let message = "expiry not checked: the server does not accept the credential";
        return Some(Finding::unknown(id, message));
    }
    let Some((expires_on, is_reported)) = facts.expires_on() else {
        // Passwords do not expire, and OAuth tokens are refreshed.
        if connection.auth() == AuthMethod::Password || connection.auth().is_oauth() {
            return None;
        }
        let message = match connection.deployment {
            Deployment::Cloud => "expiry unknown (Bitbucket Cloud does not report it to the token)",
            Deployment::DataCenter | Deployment::Unknown => {
                "expiry unknown (not reported by the server)"
            }
        };
        let can_be_saved = connection.store() != Some(StoreKind::Environment);
        let next = can_be_saved.then(|| facts.edit_command("--expires YYYY-MM-DD"));
        return Some(Finding {
            next,
            ..Finding::unknown(id, message)
        });
    };
    let source = if is_reported {
        "reported by the server"
    } else {
        "stored with the connection"
    };
    let left = today.days_until(expires_on);
    let renew = format!(
        "create a new one, then {}",
        facts.edit_command("--token-stdin --expires YYYY-MM-DD")
    );
    let date = format!("{expires_on} ({})", in_days(left));
    let finding = if left < 0 && !is_reported && facts.valid().is_some() {
        let message = format!(
            "the stored expiry date has passed, but the server still accepts the credential: {date}"
        );
        Finding::warn(id, message).with_next(facts.edit_command("--expires YYYY-MM-DD"))
    } else if left < 0 && server_is_unusable {
        Finding::warn(id, format!("expired on {date}, as far as is known")).with_next(renew)
    } else if left < 0 {
        Finding::fail(id, ExitStatus::Unauthorized, format!("expired on {date}")).with_next(renew)
    } else if left <= warn_within.count() {
        Finding::warn(id, format!("expires on {date}")).with_next(renew)
    } else {
        Finding::pass(id, format!("expires on {date}"))
    };
    Some(finding.with_evidence(source))
}
