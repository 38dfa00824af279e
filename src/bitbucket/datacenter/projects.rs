//! Projects, on Data Center. It has no workspaces.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, null_as_default};
use crate::types::namespace::{NewProject, Project};

#[derive(Debug, Deserialize)]
struct ProjectJson {
    key: String,
    name: Option<String>,
    public: Option<bool>,
    /// Absent where it has none.
    #[serde(default, deserialize_with = "null_as_default")]
    description: String,
}

impl DataCenter {
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-get>
    pub(crate) async fn projects(&self) -> Result<Vec<Project>, ApiError> {
        let all: Vec<ProjectJson> = self
            .http
            .pages(&["rest", "api", "latest", "projects"], &[("limit", "100")])
            .await?;
        Ok(all.into_iter().map(ProjectJson::project).collect())
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-get>
    pub(crate) async fn project(&self, key: &str) -> Result<Project, ApiError> {
        let segments = ["rest", "api", "latest", "projects", key];
        let response: ProjectJson = self.http.get_json(&segments, &[]).await?;
        Ok(response.project())
    }

    /// Creates a project; `None` where its key or name exists.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-post>
    pub(crate) async fn create_project(
        &self,
        new: &NewProject,
    ) -> Result<Option<Project>, ApiError> {
        let mut body = json!({"key": new.key, "name": new.name});
        if let Some(description) = &new.description {
            body["description"] = json!(description);
        }
        if new.public {
            body["public"] = json!(true);
        }
        let segments = ["rest", "api", "latest", "projects"];
        let response = self.http.write(Method::POST, &segments, &[], &body).await?;
        if response.status().as_u16() == 409 {
            return Ok(None);
        }
        Ok(Some(response.json::<ProjectJson>()?.project()))
    }
}

impl ProjectJson {
    fn project(self) -> Project {
        Project {
            key: self.key,
            name: self.name,
            private: self.public.map(|public| !public),
            description: Some(self.description),
        }
    }
}
