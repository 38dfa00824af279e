//! Repositories, on Cloud.

use serde::Deserialize;

use super::Cloud;
use crate::bitbucket::http::{ApiError, Signed};
use crate::model::clone_url::CloneUrl;
use crate::model::repository::{RepoPath, Repository};

/// A repository. `mainbranch` is null where there is none yet.
#[derive(Debug, Deserialize)]
pub(super) struct RepositoryBase {
    full_name: Option<String>,
    slug: Option<String>,
    name: Option<String>,
    is_private: Option<bool>,
    mainbranch: Option<Branch>,
    updated_on: Option<String>,
    project: Option<Project>,
    #[serde(default)]
    links: Links,
}

#[derive(Debug, Deserialize)]
struct Branch {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(default)]
    clone: Vec<Link>,
    html: Option<Link>,
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

impl Cloud {
    /// A repository.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-get>
    pub(in crate::bitbucket) async fn repository(
        &self,
        path: &RepoPath,
    ) -> Result<Repository, ApiError> {
        let segments = ["repositories", &path.namespace, &path.slug];
        let answer = self.http.get(&segments, &[], Signed::Yes).await?;
        let base: RepositoryBase = answer.json()?;
        if base.full_name.is_none() && base.slug.is_none() {
            return Err(ApiError::Decode {
                path: "full_name".to_owned(),
                reason: "it names no repository".to_owned(),
            });
        }
        Ok(base.repository(path))
    }

    /// Whether a repository has no branch. Its `size` and its main branch prove nothing.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-refs/#api-repositories-workspace-repo-slug-refs-branches-get>
    pub(in crate::bitbucket) async fn is_empty(&self, path: &RepoPath) -> Result<bool, ApiError> {
        let segments = [
            "repositories",
            &path.namespace,
            &path.slug,
            "refs",
            "branches",
        ];
        let answer = self
            .http
            .get(&segments, &[("pagelen", "1")], Signed::Yes)
            .await?;
        Ok(answer.json::<Branches>()?.values.is_empty())
    }
}

impl RepositoryBase {
    /// Clone links are read, never derived; the form over HTTPS carries the caller's name, which is left out, and the
    /// form over SSH the host of before 2026-11-12.
    pub(super) fn repository(self, asked: &RepoPath) -> Repository {
        let link = |name: &str| -> Option<CloneUrl> {
            let link = self
                .links
                .clone
                .iter()
                .find(|link| link.name.as_deref() == Some(name))?;
            link.href.as_deref()?.parse().ok()
        };
        let namespace = self
            .full_name
            .as_deref()
            .and_then(|full| full.split_once('/'));
        Repository {
            ssh: link("ssh").and_then(|url| url.ssh()),
            https: link("https").and_then(|url| url.https()),
            namespace: namespace
                .map_or_else(|| asked.namespace.clone(), |(first, _)| first.to_owned()),
            slug: self
                .slug
                .or_else(|| namespace.map(|(_, slug)| slug.to_owned()))
                .unwrap_or_else(|| asked.slug.clone()),
            name: self.name,
            private: self.is_private,
            default_branch: self.mainbranch.and_then(|branch| branch.name),
            web: self.links.html.and_then(|link| link.href),
            updated_on: self.updated_on,
            project: self.project.and_then(|project| project.key),
        }
    }
}
