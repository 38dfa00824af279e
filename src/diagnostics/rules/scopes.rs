//! Scopes and permissions: which are required, which are missing, which are unnecessary.

use crate::diagnostics::connection_facts::{CheckOptions, ConnectionFacts};
use crate::diagnostics::finding::{Finding, FindingId};
use crate::exit_status::ExitStatus;
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::purpose::{Purpose, RequiredScopes};
use crate::types::scope::{GrantedScopes, Scope, ScopeSystem};

/// Whether the credential has one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScopeState {
    Granted,
    Missing,
    Unknown,
}

/// The vocabulary of the credential: that of the scopes which the server lists, else that of its kind.
fn vocabulary(facts: &ConnectionFacts) -> Option<ScopeSystem> {
    let connection = &facts.credential.connection;
    let of_kind = ScopeSystem::for_credential(connection.auth(), connection.deployment)?;
    let names = facts.granted.iter().flatten().map(String::as_str);
    let granted = GrantedScopes::from_names(names);
    let all = [
        of_kind,
        ScopeSystem::Classic,
        ScopeSystem::ApiToken,
        ScopeSystem::DataCenter,
    ];
    let used = all.into_iter().find(|system| granted.uses(*system));
    Some(used.unwrap_or(of_kind))
}

/// The scopes of everything that was asked for, in the vocabulary of the credential.
fn requirements(facts: &ConnectionFacts, options: &CheckOptions) -> RequiredScopes {
    let Some(system) = vocabulary(facts) else {
        return RequiredScopes::default();
    };
    let mut all = RequiredScopes::default();
    let add = |list: &mut Vec<Scope>, scopes: Vec<Scope>| {
        for scope in scopes {
            if !list.contains(&scope) {
                list.push(scope);
            }
        }
    };
    for purpose in &options.purposes {
        let needs = purpose.needs(system);
        add(&mut all.required, needs.required);
        add(&mut all.beyond, needs.beyond);
    }
    for scope in &options.required {
        add(&mut all.required, scope.equivalents_in(system));
    }
    all.beyond.retain(|scope| !all.required.contains(scope));
    all
}

/// The scopes whose presence matters for what was asked for.
pub(crate) fn needed(facts: &ConnectionFacts, options: &CheckOptions) -> Vec<Scope> {
    let RequiredScopes { required, beyond } = requirements(facts, options);
    [required, beyond].concat()
}

pub(crate) fn required(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::CredentialScopes;
    let has_requirements = options.has_requirements();
    if facts.credential.connection.auth() == AuthMethod::Ssh {
        // Whether the key can read and write is tested; there is no credential for anything else.
        let is_tested = |purpose: &Purpose| matches!(purpose, Purpose::Read | Purpose::Write);
        let all_tested = options.purposes.iter().all(is_tested) && options.required.is_empty();
        let message = "a token is required, but the connection is SSH-only";
        return (has_requirements && !all_tested).then(|| Finding::undetermined(ID, message));
    }
    if facts.credential.valid().is_none() {
        let is_open = has_requirements && facts.credential.secret.is_ok();
        let message = "scopes unknown: the credential was not verified";
        return is_open.then(|| Finding::undetermined(ID, message));
    }
    let granted = facts.granted.as_deref();
    let evidence = granted.map(|names| match names {
        [] => "granted: none".to_owned(),
        _ => format!("granted: {}", names.join(", ")),
    });
    let finding = required_or_listed(facts, options, granted.map(<[String]>::len));
    Some(Finding {
        evidence,
        ..finding
    })
}

