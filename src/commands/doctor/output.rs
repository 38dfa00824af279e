//! What `doctor` answers: the stages, and the status of the first that fails.

use std::path::Path;

use serde::Serialize;

use super::firewall_rules::FirewallRule;
use super::rules::{self, StageResult};
use super::target::DoctorTarget;
use crate::exit_status::ExitStatus;
use crate::types::connection::{BaseUrlError, ConnectionName};
use crate::types::finding::{Finding, Severity};
use crate::ui::{CommandOutput, TextWriter};

/// A way that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    ok: bool,
    exit: u8,
    /// The first stage that fails.
    failed: Option<&'static str>,
    connection: Option<ConnectionName>,
    base_url: Option<String>,
    pub(super) stages: Vec<StageResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_list: Option<Vec<FirewallRule>>,
    report: Option<String>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    status: ExitStatus,
}

impl DoctorReport {
    pub(super) fn of(target: &DoctorTarget, stages: Vec<StageResult>) -> Self {
        let status = rules::exit_status(&stages);
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            failed: rules::first_failure(&stages).map(|stage| stage.finding.id),
            connection: target.name.clone(),
            base_url: target
                .base()
                .filter(|_| !target.is_guess)
                .map(ToString::to_string),
            stages,
            allow_list: None,
            report: None,
            title: target.title(),
            status,
        }
    }

    /// An argument that cannot be read. It is not repeated: it may hold a password.
    pub(super) fn unreadable(error: &BaseUrlError) -> Self {
        let stage = StageResult::fail("url", ExitStatus::Usage, error.to_string())
            .with_remedy(error.hint());
        Self {
            ok: false,
            exit: ExitStatus::Usage.code(),
            failed: Some("url"),
            connection: None,
            base_url: None,
            stages: vec![stage],
            allow_list: None,
            report: None,
            title: "the URL".to_owned(),
            status: ExitStatus::Usage,
        }
    }

    /// The hosts and ports alone.
    pub(super) fn allow_list(target: &DoctorTarget, allowed: Vec<FirewallRule>) -> Self {
        Self {
            allow_list: Some(allowed),
            ..Self::of(target, Vec::new())
        }
    }

    pub(super) fn written_to(&mut self, path: &Path) {
        self.report = Some(path.to_string_lossy().into_owned());
    }

    /// What came of it, in a sentence.
    pub(super) fn verdict(&self) -> String {
        let warnings = self
            .stages
            .iter()
            .filter(|stage| stage.finding.level == Severity::Warn)
            .count();
        match (self.failed, warnings) {
            (Some(stage), _) => format!("it breaks at {stage}"),
            (None, 0) => "nothing stands in the way".to_owned(),
            (None, 1) => "nothing stands in the way, with one warning".to_owned(),
            (None, count) => format!("nothing stands in the way, with {count} warnings"),
        }
    }
}

impl CommandOutput for DoctorReport {
    const SCHEMA: &'static str = "bbconnect/doctor@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if let Some(allowed) = &self.allow_list {
            FirewallRule::table(allowed, out);
            return;
        }
        out.heading(&format!("{}: {}", self.title, self.verdict()));
        for stage in &self.stages {
            let message = match stage.elapsed_ms {
                0 => stage.finding.message.clone(),
                elapsed => format!("{} [{elapsed} ms]", stage.finding.message),
            };
            out.write_finding(&Finding {
                message,
                ..stage.finding.clone()
            });
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(report) = &self.report {
            out.note(&format!(
                "the report is in {report}; read it before you send it"
            ));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
