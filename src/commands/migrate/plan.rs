//! The changes, file by file, and their application.

use std::io;
use std::path::{Path, PathBuf};

use super::output::{Action, ExitPolicy, Failure, Item, MigrateOutput, pluralize};
use crate::migrate::{Fix, apply_fixes};
use crate::sys::backup_file::{EditableFile, Lock};
use crate::sys::signals;
use crate::sys::worker_pool;
use crate::ui::Progress;

/// A file with changes.
#[derive(Debug)]
pub(super) struct FilePlan {
    pub(super) file: EditableFile,
    pub(super) fixes: Vec<Fix>,
    pub(super) lock: Lock,
    /// Whether it could not be written.
    pub(super) failed: bool,
}

impl FilePlan {
    /// Changes the file, if there is an edit, and returns the path of its backup.
    fn apply(&self, stamp: &str) -> io::Result<Option<PathBuf>> {
        if self.fixes.iter().all(|fix| fix.edits.is_empty()) {
            return Ok(None);
        }
        let text = apply_fixes(self.file.text(), &self.fixes);
        self.file.replace(&text, stamp, self.lock).map(Some)
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<FilePlan>,
    /// The changes in connections, by name.
    pub(super) connections: Vec<(String, Fix)>,
    pub(super) repositories: usize,
    pub(super) outside: Vec<PathBuf>,
    pub(super) backups: Vec<PathBuf>,
    pub(super) errors: Vec<Failure>,
}

impl Plan {
    /// Whether there is a change without a manual step.
    pub(super) fn has_automatic_fixes(&self) -> bool {
        let mut fixes = self.files.iter().flat_map(|plan| &plan.fixes);
        fixes.any(|fix| !fix.edits.is_empty())
    }

    pub(super) fn question(&self) -> String {
        let all = self.files.iter().flat_map(|plan| &plan.fixes);
        let changes = all.filter(|fix| !fix.edits.is_empty()).count();
        let is_changed = |plan: &&FilePlan| plan.fixes.iter().any(|fix| !fix.edits.is_empty());
        let files = self.files.iter().filter(is_changed).count();
        format!(
            "Apply {} to {} (backups are kept)?",
            pluralize(changes, "change", "changes"),
            pluralize(files, "file", "files")
        )
    }

    /// Changes the files. One that cannot be written does not affect the others, and an interruption waits for those that
    /// are being written.
    pub(super) fn apply(&mut self, stamp: &str, progress: &Progress) {
        let all = self.files.len();
        for (number, plans) in self.files.chunks_mut(worker_pool::MAX_WORKERS).enumerate() {
            let done = number * worker_pool::MAX_WORKERS;
            progress.set_message(&format!("updated {done} of {all} files"));
            let section = signals::critical_section();
            let results = worker_pool::map_bounded(
                plans,
                |plan| plan.file.path().to_owned(),
                |plan| plan.apply(stamp),
            );
            drop(section);
            for (plan, result) in plans.iter_mut().zip(results) {
                match result {
                    Ok(backup) => self.backups.extend(backup),
                    Err(error) => {
                        plan.failed = true;
                        self.errors.push(Failure {
                            path: display(plan.file.path()),
                            message: format!("cannot be changed: {error}"),
                        });
                    }
                }
            }
        }
    }

    /// All changes; `action` is that of the changes without a manual step.
    pub(super) fn items(&self, action: Action) -> Vec<Item> {
        let in_files = self.files.iter().flat_map(|plan| {
            let path = display(plan.file.path());
            let action = if plan.failed { Action::Failed } else { action };
            plan.fixes
                .iter()
                .map(move |fix| item(format!("{path}: {}", fix.location), fix, action))
        });
        let in_connections = self
            .connections
            .iter()
            .map(|(name, fix)| item(format!("connection {name}: {}", fix.location), fix, action));
        in_files.chain(in_connections).collect()
    }

    pub(super) fn into_output(self, policy: ExitPolicy, action: Action) -> MigrateOutput {
        MigrateOutput {
            items: self.items(action),
            repositories: self.repositories,
            outside: self.outside.iter().map(|path| display(path)).collect(),
            backups: self.backups.iter().map(|path| display(path)).collect(),
            errors: self.errors,
            policy,
        }
    }
}

fn item(location: String, fix: &Fix, action: Action) -> Item {
    let is_manual = fix.edits.is_empty();
    Item {
        kind: fix.kind,
        location,
        before: fix.before.clone(),
        after: fix.after.clone(),
        action: if is_manual { Action::Manual } else { action },
        next: fix.manual_step.clone(),
    }
}

pub(super) fn display(path: &Path) -> String {
    path.display().to_string()
}
