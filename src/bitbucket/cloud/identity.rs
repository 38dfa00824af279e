//! The identity of a credential, its permissions and scopes, and the repositories that it sees, on Cloud. Reads only.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Cloud;
use super::user::User;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::identity::{
    CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories,
};
use crate::types::connection::{AuthMethod, TokenLevel};
use crate::types::repository::{Permission, RepoId};
use crate::types::scope::Scope;

impl Cloud {
    /// Requests the current user, or the resource of an access token, which has no user.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-get>
    pub(crate) async fn identify(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        if credential.auth == Some(AuthMethod::AccessToken) {
            return self.identify_access_token(credential).await;
        }
        let response = self.http.get(&["user"], &[]).await?;
        match response.status() {
            StatusCode::GONE if credential.auth == Some(AuthMethod::AppPassword) => {
                Err(ApiError::Unauthorized(response.error().to_string()))
            }
            // The credential is valid, but lacks the scope.
            StatusCode::FORBIDDEN if accepts_credential(&response) => Ok(valid(&response)),
            StatusCode::FORBIDDEN => self.identify_after_refusal(credential, &response).await,
            _ => {
                let user: User = response.json()?;
                let id = user.id().map(str::to_owned);
                Ok(Identity {
                    account: Some(user.name()?),
                    id,
                    level: Some(TokenLevel::User),
                    ..valid(&response)
                })
            }
        }
    }

    /// Requests what the credential belongs to, where its account is refused without proof that the credential was accepted:
    /// an allowlist of addresses is that of a workspace, so that one of the two may be refused for it alone.
    async fn identify_after_refusal(
        &self,
        credential: &CredentialContext,
        refusal: &Response,
    ) -> Result<Identity, ApiError> {
        let error = unproven(refusal);
        let Some((segments, _)) = resource_of(credential) else {
            return Err(error);
        };
        if !matches!(error, ApiError::RefusedWithoutReason(_)) {
            return Err(error);
        }
        let response = self.http.get(&segments, &[]).await?;
        let is_proof = match response.status() {
            StatusCode::OK => is_login_proof(&response),
            StatusCode::FORBIDDEN => accepts_credential(&response),
            StatusCode::UNAUTHORIZED => return Err(response.error()),
            _ => false,
        };
        if is_proof {
            Ok(valid(&response))
        } else {
            Err(error)
        }
    }

    /// The name of the account; `None` for an access token, which has none.
    pub(crate) async fn account(
        &self,
        credential: &CredentialContext,
    ) -> Result<Option<String>, ApiError> {
        if credential.auth == Some(AuthMethod::AccessToken) {
            return Ok(None);
        }
        self.user().await?.clone().name().map(Some)
    }

    /// The id of the account in URLs.
    pub(super) async fn account_id(&self) -> Result<String, ApiError> {
        let id = self.user().await?.id().map(str::to_owned);
        id.ok_or_else(|| ApiError::decode("uuid", "no user"))
    }

    async fn user(&self) -> Result<&User, ApiError> {
        if let Some(user) = self.account.get() {
            return Ok(user);
        }
        let user = self.http.get_json(&["user"], &[]).await?;
        Ok(self.account.get_or_init(|| user))
    }

    /// An access token is identified by its repository, project or workspace.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#access-tokens>
    async fn identify_access_token(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        let Some((segments, level)) = resource_of(credential) else {
            return self.check_refusal(StatusCode::NOT_FOUND).await;
        };
        let response = self.http.get(&segments, &[]).await?;
        let identity = || {
            let identity = valid(&response);
            Identity {
                level: identity.level.or(Some(level)),
                ..identity
            }
        };
        match response.status() {
            StatusCode::OK if !response.is_json() => Err(response.not_json()),
            // Private resources and scopes are visible only with a valid token.
            StatusCode::OK if is_login_proof(&response) => Ok(identity()),
            StatusCode::OK => {
                self.check_refusal(response.status()).await?;
                Ok(identity())
            }
            StatusCode::NOT_FOUND => {
                self.check_refusal(response.status()).await?;
                Ok(Identity {
                    not_visible: Some(response.error().to_string()),
                    ..identity()
                })
            }
            StatusCode::FORBIDDEN if accepts_credential(&response) => Ok(identity()),
            // The resource is refused, for example by an allowlist of addresses; the token may be valid.
            StatusCode::FORBIDDEN if response.is_from_bitbucket() => {
                self.check_refusal(response.status()).await?;
                Ok(identity())
            }
            _ => Err(unproven(&response)),
        }
    }

