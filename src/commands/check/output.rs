//! What `check` answers: every connection with its findings, and the exit status of all.

use std::time::Duration;

use serde::Serialize;

use super::facts::CheckData;
use super::report;
use super::rules::{self, CheckResult};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::connection::{AuthMethod, StoreKind};
use crate::types::date::Date;
use crate::types::deployment::Deployment;
use crate::ui::{CommandOutput, TextWriter};

/// How the result is written.
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

/// Connections that were checked.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    pub(super) ok: bool,
    pub(super) exit: u8,
    pub(super) elapsed_ms: u64,
    pub(super) connections: Vec<ConnectionReport>,
    #[serde(skip)]
    pub(super) status: ExitStatus,
    #[serde(skip)]
    pub(super) format: Format,
    #[serde(skip)]
    pub(super) quiet: bool,
    #[serde(skip)]
    pub(super) strict: bool,
}

/// A connection that was checked.
#[derive(Debug, Serialize)]
pub(super) struct ConnectionReport {
    pub(super) name: String,
    deployment: Option<Deployment>,
    pub(super) base_url: Option<String>,
    pub(super) auth: Option<AuthMethod>,
    source: Option<&'static str>,
    pub(super) account: Option<String>,
    pub(super) version: Option<String>,
    scopes: Option<Vec<String>>,
    expires_on: Option<Date>,
    pub(super) findings: Vec<CheckResult>,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
    #[serde(skip)]
    pub(super) elapsed: Duration,
}

impl ConnectionReport {
    pub(super) fn of(
        data: &CheckData,
        findings: Vec<CheckResult>,
        is_asked: bool,
        strict: bool,
        elapsed: Duration,
    ) -> Self {
        let connection = &data.connection;
        let identity = data.valid();
        let version = data
            .version
            .as_ref()
            .and_then(|version| version.as_ref().ok());
        Self {
            name: data.name.to_string(),
            deployment: Some(connection.deployment),
            base_url: Some(connection.base_url.to_string()),
            auth: Some(connection.auth()),
            source: connection.store().map(StoreKind::name),
            account: identity.and_then(|identity| identity.account.clone()),
            version: version.cloned().flatten(),
            scopes: data.granted.clone(),
            expires_on: identity
                .and_then(|identity| identity.expires_on)
                .or(connection.expires_on),
            exit: rules::exit_status(&findings, is_asked, strict),
            findings,
            elapsed,
        }
    }

    /// A connection that cannot be read, among others that can.
    pub(super) fn unreadable(name: &str, summary: &ErrorSummary) -> Self {
        let judged = rules::missing_credential(summary);
        Self {
            name: name.to_owned(),
            deployment: None,
            base_url: None,
            auth: None,
            source: None,
            account: None,
            version: None,
            scopes: None,
            expires_on: None,
            exit: judged.exit,
            findings: vec![judged],
            elapsed: Duration::ZERO,
        }
    }
}

impl CommandOutput for CheckReport {
    const SCHEMA: &'static str = "bbconnect/check@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        report::write(self, out);
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
