//! Scopes and permissions: enough for what is wanted, and not more.

use super::access_token::can_be_ticked;
use super::{
    CheckData, CheckOptions, CheckResult, failed, is_asked, needed, needs, undetermined, vocabulary,
};
use crate::exit_status::ExitStatus;
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::finding::{Finding, Severity};
use crate::types::purpose::Purpose;
use crate::types::scope::{GrantedScopes, Scope};

/// What is known of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Has,
    Lacks,
    Open,
}

pub(super) fn required_scopes(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "credential.scopes";
    if data.connection.auth() == AuthMethod::Ssh {
        // What a key may do with its repository is tried; for everything else there is nothing to look at.
        let is_tried = |purpose: &Purpose| matches!(purpose, Purpose::Read | Purpose::Write);
        let all_tried = options.purposes.iter().all(is_tried) && options.required.is_empty();
        let message = "what is wanted takes a token, and this connection is for SSH alone";
        let finding = || undetermined(Finding::new(ID, Severity::Unknown, message));
        return (is_asked(options) && !all_tried).then(finding);
    }
    if data.valid().is_none() {
        // Where it is not known to be good, nothing is known of what it may do.
        let asks = is_asked(options) && data.secret.is_ok();
        let message = "what it may do is not known, because nothing is known of the credential";
        return asks.then(|| undetermined(Finding::new(ID, Severity::Unknown, message)));
    }
    let granted = data.granted.as_deref();
    let evidence = granted.map(|names| match names {
        [] => "granted: nothing".to_owned(),
        _ => format!("granted: {}", names.join(", ")),
    });
    let finding = |level, message: String| Finding {
        evidence: evidence.clone(),
        ..Finding::new(ID, level, message)
    };
    if !is_asked(options) {
        let (level, message) = if granted.is_some() {
            (
                Severity::Pass,
                "the server names them; --for PURPOSE judges them",
            )
        } else {
            (
                Severity::Unknown,
                "the server does not name them; --for PURPOSE works out what matters",
            )
        };
        return Some(finding(level, message.to_owned()).into());
    }
    let needs = needs(data, options);
    let of = |wanted: &[Scope], known| -> Vec<Scope> {
        let all = wanted.iter().copied();
        all.filter(|scope| knows(data, *scope) == known).collect()
    };
    let missing = of(&needs.required, Known::Lacks);
    let unsure = of(&needs.required, Known::Open);
    let untold = unmappable_scopes(data, options);
    let missing_beyond = of(&needs.beyond, Known::Lacks);
    if !missing.is_empty() {
        let finding = finding(Severity::Fail, format!("missing: {}", list(&missing)));
        return Some(failed(
            finding.with_remedy(scope_page_hint(data, &missing)),
            ExitStatus::Forbidden,
        ));
    }
    if !unsure.is_empty() {
        let message = format!("the server does not tell whether it has {}", list(&unsure));
        let next = match data.repository {
            Some(_) => "compare them with the page where it was made: bbconnect token page",
            None => "name a repository with --repo NAMESPACE/SLUG, so that it can be looked at",
        };
        return Some(undetermined(
            finding(Severity::Unknown, message).with_remedy(next),
        ));
    }
    if !untold.is_empty() {
        let message = format!(
            "there is nothing like it for this kind of credential: {}",
            list(&untold)
        );
        return Some(undetermined(finding(Severity::Unknown, message)));
    }
    if !missing_beyond.is_empty() {
        let message = format!(
            "it has what the preset's document lists, but today's Bitbucket also needs {}",
            list(&missing_beyond)
        );
        let next = scope_page_hint(data, &missing_beyond);
        return Some(finding(Severity::Warn, message).with_remedy(next).into());
    }
    let all = needed(data, options);
    let message = match all.as_slice() {
        [] => "nothing is needed for it".to_owned(),
        all => format!("it has what is needed: {}", list(all)),
    };
    Some(finding(Severity::Pass, message).into())
}

/// Whether the credential itself lacks something that is wanted.
pub(super) fn lacks(data: &CheckData, options: &CheckOptions) -> bool {
    let wanted = needs(data, options).required;
    wanted
        .into_iter()
        .any(|scope| knows(data, scope) == Known::Lacks)
}

