//! What commands ask about commits.

use super::{ApiError, Bitbucket};
use crate::types::commit::{Commit, Signature};
use crate::types::repository::RepoId;

/// How many commits are looked at where there is no other branch that ends the list.
pub(super) const MAX_COMMITS_WITHOUT_BASE: usize = 1000;

impl Bitbucket {
    /// The commits that a branch has and another has not, newest first; both named by their hashes. Without another
    /// they are the last ones of the branch.
    pub(crate) async fn commits_not_on(
        &self,
        repo: &RepoId,
        branch: &str,
        base: Option<&str>,
    ) -> Result<Vec<Commit>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.commits_not_on(repo, branch, base).await,
            Self::DataCenter(datacenter) => datacenter.commits_not_on(repo, branch, base).await,
        }
    }

    /// Whose name commits carry that are pushed, where the server tells.
    pub(crate) async fn committer(&self) -> Option<Signature> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.committer().await,
        }
    }
}
