//! The identity of a credential, on Cloud.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Cloud;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::identity::{CredentialContext, Identity, Scopes};
use crate::types::connection::{AuthMethod, TokenLevel};

/// The current user. `username` is absent from the documentation, and sometimes there.
#[derive(Debug, Deserialize)]
struct User {
    nickname: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    account_id: Option<String>,
    uuid: Option<String>,
}

impl User {
    /// Some proxies respond to every request with an empty success.
    fn name(self) -> Result<String, ApiError> {
        let names = [
            self.nickname,
            self.username,
            self.display_name,
            self.account_id,
        ];
        let name = names.into_iter().flatten().next();
        name.ok_or_else(|| ApiError::decode("nickname", "no user"))
    }
}

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
            StatusCode::FORBIDDEN if is_cloud_error(&response) => Ok(valid(&response)),
            _ => {
                let user: User = response.json()?;
                let id = user.uuid.clone().or_else(|| user.account_id.clone());
                Ok(Identity {
                    account: Some(user.name()?),
                    id,
                    level: Some(TokenLevel::User),
                    ..valid(&response)
                })
            }
        }
    }

    /// An access token is identified by its repository, project or workspace.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#access-tokens>
    async fn identify_access_token(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        let Some(workspace) = credential.workspace.as_deref() else {
            return self.check_refusal(StatusCode::NOT_FOUND).await;
        };
        let (segments, level) = match (
            credential.repository.as_deref(),
            credential.project.as_deref(),
        ) {
            (Some(repository), _) => (
                vec!["repositories", workspace, repository],
                TokenLevel::Repo,
            ),
            (None, Some(project)) => (
                vec!["workspaces", workspace, "projects", project],
                TokenLevel::Project,
            ),
            (None, None) => (vec!["workspaces", workspace], TokenLevel::Workspace),
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
            StatusCode::FORBIDDEN if is_cloud_error(&response) => Ok(identity()),
            _ => Err(response.error()),
        }
    }

    /// `/user` refuses a valid access token with 403, because it has no user, and an invalid one with 401. A 401 is no
    /// proof where the resource was readable: it may be public.
    async fn check_refusal(&self, shown: StatusCode) -> Result<Identity, ApiError> {
        let response = self.http.get(&["user"], &[]).await?;
        match response.status() {
            StatusCode::FORBIDDEN if is_cloud_error(&response) => Ok(valid(&response)),
            StatusCode::OK => {
                response.json::<User>()?.name()?;
                Ok(valid(&response))
            }
            StatusCode::UNAUTHORIZED if shown == StatusCode::OK => Err(ApiError::Indeterminate(
                "the repository, project or workspace is public".to_owned(),
            )),
            _ => Err(response.error()),
        }
    }
}

/// A repository, project or workspace.
#[derive(Debug, Deserialize)]
struct Resource {
    is_private: Option<bool>,
}

/// A 403 from Cloud itself: the credential is valid. A gateway's 403 proves nothing.
pub(super) fn is_cloud_error(response: &Response) -> bool {
    response.is_from_bitbucket() || response.header("x-oauth-scopes").is_some()
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
