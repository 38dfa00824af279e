//! Repositories, on Cloud.

use std::time::Instant;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Cloud;
use crate::bitbucket::client::{ApiError, Request, WithAuth, null_as_default};
use crate::types::commit::Branch;
use crate::types::date::{Timestamp, deserialize_lenient};
use crate::types::repository::{NewRepository, RepoId, Repository, RepositoryFilter};
use crate::types::server_link;

const MAX_PAGE_LEN: usize = 100;

/// A repository. `mainbranch` is null where there is none yet.
#[derive(Debug, Deserialize)]
pub(super) struct RepositoryJson {
    full_name: Option<String>,
    slug: Option<String>,
    name: Option<String>,
    is_private: Option<bool>,
    description: Option<String>,
    mainbranch: Option<MainBranch>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    updated_on: Option<Timestamp>,
    project: Option<Project>,
    #[serde(default, deserialize_with = "null_as_default")]
    links: Links,
}

#[derive(Debug, Deserialize)]
struct MainBranch {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(default, deserialize_with = "null_as_default")]
    clone: Vec<Link>,
    html: Option<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    name: Option<String>,
    href: Option<String>,
}

/// The name of a repository.
#[derive(Debug, Deserialize)]
struct RepositoryName {
    full_name: Option<String>,
    slug: Option<String>,
    project: Option<Project>,
}

/// A page of branches; only their number matters.
#[derive(Debug, Deserialize)]
struct Branches {
    values: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct BranchJson {
    name: Option<String>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    hash: Option<String>,
}

impl Cloud {
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-get>
    pub(crate) async fn repository(&self, repo: &RepoId) -> Result<Repository, ApiError> {
        let segments = ["repositories", &repo.namespace, &repo.slug];
        let response: RepositoryJson = self.http.get_json(&segments, &[]).await?;
        response.named(repo)
    }

