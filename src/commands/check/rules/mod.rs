//! Judges facts: a pure function from what is known, and what was asked for, to findings.

mod access_token;
mod credential;
#[cfg(test)]
mod fixtures;
mod reach;
mod repository;
mod scopes;
mod server;
mod ssh;
#[cfg(test)]
mod tests;

use serde::Serialize;

#[cfg(test)]
use super::facts::RepositoryFacts;
use super::facts::{CheckData, CheckOptions, KeyFacts};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::finding::{Finding, Severity};
use crate::types::purpose::RequiredScopes;
use crate::types::scope::{GrantedScopes, Scope, ScopeSystem};

/// Whether there is a credential.
const PRESENT: &str = "credential.present";

/// A finding, and the status that it stands for where it is a failure.
#[derive(Debug, Serialize)]
pub(super) struct CheckResult {
    #[serde(flatten)]
    pub(super) finding: Finding,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
    /// It leaves open what was asked for.
    #[serde(skip)]
    pub(super) is_undetermined: bool,
}

/// Findings that pass, warn, or do not tell.
impl From<Finding> for CheckResult {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            exit: ExitStatus::Success,
            is_undetermined: false,
        }
    }
}

/// A failure.
fn failed(finding: Finding, exit: ExitStatus) -> CheckResult {
    CheckResult {
        finding,
        exit,
        is_undetermined: false,
    }
}

/// There is no credential, or none that can be had.
pub(super) fn missing_credential(summary: &ErrorSummary) -> CheckResult {
    let finding = Finding::new(PRESENT, Severity::Fail, summary.message.clone());
    let next = summary.hint.clone();
    failed(Finding { next, ..finding }, summary.exit)
}

/// Something that was asked for and is not known.
fn undetermined(finding: Finding) -> CheckResult {
    CheckResult {
        is_undetermined: true,
        ..CheckResult::from(finding)
    }
}

/// Judges everything that is known, in the order of the contract.
pub(super) fn judge(data: &CheckData, options: &CheckOptions) -> Vec<CheckResult> {
    let all = [
        server::reachable(data),
        server::version(data, options),
        server::base_url(data),
        Some(credential::present(data)),
        credential::valid(data),
        credential::kind(data, options),
        scopes::required_scopes(data, options),
        scopes::excess_scopes(data, options),
        credential::expiry(data, options),
        reach::breadth(data),
        repository::visible(data, options),
        repository::empty(data, options),
        ssh::access(data, options),
    ];
    all.into_iter().flatten().collect()
}

/// The exit status of findings: the smallest of the failures. Without one, 1 where what was asked for stays open, and
/// with `--strict` 11 for warnings.
pub(super) fn exit_status(findings: &[CheckResult], is_asked: bool, strict: bool) -> ExitStatus {
    let failures = findings
        .iter()
        .filter(|judged| judged.finding.level == Severity::Fail);
    let worst = ExitStatus::most_significant(failures.map(|judged| judged.exit));
    if worst != ExitStatus::Success {
        return worst;
    }
    if is_asked && findings.iter().any(|judged| judged.is_undetermined) {
        return ExitStatus::Failure;
    }
    let warned = findings
        .iter()
        .any(|judged| judged.finding.level == Severity::Warn);
    if strict && warned {
        ExitStatus::Warnings
    } else {
        ExitStatus::Success
    }
}

/// The words in which the credential is described: those of its scopes where the server names them, else of its kind.
fn vocabulary(data: &CheckData) -> Option<ScopeSystem> {
    let of_kind = ScopeSystem::of(data.connection.auth(), data.connection.deployment)?;
    let names = data.granted.iter().flatten().map(String::as_str);
    let granted = GrantedScopes::of(names);
    let all = [
        of_kind,
        ScopeSystem::Classic,
        ScopeSystem::ApiToken,
        ScopeSystem::DataCenter,
    ];
    let spoken = all.into_iter().find(|system| granted.uses(*system));
    Some(spoken.unwrap_or(of_kind))
}

/// What is needed for all that was asked for, in the words of the credential.
fn needs(data: &CheckData, options: &CheckOptions) -> RequiredScopes {
    let Some(system) = vocabulary(data) else {
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

/// The scopes whose presence matters for the question.
pub(super) fn needed(data: &CheckData, options: &CheckOptions) -> Vec<Scope> {
    let RequiredScopes { required, beyond } = needs(data, options);
    [required, beyond].concat()
}

/// Whether something particular was asked for.
pub(super) fn is_asked(options: &CheckOptions) -> bool {
    !options.purposes.is_empty() || !options.required.is_empty()
}
