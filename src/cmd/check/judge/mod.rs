//! Judges facts: a pure function from what is known, and what was asked for, to findings.

mod access_token;
mod credential;
#[cfg(test)]
mod healthy;
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
use crate::exit::ExitStatus;
use crate::model::finding::{Finding, Severity};
use crate::model::purpose::RequiredScopes;
use crate::model::scope::{GrantedScopes, Scope, ScopeSystem};

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
pub(super) fn missing_credential(trouble: &ErrorSummary) -> CheckResult {
    let finding = Finding::new(PRESENT, Severity::Fail, trouble.message.clone());
    let next = trouble.hint.clone();
    failed(Finding { next, ..finding }, trouble.exit)
}

/// Something that was asked for and is not known.
fn undetermined(finding: Finding) -> CheckResult {
    CheckResult {
        is_undetermined: true,
        ..CheckResult::from(finding)
    }
}

/// Judges everything that is known, in the order of the contract.
pub(super) fn judge(facts: &CheckData, question: &CheckOptions) -> Vec<CheckResult> {
    let all = [
        server::reachable(facts),
        server::version(facts, question),
        server::base_url(facts),
        Some(credential::present(facts)),
        credential::valid(facts),
        credential::kind(facts, question),
        scopes::required_scopes(facts, question),
        scopes::excess_scopes(facts, question),
        credential::expiry(facts, question),
        reach::breadth(facts),
        repository::visible(facts, question),
        repository::empty(facts, question),
        ssh::access(facts, question),
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
fn vocabulary(facts: &CheckData) -> Option<ScopeSystem> {
    let of_kind = ScopeSystem::of(facts.connection.auth, facts.connection.deployment)?;
    let names = facts.granted.iter().flatten().map(String::as_str);
    let granted = GrantedScopes::of(names);
    let all = [
        of_kind,
        ScopeSystem::Classic,
        ScopeSystem::ApiToken,
        ScopeSystem::DataCenter,
    ];
    let spoken = all.into_iter().find(|vocabulary| granted.uses(*vocabulary));
    Some(spoken.unwrap_or(of_kind))
}

/// What is needed for all that was asked for, in the words of the credential.
fn needs(facts: &CheckData, question: &CheckOptions) -> RequiredScopes {
    let Some(vocabulary) = vocabulary(facts) else {
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
    for purpose in &question.purposes {
        let needs = purpose.needs(vocabulary);
        add(&mut all.required, needs.required);
        add(&mut all.beyond, needs.beyond);
    }
    for scope in &question.required {
        add(&mut all.required, scope.equivalents_in(vocabulary));
    }
    all.beyond.retain(|scope| !all.required.contains(scope));
    all
}

/// The scopes whose presence matters for the question.
pub(super) fn needed(facts: &CheckData, question: &CheckOptions) -> Vec<Scope> {
    let RequiredScopes { required, beyond } = needs(facts, question);
    [required, beyond].concat()
}

/// Whether something particular was asked for.
pub(super) fn is_asked(question: &CheckOptions) -> bool {
    !question.purposes.is_empty() || !question.required.is_empty()
}
