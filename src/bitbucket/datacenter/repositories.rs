//! Repositories, on Data Center.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{DataCenter, rest_path};
use crate::bitbucket::client::{ApiError, null_as_default};
use crate::types::commit::Branch;
use crate::types::repository::{NewRepository, RepoId, Repository, RepositoryFilter};
use crate::types::server_link;

/// The largest page; servers reduce larger limits.
const MAX_PAGE_LEN: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryJson {
    pub(super) slug: Option<String>,
    name: Option<String>,
    /// Absent where it has none.
    #[serde(default, deserialize_with = "null_as_default")]
    description: String,
    pub(super) public: Option<bool>,
    archived: Option<bool>,
    default_branch: Option<String>,
    pub(super) project: Option<Project>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) links: Links,
}

/// The name of a repository.
#[derive(Debug, Deserialize)]
struct RepositoryName {
    slug: Option<String>,
    project: Option<Project>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Links {
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) clone: Vec<Link>,
    #[serde(default, rename = "self", deserialize_with = "null_as_default")]
    pub(super) own: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub(super) name: Option<String>,
    pub(super) href: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefaultBranch {
    display_id: Option<String>,
}

/// A page of branches; only their number matters.
#[derive(Debug, Deserialize)]
struct Branches {
    values: Vec<serde::de::IgnoredAny>,
}

/// The prefix of the full name of a branch.
pub(super) const HEADS: &str = "refs/heads/";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchJson {
    display_id: Option<String>,
    id: Option<String>,
    latest_commit: Option<String>,
}

impl DataCenter {
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-repos-repositoryslug-get>
    pub(crate) async fn repository(&self, repo: &RepoId) -> Result<Repository, ApiError> {
        let response: RepositoryJson = self.http.get_json(&repo_path(repo, &[]), &[]).await?;
        response.named(repo)
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-repos-get>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-repos-get>
    pub(crate) async fn repositories(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<Vec<Repository>, ApiError> {
        let max = filter.max.unwrap_or(usize::MAX);
        // The server's filter by name differs between versions, so names are compared here.
        let limit_total = if filter.text.is_some() {
            usize::MAX
        } else {
            max
        };
        let all: Vec<RepositoryJson> = self
            .list_repositories(filter.project.as_deref(), limit_total)
            .await?;
        let requested = RepoId {
            namespace: filter.project.clone().unwrap_or_default(),
            slug: String::new(),
        };
        let text = filter.text.as_deref().map(str::to_lowercase);
        let matches_text = |repository: &Repository| {
            let name = repository.name.as_deref().unwrap_or_default();
            text.as_deref().is_none_or(|text| {
                name.to_lowercase().contains(text) || repository.slug.to_lowercase().contains(text)
            })
        };
        Ok(all
            .into_iter()
            .map(|json| json.repository(&requested))
            .filter(matches_text)
            .take(max)
            .collect())
    }

    /// The names of the repositories of the server or of a project, all of them.
    pub(crate) async fn repository_ids(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<Vec<RepoId>, ApiError> {
        let project = filter.project.as_deref();
        let all: Vec<RepositoryName> = self.list_repositories(project, usize::MAX).await?;
        let id = |name: RepositoryName| {
            let own = name.project.and_then(|project| project.key);
            Some(RepoId {
                namespace: own.or_else(|| project.map(str::to_owned))?,
                slug: name.slug?,
            })
        };
        Ok(all.into_iter().filter_map(id).collect())
    }

    async fn list_repositories<T: DeserializeOwned>(
        &self,
        project: Option<&str>,
        max: usize,
    ) -> Result<Vec<T>, ApiError> {
        let all = ["rest", "api", "latest", "repos"];
        let limit = max.clamp(1, MAX_PAGE_LEN).to_string();
        // Without it the server leaves archived repositories out of the list of all.
        let query = [("limit", limit.as_str()), ("archived", "ALL")];
        let query = if project.is_some() {
            &query[..1]
        } else {
            &query
        };
        let of_project = project.map(|key| ["rest", "api", "latest", "projects", key, "repos"]);
        let segments = of_project.as_ref().map_or(&all[..], |segments| segments);
        self.http.pages_up_to(segments, query, max).await
    }

    /// The default branch, also before it exists; `None` where the server reports none.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-default-branch-get>
    pub(crate) async fn default_branch(&self, repo: &RepoId) -> Result<Option<String>, ApiError> {
        let response = self
            .http
            .get(&repo_path(repo, &["default-branch"]), &[])
            .await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        match response.json::<DefaultBranch>() {
            Ok(branch) => Ok(branch.display_id),
            // Older servers do not have the endpoint, and some accounts may not read branches.
            Err(
                ApiError::NotFound(_) | ApiError::NotAnApiEndpoint(_) | ApiError::Forbidden { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a repository has no branch. The default branch has a name before it exists.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-branches-get>
    pub(crate) async fn is_empty(&self, repo: &RepoId) -> Result<bool, ApiError> {
        let segments = repo_path(repo, &["branches"]);
        let response: Branches = self.http.get_json(&segments, &[("limit", "1")]).await?;
        Ok(response.values.is_empty())
    }

    /// Creates a repository; `None` where its name exists. The server derives the slug.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-repos-post>
    pub(crate) async fn create_repository(
        &self,
        new: &NewRepository,
    ) -> Result<Option<Repository>, ApiError> {
        let mut creation = json!({"name": new.repo.slug, "scmId": "git"});
        if let Some(description) = &new.description {
            creation["description"] = json!(description);
        }
        if let Some(branch) = &new.default_branch {
            creation["defaultBranch"] = json!(branch);
        }
        if new.public {
            creation["public"] = json!(true);
        }
        let segments = rest_path("api", &["projects", &new.repo.namespace, "repos"]);
        let response = self
            .http
            .write(Method::POST, &segments, &[], &creation)
            .await?;
        if response.status().as_u16() == 409 {
            return Ok(None);
        }
        response
            .json::<RepositoryJson>()?
            .named(&new.repo)
            .map(Some)
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-branches-get>
    pub(crate) async fn branch(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Branch>, ApiError> {
        let query = [("filterText", name), ("limit", "1000")];
        let all: Vec<BranchJson> = self
            .http
            .pages(&repo_path(repo, &["branches"]), &query)
            .await?;
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

/// The path of a repository and of resources below it.
pub(super) fn repo_path<'a>(repo: &'a RepoId, below: &[&'a str]) -> Vec<&'a str> {
    let own = ["projects", &repo.namespace, "repos", &repo.slug];
    rest_path("api", &[&own[..], below].concat())
}

impl RepositoryJson {
    /// The repository, which must have a name.
    fn named(self, requested: &RepoId) -> Result<Repository, ApiError> {
        if self.slug.is_none() {
            return Err(ApiError::decode("slug", "no repository"));
        }
        Ok(self.repository(requested))
    }

    /// Clone links are read, never derived: SSH may have another host and port. The name of the HTTPS link is `http`, and
    /// it may contain the user name, which is removed.
    pub(super) fn repository(self, requested: &RepoId) -> Repository {
        let link = |name: &str| {
            let mut links = self.links.clone.iter();
            let link = links.find(|link| link.name.as_deref() == Some(name))?;
            link.href.as_deref()
        };
        let web = self.links.own.first().and_then(|link| link.href.as_deref());
        Repository {
            ssh: link("ssh").and_then(server_link::ssh),
            https: link("http").and_then(server_link::https),
            web: web.and_then(server_link::web),
            namespace: self
                .project
                .as_ref()
                .and_then(|project| project.key.clone())
                .unwrap_or_else(|| requested.namespace.clone()),
            slug: self.slug.unwrap_or_else(|| requested.slug.clone()),
            name: self.name,
            private: self.public.map(|public| !public),
            archived: self.archived,
            default_branch: self.default_branch,
            updated_on: None,
            project: self.project.and_then(|project| project.key),
            description: Some(self.description),
        }
    }
}