pub(super) fn excess_scopes(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "credential.excess";
    // Scopes that are required say nothing of what else the credential is for.
    let has_purpose = !options.purposes.is_empty();
    if !has_purpose || data.valid().is_none() || data.connection.auth() == AuthMethod::Ssh {
        return None;
    }
    let Some(names) = data.granted.as_deref() else {
        let message = "the server does not name its scopes, so it may have more than it needs";
        return Some(Finding::new(ID, Severity::Unknown, message).into());
    };
    let wanted = needed(data, options);
    if wanted.is_empty() {
        return None;
    }
    let granted = GrantedScopes::of(names.iter().map(String::as_str));
    let excess = granted.excess_over(&wanted);
    if excess.is_empty() && !granted.unknown().is_empty() {
        let message = format!(
            "it may have more than it needs: what {} allows is not known here",
            granted.unknown().join(", ")
        );
        return Some(Finding::new(ID, Severity::Unknown, message).into());
    }
    if excess.is_empty() {
        return Some(Finding::new(ID, Severity::Pass, "it has no more than it needs").into());
    }
    let said: Vec<String> = excess
        .iter()
        .map(|excess| match excess.instead.as_slice() {
            [] => excess.scope.to_string(),
            instead => format!("{} ({} is enough)", excess.scope, list(instead)),
        })
        .collect();
    let message = format!(
        "it may do more than it is for; not needed: {}",
        said.join(", ")
    );
    let finding = Finding::new(ID, Severity::Warn, message)
        .with_evidence(format!("granted: {}", names.join(", ")));
    Some(
        finding
            .with_remedy("make one with less: bbconnect token page")
            .into(),
    )
}

fn knows(data: &CheckData, scope: Scope) -> Known {
    if let Some(names) = &data.granted {
        let granted = GrantedScopes::of(names.iter().map(String::as_str));
        return if granted.contains(scope) {
            Known::Has
        } else {
            Known::Lacks
        };
    }
    let permission = data
        .repository
        .as_ref()
        .and_then(|repository| repository.permission);
    let may = permission.is_none_or(|permission| permission >= scope.permission());
    match data.shown.iter().find(|(known, _)| *known == scope) {
        Some((_, true)) => Known::Has,
        // Cloud refuses in the same words whom the repository's administrators have not let in.
        Some((_, false)) if !may && data.connection.deployment == Deployment::Cloud => Known::Open,
        Some((_, false)) => Known::Lacks,
        None => Known::Open,
    }
}

/// Scopes that were asked for and that this kind of credential has no word for.
fn unmappable_scopes(data: &CheckData, options: &CheckOptions) -> Vec<Scope> {
    let Some(system) = vocabulary(data) else {
        return Vec::new();
    };
    let all = options.required.iter().copied();
    all.filter(|scope| scope.equivalents_in(system).is_empty())
        .collect()
}

fn scope_page_hint(data: &CheckData, missing: &[Scope]) -> String {
    let never: Vec<Scope> = missing
        .iter()
        .copied()
        .filter(|scope| !can_be_ticked(data, *scope))
        .collect();
    if !never.is_empty() {
        return format!(
            "no such access token can have {}: use an API token with scopes (bbconnect token scopes --auth api-token)",
            list(&never)
        );
    }
    let missing = list(missing);
    match data.connection.auth() {
        AuthMethod::HttpAccessToken => {
            format!(
                "give it {missing}: the permissions of an HTTP access token can be edited (bbconnect token page)"
            )
        }
        AuthMethod::Password => format!("ask an administrator for {missing}"),
        AuthMethod::OAuth | AuthMethod::ClientCredentials => {
            format!(
                "tick {missing} for the OAuth consumer, then {}",
                data.edit("--reauthorize")
            )
        }
        AuthMethod::ApiToken
        | AuthMethod::AccessToken
        | AuthMethod::AppPassword
        | AuthMethod::Ssh => {
            format!(
                "make a new one and tick {missing} as well, on the page that `bbconnect token page` prints"
            )
        }
    }
}

fn list(scopes: &[Scope]) -> String {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    names.join(", ")
}
