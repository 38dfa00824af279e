//! The steps of `connect`: told as they are done, and part of the document.

use serde::Serialize;

use crate::ui::Ui;

/// A step that was done.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    id: &'static str,
    level: Level,
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Pass,
    Warn,
}

/// The steps so far.
#[derive(Debug)]
pub(super) struct StepLog<'a> {
    ui: &'a Ui,
    done: Vec<Step>,
}

impl<'a> StepLog<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        let done = Vec::new();
        Self { ui, done }
    }

    pub(super) fn pass(&mut self, id: &'static str, message: String) {
        self.record(id, Level::Pass, message);
    }

    pub(super) fn warn(&mut self, id: &'static str, message: String) {
        self.record(id, Level::Warn, message);
    }

    fn record(&mut self, id: &'static str, level: Level, message: String) {
        let mark = match level {
            Level::Pass => "ok  ",
            Level::Warn => "note",
        };
        self.ui.print_step(&format!("{mark}  {id:<12}  {message}"));
        self.done.push(Step { id, level, message });
    }

    pub(super) fn finish(self) -> Vec<Step> {
        self.done
    }
}

impl Step {
    /// Whether a checkout uses the key since this step.
    pub(super) fn uses_the_key(&self) -> bool {
        matches!((self.id, self.level), ("checkout" | "clone", Level::Pass))
    }
}
