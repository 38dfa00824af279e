//! What was found or mended: data, and its text.

use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::migrate::FixKind;
use crate::ui::{CommandOutput, TextWriter};

/// What has become of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// It can be mended.
    WouldUpdate,
    /// It is mended.
    Updated,
    /// A person must mend it.
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

/// What the exit status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitPolicy {
    /// Whether it could be done.
    Plain,
    /// Whether there is something to mend.
    FailIfFound,
}

/// One thing that is to be mended, or was.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub(super) kind: FixKind,
    /// The file and what in it, or a connection.
    #[serde(rename = "where")]
    pub(super) place: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) action: Action,
    pub(super) next: Option<String>,
}

impl Item {
    /// The item for a person: where, and what becomes of it.
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
            format!("{kind:<13} {action:<13} {}", self.place),
            format!("{:<28}{change}", ""),
        ]
    }
}

/// A file or folder that could not be read or written.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) path: String,
    pub(super) message: String,
}

/// What was found or mended.
#[derive(Debug, Serialize)]
pub(crate) struct MigrateOutput {
    pub(super) items: Vec<Item>,
    pub(super) repositories: usize,
    /// Repositories and files that checkouts in the folders use, but that are elsewhere and so were left alone.
    pub(super) outside: Vec<String>,
    /// The old versions of the files that were changed.
    pub(super) kept: Vec<String>,
    pub(super) errors: Vec<Failure>,
    #[serde(skip)]
    pub(super) way: ExitPolicy,
}

impl CommandOutput for MigrateOutput {
    const SCHEMA: &'static str = "bbconnect/migrate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.items.is_empty() {
            out.line(&format!(
                "nothing to mend; looked at {} and your own files",
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
        if !self.kept.is_empty() {
            let files = pluralize(self.kept.len(), "file", "files");
            out.note(&format!(
                "changed {files}; the old version of each is kept, as NAME.bbconnect-…"
            ));
        }
        for path in &self.outside {
            out.note(&format!(
                "{path} belongs to a checkout here but is elsewhere, and was left alone"
            ));
        }
        let mut told: Vec<&str> = Vec::new();
        for next in self.items.iter().filter_map(|item| item.next.as_deref()) {
            if !told.contains(&next) {
                told.push(next);
                out.note(&format!("next: {next}"));
            }
        }
    }

    fn exit_status(&self) -> ExitStatus {
        let machine = (!self.errors.is_empty()).then_some(ExitStatus::LocalError);
        let found = (self.way == ExitPolicy::FailIfFound && !self.items.is_empty())
            .then_some(ExitStatus::Failure);
        ExitStatus::most_significant(machine.into_iter().chain(found))
    }
}

/// A number and what is counted.
pub(super) fn pluralize(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
