//! Branches, on Data Center.

use serde::Deserialize;

use super::DataCenter;
use super::repositories::of;
use crate::bitbucket::client::ApiError;
use crate::types::commit::Branch;
use crate::types::repository::RepoId;

/// What the full name of a branch begins with.
pub(super) const HEADS: &str = "refs/heads/";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchBase {
    display_id: Option<String>,
    id: Option<String>,
    latest_commit: Option<String>,
}

impl DataCenter {
    /// A branch.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-branches-get>
    pub(in crate::bitbucket) async fn branch(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Branch>, ApiError> {
        let query = [("filterText", name), ("limit", "1000")];
        let all: Vec<BranchBase> = self.http.pages(&of(repo, &["branches"]), &query).await?;
        let full = format!("{HEADS}{name}");
        let own = all.into_iter().find(|branch| {
            branch.id.as_deref() == Some(&full)
                || (branch.id.is_none() && branch.display_id.as_deref() == Some(name))
        });
        Ok(own
            .and_then(|branch| branch.latest_commit)
            .map(|hash| Branch {
                name: name.to_owned(),
                hash,
            }))
    }
}
