//! Commits, and who makes them, on Data Center. Many files at once are committed with git, not with REST.

use serde::Deserialize;

use super::DataCenter;
use super::repositories::repo_path;
use crate::bitbucket::client::{ApiError, WithAuth};
use crate::bitbucket::commits::MAX_COMMITS_WITHOUT_BASE;
use crate::types::commit::{Commit, Signature};
use crate::types::repository::RepoId;

#[derive(Debug, Deserialize)]
struct CommitBase {
    id: Option<String>,
    message: Option<String>,
    author: Option<Author>,
    #[serde(default)]
    parents: Vec<Parent>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Author {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    display_name: Option<String>,
    email_address: Option<String>,
}

impl DataCenter {
    /// The commits that a branch has and another has not, newest first.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-commits-get>
    pub(in crate::bitbucket) async fn commits_not_on(
        &self,
        repo: &RepoId,
        branch: &str,
        base: Option<&str>,
    ) -> Result<Vec<Commit>, ApiError> {
        let mut query = vec![("until", branch), ("limit", "1000")];
        query.extend(base.map(|base| ("since", base)));
        let most = base.map_or(MAX_COMMITS_WITHOUT_BASE, |_| usize::MAX);
        let segments = repo_path(repo, &["commits"]);
        let all: Vec<CommitBase> = self.http.pages_up_to(&segments, &query, most).await?;
        let commit = |base: CommitBase| {
            Some(Commit {
                hash: base.id?,
                parent: base.parents.into_iter().next().and_then(|parent| parent.id),
                message: base.message.unwrap_or_default(),
                author: base.author.and_then(|author| author.name),
            })
        };
        Ok(all.into_iter().filter_map(commit).collect())
    }

    /// Whose name commits carry: a server may take only those of the account that pushes. Tokens of projects and
    /// repositories have no account.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-userslug-get>
    pub(in crate::bitbucket) async fn committer(&self) -> Option<Signature> {
        let users = ["rest", "api", "latest", "users"];
        let response = self
            .http
            .get(&users, &[("limit", "1")], WithAuth::Yes)
            .await
            .ok()?;
        let account = super::identity::user_name(&response)?;
        let slug = super::access_tokens::user_slug(&account);
        let response = self
            .http
            .get(&[&users[..], &[slug.as_str()]].concat(), &[], WithAuth::Yes)
            .await
            .ok()?;
        let user: User = response.json().ok()?;
        Some(Signature {
            name: user.display_name.unwrap_or(account),
            email: user.email_address?,
        })
    }
}
