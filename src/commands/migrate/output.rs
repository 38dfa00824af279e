//! The result of `migrate`, as data and as text.

use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::migrate::FixKind;
use crate::ui::{CommandOutput, TextWriter};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    WouldUpdate,
    Updated,
    /// It needs a manual step.
    Manual,
    /// Its file could not be written.
    Failed,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::WouldUpdate => "would-update",
            Self::Updated => "updated",
            Self::Manual => "manual",
            Self::Failed => "failed",
        }
    }
}

/// What the exit status depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitPolicy {
    /// Errors alone.
    Plain,
    /// Whether there is something to update.
    FailIfFound,
}

/// One change.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub(super) kind: FixKind,
    /// The file and the location in it, or a connection.
    #[serde(rename = "where")]
    pub(super) location: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) action: Action,
    pub(super) next: Option<String>,
}

impl Item {
    /// As text: the location, and the change.
    pub(super) fn lines(&self) -> Vec<String> {
        let (kind, action) = (self.kind.name(), self.action.name());
        let change = match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (None, Some(after)) => format!("added: {after}"),
            (Some(before), None) if self.action == Action::Manual => before.clone(),
            (Some(before), None) => format!("removed: {before}"),
            (None, None) => String::new(),
        };
        vec![
            format!("{kind:<13} {action:<13} {}", self.location),
            format!("{:<28}{change}", ""),
        ]
    }
}

/// A file or directory that could not be read or written.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) path: String,
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct MigrateOutput {
    pub(super) items: Vec<Item>,
    pub(super) repositories: usize,
    /// Repositories and files outside of the scanned directories that checkouts in them use. They are not changed.
    pub(super) outside: Vec<String>,
    #[serde(rename = "kept")]
    pub(super) backups: Vec<String>,
    pub(super) errors: Vec<Failure>,
    #[serde(skip)]
    pub(super) policy: ExitPolicy,
}

impl CommandOutput for MigrateOutput {
    const SCHEMA: &'static str = "bbconnect/migrate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.items.is_empty() {
            out.line(&format!(
                "nothing to update; scanned {} and your own files",
                pluralize(self.repositories, "repository", "repositories")
            ));
        }
        for line in self.items.iter().flat_map(Item::lines) {
            out.line(&line);
        }
        for failure in &self.errors {
            out.line(&format!("error: {}: {}", failure.path, failure.message));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if !self.backups.is_empty() {
            let files = pluralize(self.backups.len(), "file", "files");
            out.note(&format!(
                "changed {files}; the backup of each is NAME.bbconnect-…"
            ));
        }
        for path in &self.outside {
            out.note(&format!(
                "not changed: {path} is used by a checkout but outside the scanned directories"
            ));
        }
        let mut steps: Vec<&str> = Vec::new();
        for next in self.items.iter().filter_map(|item| item.next.as_deref()) {
            if !steps.contains(&next) {
                steps.push(next);
                out.note(&format!("next: {next}"));
            }
        }
    }

    fn exit_status(&self) -> ExitStatus {
        let error = (!self.errors.is_empty()).then_some(ExitStatus::LocalError);
        let found = (self.policy == ExitPolicy::FailIfFound && !self.items.is_empty())
            .then_some(ExitStatus::Failure);
        ExitStatus::most_significant(error.into_iter().chain(found))
    }
}

pub(super) fn pluralize(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
