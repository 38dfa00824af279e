//! Judges what was seen: a pure function from facts to stages, in the order of the contract.

mod git;
mod host_key;
mod http;
mod reach;
mod server;
mod ssh;
#[cfg(test)]
mod tests;
mod tls;

use std::time::Duration;

use serde::Serialize;

use super::facts;
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::finding::{Finding, Severity};
use facts::{DoctorData, Timed};

pub(super) use self::host_key::trusted;

/// A stage of the way.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StageResult {
    #[serde(flatten)]
    pub(super) finding: Finding,
    pub(super) elapsed_ms: u64,
    /// The status that a failure stands for.
    #[serde(skip)]
    pub(super) exit: ExitStatus,
}

impl StageResult {
    fn pass(id: &'static str, message: impl Into<String>) -> Self {
        Finding::new(id, Severity::Pass, message).into()
    }

    fn warn(id: &'static str, message: impl Into<String>) -> Self {
        Finding::new(id, Severity::Warn, message).into()
    }

    fn unknown(id: &'static str, message: impl Into<String>) -> Self {
        Finding::new(id, Severity::Unknown, message).into()
    }

    /// A failure, with the status that it stands for.
    pub(super) fn fail(id: &'static str, exit: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            exit,
            ..Finding::new(id, Severity::Fail, message).into()
        }
    }

    /// What stood in the way, in the words of whoever met it.
    fn from_error(id: &'static str, summary: &ErrorSummary) -> Self {
        let mut stage = Self::fail(id, summary.exit, summary.message.clone());
        stage.finding.next.clone_from(&summary.hint);
        stage
    }

    fn with_evidence(mut self, evidence: impl Into<String>) -> Self {
        self.finding.evidence = Some(evidence.into());
        self
    }

    pub(super) fn with_remedy(mut self, next: impl Into<String>) -> Self {
        self.finding.next = Some(next.into());
        self
    }

    fn with_elapsed<T>(mut self, timed: &Timed<T>) -> Self {
        self.elapsed_ms = milliseconds(timed.elapsed);
        self
    }

    /// A failure of what is not needed is worth a word, and no more.
    fn downgraded(mut self) -> Self {
        if self.finding.level == Severity::Fail {
            self.finding.level = Severity::Warn;
            self.exit = ExitStatus::Success;
        }
        self
    }
}

impl From<Finding> for StageResult {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            elapsed_ms: 0,
            exit: ExitStatus::Success,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

/// Judges everything that was looked at.
pub(super) fn judge(facts: &DoctorData) -> Vec<StageResult> {
    let mut stages = vec![reach::url(facts)];
    if let Some(http_path) = &facts.http_path {
        let all = [
            reach::dns(http_path),
            reach::tcp(http_path),
            reach::proxy(http_path),
            tls::judge(http_path),
            http::http(http_path),
            http::product(http_path),
            server::version(http_path),
            server::base_url(http_path),
            server::clock(http_path),
            server::credential(http_path),
        ];
        let all = all.into_iter().flatten();
        if http_path.is_guess {
            let guessed = format!(
                "whether this server has HTTPS at {} is a guess; name its address to look at it: bbconnect doctor URL",
                http_path.base
            );
            stages.extend(all.map(StageResult::downgraded).map(
                |stage| match stage.finding.level {
                    Severity::Pass | Severity::Unknown => stage,
                    Severity::Warn | Severity::Fail => stage.with_remedy(guessed.clone()),
                },
            ));
        } else {
            stages.extend(all);
        }
    }
    if let Some(ssh) = &facts.ssh {
        let all = [
            Some(ssh::tcp(facts, ssh)),
            host_key::judge(ssh),
            ssh::login(ssh),
        ];
        let all = all.into_iter().flatten();
        if facts.wants_ssh {
            stages.extend(all);
        } else {
            stages.extend(all.map(StageResult::downgraded));
        }
    }
    stages.push(git::judge(facts));
    stages
}

/// The status of the first stage that fails.
pub(super) fn exit_status(stages: &[StageResult]) -> ExitStatus {
    first_failure(stages).map_or(ExitStatus::Success, |stage| stage.exit)
}

/// The first stage that fails.
pub(super) fn first_failure(stages: &[StageResult]) -> Option<&StageResult> {
    stages
        .iter()
        .find(|stage| stage.finding.level == Severity::Fail)
}
