//! What is known before anything is compared: the branches, and whose commits are on them.

use std::io;
use std::path::PathBuf;

use futures_util::future;

use super::Args;
use super::ownership::{self, MarkedCommits, OwnershipScan};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, RejectionKind};
use crate::resolve::SelectedConnection;
use crate::types::commit::{Branch, LocalFile, TreeDiff, TreeEntry};
use crate::types::operation::Operation;
use crate::types::publish_trailer::{ChangedPaths, PublishTrailer, blob_hash};
use crate::types::repository::{RepoId, Repository};
use crate::types::tree_diff::{Comparison, diff_trees};

/// What is to be published where.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) repo: RepoId,
    pub(super) repository: Repository,
    /// The branch that is committed to.
    pub(super) branch: String,
    /// Where it points to; `None` where it is not there.
    pub(super) tip: Option<Branch>,
    /// Where it starts from; `None` in an empty repository.
    pub(super) base: Option<Branch>,
    /// Commits of the branch that say they are ours.
    pub(super) claimed: MarkedCommits,
    pub(super) files: Vec<LocalFile>,
    folder: PathBuf,
    pub(super) into: String,
    delete_removed: bool,
    pub(super) dry_run: bool,
}

impl Plan {
    /// The commit that the new one follows.
    pub(super) fn parent(&self) -> Option<&str> {
        let parent = self.tip.as_ref().or(self.base.as_ref());
        parent.map(|branch| branch.hash.as_str())
    }

    /// The branch that the parent is on.
    pub(super) fn parent_branch(&self) -> Option<&str> {
        let parent = self.tip.as_ref().or(self.base.as_ref());
        parent.map(|branch| branch.name.as_str())
    }

    /// Whether a file of the branch is to go. One that is in the folder, but ignored there, is not lacking.
    pub(super) fn removes(&self, path: &str) -> bool {
        let below = if self.into.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(&self.into)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        let is_lacking = |below: &str| match self.folder.join(below).symlink_metadata() {
            Ok(found) => found.is_dir(),
            // What cannot be looked at is not lacking.
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ),
        };
        self.delete_removed && below.is_some_and(is_lacking)
    }

    /// Whether a file of the branch is one of those that are published into, or may be in their way.
    pub(super) fn is_in_scope(&self, path: &str) -> bool {
        self.into.is_empty()
            || path == self.into
            || is_above(&self.into, path)
            || is_above(path, &self.into)
    }

    /// Compares the folder with what the branch has; some files may yet have to be looked at.
    pub(super) fn compare(&self, entries: &[TreeEntry]) -> Result<Comparison, Error> {
        let compared = diff_trees(&self.files, entries, |path| self.removes(path));
        match compared.in_the_way.first() {
            Some(path) => Err(self.path_conflict(path)),
            None => Ok(compared),
        }
    }

    fn path_conflict(&self, path: &str) -> Error {
        let branch = self.parent_branch().unwrap_or(&self.branch);
        let of_the_folder = self
            .files
            .iter()
            .find(|file| is_above(&file.path, path) || is_above(path, &file.path));
        let ours = of_the_folder.map_or("", |file| file.path.as_str());
        let hint = if is_above(path, ours) && (path == self.into || is_above(path, &self.into)) {
            "name another folder with --into"
        } else {
            "remove it from the branch with --delete-removed, or rename it in the folder"
        };
        let message =
            format!("the branch {branch} has the file {path}, which is in the way of {ours}");
        Error::rejected(RejectionKind::Conflict, message, hint)
    }

    /// The files that a commit is to write.
    pub(super) fn files_to_upload(&self, diff: &TreeDiff) -> Vec<&LocalFile> {
        let is_sent = |file: &&LocalFile| diff.writes(&file.path);
        self.files.iter().filter(is_sent).collect()
    }

    /// The message of a commit with its mark.
    pub(super) fn message_with_trailer(&self, message: &str, diff: &TreeDiff) -> String {
        let hash = |file: &LocalFile| Some(blob_hash(&file.content));
        let sent = self.files_to_upload(diff).into_iter();
        let mut written: ChangedPaths = sent.map(|file| (file.path.clone(), hash(file))).collect();
        written.extend(diff.removed.iter().map(|path| (path.clone(), None)));
        format!(
            "{message}\n\n{}",
            PublishTrailer::new(self.parent(), &written)
        )
    }
}

/// Whether one path would be a folder that the other is in.
fn is_above(upper: &str, lower: &str) -> bool {
    let rest = lower.strip_prefix(upper);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Looks at the repository and its branches.
pub(super) async fn gather(
    args: &Args,
    files: Vec<LocalFile>,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    repo: RepoId,
) -> Result<Plan, Error> {
    let refused = |error: ApiError| selected.describe_api_error_for(error, Operation::WriteFiles);
    let repository = bitbucket.repository(&repo).await.map_err(refused)?;
    let repo = repository.path();
    let branch = args.branch.as_str().to_owned();
    let base_name = if let Some(base) = &args.base {
        Some(base.as_str().to_owned())
    } else {
        let branch = bitbucket.default_branch(&repository).await;
        branch.map_err(refused)?
    };
    let base = async {
        match &base_name {
            Some(name) => bitbucket.branch(&repo, name).await,
            None => Ok(None),
        }
    };
    let both = future::try_join(bitbucket.branch(&repo, &branch), base).await;
    let (tip, base) = both.map_err(refused)?;
    if base.is_none() && tip.is_none() && !bitbucket.is_empty(&repo).await.map_err(refused)? {
        let name = base_name.as_deref().unwrap_or("of its own as default");
        let message = format!("{repo} has no branch {name} to start from");
        return Err(Error::rejected(
            RejectionKind::NotFound,
            message,
            "name one with --base BRANCH",
        ));
    }
    let claimed = match &tip {
        Some(tip) if !args.onto_foreign => {
            let found = ownership::look(bitbucket, &repo, tip, base.as_ref());
            match found.await.map_err(refused)? {
                OwnershipScan::Claimed(claimed) => claimed,
                OwnershipScan::Foreign(commit) => return Err(ownership::refused(&branch, &commit)),
            }
        }
        Some(_) | None => MarkedCommits::default(),
    };
    Ok(Plan {
        repo,
        repository,
        branch,
        tip,
        base,
        claimed,
        files,
        folder: args.folder.clone(),
        into: args.into.as_str().to_owned(),
        delete_removed: args.delete_removed,
        dry_run: args.dry_run.is_set(),
    })
}

/// The error for a branch that somebody changed meanwhile.
pub(super) fn moved(branch: &str) -> Error {
    Error::rejected(
        RejectionKind::Conflict,
        format!(
            "the branch {branch} was changed by somebody else meanwhile; nothing was committed"
        ),
        "run it again",
    )
}
