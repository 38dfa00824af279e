//! New repositories, on Data Center.

use reqwest::Method;
use serde::Serialize;

use super::DataCenter;
use super::repositories::RepositoryJson;
use crate::bitbucket::client::ApiError;
use crate::types::repository::{NewRepository, Repository};

/// What a repository is made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Creation<'a> {
    name: &'a str,
    scm_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_branch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<bool>,
}

impl DataCenter {
    /// Makes a repository; `None` where there is one of its name. The server derives the slug.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-repos-post>
    pub(in crate::bitbucket) async fn create_repository(
        &self,
        new: &NewRepository,
    ) -> Result<Option<Repository>, ApiError> {
        let creation = Creation {
            name: &new.repo.slug,
            scm_id: "git",
            description: new.description.as_deref(),
            default_branch: new.default_branch.as_deref(),
            public: new.public.then_some(true),
        };
        let segments = [
            "rest",
            "api",
            "latest",
            "projects",
            &new.repo.namespace,
            "repos",
        ];
        let response = self
            .http
            .write(Method::POST, &segments, &[], &creation)
            .await?;
        if response.status().as_u16() == 409 {
            return Ok(None);
        }
        let base: RepositoryJson = response.json()?;
        Ok(Some(base.repository(&new.repo)))
    }
}
