//! The result of `doctor`: the steps, and the exit status of the first that fails.

use std::path::Path;

use serde::Serialize;

use super::firewall_rules::FirewallRule;
use super::target::DoctorTarget;
use crate::diagnostics::report::write_finding;
use crate::diagnostics::{Finding, FindingId, Severity, deciding_failure};
use crate::exit_status::ExitStatus;
use crate::resolve::ResolvedRepository;
use crate::types::connection::{BaseUrlError, ConnectionName};
use crate::ui::{CommandOutput, TextWriter};

#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    ok: bool,
    exit: u8,
    /// The failure that decides the exit status.
    failed: Option<FindingId>,
    connection: Option<ConnectionName>,
    base_url: Option<String>,
    /// The repository of the steps over SSH.
    repository: Option<ResolvedRepository>,
    pub(super) stages: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_list: Option<Vec<FirewallRule>>,
    report: Option<String>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    status: ExitStatus,
}

impl DoctorReport {
    pub(super) fn new(target: &DoctorTarget, stages: Vec<Finding>) -> Self {
        let base_url = target.base().filter(|_| !target.is_guess);
        Self {
            connection: target.name.clone(),
            base_url: base_url.map(ToString::to_string),
            repository: target.repository.clone(),
            ..Self::from_stages(target.title(), stages)
        }
    }

    /// An argument that cannot be parsed. It is not repeated: it may contain a password.
    pub(super) fn invalid_url(mut stages: Vec<Finding>, error: &BaseUrlError) -> Self {
        let stage = Finding::fail(FindingId::Url, ExitStatus::Usage, error.to_string())
            .with_next(error.hint())
            .with_elapsed(std::time::Duration::ZERO);
        stages.push(stage);
        Self::from_stages("the URL".to_owned(), stages)
    }

    /// The findings about this machine, without a target.
    pub(super) fn machine(stages: Vec<Finding>) -> Self {
        Self::from_stages("this machine".to_owned(), stages)
    }

    /// Only the hosts and ports.
    pub(super) fn allow_list(target: &DoctorTarget, rules: Vec<FirewallRule>) -> Self {
        Self {
            allow_list: Some(rules),
            ..Self::new(target, Vec::new())
        }
    }

    fn from_stages(title: String, stages: Vec<Finding>) -> Self {
        let failed = deciding_failure(&stages);
        let status = failed.map_or(ExitStatus::Success, |stage| stage.exit);
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            failed: failed.map(|stage| stage.id),
            connection: None,
            base_url: None,
            repository: None,
            stages,
            allow_list: None,
            report: None,
            title,
            status,
        }
    }

    pub(super) fn written_to(&mut self, path: &Path) {
        self.report = Some(path.to_string_lossy().into_owned());
    }

    pub(super) fn verdict(&self) -> String {
        let warnings = self.stages.iter();
        let warnings = warnings.filter(|stage| stage.level == Severity::Warn);
        match (self.failed, warnings.count()) {
            (Some(stage), _) => format!("failed at: {}", stage.name()),
            (None, 0) => "no problems found".to_owned(),
            (None, 1) => "no problems found, 1 warning".to_owned(),
            (None, count) => format!("no problems found, {count} warnings"),
        }
    }
}

impl CommandOutput for DoctorReport {
    const SCHEMA: &'static str = "bbconnect/doctor@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if let Some(rules) = &self.allow_list {
            FirewallRule::table(rules, out);
            return;
        }
        out.heading(&format!("{}: {}", self.title, self.verdict()));
        if let Some(repository) = &self.repository {
            out.key_value("repository", 10, &repository.to_string());
        }
        for stage in &self.stages {
            write_finding(out, stage);
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(report) = &self.report {
            out.note(&format!(
                "report written to {report}; read it before you send it"
            ));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
