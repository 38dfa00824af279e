//! Projects, on Data Center. It has no workspaces.

use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::http::ApiError;
use crate::model::namespace::Project;

#[derive(Debug, Deserialize)]
struct ProjectBase {
    key: String,
    name: Option<String>,
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
        let project = |ProjectBase { key, name, public }| Project {
            key,
            name,
            private: public.map(|public: bool| !public),
        };
        Ok(all.into_iter().map(project).collect())
    }
}