    /// `/user` refuses a valid access token with 403, because it has no user, and an invalid one with 401. A 401 is no
    /// proof where the resource was readable: it may be public.
    async fn check_refusal(&self, shown: StatusCode) -> Result<Identity, ApiError> {
        let response = self.http.get(&["user"], &[]).await?;
        match response.status() {
            StatusCode::FORBIDDEN if accepts_credential(&response) => Ok(valid(&response)),
            StatusCode::OK => {
                response.json::<User>()?.name()?;
                Ok(valid(&response))
            }
            StatusCode::UNAUTHORIZED if shown == StatusCode::OK => Err(ApiError::Indeterminate(
                "the repository, project or workspace is public".to_owned(),
            )),
            _ => Err(unproven(&response)),
        }
    }
}

/// A repository, project or workspace.
#[derive(Debug, Deserialize)]
struct Resource {
    is_private: Option<bool>,
}

/// The resource that an access token belongs to, as it is configured; `None` without a workspace.
fn resource_of(credential: &CredentialContext) -> Option<(Vec<&str>, TokenLevel)> {
    let workspace = credential.workspace.as_deref()?;
    let project = credential.project.as_deref();
    Some(match (credential.repository.as_deref(), project) {
        (Some(repository), _) => (
            vec!["repositories", workspace, repository],
            TokenLevel::Repo,
        ),
        (None, Some(project)) => (
            vec!["workspaces", workspace, "projects", project],
            TokenLevel::Project,
        ),
        (None, None) => (vec!["workspaces", workspace], TokenLevel::Workspace),
    })
}

/// Whether a 403 shows that the credential was accepted: it lists scopes, or refuses the kind of credential. A 403 without
/// that proves nothing, whoever sends it: Cloud also refuses wrong URLs and addresses outside of an allowlist with it.
fn accepts_credential(response: &Response) -> bool {
    names_scopes(response) || response.lists_scopes() || response.speaks_of_credential()
}

/// Whether a header describes the credential.
fn names_scopes(response: &Response) -> bool {
    [
        "x-oauth-scopes",
        "x-accepted-oauth-scopes",
        "x-credential-type",
    ]
    .iter()
    .any(|name| response.header(*name).is_some())
}

/// The error of a response without proof that the credential was accepted.
fn unproven(response: &Response) -> ApiError {
    let error = response.error();
    if let ApiError::Forbidden { message, .. } = error {
        ApiError::RefusedWithoutReason(message)
    } else {
        error
    }
}

fn is_login_proof(response: &Response) -> bool {
    let names_the_token = response
        .header("x-oauth-scopes")
        .or(response.header("x-credential-type"))
        .is_some();
    names_the_token
        || response
            .json::<Resource>()
            .is_ok_and(|resource| resource.is_private == Some(true))
}

/// The identity in a response to a valid credential: its scopes are in a header, or in the body of a 403.
fn valid(response: &Response) -> Identity {
    let granted = response.granted_scopes();
    let scopes = if granted.is_empty() {
        Scopes::Unknown
    } else {
        Scopes::Granted(granted)
    };
    let level = match response.header("x-credential-type") {
        Some("repo_access_token") => Some(TokenLevel::Repo),
        Some("project_access_token") => Some(TokenLevel::Project),
        Some("workspace_access_token") => Some(TokenLevel::Workspace),
        Some(_) | None => None,
    };
    Identity {
        scopes,
        level,
        level_from_server: level.is_some(),
        ..Identity::default()
    }
}

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
                if accepts_credential(&response)
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
