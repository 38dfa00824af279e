//! Branches, on Cloud.

use serde::Deserialize;

use super::Cloud;
use super::repositories::bbql_string;
use super::repositories::repo_path;
use crate::bitbucket::client::ApiError;
use crate::types::commit::Branch;
use crate::types::repository::RepoId;

#[derive(Debug, Deserialize)]
struct BranchBase {
    name: Option<String>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    hash: Option<String>,
}

impl Cloud {
    /// A branch. Found by a filter, because a name with a slash is no part of an address everywhere.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-refs/#api-repositories-workspace-repo-slug-refs-branches-get>
    pub(in crate::bitbucket) async fn branch(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Branch>, ApiError> {
        let filter = format!("name={}", bbql_string(name));
        let segments = repo_path(repo, &["refs", "branches"]);
        let all: Vec<BranchBase> = self
            .http
            .pages(&segments, &[("q", &filter), ("pagelen", "100")])
            .await?;
        let own = all
            .into_iter()
            .find(|branch| branch.name.as_deref() == Some(name));
        Ok(own
            .and_then(|branch| branch.target?.hash)
            .map(|hash| Branch {
                name: name.to_owned(),
                hash,
            }))
    }
}
