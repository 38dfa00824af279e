//! What is known before anything is compared: the branches, and whose commits are on them.

use std::io;
use std::path::PathBuf;

use futures_util::future;

use super::Args;
use crate::bitbucket::{ApiError, Bitbucket};
use crate::context::Chosen;
use crate::error::{Error, No};
use crate::model::change::{Branch, Commit, File};
use crate::model::repository::{RepoPath, Repository};
use crate::model::right::Right;

/// What is to be published where.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) path: RepoPath,
    pub(super) repository: Repository,
    /// The branch that is committed to.
    pub(super) branch: String,
    /// Where it points to; `None` where it is not there.
    pub(super) tip: Option<Branch>,
    /// Where it starts from; `None` in an empty repository.
    pub(super) base: Option<Branch>,
    pub(super) files: Vec<File>,
    folder: PathBuf,
    pub(super) into: String,
    pub(super) delete_removed: bool,
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
            path
        } else {
            path.strip_prefix(&self.into)
                .map_or(path, |rest| rest.trim_start_matches('/'))
        };
        // What cannot be looked at is not lacking.
        let looked_at = self.folder.join(below).symlink_metadata();
        let is_lacking = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        self.delete_removed && looked_at.err().is_some_and(is_lacking)
    }
}

/// Looks at the repository and its branches.
pub(super) async fn gather(
    args: &Args,
    files: Vec<File>,
    chosen: &Chosen,
    bitbucket: &Bitbucket,
    path: RepoPath,
) -> Result<Plan, Error> {
    let refused = |error: ApiError| chosen.explained_for(error, Right::WriteFiles);
    let repository = bitbucket.repository(&path).await.map_err(refused)?;
    let path = repository.path();
    let branch = args.branch.as_str().to_owned();
    let base_name = if let Some(base) = &args.base {
        Some(base.as_str().to_owned())
    } else {
        let branch = bitbucket.default_branch(&repository).await;
        branch.map_err(refused)?
    };
    let base = async {
        match &base_name {
            Some(name) => bitbucket.branch(&path, name).await,
            None => Ok(None),
        }
    };
    let both = future::try_join(bitbucket.branch(&path, &branch), base).await;
    let (tip, base) = both.map_err(refused)?;
    if base.is_none() && tip.is_none() && !bitbucket.is_empty(&path).await.map_err(refused)? {
        let name = base_name.as_deref().unwrap_or("of its own as default");
        let message = format!("{path} has no branch {name} to start from");
        return Err(Error::no(
            No::NotThere,
            message,
            "name one with --base BRANCH",
        ));
    }
    if let (Some(tip), Some(base), false) = (&tip, &base, args.onto_foreign) {
        let foreign = foreign(bitbucket, &path, tip, base)
            .await
            .map_err(refused)?;
        if let Some(commit) = foreign {
            return Err(onto_foreign(&branch, &commit));
        }
    }
    Ok(Plan {
        path,
        repository,
        branch,
        tip,
        base,
        files,
        folder: args.folder.clone(),
        into: args.into.as_str().to_owned(),
        delete_removed: args.delete_removed,
        dry_run: args.dry_run,
    })
}

/// A commit on the branch, and not on the base, that somebody else made.
async fn foreign(
    bitbucket: &Bitbucket,
    path: &RepoPath,
    tip: &Branch,
    base: &Branch,
) -> Result<Option<Commit>, ApiError> {
    if tip.hash == base.hash {
        return Ok(None);
    }
    let commits = bitbucket
        .commits_not_on(path, &tip.hash, &base.hash)
        .await?;
    Ok(commits.into_iter().find(|commit| !commit.is_ours()))
}

fn onto_foreign(branch: &str, commit: &Commit) -> Error {
    let hash: String = commit.hash.chars().take(12).collect();
    let author = commit.author.as_deref().unwrap_or("somebody");
    let title = commit.title();
    Error::no(
        No::Conflict,
        format!(
            "the branch {branch} has a commit that bbconnect did not make: {hash} by {author}: {title}"
        ),
        "commit onto it with --onto-foreign, or name another branch with --branch",
    )
}

/// The error for a branch that somebody changed meanwhile.
pub(super) fn moved(branch: &str) -> Error {
    Error::no(
        No::Conflict,
        format!(
            "the branch {branch} was changed by somebody else meanwhile; nothing was committed"
        ),
        "run it again",
    )
}
