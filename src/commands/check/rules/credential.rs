//! The credential: is there one, is it accepted, of what kind is it, when does it end.

use super::{
    CheckData, CheckOptions, CheckResult, PRESENT, failed, missing_credential, undetermined,
};
use crate::exit_status::ExitStatus;
use crate::types::connection::{AuthMethod, StoreKind, TokenLevel as Belongs, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::finding::{Finding, Severity};
use crate::types::purpose::Purpose;

pub(super) fn present(data: &CheckData) -> CheckResult {
    let auth = data.connection.auth();
    if auth == AuthMethod::Ssh {
        let message = "the connection is for SSH alone and needs no credential";
        return Finding::new(PRESENT, Severity::Pass, message).into();
    }
    match &data.secret {
        Ok(_) => {
            let store = data
                .connection
                .store()
                .map_or("nowhere", |store| store.name());
            let message = format!("the connection has its {}", auth.secret_label());
            Finding::new(PRESENT, Severity::Pass, message)
                .with_evidence(format!("from: {store}"))
                .into()
        }
        Err(summary) => missing_credential(summary),
    }
}

pub(super) fn valid(data: &CheckData) -> Option<CheckResult> {
    const ID: &str = "credential.valid";
    let unknown = |message: &str| undetermined(Finding::new(ID, Severity::Unknown, message));
    data.version.as_ref()?;
    if data.server_error().is_some() {
        return Some(unknown(
            "the server gave no usable answer, so nothing is known about the credential",
        ));
    }
    Some(match data.identity.as_ref()? {
        Ok(identity) => {
            let message = match &identity.account {
                Some(account) => format!("the server accepts it as {account}"),
                None => "the server accepts it".to_owned(),
            };
            Finding::new(ID, Severity::Pass, message).into()
        }
        Err(summary) => {
            let next = summary.hint.clone();
            if summary.exit == ExitStatus::Failure {
                let next = Some("name what it belongs to with --repo NAMESPACE/SLUG".to_owned());
                let judged = unknown(&summary.message);
                let finding = Finding {
                    next,
                    ..judged.finding
                };
                return Some(CheckResult { finding, ..judged });
            }
            let finding = Finding::new(ID, Severity::Fail, summary.message.clone());
            failed(Finding { next, ..finding }, summary.exit)
        }
    })
}

/// Whether it is of the kind that it is used as, and of a kind that can do what is wanted.
pub(super) fn kind(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "credential.kind";
    let connection = &data.connection;
    let auth = connection.auth();
    let shape = data.secret.as_ref().ok()?;
    let pass = |message: String| Some(Finding::new(ID, Severity::Pass, message).into());
    if auth == AuthMethod::Ssh {
        return None;
    }
    if auth == AuthMethod::AppPassword || *shape == TokenPrefix::AppPassword {
        let message = "it is an app password; Bitbucket Cloud ended them on 2026-07-28";
        let next = format!(
            "make an API token with scopes at https://id.atlassian.com/manage-profile/security/api-tokens, then {}",
            data.edit("--auth api-token --email ADDRESS --token-stdin")
        );
        return Some(
            Finding::new(ID, Severity::Warn, message)
                .with_remedy(next)
                .into(),
        );
    }
    let expected = match auth {
        AuthMethod::ApiToken => Some((TokenPrefix::ApiToken, "an API token", "ATATT")),
        AuthMethod::AccessToken => Some((TokenPrefix::AccessToken, "an access token", "ATCTT")),
        AuthMethod::OAuth
        | AuthMethod::ClientCredentials
        | AuthMethod::HttpAccessToken
        | AuthMethod::Password
        | AuthMethod::AppPassword
        | AuthMethod::Ssh => None,
    };
    if let Some((expected, name, prefix)) = expected
        && *shape != expected
        && *shape != TokenPrefix::Unknown
    {
        let message = format!("it does not begin like {name}");
        let finding = Finding::new(ID, Severity::Warn, message)
            .with_evidence(format!("{name} begins with {prefix}"));
        return Some(finding.with_remedy(data.edit("--auth KIND")).into());
    }
    let with_keys = |purpose: &&Purpose| purpose.requires_key_admin();
    let registers_keys = options.purposes.iter().find(with_keys);
    // Appsmith's page has a person register the key; that bbconnect does it goes beyond what is listed there.
    let mut wanted = options.purposes.iter().filter(with_keys);
    let needs_keys = wanted.any(|purpose| *purpose != Purpose::Appsmith);
    if let (AuthMethod::AccessToken, Some(purpose)) = (auth, registers_keys) {
        let message = format!(
            "Bitbucket Cloud lets no access token register keys, whatever its scopes, so it cannot be used for `{}`",
            purpose.name()
        );
        let next = "use an API token with scopes: bbconnect token scopes --auth api-token --for deploy-key";
        let finding = |level| Finding::new(ID, level, message).with_remedy(next);
        return Some(if needs_keys {
            failed(finding(Severity::Fail), ExitStatus::Forbidden)
        } else {
            finding(Severity::Warn).into()
        });
    }
    let whose = match data.level() {
        Some(Belongs::User) => " of a user",
        Some(Belongs::Workspace) => " of a workspace",
        Some(Belongs::Project) => " of a project",
        Some(Belongs::Repo) => " of a repository",
        None => "",
    };
    pass(format!("it is used as {}{whose}", what_it_is(auth)))
}

fn what_it_is(auth: AuthMethod) -> &'static str {
    match auth {
        AuthMethod::ApiToken => "an API token",
        AuthMethod::AccessToken => "an access token",
        AuthMethod::AppPassword => "an app password",
        AuthMethod::HttpAccessToken => "an HTTP access token",
        AuthMethod::OAuth => "an OAuth sign-in",
        AuthMethod::ClientCredentials => "an OAuth consumer by itself",
        AuthMethod::Password => "a password",
        AuthMethod::Ssh => "an SSH key",
    }
}

