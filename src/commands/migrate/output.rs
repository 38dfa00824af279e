//! The result of `migrate`, as data and as text.

use std::collections::HashSet;

use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::migrate::FixKind;
use crate::types::counted::counted;
use crate::types::named_enum::named_enum;
use crate::ui::{CommandOutput, TextWriter};

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(super) enum Action {
        WouldUpdate = "would-update",
        Updated = "updated",
        /// It needs a manual step.
        Manual = "manual",
        /// Its file could not be written.
        Failed = "failed",
        WouldRestore = "would-restore",
        Restored = "restored",
        /// Its file was changed since, and is not restored.
        Conflict = "conflict",
    }
}

/// What the exit status depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ExitPolicy {
    /// Errors alone.
    #[default]
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
    /// Whether it is in a file of the user or a connection, not in a repository.
    pub(super) user_file: bool,
}

/// The heading of items in the user's own files.
const USER_FILES: &str = "your own files and connections";

impl Item {
    /// As text: the location, and the change.
    pub(super) fn lines(&self) -> Vec<String> {
        let kind = self.kind.name();
        let action = self.action.name().replace('-', " ");
        let change = match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (None, Some(after)) => format!("added: {after}"),
            (Some(before), None) if self.action == Action::Manual => before.clone(),
            (Some(before), None) => format!("removed: {before}"),
            (None, None) => String::new(),
        };
        vec![
            format!("{kind:<13} {action:<13} {}", self.location),
            format!("    {change}"),
        ]
    }
}

/// A file or directory that could not be read or written.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) path: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct MigrateOutput {
    pub(super) items: Vec<Item>,
    pub(super) repositories: usize,
    /// The number of tracked files that name the retired host or a retired host key.
    pub(super) file_mentions: usize,
    /// Repositories and files outside of the scanned directories that checkouts in them use. They are not changed.
    pub(super) outside: Vec<String>,
    #[serde(rename = "kept")]
    pub(super) backups: Vec<String>,
    pub(super) errors: Vec<Failure>,
    /// The verdict in text.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
    /// What else can be done, on standard error.
    #[serde(skip)]
    pub(super) hints: Vec<String>,
    #[serde(skip)]
    pub(super) policy: ExitPolicy,
}

/// The items as text: those in repositories, then those in the user's own files.
pub(super) fn lines(items: &[Item]) -> Vec<String> {
    let group = |is_user_file: bool| {
        items
            .iter()
            .filter(move |item| item.user_file == is_user_file)
    };
    let mut lines: Vec<String> = group(false).flat_map(Item::lines).collect();
    let mut own = group(true).flat_map(Item::lines).peekable();
    if own.peek().is_some() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let is_restored = items.iter().any(|item| {
            matches!(
                item.action,
                Action::WouldRestore | Action::Restored | Action::Conflict
            )
        });
        lines.push(if is_restored {
            format!("{USER_FILES}:")
        } else {
            format!("{USER_FILES} (--no-user-config leaves them alone):")
        });
        lines.extend(own);
    }
    lines
}

impl CommandOutput for MigrateOutput {
    const SCHEMA: &'static str = "bbconnect/migrate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for line in lines(&self.items) {
            out.line(&line);
        }
        for note in &self.notes {
            out.line(note);
        }
        for failure in &self.errors {
            out.line(&format!("error: {}: {}", failure.path, failure.message));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if !self.backups.is_empty() {
            let files = counted(self.backups.len(), "file", "files");
            out.note(&format!(
                "changed {files}; the backup of each is NAME.bbconnect-…"
            ));
        }
        for path in &self.outside {
            out.note(&format!(
                "not changed: {path} is used by a checkout but outside the scanned directories"
            ));
        }
        let mut steps: HashSet<&str> = HashSet::new();
        for next in self.items.iter().filter_map(|item| item.next.as_deref()) {
            if steps.insert(next) {
                out.note(&format!("next: {next}"));
            }
        }
        out.notes(&self.hints);
    }

    fn exit_status(&self) -> ExitStatus {
        let error = (!self.errors.is_empty()).then_some(ExitStatus::LocalError);
        let is_conflict = |item: &Item| item.action == Action::Conflict;
        let conflict = self
            .items
            .iter()
            .any(is_conflict)
            .then_some(ExitStatus::Conflict);
        let found = (self.policy == ExitPolicy::FailIfFound && !self.items.is_empty())
            .then_some(ExitStatus::Failure);
        ExitStatus::most_significant(error.into_iter().chain(conflict).chain(found))
    }
}
