//! The steps of `bbconnect connect`: printed when they are done, and part of the JSON output.

use serde::Serialize;

use crate::types::named_enum::named_enum;
use crate::ui::Ui;

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(super) enum StepId {
        Url = "url",
        Connection = "connection",
        Repository = "repository",
        HostKey = "host-key",
        Key = "key",
        Registration = "registration",
        Ssh = "ssh",
        Push = "push",
        Saved = "saved",
        Clone = "clone",
        Checkout = "checkout",
        Remote = "remote",
        DryRun = "dry-run",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Pass,
    Warn,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    id: StepId,
    level: Level,
    message: String,
}

impl Step {
    /// Whether this step configured git to use the key.
    pub(super) fn configures_git(&self) -> bool {
        matches!(self.id, StepId::Checkout | StepId::Clone) && self.level == Level::Pass
    }
}

#[derive(Debug)]
pub(super) struct StepLog<'a> {
    ui: &'a Ui,
    steps: Vec<Step>,
}

impl<'a> StepLog<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        let steps = Vec::new();
        Self { ui, steps }
    }

    pub(super) fn pass(&mut self, id: StepId, message: impl Into<String>) {
        self.record(id, Level::Pass, message.into());
    }

    pub(super) fn warn(&mut self, id: StepId, message: impl Into<String>) {
        self.record(id, Level::Warn, message.into());
    }

    fn record(&mut self, id: StepId, level: Level, message: String) {
        let mark = match level {
            Level::Pass => "ok  ",
            Level::Warn => "note",
        };
        let name = id.name();
        self.ui
            .print_step(&format!("{mark}  {name:<12}  {message}"));
        self.steps.push(Step { id, level, message });
    }

    pub(super) fn finish(self) -> Vec<Step> {
        self.steps
    }
}
