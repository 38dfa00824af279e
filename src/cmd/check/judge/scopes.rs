//! Scopes and permissions: enough for what is wanted, and not more.

use super::access_token::can_be_ticked;
use super::{Facts, Judged, Question, failed, is_asked, needed, needs, open, vocabulary};
use crate::exit::Exit;
use crate::model::connection::Auth;
use crate::model::deployment::Deployment;
use crate::model::finding::{Finding, Level};
use crate::model::purpose::Purpose;
use crate::model::scope::{Granted, Scope};

/// What is known of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Has,
    Lacks,
    Open,
}

pub(super) fn enough(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "credential.scopes";
    if facts.connection.auth == Auth::Ssh {
        // What a key may do with its repository is tried; for everything else there is nothing to look at.
        let is_tried = |purpose: &Purpose| matches!(purpose, Purpose::Read | Purpose::Write);
        let all_tried = question.purposes.iter().all(is_tried) && question.required.is_empty();
        let message = "what is wanted takes a token, and this connection is for SSH alone";
        let finding = || open(Finding::new(ID, Level::Unknown, message));
        return (is_asked(question) && !all_tried).then(finding);
    }
    if facts.valid().is_none() {
        // Where it is not known to be good, nothing is known of what it may do.
        let asks = is_asked(question) && facts.secret.is_ok();
        let message = "what it may do is not known, because nothing is known of the credential";
        return asks.then(|| open(Finding::new(ID, Level::Unknown, message)));
    }
    let granted = facts.granted.as_deref();
    let evidence = granted.map(|names| match names {
        [] => "granted: nothing".to_owned(),
        _ => format!("granted: {}", names.join(", ")),
    });
    let finding = |level, message: String| Finding {
        evidence: evidence.clone(),
        ..Finding::new(ID, level, message)
    };
    if !is_asked(question) {
        let (level, message) = if granted.is_some() {
            (
                Level::Pass,
                "the server names them; --for PURPOSE judges them",
            )
        } else {
            (
                Level::Unknown,
                "the server does not name them; --for PURPOSE works out what matters",
            )
        };
        return Some(finding(level, message.to_owned()).into());
    }
    let needs = needs(facts, question);
    let of = |wanted: &[Scope], known| -> Vec<Scope> {
        let all = wanted.iter().copied();
        all.filter(|scope| knows(facts, *scope) == known).collect()
    };
    let missing = of(&needs.required, Known::Lacks);
    let unsure = of(&needs.required, Known::Open);
    let untold = without_counterpart(facts, question);
    let missing_beyond = of(&needs.beyond, Known::Lacks);
    if !missing.is_empty() {
        let finding = finding(Level::Fail, format!("missing: {}", list(&missing)));
        return Some(failed(
            finding.next(where_to_tick(facts, &missing)),
            Exit::Forbidden,
        ));
    }
    if !unsure.is_empty() {
        let message = format!("the server does not tell whether it has {}", list(&unsure));
        let next = match facts.repository {
            Some(_) => "compare them with the page where it was made: bbconnect token page",
            None => "name a repository with --repo NAMESPACE/SLUG, so that it can be looked at",
        };
        return Some(open(finding(Level::Unknown, message).next(next)));
    }
    if !untold.is_empty() {
        let message = format!(
            "there is nothing like it for this kind of credential: {}",
            list(&untold)
        );
        return Some(open(finding(Level::Unknown, message)));
    }
    if !missing_beyond.is_empty() {
        let message = format!(
            "it has what the preset's document lists, but today's Bitbucket also needs {}",
            list(&missing_beyond)
        );
        let next = where_to_tick(facts, &missing_beyond);
        return Some(finding(Level::Warn, message).next(next).into());
    }
    let all = needed(facts, question);
    let message = match all.as_slice() {
        [] => "nothing is needed for it".to_owned(),
        all => format!("it has what is needed: {}", list(all)),
    };
    Some(finding(Level::Pass, message).into())
}

/// Whether the credential itself lacks something that is wanted.
pub(super) fn lacks(facts: &Facts, question: &Question) -> bool {
    let wanted = needs(facts, question).required;
    wanted
        .into_iter()
        .any(|scope| knows(facts, scope) == Known::Lacks)
}

pub(super) fn excess(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "credential.excess";
    // Scopes that are required say nothing of what else the credential is for.
    let has_purpose = !question.purposes.is_empty();
    if !has_purpose || facts.valid().is_none() || facts.connection.auth == Auth::Ssh {
        return None;
    }
    let Some(names) = facts.granted.as_deref() else {
        let message = "the server does not name its scopes, so it may have more than it needs";
        return Some(Finding::new(ID, Level::Unknown, message).into());
    };
    let wanted = needed(facts, question);
    if wanted.is_empty() {
        return None;
    }
    let granted = Granted::of(names.iter().map(String::as_str));
    let excess = granted.beyond(&wanted);
    if excess.is_empty() && !granted.unknown().is_empty() {
        let message = format!(
            "it may have more than it needs: what {} allows is not known here",
            granted.unknown().join(", ")
        );
        return Some(Finding::new(ID, Level::Unknown, message).into());
    }
    if excess.is_empty() {
        return Some(Finding::new(ID, Level::Pass, "it has no more than it needs").into());
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
    let finding =
        Finding::new(ID, Level::Warn, message).seen(format!("granted: {}", names.join(", ")));
    Some(
        finding
            .next("make one with less: bbconnect token page")
            .into(),
    )
}

fn knows(facts: &Facts, scope: Scope) -> Known {
    if let Some(names) = &facts.granted {
        let granted = Granted::of(names.iter().map(String::as_str));
        return if granted.covers(scope) {
            Known::Has
        } else {
            Known::Lacks
        };
    }
    let permission = facts
        .repository
        .as_ref()
        .and_then(|repository| repository.permission);
    let may = permission.is_none_or(|permission| permission >= scope.permission());
    match facts.shown.iter().find(|(known, _)| *known == scope) {
        Some((_, true)) => Known::Has,
        // Cloud refuses in the same words whom the repository's administrators have not let in.
        Some((_, false)) if !may && facts.connection.deployment == Deployment::Cloud => Known::Open,
        Some((_, false)) => Known::Lacks,
        None => Known::Open,
    }
}

/// Scopes that were asked for and that this kind of credential has no word for.
fn without_counterpart(facts: &Facts, question: &Question) -> Vec<Scope> {
    let Some(vocabulary) = vocabulary(facts) else {
        return Vec::new();
    };
    let all = question.required.iter().copied();
    all.filter(|scope| scope.in_words_of(vocabulary).is_empty())
        .collect()
}

fn where_to_tick(facts: &Facts, missing: &[Scope]) -> String {
    let never: Vec<Scope> = missing
        .iter()
        .copied()
        .filter(|scope| !can_be_ticked(facts, *scope))
        .collect();
    if !never.is_empty() {
        return format!(
            "no such access token can have {}: use an API token with scopes (bbconnect token scopes --auth api-token)",
            list(&never)
        );
    }
    let missing = list(missing);
    match facts.connection.auth {
        Auth::HttpAccessToken => {
            format!(
                "give it {missing}: the permissions of an HTTP access token can be edited (bbconnect token page)"
            )
        }
        Auth::Password => format!("ask an administrator for {missing}"),
        Auth::OAuth | Auth::ClientCredentials => {
            format!(
                "tick {missing} for the OAuth consumer, then {}",
                facts.edit("--reauthorize")
            )
        }
        Auth::ApiToken | Auth::AccessToken | Auth::AppPassword | Auth::Ssh => {
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
