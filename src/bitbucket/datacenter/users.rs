//! Users: their slugs, and the identity that commits of the account carry.

use reqwest::StatusCode;
use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, Authorization, Response};
use crate::types::commit::Signature;
use crate::types::namespace::user_slug;

const USERS: [&str; 4] = ["rest", "api", "latest", "users"];

#[derive(Debug, Deserialize)]
struct Page {
    values: Vec<User>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    name: Option<String>,
    slug: Option<String>,
    display_name: Option<String>,
    email_address: Option<String>,
}

impl DataCenter {
    /// Sends requests below the path of a user: with the slug that is derived from the name, and where that finds nothing
    /// with the one that the server lists.
    pub(super) async fn with_user_slug<F: Future<Output = Result<Response, ApiError>>>(
        &self,
        name: &str,
        send: impl Fn(String) -> F,
    ) -> Result<Response, ApiError> {
        let derived = user_slug(name);
        let response = send(derived.clone()).await?;
        let is_basic = matches!(self.http.authorization(), Authorization::Basic { .. });
        let is_missing = match response.status() {
            StatusCode::NOT_FOUND => true,
            // Another attempt with a wrong password could lock the account.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                response.is_authenticated() || !is_basic
            }
            _ => false,
        };
        if !is_missing {
            return Ok(response);
        }
        match self.listed_slug(name).await {
            Some(listed) if listed != derived => send(listed).await,
            Some(_) | None => Ok(response),
        }
    }

    /// The slug that the server lists for a user name. The filter also matches parts of names, display names and e-mail addresses.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-get>
    pub(crate) async fn listed_slug(&self, name: &str) -> Option<String> {
        let query = [("filter", name), ("limit", "100")];
        let response = self.http.get(&USERS, &query).await.ok()?;
        let page: Page = response.json().ok()?;
        let is_it = |user: &User| user.name.as_deref() == Some(name);
        page.values.into_iter().find(is_it)?.slug
    }

    /// Name and address of the account: a server may reject commits of anybody else. Tokens of projects and repositories
    /// have no account.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-userslug-get>
    pub(crate) async fn committer(&self) -> Option<Signature> {
        let response = self.http.get(&USERS, &[("limit", "1")]).await.ok()?;
        let account = super::identity::user_name(&response)?;
        let request = |slug: String| async move {
            let segments = [&USERS[..], &[slug.as_str()]].concat();
            self.http.get(&segments, &[]).await
        };
        let response = self.with_user_slug(&account, request).await.ok()?;
        let user: User = response.json().ok()?;
        Some(Signature {
            name: user.display_name.unwrap_or(account),
            email: user.email_address?,
        })
    }
}