fn required_or_listed(
    facts: &ConnectionFacts,
    options: &CheckOptions,
    listed: Option<usize>,
) -> Finding {
    const ID: FindingId = FindingId::CredentialScopes;
    if !options.has_requirements() {
        return match listed {
            Some(1) => Finding::pass(ID, "1 scope granted (use --for to check)"),
            Some(count) => {
                Finding::pass(ID, format!("{count} scopes granted (use --for to check)"))
            }
            None => Finding::unknown(
                ID,
                "the server does not list the scopes (use --for to check)",
            ),
        };
    }
    let is_cloud = facts.credential.connection.deployment == Deployment::Cloud;
    if options.purposes.contains(&Purpose::Pipelines) && !is_cloud {
        let message = "Data Center has no Pipelines; they are part of Bitbucket Cloud";
        return Finding::fail(ID, ExitStatus::Forbidden, message);
    }
    let needs = requirements(facts, options);
    let with_state = |scopes: &[Scope], wanted| -> Vec<Scope> {
        let all = scopes.iter().copied();
        all.filter(|scope| state(facts, *scope) == wanted).collect()
    };
    let unavailable = unavailable_in_presets(facts, options);
    let is_available = |scope: &Scope| !unavailable.contains(scope);
    let mut missing = with_state(&needs.required, ScopeState::Missing);
    let mut unknown = with_state(&needs.required, ScopeState::Unknown);
    missing.retain(is_available);
    unknown.retain(is_available);
    let without_equivalent = without_equivalent(facts, options);
    let missing_beyond = with_state(&needs.beyond, ScopeState::Missing);
    if !missing.is_empty() {
        let message = format!("missing {}", list(&missing));
        return Finding::fail(ID, ExitStatus::Forbidden, message)
            .with_next(how_to_add(facts, &missing));
    }
    if !unknown.is_empty() {
        let message = format!(
            "the server does not report whether {} is granted",
            list(&unknown)
        );
        let next = match facts.repository {
            Some(_) => "compare with the page where the token was created: bbconnect token page",
            None => "pass --repo NAMESPACE/SLUG to test with",
        };
        return Finding::undetermined(ID, message).with_next(next);
    }
    if !without_equivalent.is_empty() {
        let message = format!(
            "this kind of credential has no scope equivalent to {}",
            list(&without_equivalent)
        );
        return Finding::undetermined(ID, message);
    }
    if !unavailable.is_empty() {
        let message = format!(
            "has the scopes that this kind of token can have; it cannot have {}, which the preset's document lists",
            list(&unavailable)
        );
        return Finding::warn(ID, message).with_next(
            "enough for one repository; for the rest use an API token: bbconnect token scopes --auth api-token",
        );
    }
    if !missing_beyond.is_empty() {
        let message = format!(
            "has the scopes of the preset's document, but Bitbucket now also needs {}",
            list(&missing_beyond)
        );
        return Finding::warn(ID, message).with_next(how_to_add(facts, &missing_beyond));
    }
    match needed(facts, options).as_slice() {
        [] => Finding::pass(ID, "no scopes are required"),
        _ => Finding::pass(ID, "has the required scopes"),
    }
}

/// Whether the credential itself lacks a required scope.
pub(crate) fn lacks_required(facts: &ConnectionFacts, options: &CheckOptions) -> bool {
    let unavailable = unavailable_in_presets(facts, options);
    requirements(facts, options)
        .required
        .into_iter()
        .filter(|scope| !unavailable.contains(scope))
        .any(|scope| state(facts, scope) == ScopeState::Missing)
}

pub(crate) fn excess(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::CredentialExcess;
    // A required scope does not say what else the credential is used for; a purpose does.
    let has_purpose = !options.purposes.is_empty();
    let is_ssh = facts.credential.connection.auth() == AuthMethod::Ssh;
    if !has_purpose || is_ssh || facts.credential.valid().is_none() {
        return None;
    }
    let Some(names) = facts.granted.as_deref() else {
        let message = "the server does not list the scopes, so there may be unnecessary ones";
        return Some(Finding::unknown(ID, message));
    };
    let wanted = needed(facts, options);
    if wanted.is_empty() {
        return None;
    }
    let granted = GrantedScopes::from_names(names.iter().map(String::as_str));
    let excess = granted.excess_over(&wanted);
    if excess.is_empty() && !granted.unknown().is_empty() {
        let message = format!(
            "scopes that bbconnect does not know, and that may be unnecessary: {}",
            granted.unknown().join(", ")
        );
        return Some(Finding::unknown(ID, message));
    }
    if excess.is_empty() {
        return Some(Finding::pass(ID, "no unnecessary scopes"));
    }
    let scopes: Vec<String> = excess
        .iter()
        .map(|excess| match excess.instead.as_slice() {
            [] => excess.scope.to_string(),
            instead => format!("{} ({} is enough)", excess.scope, list(instead)),
        })
        .collect();
    let message = format!("unnecessary scopes: {}", scopes.join(", "));
    Some(
        Finding::warn(ID, message)
            .with_next("create a token with fewer scopes: bbconnect token page"),
    )
}

