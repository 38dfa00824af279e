//! The identity of a credential, on Data Center.

use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::identity::{CredentialContext, Identity};
use crate::types::connection::{AuthMethod, TokenLevel};

/// The percent-encoded user name, in every response to an authenticated request.
const USER_NAME: &str = "x-ausername";

/// A page of users, which have names.
#[derive(Debug, Deserialize)]
struct Users {
    values: Option<Vec<User>>,
}

#[derive(Debug, Deserialize)]
struct User {
    name: Option<String>,
}

impl DataCenter {
    /// Requests the list of users, which requires a login: elsewhere a request with an invalid token counts as anonymous.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-get>
    pub(crate) async fn identify(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        self.http.disable_anonymous_check();
        let segments = ["rest", "api", "latest", "users"];
        let response = self.http.get(&segments, &[("limit", "1")]).await?;
        let name = user_name(&response);
        let is_page = || {
            let users = response.json::<Users>().ok().and_then(|page| page.values);
            users.is_some_and(|users| users.iter().all(|user| user.name.is_some()))
        };
        match response.status() {
            StatusCode::OK | StatusCode::UNAUTHORIZED if name.is_some() => {
                self.authenticated_identity(credential, name).await
            }
            StatusCode::OK if !response.is_json() => Err(response.not_json()),
            StatusCode::OK if !is_page() => Err(ApiError::decode("values", "not a list of users")),
            // Without a user name, the list is a proof only where anonymous requests are refused.
            StatusCode::OK => {
                self.require_denied_anonymously(&segments).await?;
                self.authenticated_identity(credential, None).await
            }
            StatusCode::UNAUTHORIZED if may_be_resource_token(credential) => {
                self.identify_by_resource(credential, &response).await
            }
            StatusCode::UNAUTHORIZED => Err(refused(&response)),
            _ => Err(response.error()),
        }
    }

    async fn authenticated_identity(
        &self,
        credential: &CredentialContext,
        account: Option<String>,
    ) -> Result<Identity, ApiError> {
        // A token of a project or repository has no user of its own.
        let of_user = account.is_some().then_some(TokenLevel::User);
        let identity = Identity {
            level: credential.level.or(of_user),
            account,
            ..Identity::default()
        };
        Ok(self.with_token_record(credential, identity).await)
    }

    /// A token of a project or repository has no user. It is identified by a resource that is not visible anonymously.
    async fn identify_by_resource(
        &self,
        credential: &CredentialContext,
        refusal: &Response,
    ) -> Result<Identity, ApiError> {
        let Some(project) = credential.project.as_deref() else {
            return Err(refused(refusal));
        };
        let mut segments = vec!["rest", "api", "latest", "projects", project];
        segments.extend(
            credential
                .repository
                .as_deref()
                .into_iter()
                .flat_map(|slug| ["repos", slug]),
        );
        let response = self.http.get(&segments, &[]).await?;
        let account = user_name(&response);
        if account.is_none() {
            if response.status() == StatusCode::UNAUTHORIZED {
                return Err(refused(&response));
            }
            response.success()?;
            self.require_denied_anonymously(&segments).await?;
        }
        let named = TokenLevel::narrowest(
            credential.repository.as_deref(),
            credential.project.as_deref(),
        );
        let identity = Identity {
            account,
            level: credential.level.or(Some(named)),
            ..Identity::default()
        };
        Ok(self.with_token_record(credential, identity).await)
    }

    /// Fails where the resource is visible to anonymous requests.
    async fn require_denied_anonymously(&self, segments: &[&str]) -> Result<(), ApiError> {
        let anonymous = self.http.get_anonymous(segments).await?;
        if anonymous.status() == StatusCode::OK {
            let reason = "the response is the same as to anonymous requests, and names no user";
            return Err(ApiError::Indeterminate(reason.to_owned()));
        }
        Ok(())
    }
}

/// A password always belongs to a user, and another attempt could lock the account.
fn may_be_resource_token(credential: &CredentialContext) -> bool {
    credential.level != Some(TokenLevel::User) && credential.auth != Some(AuthMethod::Password)
}

/// Without a user name the request was not authenticated, also where the error is about a permission.
fn refused(response: &Response) -> ApiError {
    let error = response.error();
    if let ApiError::Forbidden { message, .. } = error {
        ApiError::Unauthorized(message)
    } else {
        error
    }
}

pub(super) fn user_name(response: &Response) -> Option<String> {
    let name = response.header(USER_NAME).filter(|name| !name.is_empty())?;
    Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
}
