//! Repositories, on Data Center.

use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::http::{ApiError, Signed};
use crate::model::clone_url::CloneUrl;
use crate::model::repository::{RepoPath, Repository};

/// A repository.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryBase {
    slug: Option<String>,
    name: Option<String>,
    public: Option<bool>,
    default_branch: Option<String>,
    project: Option<Project>,
    #[serde(default)]
    links: Links,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(default)]
    clone: Vec<Link>,
    #[serde(default, rename = "self")]
    own: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    name: Option<String>,
    href: Option<String>,
}

/// A page of branches; only how many matters.
#[derive(Debug, Deserialize)]
struct Branches {
    values: Vec<serde::de::IgnoredAny>,
}

impl DataCenter {
    /// A repository.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-repos-repositoryslug-get>
    pub(in crate::bitbucket) async fn repository(
        &self,
        path: &RepoPath,
    ) -> Result<Repository, ApiError> {
        let answer = self.http.get(&of(path, &[]), &[], Signed::Yes).await?;
        let base: RepositoryBase = answer.json()?;
        if base.slug.is_none() {
            return Err(ApiError::Decode {
                path: "slug".to_owned(),
                reason: "it names no repository".to_owned(),
            });
        }
        Ok(base.repository(path))
    }

    /// Whether a repository has no branch. Its default branch has a name before it exists.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-branches-get>
    pub(in crate::bitbucket) async fn is_empty(&self, path: &RepoPath) -> Result<bool, ApiError> {
        let segments = of(path, &["branches"]);
        let answer = self
            .http
            .get(&segments, &[("limit", "1")], Signed::Yes)
            .await?;
        Ok(answer.json::<Branches>()?.values.is_empty())
    }
}

/// The address of a repository, and what is below it.
pub(super) fn of<'a>(path: &'a RepoPath, below: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "rest",
        "api",
        "latest",
        "projects",
        &path.namespace,
        "repos",
        &path.slug,
    ];
    own.into_iter().chain(below.iter().copied()).collect()
}

impl RepositoryBase {
    /// Clone links are read, never derived: SSH may have another host and port. The one over HTTP is called `http`
    /// also where it is HTTPS, and may carry the caller's name, which is left out.
    pub(super) fn repository(self, asked: &RepoPath) -> Repository {
        let link = |name: &str| {
            let link = self
                .links
                .clone
                .iter()
                .find(|link| link.name.as_deref() == Some(name))?;
            link.href.clone()
        };
        let clean = |href: String| {
            let own = href.parse::<CloneUrl>().ok().and_then(|url| url.https());
            own.unwrap_or(href)
        };
        Repository {
            ssh: link("ssh"),
            https: link("http").map(clean),
            namespace: self
                .project
                .as_ref()
                .and_then(|project| project.key.clone())
                .unwrap_or_else(|| asked.namespace.clone()),
            slug: self.slug.unwrap_or_else(|| asked.slug.clone()),
            name: self.name,
            private: self.public.map(|public| !public),
            default_branch: self.default_branch,
            web: self.links.own.into_iter().next().and_then(|link| link.href),
            updated_on: None,
            project: self.project.and_then(|project| project.key),
        }
    }
}