pub(super) fn expiry(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "credential.expiry";
    let connection = &data.connection;
    if matches!(connection.auth(), AuthMethod::Ssh) || data.secret.is_err() {
        return None;
    }
    let reported = data.valid().and_then(|identity| identity.expires_on);
    let Some(expires_on) = reported.or(connection.expires_on) else {
        // A password has no day, and OAuth tokens are refreshed.
        if connection.auth() == AuthMethod::Password || connection.auth().is_oauth() {
            return None;
        }
        let message = match connection.deployment {
            Deployment::Cloud => {
                "Bitbucket Cloud does not tell when a token expires, and no day was given"
            }
            Deployment::DataCenter | Deployment::Unknown => {
                "the server does not tell when the token expires, and no day was given"
            }
        };
        let finding = Finding::new(ID, Severity::Unknown, message);
        let can_be_kept = connection.store() != Some(StoreKind::Environment);
        let next = can_be_kept.then(|| data.edit("--expires YYYY-MM-DD"));
        return Some(Finding { next, ..finding }.into());
    };
    let source = if reported.is_some() {
        "reported by the server"
    } else {
        "kept with the connection"
    };
    let evidence = format!("{expires_on}, {source}");
    let left = options.today.days_until(expires_on);
    let renew = format!(
        "make a new one, then {}",
        data.edit("--token-stdin --expires YYYY-MM-DD")
    );
    let is_accepted = data.valid().is_some();
    let is_unknown = data.server_error().is_some();
    Some(if left < 0 && reported.is_none() && is_accepted {
        let message = "its day has passed, but the server still accepts it: the day is wrong";
        let next = data.edit("--expires YYYY-MM-DD");
        Finding::new(ID, Severity::Warn, message)
            .with_evidence(evidence)
            .with_remedy(next)
            .into()
    } else if left < 0 && is_unknown {
        let message = "its day has passed";
        Finding::new(ID, Severity::Warn, message)
            .with_evidence(evidence)
            .with_remedy(renew)
            .into()
    } else if left < 0 {
        failed(
            Finding::new(ID, Severity::Fail, "it has expired")
                .with_evidence(evidence)
                .with_remedy(renew),
            ExitStatus::Unauthorized,
        )
    } else if left <= options.expires_within.count() {
        let message = match left {
            0 => "it expires today".to_owned(),
            1 => "it expires tomorrow".to_owned(),
            _ => format!("it expires in {left} days"),
        };
        Finding::new(ID, Severity::Warn, message)
            .with_evidence(evidence)
            .with_remedy(renew)
            .into()
    } else {
        Finding::new(ID, Severity::Pass, format!("it is good for {left} days"))
            .with_evidence(evidence)
            .into()
    })
}