fn state(facts: &ConnectionFacts, scope: Scope) -> ScopeState {
    if let Some(names) = &facts.granted {
        let granted = GrantedScopes::from_names(names.iter().map(String::as_str));
        return if granted.contains(scope) {
            ScopeState::Granted
        } else {
            ScopeState::Missing
        };
    }
    let repository = facts.repository.as_ref();
    let permission = repository.and_then(|repository| repository.permission);
    let is_permitted = permission.is_none_or(|permission| permission >= scope.permission());
    let is_cloud = facts.credential.connection.deployment == Deployment::Cloud;
    match facts
        .probed_scopes
        .iter()
        .find(|(probed, _)| *probed == scope)
    {
        Some((_, true)) => ScopeState::Granted,
        // Cloud's response is the same where the account lacks the permission on the repository.
        Some((_, false)) if !is_permitted && is_cloud => ScopeState::Unknown,
        Some((_, false)) => ScopeState::Missing,
        None => ScopeState::Unknown,
    }
}

/// Scopes of `--require` for which the vocabulary of the credential has no equivalent.
fn without_equivalent(facts: &ConnectionFacts, options: &CheckOptions) -> Vec<Scope> {
    let Some(system) = vocabulary(facts) else {
        return Vec::new();
    };
    let all = options.required.iter().copied();
    all.filter(|scope| scope.equivalents_in(system).is_empty())
        .collect()
}

fn is_selectable(facts: &ConnectionFacts, scope: Scope) -> bool {
    let auth = facts.credential.connection.auth();
    scope.is_selectable(auth, facts.credential.level())
}

/// Scopes of presets that this kind of credential cannot have, and that nothing else requires: the product's document
/// lists them for other kinds as well.
fn unavailable_in_presets(facts: &ConnectionFacts, options: &CheckOptions) -> Vec<Scope> {
    let Some(system) = vocabulary(facts) else {
        return Vec::new();
    };
    let others = options
        .purposes
        .iter()
        .filter(|purpose| !purpose.is_preset());
    let mut required: Vec<Scope> = others
        .flat_map(|purpose| purpose.needs(system).required)
        .collect();
    let named = options.required.iter();
    required.extend(named.flat_map(|scope| scope.equivalents_in(system)));
    let presets = options
        .purposes
        .iter()
        .filter(|purpose| purpose.is_preset());
    let of_presets = presets.flat_map(|purpose| purpose.needs(system).required);
    of_presets
        .filter(|scope| !is_selectable(facts, *scope) && !required.contains(scope))
        .collect()
}

fn how_to_add(facts: &ConnectionFacts, missing: &[Scope]) -> String {
    let never: Vec<Scope> = missing
        .iter()
        .copied()
        .filter(|scope| !is_selectable(facts, *scope))
        .collect();
    if !never.is_empty() {
        return format!(
            "access tokens of this kind cannot have {}: use an API token with scopes (bbconnect token scopes --auth \
             api-token)",
            list(&never)
        );
    }
    let missing = list(missing);
    match facts.credential.connection.auth() {
        AuthMethod::HttpAccessToken => {
            format!(
                "edit the token and add {missing}, on the page that `bbconnect token page` prints"
            )
        }
        AuthMethod::Password => format!("ask an administrator for {missing}"),
        AuthMethod::OAuth | AuthMethod::ClientCredentials => {
            format!(
                "add {missing} to the OAuth consumer, then {}",
                facts.credential.edit_command("--reauthorize")
            )
        }
        AuthMethod::ApiToken
        | AuthMethod::AccessToken
        | AuthMethod::AppPassword
        | AuthMethod::Ssh => {
            format!(
                "create a new token and also select {missing}, on the page that `bbconnect token page` prints"
            )
        }
    }
}

fn list(scopes: &[Scope]) -> String {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    names.join(", ")
}
