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
use super::facts::{Facts, KeyFacts, Question};
use crate::error::Trouble;
use crate::exit::Exit;
use crate::model::finding::{Finding, Level};
use crate::model::purpose::Needs;
use crate::model::scope::{Granted, Scope, Vocabulary};

/// Whether there is a credential.
const PRESENT: &str = "credential.present";

/// A finding, and the status that it stands for where it is a failure.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    #[serde(flatten)]
    pub(super) finding: Finding,
    #[serde(skip)]
    pub(super) exit: Exit,
    /// It leaves open what was asked for.
    #[serde(skip)]
    pub(super) leaves_open: bool,
}

/// Findings that pass, warn, or do not tell.
impl From<Finding> for Judged {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            exit: Exit::Done,
            leaves_open: false,
        }
    }
}

/// A failure.
fn failed(finding: Finding, exit: Exit) -> Judged {
    Judged {
        finding,
        exit,
        leaves_open: false,
    }
}

/// There is no credential, or none that can be had.
pub(super) fn absent(trouble: &Trouble) -> Judged {
    let finding = Finding::new(PRESENT, Level::Fail, trouble.message.clone());
    let next = trouble.hint.clone();
    failed(Finding { next, ..finding }, trouble.exit)
}

/// Something that was asked for and is not known.
fn open(finding: Finding) -> Judged {
    Judged {
        leaves_open: true,
        ..Judged::from(finding)
    }
}

/// Judges everything that is known, in the order of the contract.
pub(super) fn judge(facts: &Facts, question: &Question) -> Vec<Judged> {
    let all = [
        server::reachable(facts),
        server::version(facts, question),
        server::base_url(facts),
        Some(credential::present(facts)),
        credential::valid(facts),
        credential::kind(facts, question),
        scopes::enough(facts, question),
        scopes::excess(facts, question),
        credential::expiry(facts, question),
        reach::reach(facts),
        repository::visible(facts, question),
        repository::empty(facts, question),
        ssh::access(facts, question),
    ];
    all.into_iter().flatten().collect()
}

/// The exit status of findings: the smallest of the failures. Without one, 1 where what was asked for stays open, and
/// with `--strict` 11 for warnings.
pub(super) fn exit(findings: &[Judged], is_asked: bool, strict: bool) -> Exit {
    let failures = findings
        .iter()
        .filter(|judged| judged.finding.level == Level::Fail);
    let worst = Exit::worst(failures.map(|judged| judged.exit));
    if worst != Exit::Done {
        return worst;
    }
    if is_asked && findings.iter().any(|judged| judged.leaves_open) {
        return Exit::No;
    }
    let warned = findings
        .iter()
        .any(|judged| judged.finding.level == Level::Warn);
    if strict && warned {
        Exit::Warned
    } else {
        Exit::Done
    }
}

/// The words in which the credential is described: those of its scopes where the server names them, else of its kind.
fn vocabulary(facts: &Facts) -> Option<Vocabulary> {
    let of_kind = Vocabulary::of(facts.connection.auth, facts.connection.deployment)?;
    let names = facts.granted.iter().flatten().map(String::as_str);
    let granted = Granted::of(names);
    let all = [
        of_kind,
        Vocabulary::Classic,
        Vocabulary::ApiToken,
        Vocabulary::DataCenter,
    ];
    let spoken = all
        .into_iter()
        .find(|vocabulary| granted.speaks(*vocabulary));
    Some(spoken.unwrap_or(of_kind))
}

/// What is needed for all that was asked for, in the words of the credential.
fn needs(facts: &Facts, question: &Question) -> Needs {
    let Some(vocabulary) = vocabulary(facts) else {
        return Needs::default();
    };
    let mut all = Needs::default();
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
        add(&mut all.required, scope.in_words_of(vocabulary));
    }
    all.beyond.retain(|scope| !all.required.contains(scope));
    all
}

/// The scopes whose presence matters for the question.
pub(super) fn needed(facts: &Facts, question: &Question) -> Vec<Scope> {
    let Needs { required, beyond } = needs(facts, question);
    [required, beyond].concat()
}

/// Whether something particular was asked for.
pub(super) fn is_asked(question: &Question) -> bool {
    !question.purposes.is_empty() || !question.required.is_empty()
}
