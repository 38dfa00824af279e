//! Whose commits are on the branch. Ours are known by their marks; what a mark says is held against what its commit does.

use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, RejectionKind};
use crate::types::commit::{Branch, Commit};
use crate::types::publish_trailer::ChangedPaths;
use crate::types::repository::RepoId;

/// Commits whose changes are to be looked at.
#[derive(Debug, Default)]
pub(super) struct MarkedCommits {
    /// Newest first.
    pub(super) commits: Vec<Commit>,
    /// How many commits of the branch there are from its tip to the last of them.
    pub(super) depth: usize,
}

/// What the list of commits tells.
#[derive(Debug)]
pub(super) enum OwnershipScan {
    /// All have our mark; once these have been looked at, the others can be believed.
    Claimed(MarkedCommits),
    /// One that has none.
    Foreign(Box<Commit>),
}

/// Looks for commits of others on a branch, in so far as they are not on its base. Where there is no base, the last
/// commits of the branch are all that is known.
pub(super) async fn look(
    bitbucket: &Bitbucket,
    repo: &RepoId,
    tip: &Branch,
    base: Option<&Branch>,
) -> Result<OwnershipScan, ApiError> {
    let base = base.map(|base| base.hash.as_str());
    if base == Some(&tip.hash) {
        return Ok(OwnershipScan::Claimed(MarkedCommits::default()));
    }
    let commits = bitbucket.commits_not_on(repo, &tip.hash, base).await?;
    let mut claimed = MarkedCommits::default();
    for (before, commit) in commits.into_iter().enumerate() {
        let Some(trailer) = commit.mark() else {
            return Ok(OwnershipScan::Foreign(Box::new(commit)));
        };
        // A commit that names the one before it vouches for it; what comes first nobody vouches for, nor for what was
        // moved onto another.
        if commit.hash == tip.hash || !trailer.has_parent(commit.parent.as_deref()) {
            claimed.commits.push(commit);
            claimed.depth = before + 1;
        }
    }
    Ok(OwnershipScan::Claimed(claimed))
}

/// Holds the mark of a commit against what it changes.
pub(super) fn verify_trailer(
    branch: &str,
    commit: &Commit,
    written: &ChangedPaths,
) -> Result<(), Error> {
    let is_ours = commit
        .mark()
        .is_some_and(|trailer| trailer.matches_changes(written));
    if is_ours {
        return Ok(());
    }
    let message = format!(
        "somebody has changed a commit of bbconnect on the branch {branch}: {}",
        described(commit)
    );
    Err(Error::rejected(RejectionKind::Conflict, message, HINT))
}

const HINT: &str = "commit onto it with --onto-foreign, or name another branch with --branch";

pub(super) fn refused(branch: &str, commit: &Commit) -> Error {
    let message = format!(
        "the branch {branch} has a commit that bbconnect did not make: {}",
        described(commit)
    );
    Error::rejected(RejectionKind::Conflict, message, HINT)
}

fn described(commit: &Commit) -> String {
    let hash: String = commit.hash.chars().take(12).collect();
    let author = commit.author.as_deref().unwrap_or("somebody");
    format!("{hash} by {author}: {}", commit.title())
}
