//! Workspaces and projects, on Cloud.

use serde::Deserialize;

use super::Cloud;
use crate::bitbucket::http::ApiError;
use crate::model::namespace::{Project, Workspace};

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
struct ProjectBase {
    key: String,
    name: Option<String>,
    is_private: Option<bool>,
}

impl Cloud {
    /// The workspaces of the account. The list over all workspaces is gone since 2026-04-14 (CHANGE-2770).
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-user-workspaces-get>
    pub(in crate::bitbucket) async fn workspaces(&self) -> Result<Vec<Workspace>, ApiError> {
        let all: Vec<Access> = self
            .http
            .pages(&["user", "workspaces"], &[PAGE_LENGTH])
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

    /// The projects of a workspace.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-projects-get>
    pub(in crate::bitbucket) async fn projects(
        &self,
        workspace: &str,
    ) -> Result<Vec<Project>, ApiError> {
        let all: Vec<ProjectBase> = self
            .http
            .pages(&["workspaces", workspace, "projects"], &[PAGE_LENGTH])
            .await?;
        Ok(all
            .into_iter()
            .map(
                |ProjectBase {
                     key,
                     name,
                     is_private,
                 }| Project {
                    key,
                    name,
                    private: is_private,
                },
            )
            .collect())
    }
}
