//! The result of `check`: a report for each connection, and the exit status of all.

use std::time::Duration;

use serde::Serialize;

use crate::diagnostics::check::{exit_status, missing_credential};
use crate::diagnostics::connection_facts::{ConnectionFacts, RepositoryFacts};
use crate::diagnostics::finding::{Finding, Severity};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::connection::{AuthMethod, StoreKind};
use crate::types::date::Date;
use crate::types::deployment::Deployment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON document, as with --json
    Json,
    /// `JUnit` XML
    #[value(help = "JUnit XML, which CI systems show as tests")]
    Junit,
    /// Markdown, for the summary of a job
    Markdown,
}

/// The result of `check`.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    pub(super) ok: bool,
    exit: u8,
    pub(super) elapsed_ms: u64,
    pub(super) connections: Vec<ConnectionReport>,
    #[serde(skip)]
    pub(super) status: ExitStatus,
    #[serde(skip)]
    pub(super) options: ReportOptions,
}

/// How the result of `check` is written and evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReportOptions {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    pub(crate) strict: bool,
    /// `--for` or `--require` was given.
    pub(crate) has_requirements: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConnectionReport {
    pub(super) name: String,
    deployment: Option<Deployment>,
    pub(super) base_url: Option<String>,
    pub(super) auth: Option<AuthMethod>,
    source: Option<&'static str>,
    pub(super) account: Option<String>,
    /// The repository under its current name.
    repository: Option<String>,
    /// The repository, its source and its former name, for text output.
    #[serde(skip)]
    pub(super) repository_text: Option<String>,
    version: Option<String>,
    scopes: Option<Vec<String>>,
    expires_on: Option<Date>,
    pub(super) findings: Vec<Finding>,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
    #[serde(skip)]
    pub(super) elapsed: Duration,
}

impl ConnectionReport {
    pub(crate) fn new(
        facts: ConnectionFacts,
        findings: Vec<Finding>,
        options: ReportOptions,
        elapsed: Duration,
    ) -> Self {
        let credential = &facts.credential;
        let connection = &credential.connection;
        let repository = facts.repository.as_ref();
        Self {
            name: credential.name.to_string(),
            deployment: Some(connection.deployment),
            base_url: Some(connection.base_url.to_string()),
            auth: Some(connection.auth()),
            source: connection.store().map(StoreKind::name),
            account: credential
                .valid()
                .and_then(|identity| identity.account.clone()),
            repository: repository.map(|repository| repository.id.to_string()),
            repository_text: repository.map(RepositoryFacts::describe),
            version: facts.version.and_then(Result::ok).flatten(),
            scopes: facts.granted,
            expires_on: credential.expires_on().map(|(date, _)| date),
            exit: exit_status(&findings, options.has_requirements, options.strict),
            findings,
            elapsed,
        }
    }

    /// A connection whose entry cannot be read.
    pub(crate) fn unreadable(name: &str, summary: &ErrorSummary) -> Self {
        let finding = missing_credential(summary);
        Self {
            name: name.to_owned(),
            deployment: None,
            base_url: None,
            auth: None,
            source: None,
            account: None,
            repository: None,
            repository_text: None,
            version: None,
            scopes: None,
            expires_on: None,
            exit: finding.exit,
            findings: vec![finding],
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn passed(&self) -> bool {
        self.exit == ExitStatus::Success
    }

    /// `passed`, or what the exit status is due to.
    pub(super) fn verdict(&self) -> String {
        if self.passed() {
            return "passed".to_owned();
        }
        let find = |is_cause: fn(&Finding) -> bool| self.findings.iter().find(|f| is_cause(f));
        let cause = self
            .findings
            .iter()
            .find(|finding| finding.exit == self.exit);
        let cause = cause
            .or_else(|| find(|finding| finding.is_undetermined))
            .or_else(|| find(|finding| finding.level == Severity::Warn));
        cause.map_or("FAILED".to_owned(), |finding| {
            format!("FAILED: {}", finding.message)
        })
    }
}

impl CheckReport {
    pub(crate) fn new(
        connections: Vec<ConnectionReport>,
        options: ReportOptions,
        elapsed: Duration,
    ) -> Self {
        let status = ExitStatus::most_significant(connections.iter().map(|report| report.exit));
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            status,
            elapsed_ms: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
            connections,
            options,
        }
    }
}
