//! The changes, file by file, and their application.

use std::io;
use std::path::{Path, PathBuf};

use super::output::{Action, ExitPolicy, Failure, Item, MigrateOutput};
use crate::migrate::{ChangedFile, Fix, FixKind, LastRun, RecordedChange, apply_fixes};
use crate::sys::backup_file::{ContentHash, EditableFile, Lock};
use crate::sys::signals;
use crate::sys::worker_pool;
use crate::types::counted::counted;
use crate::ui::Progress;

#[derive(Debug)]
pub(super) struct FilePlan {
    pub(super) file: EditableFile,
    pub(super) fixes: Vec<Fix>,
    pub(super) lock: Lock,
    /// Whether it belongs to the user, not to a repository.
    pub(super) is_user_file: bool,
    /// Whether it could not be written.
    pub(super) failed: bool,
}

impl FilePlan {
    fn is_changed(&self) -> bool {
        self.fixes.iter().any(|fix| !fix.edits.is_empty())
    }

    fn new_text(&self) -> String {
        apply_fixes(self.file.text(), &self.fixes)
    }

    /// Changes the file, if there is an edit, and returns the path of its backup.
    fn apply(&self, stamp: &str) -> io::Result<Option<PathBuf>> {
        if !self.is_changed() {
            return Ok(None);
        }
        self.file
            .replace(&self.new_text(), stamp, self.lock)
            .map(Some)
    }

    /// What `--undo` needs.
    fn record(&self) -> io::Result<ChangedFile> {
        let path = std::fs::canonicalize(self.file.path())?;
        let before = ContentHash::new(self.file.bytes());
        let after = ContentHash::new(&self.file.encode(&self.new_text()));
        let changes = self.fixes.iter().filter(|fix| !fix.edits.is_empty());
        let changes = changes.map(|fix| RecordedChange {
            kind: fix.kind,
            location: location(&display(&path), fix),
            before: fix.before.clone(),
            after: fix.after.clone(),
        });
        let changes = changes.collect();
        let mode = self.file.mode()?;
        let mut file = ChangedFile::new(
            &path,
            self.file.backup_path(),
            mode,
            (before, after),
            self.lock,
        );
        file.user_file = self.is_user_file;
        file.changes = changes;
        Ok(file)
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<FilePlan>,
    /// The changes in connections, by name.
    pub(super) connections: Vec<(String, Fix)>,
    pub(super) repositories: usize,
    /// The number of tracked files that name the retired host.
    pub(super) mentioning_files: usize,
    pub(super) outside: Vec<PathBuf>,
    pub(super) backups: Vec<PathBuf>,
    pub(super) errors: Vec<Failure>,
}

impl Plan {
    /// Whether there is a change without a manual step.
    pub(super) fn has_automatic_fixes(&self) -> bool {
        self.files.iter().any(FilePlan::is_changed)
    }

    pub(super) fn question(&self) -> String {
        let all = self.files.iter().flat_map(|plan| &plan.fixes);
        let changes = all.filter(|fix| !fix.edits.is_empty()).count();
        let edited: Vec<&FilePlan> = self.files.iter().filter(|plan| plan.is_changed()).collect();
        let own = edited.iter().filter(|plan| plan.is_user_file).count();
        let own = match own {
            0 => String::new(),
            own => format!(", {own} of them your own"),
        };
        format!(
            "Apply {} to {}{own} (backups are kept)?",
            counted(changes, "change", "changes"),
            counted(edited.len(), "file", "files")
        )
    }

    /// The record of this run, for `--undo`.
    pub(super) fn record(&self, stamp: &str) -> io::Result<LastRun> {
        let changed = self.files.iter().filter(|plan| plan.is_changed());
        Ok(LastRun {
            stamp: stamp.to_owned(),
            files: changed.map(FilePlan::record).collect::<io::Result<_>>()?,
        })
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
                .map(move |fix| item(location(&path, fix), fix, action, plan.is_user_file))
        });
        let in_connections = self.connections.iter().map(|(name, fix)| {
            let location = format!("connection {name}: {}", fix.location);
            item(location, fix, action, true)
        });
        in_files.chain(in_connections).collect()
    }

    pub(super) fn into_output(self, policy: ExitPolicy, action: Action) -> MigrateOutput {
        MigrateOutput {
            items: self.items(action),
            repositories: self.repositories,
            file_mentions: self.mentioning_files,
            outside: self.outside.iter().map(|path| display(path)).collect(),
            backups: self.backups.iter().map(|path| display(path)).collect(),
            errors: self.errors,
            policy,
            ..MigrateOutput::default()
        }
    }
}

/// `PATH:LINE` in a tracked file, `PATH: SETTING` in other files.
fn location(path: &str, fix: &Fix) -> String {
    if fix.kind == FixKind::FileMention {
        format!("{path}:{}", fix.location)
    } else {
        format!("{path}: {}", fix.location)
    }
}

fn item(location: String, fix: &Fix, action: Action, is_user_file: bool) -> Item {
    let is_manual = fix.edits.is_empty();
    Item {
        kind: fix.kind,
        location,
        before: fix.before.clone(),
        after: fix.after.clone(),
        action: if is_manual { Action::Manual } else { action },
        next: fix.manual_step.clone(),
        user_file: is_user_file,
    }
}

pub(super) fn display(path: &Path) -> String {
    path.display().to_string()
}
