//! What `doctor` answers: the stages, and the status of the first that fails.

use std::path::Path;

use serde::Serialize;

use super::allow_list::Allowed;
use super::judge::{self, Stage};
use super::target::Target;
use crate::exit::Exit;
use crate::model::connection::{BaseUrlError, ConnectionName};
use crate::model::finding::{Finding, Level};
use crate::output::{Page, Render};

/// A way that was looked at.
#[derive(Debug, Serialize)]
pub struct Diagnosed {
    ok: bool,
    exit: u8,
    /// The first stage that fails.
    failed: Option<&'static str>,
    connection: Option<ConnectionName>,
    base_url: Option<String>,
    pub(super) stages: Vec<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_list: Option<Vec<Allowed>>,
    report: Option<String>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    status: Exit,
}

impl Diagnosed {
    pub(super) fn of(target: &Target, stages: Vec<Stage>) -> Self {
        let status = judge::exit(&stages);
        Self {
            ok: status == Exit::Done,
            exit: status.code(),
            failed: judge::first_failure(&stages).map(|stage| stage.finding.id),
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
        let stage = Stage::fail("url", Exit::Usage, error.to_string()).next(error.hint());
        Self {
            ok: false,
            exit: Exit::Usage.code(),
            failed: Some("url"),
            connection: None,
            base_url: None,
            stages: vec![stage],
            allow_list: None,
            report: None,
            title: "the URL".to_owned(),
            status: Exit::Usage,
        }
    }

    /// The hosts and ports alone.
    pub(super) fn allow_list(target: &Target, allowed: Vec<Allowed>) -> Self {
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
            .filter(|stage| stage.finding.level == Level::Warn)
            .count();
        match (self.failed, warnings) {
            (Some(stage), _) => format!("it breaks at {stage}"),
            (None, 0) => "nothing stands in the way".to_owned(),
            (None, 1) => "nothing stands in the way, with one warning".to_owned(),
            (None, count) => format!("nothing stands in the way, with {count} warnings"),
        }
    }
}

impl Render for Diagnosed {
    const SCHEMA: &'static str = "bbconnect/doctor@1";

    fn text(&self, page: &mut Page) {
        if let Some(allowed) = &self.allow_list {
            Allowed::table(allowed, page);
            return;
        }
        page.heading(&format!("{}: {}", self.title, self.verdict()));
        for stage in &self.stages {
            let message = match stage.elapsed_ms {
                0 => stage.finding.message.clone(),
                elapsed => format!("{} [{elapsed} ms]", stage.finding.message),
            };
            page.finding(&Finding {
                message,
                ..stage.finding.clone()
            });
        }
    }

    fn remarks(&self, page: &mut Page) {
        if let Some(report) = &self.report {
            page.note(&format!(
                "the report is in {report}; read it before you send it"
            ));
        }
    }

    fn exit(&self) -> Exit {
        self.status
    }
}
