//! Workspaces and projects, on Cloud.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Cloud;
use crate::bitbucket::client::ApiError;
use crate::types::namespace::{NewProject, Project, Workspace};

/// The largest page of most lists.
const PAGE_LENGTH: (&str, &str) = ("pagelen", "100");

#[derive(Debug, Deserialize)]
struct Access {
    administrator: Option<bool>,
    workspace: Option<WorkspaceBase>,
}

#[derive(Debug, Deserialize)]
struct WorkspaceBase {
    slug: String,
    name: Option<String>,
    uuid: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ProjectJson {
    key: String,
    name: Option<String>,
    is_private: Option<bool>,
    description: Option<String>,
}

impl Cloud {
    /// The workspaces of the account. Cloud removed the list over all workspaces on 2026-04-14 (CHANGE-2770).
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-user-workspaces-get>
    pub(crate) async fn workspaces(&self) -> Result<Vec<Workspace>, ApiError> {
        let all: Vec<Access> = self
            .http
            .pages(&["user", "workspaces"], &[PAGE_LENGTH, ("sort", "slug")])
            .await?;
        let workspace = |access: Access| {
            let WorkspaceBase { slug, name, uuid } = access.workspace?;
            Some(Workspace {
                slug,
                name,
                uuid,
                administrator: access.administrator,
            })
        };
        Ok(all.into_iter().filter_map(workspace).collect())
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-projects-get>
    pub(crate) async fn projects(&self, workspace: &str) -> Result<Vec<Project>, ApiError> {
        let all: Vec<ProjectJson> = self
            .http
            .pages(&["workspaces", workspace, "projects"], &[PAGE_LENGTH])
            .await?;
        Ok(all.into_iter().map(ProjectJson::project).collect())
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-projects/#api-workspaces-workspace-projects-project-key-get>
    pub(crate) async fn project(&self, workspace: &str, key: &str) -> Result<Project, ApiError> {
        let segments = ["workspaces", workspace, "projects", key];
        let response: ProjectJson = self.http.get_json(&segments, &[]).await?;
        Ok(response.project())
    }

    /// Creates a project; `None` where its key exists.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-projects/#api-workspaces-workspace-projects-post>
    pub(crate) async fn create_project(
        &self,
        workspace: &str,
        new: &NewProject,
    ) -> Result<Option<Project>, ApiError> {
        // The API requires the type of every object.
        let mut body = json!({
            "type": "project",
            "key": new.key,
            "name": new.name,
            "is_private": !new.public,
        });
        if let Some(description) = &new.description {
            body["description"] = json!(description);
        }
        let segments = ["workspaces", workspace, "projects"];
        let response = self.http.write(Method::POST, &segments, &[], &body).await?;
        let is_refused = matches!(response.status().as_u16(), 400 | 409);
        if is_refused && self.project(workspace, &new.key).await.is_ok() {
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
            private: self.is_private,
            description: self.description,
        }
    }
}
