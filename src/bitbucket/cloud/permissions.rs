//! Permissions, scopes and visible repositories of a credential, on Cloud. Reads only.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Cloud;
use super::identity::is_cloud_error;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::identity::{CredentialContext, Identity, ScopeProbe, VisibleRepositories};
use crate::types::connection::AuthMethod;
use crate::types::permission::Permission;
use crate::types::repository::RepoId;
use crate::types::scope::Scope;

#[derive(Debug, Deserialize)]
struct Permissions {
    values: Vec<Access>,
}

#[derive(Debug, Deserialize)]
struct Access {
    permission: Option<String>,
    repository: Option<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    full_name: Option<String>,
    is_private: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Repositories {
    values: Vec<Listed>,
    size: Option<usize>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    is_private: Option<bool>,
    project: Option<Project>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

impl Cloud {
    /// The account's permission on a repository. An access token has no account, and is refused.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-user-workspaces-workspace-permissions-repositories-get>
    pub(crate) async fn permission(
        &self,
        repo: &RepoId,
        name: Option<&str>,
    ) -> Result<Option<Permission>, ApiError> {
        let segments = [
            "user",
            "workspaces",
            &repo.namespace,
            "permissions",
            "repositories",
        ];
        let name = name.unwrap_or(&repo.slug).replace(['\\', '"'], "");
        let query = [("q", format!("repository.name=\"{name}\""))];
        let query = query.each_ref().map(|(key, value)| (*key, value.as_str()));
        let response = self.http.get(&segments, &query).await?;
        if matches!(
            response.status(),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
        ) {
            return Ok(None);
        }
        let is_it = |access: &Access| {
            let full_name = access.repository.as_ref()?.full_name.as_deref()?;
            full_name
                .eq_ignore_ascii_case(&repo.to_string())
                .then_some(())
        };
        let permissions: Permissions = response.json()?;
        let access = permissions
            .values
            .iter()
            .find(|access| is_it(access).is_some());
        Ok(
            access.and_then(|access| match access.permission.as_deref() {
                Some("admin") => Some(Permission::Admin),
                Some("write") => Some(Permission::Write),
                Some("read") => Some(Permission::Read),
                Some(_) | None => None,
            }),
        )
    }

    /// Tests a scope. A 403 often lists all scopes of the credential.
    pub(crate) async fn probe_scope(
        &self,
        scope: Scope,
        credential: &CredentialContext,
    ) -> Result<ScopeProbe, ApiError> {
        let Some(segments) = resource_of_scope(scope, credential) else {
            return Ok(ScopeProbe::Inconclusive);
        };
        let response = self.http.get(&segments, &[]).await?;
        let granted = response.granted_scopes();
        Ok(match response.status() {
            StatusCode::FORBIDDEN if !granted.is_empty() => ScopeProbe::Granted(granted),
            // An access token is also refused for resources that no scope of it opens.
            StatusCode::FORBIDDEN
                if is_cloud_error(&response)
                    && credential.auth != Some(AuthMethod::AccessToken) =>
            {
                ScopeProbe::No
            }
            StatusCode::OK if !response.is_json() || is_public(&response) => {
                ScopeProbe::Inconclusive
            }
            StatusCode::OK if !granted.is_empty() => ScopeProbe::Granted(granted),
            StatusCode::OK => ScopeProbe::Yes,
            _ => ScopeProbe::Inconclusive,
        })
    }

    /// All scopes of an API token, from the 403 for GPG keys, which hardly any token may read. `None` where the response
    /// does not list them.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-gpg/#api-users-selected-user-gpg-keys-get>
    pub(crate) async fn scopes_from_403(
        &self,
        identity: &Identity,
    ) -> Result<Option<Vec<String>>, ApiError> {
        let Some(id) = identity.id.as_deref() else {
            return Ok(None);
        };
        let response = self.http.get(&["users", id, "gpg-keys"], &[]).await?;
        Ok(Some(response.granted_scopes()).filter(|granted| !granted.is_empty()))
    }

    /// The repositories of a workspace that the credential can access.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-get>
    pub(crate) async fn visible_repositories(
        &self,
        workspace: Option<&str>,
    ) -> Result<Option<VisibleRepositories>, ApiError> {
        let Some(workspace) = workspace else {
            return Ok(None);
        };
        // Public repositories of the workspace are visible without membership.
        let query = [("role", "member"), ("pagelen", "100")];
        let page: Repositories = self
            .http
            .get_json(&["repositories", workspace], &query)
            .await?;
        let seen = page.values.len();
        let keys = page
            .values
            .iter()
            .filter_map(|listed| listed.project.as_ref()?.key.as_deref());
        let mut projects: Vec<&str> = keys.collect();
        projects.sort_unstable();
        projects.dedup();
        Ok(Some(VisibleRepositories {
            repositories: page.size.unwrap_or(seen).max(seen),
            public: page
                .values
                .iter()
                .filter(|listed| listed.is_private == Some(false))
                .count(),
            more: page.size.is_none() && page.next.is_some(),
            projects: (!projects.is_empty()).then_some(projects.len()),
            links: Vec::new(),
        }))
    }
}

/// A public resource proves nothing.
fn is_public(response: &Response) -> bool {
    response
        .json::<Named>()
        .is_ok_and(|resource| resource.is_private == Some(false))
}

/// The path of a resource that requires the scope, from `security` in Atlassian's description of the API.
fn resource_of_scope(scope: Scope, credential: &CredentialContext) -> Option<Vec<&str>> {
    let workspace = credential.workspace.as_deref();
    let in_repository = |below: &'static str| {
        let mut segments = vec![
            "repositories",
            workspace?,
            credential.repository.as_deref()?,
        ];
        segments.extend((!below.is_empty()).then_some(below));
        Some(segments)
    };
    let has_user = credential.auth != Some(AuthMethod::AccessToken);
    match scope.name() {
        "repository" | "read:repository:bitbucket" => {
            in_repository("").or_else(|| Some(vec!["repositories", workspace?]))
        }
        "pullrequest" | "read:pullrequest:bitbucket" => in_repository("pullrequests"),
        "webhook" | "read:webhook:bitbucket" => in_repository("hooks"),
        "repository:admin" | "admin:repository:bitbucket" if has_user => {
            in_repository("deploy-keys")
        }
        "project" | "read:project:bitbucket" => {
            workspace.map(|workspace| vec!["workspaces", workspace, "projects"])
        }
        "read:workspace:bitbucket" => Some(vec!["user", "workspaces"]),
        "account" | "read:user:bitbucket" if has_user => Some(vec!["user"]),
        _ => None,
    }
}
