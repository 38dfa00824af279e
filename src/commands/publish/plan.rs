//! What is published where: the pure part of the comparison.

use std::io;
use std::path::PathBuf;

use crate::error::Error;
use crate::types::commit::Branch;
use crate::types::publish_trailer::{ChangedPaths, PublishTarget, PublishTrailer};
use crate::types::tree_diff::{Comparison, LocalFile, TreeDiff, TreeEntry, diff_trees};

#[derive(Debug)]
pub(super) struct Plan {
    /// The local directory.
    pub(super) dir: PathBuf,
    pub(super) files: Vec<LocalFile>,
    pub(super) target: PublishTarget,
    /// The target branch; `None` where it does not exist.
    pub(super) tip: Option<Branch>,
    /// The base of the pull request; `None` in an empty repository.
    pub(super) base: Option<Branch>,
}

impl Plan {
    /// The branch whose commit is the parent of the new one.
    pub(super) fn parent(&self) -> Option<&Branch> {
        self.tip.as_ref().or(self.base.as_ref())
    }

    /// Whether the directory lacks a file of the branch. A file that it has and ignores is not lacking.
    pub(super) fn lacks(&self, path: &str) -> bool {
        let into = &self.target.into;
        let below = if into.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(into)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        below.is_some_and(|below| match self.dir.join(below).symlink_metadata() {
            Ok(metadata) => metadata.is_dir(),
            // A path that cannot be examined may exist.
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ),
        })
    }

    /// Whether a path of the branch is in the directory that is published to, or may conflict with it.
    pub(super) fn is_in_scope(&self, path: &str) -> bool {
        let into = &self.target.into;
        into.is_empty() || path == into || contains(into, path) || contains(path, into)
    }

    /// Compares with the tree of the parent. `removes` decides about files that the directory lacks.
    pub(super) fn compare(
        &self,
        entries: &[TreeEntry],
        removes: impl Fn(&str) -> bool,
    ) -> Result<TreeDiff, Error> {
        let Comparison { diff, conflicts } = diff_trees(&self.files, entries, removes);
        match conflicts.first() {
            Some(path) => Err(self.path_conflict(path)),
            None => Ok(diff),
        }
    }

    fn path_conflict(&self, path: &str) -> Error {
        let PublishTarget { branch, into } = &self.target;
        let branch = self.parent().map_or(branch, |parent| &parent.name);
        let conflicting = self
            .files
            .iter()
            .find(|file| contains(&file.path, path) || contains(path, &file.path));
        let local = conflicting.map_or("", |file| file.path.as_str());
        let hint = if contains(path, local) && (path == into || contains(path, into)) {
            "pass another directory with --into"
        } else {
            "pass --delete-removed, or rename the file in the directory"
        };
        let message =
            format!("the branch {branch} has the file {path}, which conflicts with {local}");
        Error::conflict(message, hint)
    }

    /// The files whose blobs a commit needs.
    pub(super) fn files_to_write(&self, diff: &TreeDiff) -> Vec<&LocalFile> {
        let files = self.files.iter();
        files.filter(|file| diff.writes(&file.path)).collect()
    }

    /// The message of the commit, with the trailers that mark it.
    pub(super) fn message_with_trailer(&self, message: &str, diff: &TreeDiff) -> String {
        let written = self.files_to_write(diff).into_iter();
        let mut changes: ChangedPaths = written
            .map(|file| (file.path.clone(), Some(file.hash.clone())))
            .collect();
        changes.extend(diff.removed.iter().map(|path| (path.clone(), None)));
        let parent = self.parent().map(|branch| branch.hash.as_str());
        let trailer = PublishTrailer::new(self.target.clone(), parent, &changes);
        format!("{message}\n\n{trailer}")
    }
}

/// Whether a path is below a directory.
fn contains(dir: &str, path: &str) -> bool {
    let rest = path.strip_prefix(dir);
    rest.is_some_and(|rest| rest.starts_with('/'))
}
