//! New repositories, on Cloud.

use reqwest::Method;
use serde::Serialize;

use super::Cloud;
use super::repositories::RepositoryJson;
use crate::bitbucket::client::ApiError;
use crate::types::repository::{NewRepository, RepoId, Repository};

/// What a repository is made of. The document demands the type of every object.
#[derive(Debug, Serialize)]
struct Creation<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    scm: &'static str,
    name: &'a str,
    is_private: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Keyed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mainbranch: Option<Named<'a>>,
}

#[derive(Debug, Serialize)]
struct Keyed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    key: &'a str,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

impl Cloud {
    /// Makes a repository. One that is there already is refused with 400, as is much else.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-post>
    pub(in crate::bitbucket) async fn create_repository(
        &self,
        new: &NewRepository,
    ) -> Result<Option<Repository>, ApiError> {
        let slug = new.repo.slug.to_lowercase();
        let creation = Creation {
            kind: "repository",
            scm: "git",
            name: &new.repo.slug,
            is_private: !new.public,
            description: new.description.as_deref(),
            project: new.project.as_deref().map(|key| Keyed {
                kind: "project",
                key,
            }),
            mainbranch: new.default_branch.as_deref().map(|name| Named {
                kind: "branch",
                name,
            }),
        };
        let segments = ["repositories", &new.repo.namespace, &slug];
        let response = self
            .http
            .write(Method::POST, &segments, &[], &creation)
            .await?;
        if response.status().as_u16() == 400 {
            let repo = RepoId {
                namespace: new.repo.namespace.clone(),
                slug,
            };
            if self.repository(&repo).await.is_ok() {
                return Ok(None);
            }
        }
        let base: RepositoryJson = response.json()?;
        Ok(Some(base.repository(&new.repo)))
    }
}
