//! The identity that commits of the account carry, on Data Center.

use serde::Deserialize;

use super::DataCenter;
use crate::types::commit::Signature;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    display_name: Option<String>,
    email_address: Option<String>,
}

impl DataCenter {
    /// Name and address of the account: a server may reject commits of anybody else. Tokens of projects and repositories
    /// have no account.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-userslug-get>
    pub(crate) async fn committer(&self) -> Option<Signature> {
        let users = ["rest", "api", "latest", "users"];
        let response = self.http.get(&users, &[("limit", "1")]).await.ok()?;
        let account = super::identity::user_name(&response)?;
        let request = |slug: String| async move {
            let segments = [&users[..], &[slug.as_str()]].concat();
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
