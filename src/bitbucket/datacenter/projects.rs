//! Projects, on Data Center. It has no workspaces.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::DataCenter;
use crate::bitbucket::client::{ApiError, WithAuth};
use crate::types::namespace::{NewProject, Project};

#[derive(Debug, Deserialize)]
struct ProjectBase {
    key: String,
    name: Option<String>,
    public: Option<bool>,
}

/// What a project is made of.
#[derive(Debug, Serialize)]
struct Creation<'a> {
    key: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<bool>,
}

impl DataCenter {
    /// The projects that the account may see.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-get>
    pub(in crate::bitbucket) async fn projects(&self) -> Result<Vec<Project>, ApiError> {
        let all: Vec<ProjectBase> = self
            .http
            .pages(&["rest", "api", "latest", "projects"], &[("limit", "100")])
            .await?;
        Ok(all.into_iter().map(ProjectBase::project).collect())
    }

    /// A project.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-get>
    pub(in crate::bitbucket) async fn project(&self, key: &str) -> Result<Project, ApiError> {
        let segments = ["rest", "api", "latest", "projects", key];
        let response = self.http.get(&segments, &[], WithAuth::Yes).await?;
        Ok(response.json::<ProjectBase>()?.project())
    }

    /// Makes a project; `None` where there is one of its key or name.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-post>
    pub(in crate::bitbucket) async fn create_project(
        &self,
        new: &NewProject,
    ) -> Result<Option<Project>, ApiError> {
        let creation = Creation {
            key: &new.key,
            name: &new.name,
            description: new.description.as_deref(),
            public: new.public.then_some(true),
        };
        let segments = ["rest", "api", "latest", "projects"];
        let response = self
            .http
            .write(Method::POST, &segments, &[], &creation)
            .await?;
        if response.status().as_u16() == 409 {
            return Ok(None);
        }
        Ok(Some(response.json::<ProjectBase>()?.project()))
    }
}

impl ProjectBase {
    fn project(self) -> Project {
        Project {
            key: self.key,
            name: self.name,
            private: self.public.map(|public| !public),
        }
    }
}
