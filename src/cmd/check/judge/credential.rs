//! The credential: is there one, is it accepted, of what kind is it, when does it end.

use super::{Facts, Judged, PRESENT, Question, absent, failed, open};
use crate::exit::Exit;
use crate::model::connection::{Auth, Level as Belongs, StoreKind, TokenShape};
use crate::model::days::Days;
use crate::model::deployment::Deployment;
use crate::model::finding::{Finding, Level};
use crate::model::purpose::Purpose;

pub(super) fn present(facts: &Facts) -> Judged {
    let auth = facts.connection.auth;
    if auth == Auth::Ssh {
        let message = "the connection is for SSH alone and needs no credential";
        return Finding::new(PRESENT, Level::Pass, message).into();
    }
    match &facts.secret {
        Ok(_) => {
            let store = facts
                .connection
                .store
                .map_or("nowhere", |store| store.name());
            let message = format!("the connection has its {}", auth.secret_name());
            Finding::new(PRESENT, Level::Pass, message)
                .seen(format!("from: {store}"))
                .into()
        }
        Err(trouble) => absent(trouble),
    }
}

pub(super) fn valid(facts: &Facts) -> Option<Judged> {
    const ID: &str = "credential.valid";
    let unknown = |message: &str| open(Finding::new(ID, Level::Unknown, message));
    facts.version.as_ref()?;
    if facts.in_the_way().is_some() {
        return Some(unknown(
            "the server gave no usable answer, so nothing is known about the credential",
        ));
    }
    Some(match facts.identity.as_ref()? {
        Ok(identity) => {
            let message = match &identity.account {
                Some(account) => format!("the server accepts it as {account}"),
                None => "the server accepts it".to_owned(),
            };
            Finding::new(ID, Level::Pass, message).into()
        }
        Err(trouble) => {
            let next = trouble.hint.clone();
            if trouble.exit == Exit::No {
                let next = Some("name what it belongs to with --repo NAMESPACE/SLUG".to_owned());
                let judged = unknown(&trouble.message);
                let finding = Finding {
                    next,
                    ..judged.finding
                };
                return Some(Judged { finding, ..judged });
            }
            let finding = Finding::new(ID, Level::Fail, trouble.message.clone());
            failed(Finding { next, ..finding }, trouble.exit)
        }
    })
}

/// Whether it is of the kind that it is used as, and of a kind that can do what is wanted.
pub(super) fn kind(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "credential.kind";
    let connection = &facts.connection;
    let auth = connection.auth;
    let shape = facts.secret.as_ref().ok()?;
    let pass = |message: String| Some(Finding::new(ID, Level::Pass, message).into());
    if auth == Auth::Ssh {
        return None;
    }
    if auth == Auth::AppPassword || *shape == TokenShape::AppPassword {
        let message = "it is an app password; Bitbucket Cloud ended them on 2026-07-28";
        let next = format!(
            "make an API token with scopes at https://id.atlassian.com/manage-profile/security/api-tokens, then {}",
            facts.edit("--auth api-token --email ADDRESS --token-stdin")
        );
        return Some(Finding::new(ID, Level::Warn, message).next(next).into());
    }
    let expected = match auth {
        Auth::ApiToken => Some((TokenShape::ApiToken, "an API token", "ATATT")),
        Auth::AccessToken => Some((TokenShape::AccessToken, "an access token", "ATCTT")),
        Auth::OAuth
        | Auth::ClientCredentials
        | Auth::HttpAccessToken
        | Auth::Password
        | Auth::AppPassword
        | Auth::Ssh => None,
    };
    if let Some((expected, name, prefix)) = expected
        && *shape != expected
        && *shape != TokenShape::Unknown
    {
        let message = format!("it does not begin like {name}");
        let finding =
            Finding::new(ID, Level::Warn, message).seen(format!("{name} begins with {prefix}"));
        return Some(finding.next(facts.edit("--auth KIND")).into());
    }
    let with_keys = |purpose: &&Purpose| purpose.registers_keys();
    let registers_keys = question.purposes.iter().find(with_keys);
    // Appsmith's page has a person register the key; that bbconnect does it goes beyond what is listed there.
    let mut wanted = question.purposes.iter().filter(with_keys);
    let needs_keys = wanted.any(|purpose| *purpose != Purpose::Appsmith);
    if let (Auth::AccessToken, Some(purpose)) = (auth, registers_keys) {
        let message = format!(
            "Bitbucket Cloud lets no access token register keys, whatever its scopes, so it cannot be used for `{}`",
            purpose.name()
        );
        let next = "use an API token with scopes: bbconnect token scopes --auth api-token --for deploy-key";
        let finding = |level| Finding::new(ID, level, message).next(next);
        return Some(if needs_keys {
            failed(finding(Level::Fail), Exit::Forbidden)
        } else {
            finding(Level::Warn).into()
        });
    }
    let whose = match facts.level() {
        Some(Belongs::User) => " of a user",
        Some(Belongs::Workspace) => " of a workspace",
        Some(Belongs::Project) => " of a project",
        Some(Belongs::Repo) => " of a repository",
        None => "",
    };
    pass(format!("it is used as {}{whose}", what_it_is(auth)))
}

