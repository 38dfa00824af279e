//! What is to be mended, file by file; carrying it out.

use std::io;
use std::path::{Path, PathBuf};

use super::output::{Action, ExitPolicy, Failure, Item, MigrateOutput, pluralize};
use crate::migrate::{Fix, apply_fixes};
use crate::sys::backup_file::{EditableFile, Lock};
use crate::sys::signals;
use crate::sys::worker_pool;
use crate::ui::Progress;

/// A file with something to mend.
#[derive(Debug)]
pub(super) struct FilePlan {
    pub(super) file: EditableFile,
    pub(super) fixes: Vec<Fix>,
    pub(super) lock: Lock,
    /// It could not be written.
    pub(super) failed: bool,
}

impl FilePlan {
    /// Changes the file, where there is something to change, and answers where its old version is.
    fn apply(&self, stamp: &str) -> io::Result<Option<PathBuf>> {
        if self.fixes.iter().all(|fix| fix.edits.is_empty()) {
            return Ok(None);
        }
        let text = apply_fixes(self.file.text(), &self.fixes);
        self.file.replace(&text, stamp, self.lock).map(Some)
    }
}

/// What is to be mended.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<FilePlan>,
    /// What is to be mended in connections, by their names.
    pub(super) connections: Vec<(String, Fix)>,
    pub(super) repositories: usize,
    pub(super) outside: Vec<PathBuf>,
    pub(super) kept: Vec<PathBuf>,
    pub(super) errors: Vec<Failure>,
}

impl Plan {
    /// Whether something can be mended without a person.
    pub(super) fn has_automatic_fixes(&self) -> bool {
        let mut mends = self.files.iter().flat_map(|plan| &plan.fixes);
        mends.any(|fix| !fix.edits.is_empty())
    }

    /// What a person is asked.
    pub(super) fn question(&self) -> String {
        let mends = self.files.iter().flat_map(|plan| &plan.fixes);
        let places = mends.filter(|fix| !fix.edits.is_empty()).count();
        let is_changed = |plan: &&FilePlan| plan.fixes.iter().any(|fix| !fix.edits.is_empty());
        let files = self.files.iter().filter(is_changed).count();
        format!(
            "Mend {} in {}, keeping the old versions?",
            pluralize(places, "place", "places"),
            pluralize(files, "file", "files")
        )
    }

    /// Changes the files, each by itself: one that cannot be written hides no other. An interruption waits for the few
    /// that are being written.
    pub(super) fn carry_out(&mut self, stamp: &str, progress: &Progress) {
        let all = self.files.len();
        for (number, plans) in self.files.chunks_mut(worker_pool::MAX_WORKERS).enumerate() {
            let done = number * worker_pool::MAX_WORKERS;
            progress.set_message(&format!("mended {done} of {all} files"));
            let shield = signals::critical_section();
            let ended = worker_pool::map_bounded(
                plans,
                |plan| plan.file.path().to_owned(),
                |plan| plan.apply(stamp),
            );
            drop(shield);
            for (plan, ended) in plans.iter_mut().zip(ended) {
                match ended {
                    Ok(kept) => self.kept.extend(kept),
                    Err(error) => {
                        plan.failed = true;
                        self.errors.push(Failure {
                            path: shown(plan.file.path()),
                            message: format!("cannot be changed: {error}"),
                        });
                    }
                }
            }
        }
    }

    /// The items, of which those that can be mended have come to this.
    pub(super) fn items(&self, action: Action) -> Vec<Item> {
        let in_files = self.files.iter().flat_map(|plan| {
            let path = shown(plan.file.path());
            let action = if plan.failed { Action::Failed } else { action };
            plan.fixes
                .iter()
                .map(move |fix| item(format!("{path}: {}", fix.location), fix, action))
        });
        let in_connections = self.connections.iter().map(|(name, mend)| {
            item(
                format!("connection {name}: {}", mend.location),
                mend,
                action,
            )
        });
        in_files.chain(in_connections).collect()
    }

    pub(super) fn outcome(self, way: ExitPolicy, action: Action) -> MigrateOutput {
        MigrateOutput {
            items: self.items(action),
            repositories: self.repositories,
            outside: self.outside.iter().map(|path| shown(path)).collect(),
            kept: self.kept.iter().map(|path| shown(path)).collect(),
            errors: self.errors,
            way,
        }
    }
}

fn item(place: String, fix: &Fix, action: Action) -> Item {
    let is_manual = fix.edits.is_empty();
    Item {
        kind: fix.kind,
        place,
        before: fix.before.clone(),
        after: fix.after.clone(),
        action: if is_manual { Action::Manual } else { action },
        next: fix.manual_step.clone(),
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