    /// Repositories of a workspace, or of all workspaces of the account: Cloud removed the list over all workspaces on
    /// 2026-04-14 (CHANGE-2770).
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-get>
    pub(crate) async fn repositories(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<RepositoryList, ApiError> {
        if let Some(workspace) = &filter.workspace {
            let repositories = self.workspace_repositories(workspace, filter).await?;
            return Ok(repositories.into());
        }
        let max = filter.max.unwrap_or(usize::MAX);
        let limit = self.http.list_timeout();
        let deadline = Instant::now() + limit;
        let mut all = RepositoryList::default();
        // In sequence, because each fetches its pages concurrently.
        for workspace in self.workspaces().await? {
            let left = deadline.saturating_duration_since(Instant::now());
            let list = self.workspace_repositories(&workspace.slug, filter);
            let listed = tokio::time::timeout(left, list).await;
            match listed.unwrap_or(Err(ApiError::ListTimeout { pages: 0, limit })) {
                Ok(repositories) => all.repositories.extend(repositories),
                // Every other workspace would fail in the same way.
                Err(error @ (ApiError::Unreachable { .. } | ApiError::Unauthorized(_))) => {
                    return Err(error);
                }
                Err(error) => all.incomplete.push((workspace.slug, error)),
            }
            if all.repositories.len() >= max {
                break;
            }
        }
        all.repositories.truncate(max);
        Ok(all)
    }

    /// The names of the repositories of a workspace, all of them.
    pub(crate) async fn repository_ids(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<Vec<RepoId>, ApiError> {
        let workspace = filter.workspace.as_deref().unwrap_or_default();
        let all: Vec<RepositoryName> = self.list_repositories(workspace, filter).await?;
        let is_wanted = |name: &RepositoryName| {
            let own = name.project.as_ref();
            let own = own.and_then(|project| project.key.as_deref());
            is_in_project(own, filter)
        };
        let names = all.into_iter().filter(is_wanted);
        Ok(names.filter_map(|name| name.id(workspace)).collect())
    }

    async fn workspace_repositories(
        &self,
        workspace: &str,
        search: &RepositoryFilter,
    ) -> Result<Vec<Repository>, ApiError> {
        let all: Vec<RepositoryJson> = self.list_repositories(workspace, search).await?;
        let requested = RepoId {
            namespace: workspace.to_owned(),
            slug: String::new(),
        };
        Ok(all
            .into_iter()
            .map(|json| json.repository(&requested))
            .filter(|repository| matches_query(repository, search))
            .collect())
    }

    async fn list_repositories<T: DeserializeOwned>(
        &self,
        workspace: &str,
        search: &RepositoryFilter,
    ) -> Result<Vec<T>, ApiError> {
        let max = search.max.unwrap_or(usize::MAX);
        let length = max.clamp(1, MAX_PAGE_LEN).to_string();
        let filter = filter(search);
        // Without a total order an entry can be on two pages, and another one on none.
        let mut query = vec![("pagelen", length.as_str()), ("sort", "full_name")];
        query.extend(filter.as_deref().map(|filter| ("q", filter)));
        self.http
            .pages_up_to(&["repositories", workspace], &query, max)
            .await
    }

    /// Whether a repository has no branch. Its `size` and its main branch are no proof.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-refs/#api-repositories-workspace-repo-slug-refs-branches-get>
    pub(crate) async fn is_empty(&self, repo: &RepoId) -> Result<bool, ApiError> {
        let segments = repo_path(repo, &["refs", "branches"]);
        let response: Branches = self.http.get_json(&segments, &[("pagelen", "1")]).await?;
        Ok(response.values.is_empty())
    }

    /// Creates a repository; `None` where it exists. Cloud responds with 400 then, as to other errors.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-post>
    pub(crate) async fn create_repository(
        &self,
        new: &NewRepository,
    ) -> Result<Option<Repository>, ApiError> {
        let slug = new.repo.slug.to_lowercase();
        // The API requires the type of every object.
        let mut creation = json!({
            "type": "repository",
            "scm": "git",
            "name": new.repo.slug,
            "is_private": !new.public,
        });
        if let Some(description) = &new.description {
            creation["description"] = json!(description);
        }
        if let Some(key) = &new.project {
            creation["project"] = json!({"type": "project", "key": key});
        }
        if let Some(name) = &new.default_branch {
            creation["mainbranch"] = json!({"type": "branch", "name": name});
        }
        let segments = ["repositories", &new.repo.namespace, &slug];
        // A redirect leads to another repository, which had this name before: nothing is created there.
        let url = self.http.build_url(&segments, &[])?;
        let request = Request::new(Method::POST, url, WithAuth::Yes);
        let request = request.with_literal_url().with_json(&creation)?;
        let sent = self.http.send(&request).await;
        let response = sent.map_err(|error| {
            if let ApiError::Moved { to, .. } = error {
                let hint = format!("run `bbconnect repo view {to}`, or choose another name");
                ApiError::Moved { to, hint }
            } else {
                error
            }
        })?;
        if response.status().as_u16() == 400 {
            let repo = RepoId {
                namespace: new.repo.namespace.clone(),
                slug,
            };
            if self.repository(&repo).await.is_ok() {
                return Ok(None);
            }
        }
        response
            .json::<RepositoryJson>()?
            .named(&new.repo)
            .map(Some)
    }

    /// A branch, found with a filter, because not every server accepts a name with a slash in the path.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-refs/#api-repositories-workspace-repo-slug-refs-branches-get>
    pub(crate) async fn branch(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Branch>, ApiError> {
        let filter = format!("name={}", bbql_string(name));
        let segments = repo_path(repo, &["refs", "branches"]);
        let all: Vec<BranchJson> = self
            .http
            .pages(
                &segments,
                &[("q", &filter), ("sort", "name"), ("pagelen", "100")],
            )
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

/// The path of a repository and of resources below it.
pub(super) fn repo_path<'a>(repo: &'a RepoId, below: &[&'a str]) -> Vec<&'a str> {
    [&["repositories", &repo.namespace, &repo.slug][..], below].concat()
}

/// The filter of a search. An expression of Bitbucket's query language is passed on.
///
/// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#filtering>
fn filter(filter: &RepositoryFilter) -> Option<String> {
    let project = filter
        .project
        .as_deref()
        .map(|key| format!("project.key={}", bbql_string(key)));
    let text = filter.text.as_deref().map(|text| {
        if is_expression(text) {
            text.to_owned()
        } else {
            format!("name ~ {}", bbql_string(text))
        }
    });
    match (project, text) {
        (Some(project), Some(text)) => Some(format!("{project} AND ({text})")),
        (project, text) => project.or(text),
    }
}

/// Whether a repository matches the filter: a server that does not support it lists all.
fn matches_query(repository: &Repository, filter: &RepositoryFilter) -> bool {
    let has = |text: &str| {
        let names = [Some(&repository.slug), repository.name.as_ref()];
        let text = text.to_lowercase();
        names
            .into_iter()
            .flatten()
            .any(|name| name.to_lowercase().contains(&text))
    };
    let text = filter.text.as_deref().filter(|text| !is_expression(text));
    is_in_project(repository.project.as_deref(), filter) && text.is_none_or(has)
}

/// Whether a project is the one of the filter, as far as both are known.
fn is_in_project(project: Option<&str>, filter: &RepositoryFilter) -> bool {
    let wanted = filter.project.as_deref();
    wanted.is_none_or(|key| project.is_none_or(|own| own == key))
}

fn is_expression(text: &str) -> bool {
    text.contains(['=', '~', '<', '>'])
}

/// A string of Bitbucket's query language.
pub(super) fn bbql_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl RepositoryName {
    fn id(self, workspace: &str) -> Option<RepoId> {
        let full_name = self.full_name.unwrap_or_default();
        let (namespace, name) = full_name.split_once('/').unwrap_or((workspace, ""));
        let slug = self.slug.unwrap_or_else(|| name.to_owned());
        (!slug.is_empty()).then(|| RepoId {
            namespace: namespace.to_owned(),
            slug,
        })
    }
}

impl RepositoryJson {
    /// The repository, which must have a name.
    fn named(self, requested: &RepoId) -> Result<Repository, ApiError> {
        if self.full_name.is_none() && self.slug.is_none() {
            return Err(ApiError::decode("full_name", "no repository"));
        }
        Ok(self.repository(requested))
    }

    /// Clone links are read, never derived. The HTTPS link contains the user name, which is removed, and the SSH link the
    /// host that was valid before 2026-11-12.
    pub(super) fn repository(self, requested: &RepoId) -> Repository {
        let link = |name: &str| {
            let mut links = self.links.clone.iter();
            let link = links.find(|link| link.name.as_deref() == Some(name))?;
            link.href.as_deref()
        };
        let namespace = self
            .full_name
            .as_deref()
            .and_then(|full| full.split_once('/'));
        Repository {
            ssh: link("ssh").and_then(server_link::ssh),
            https: link("https").and_then(server_link::https),
            namespace: namespace.map_or_else(
                || requested.namespace.clone(),
                |(first, _)| first.to_owned(),
            ),
            slug: self
                .slug
                .or_else(|| namespace.map(|(_, slug)| slug.to_owned()))
                .unwrap_or_else(|| requested.slug.clone()),
            name: self.name,
            private: self.is_private,
            // Cloud has no archived repositories.
            archived: None,
            default_branch: self.mainbranch.and_then(|branch| branch.name),
            web: self
                .links
                .html
                .and_then(|link| server_link::web(&link.href?)),
            updated_on: self.updated_on,
            project: self.project.and_then(|project| project.key),
            description: self.description,
        }
    }
}

/// Repositories of one or several workspaces or projects.
#[derive(Debug, Default)]
pub(crate) struct RepositoryList {
    pub repositories: Vec<Repository>,
    /// The workspaces whose repositories could not be listed, and why.
    pub incomplete: Vec<(String, ApiError)>,
}

impl RepositoryList {
    /// The repositories, where all could be listed.
    pub(crate) fn complete(self) -> Result<Vec<Repository>, ApiError> {
        match self.incomplete.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(self.repositories),
        }
    }
}

impl From<Vec<Repository>> for RepositoryList {
    fn from(repositories: Vec<Repository>) -> Self {
        Self {
            repositories,
            incomplete: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_becomes_a_filter() {
        let search = |project: Option<&str>, text: Option<&str>| {
            filter(&RepositoryFilter {
                project: project.map(str::to_owned),
                text: text.map(str::to_owned),
                ..RepositoryFilter::default()
            })
        };
        assert_eq!(search(None, None), None);
        assert_eq!(
            search(None, Some(r#"a"b\"#)).as_deref(),
            Some(r#"name ~ "a\"b\\""#)
        );
        assert_eq!(
            search(Some("WEB"), Some("updated_on > 2026-01-01")).as_deref(),
            Some(r#"project.key="WEB" AND (updated_on > 2026-01-01)"#)
        );
    }
}