fn what_it_is(auth: Auth) -> &'static str {
    match auth {
        Auth::ApiToken => "an API token",
        Auth::AccessToken => "an access token",
        Auth::AppPassword => "an app password",
        Auth::HttpAccessToken => "an HTTP access token",
        Auth::OAuth => "an OAuth sign-in",
        Auth::ClientCredentials => "an OAuth consumer by itself",
        Auth::Password => "a password",
        Auth::Ssh => "an SSH key",
    }
}

pub(super) fn expiry(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "credential.expiry";
    let connection = &facts.connection;
    if matches!(connection.auth, Auth::Ssh) || facts.secret.is_err() {
        return None;
    }
    let told = facts.valid().and_then(|identity| identity.expires_on);
    let Some(day) = told.or(connection.expires_on) else {
        // A password has no day, and OAuth tokens are refreshed.
        if connection.auth == Auth::Password || connection.auth.is_oauth() {
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
        let finding = Finding::new(ID, Level::Unknown, message);
        let can_be_kept = connection.store != Some(StoreKind::Environment);
        let next = can_be_kept.then(|| facts.edit("--expires YYYY-MM-DD"));
        return Some(Finding { next, ..finding }.into());
    };
    let source = if told.is_some() {
        "told by the server"
    } else {
        "kept with the connection"
    };
    let evidence = format!("{day}, {source}");
    let left = Days::between(question.today, day);
    let renew = format!(
        "make a new one, then {}",
        facts.edit("--token-stdin --expires YYYY-MM-DD")
    );
    let is_accepted = facts.valid().is_some();
    let is_unknown = facts.in_the_way().is_some();
    Some(if left < 0 && told.is_none() && is_accepted {
        let message = "its day has passed, but the server still accepts it: the day is wrong";
        let next = facts.edit("--expires YYYY-MM-DD");
        Finding::new(ID, Level::Warn, message)
            .seen(evidence)
            .next(next)
            .into()
    } else if left < 0 && is_unknown {
        let message = "its day has passed";
        Finding::new(ID, Level::Warn, message)
            .seen(evidence)
            .next(renew)
            .into()
    } else if left < 0 {
        failed(
            Finding::new(ID, Level::Fail, "it has expired")
                .seen(evidence)
                .next(renew),
            Exit::Unauthorized,
        )
    } else if left <= question.expires_within.count() {
        let message = match left {
            0 => "it expires today".to_owned(),
            1 => "it expires tomorrow".to_owned(),
            _ => format!("it expires in {left} days"),
        };
        Finding::new(ID, Level::Warn, message)
            .seen(evidence)
            .next(renew)
            .into()
    } else {
        Finding::new(ID, Level::Pass, format!("it is good for {left} days"))
            .seen(evidence)
            .into()
    })
}
