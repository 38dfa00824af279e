//! HTTP access tokens: their details, listing, creating and revoking.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, Authorization, Request, Response, WithAuth};
use crate::bitbucket::identity::{CredentialContext, Identity, Scopes};
use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::connection::{AuthMethod, TokenLevel};
use crate::types::date::{Date, Timestamp};
use crate::types::repository::RepoId;
use crate::types::secret::Secret;

/// A token in a list. Real responses have more fields than the documentation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccessTokenJson {
    id: Value,
    name: Option<String>,
    permissions: Option<Vec<String>>,
    created_date: Value,
    expiry_days: Option<i64>,
    last_authenticated: Value,
    /// Only in the response to its creation.
    token: Option<String>,
}

impl DataCenter {
    /// Adds the permissions and the expiry date of the token to an identity, where the server reports them.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-access-tokens-latest-users-userslug-tokenid-get>
    pub(super) async fn with_token_record(
        &self,
        credential: &CredentialContext,
        identity: Identity,
    ) -> Identity {
        let is_token = credential.auth == Some(AuthMethod::HttpAccessToken);
        let owner = owner(credential, &identity).filter(|_| is_token);
        let (Some(id), Some(owner)) = (self.current_token_id(), owner) else {
            return identity;
        };
        let request = |url| Request::new(Method::GET, url, WithAuth::Yes);
        let Ok(response) = self.send_for(&owner, Some(&id), request).await else {
            return identity;
        };
        let Ok(token) = response.json::<AccessTokenJson>() else {
            return identity;
        };
        Identity {
            scopes: token
                .permissions
                .clone()
                .map_or(Scopes::Unknown, Scopes::Granted),
            expires_on: token.expires_on(),
            ..identity
        }
    }

    pub(crate) fn current_token_id(&self) -> Option<String> {
        match self.http.authorization() {
            Authorization::Bearer(secret) => token_id(secret.expose()),
            Authorization::None | Authorization::Basic { .. } => None,
        }
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-access-tokens-latest-users-userslug-get>
    pub(crate) async fn tokens(&self, owner: &TokenOwner) -> Result<Vec<AccessToken>, ApiError> {
        let request = |mut url: Url| {
            url.query_pairs_mut().append_pair("limit", "100");
            Request::new(Method::GET, url, WithAuth::Yes)
        };
        let first = self.send_for(owner, None, request).await?;
        let all: Vec<AccessTokenJson> = self.http.pages_from(&first).await?;
        Ok(all.into_iter().map(AccessTokenJson::described).collect())
    }

    /// Creates a token. All fields but the secret are read leniently: the secret is returned only once.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-access-tokens-latest-users-userslug-put>
    pub(crate) async fn create_token(
        &self,
        owner: &TokenOwner,
        name: &str,
        permissions: &[&str],
        expiry_days: Option<i64>,
    ) -> Result<NewToken, ApiError> {
        let mut body = json!({"name": name, "permissions": permissions});
        if let Some(days) = expiry_days {
            body["expiryDays"] = json!(days);
        }
        // This PUT creates a token; sent twice it would create two.
        let bytes = body.to_string().into_bytes();
        let request = |url| {
            Request::new(Method::PUT, url, WithAuth::Yes)
                .with_body("application/json", bytes.clone())
                .not_idempotent()
        };
        let created: Value = self.send_for(owner, None, request).await?.json()?;
        let Some(secret) = created.get("token").and_then(Value::as_str) else {
            return Err(ApiError::decode(
                "token",
                format!(
                    "the response does not contain the new token; a token {name} may exist now"
                ),
            ));
        };
        let secret = Secret::new(secret.to_owned());
        let token = serde_json::from_value(created).unwrap_or_else(|_| AccessTokenJson {
            id: token_id(secret.expose()).unwrap_or_default().into(),
            name: Some(name.to_owned()),
            ..AccessTokenJson::default()
        });
        Ok(NewToken {
            token: token.described(),
            secret,
        })
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-access-tokens-latest-users-userslug-tokenid-delete>
    pub(crate) async fn revoke_token(&self, owner: &TokenOwner, id: &str) -> Result<(), ApiError> {
        let request = |url| Request::new(Method::DELETE, url, WithAuth::Yes);
        self.send_for(owner, Some(id), request).await?.written()
    }

    /// Sends a request for the tokens of an owner, or for one of them.
    async fn send_for(
        &self,
        owner: &TokenOwner,
        id: Option<&str>,
        request: impl Fn(Url) -> Request,
    ) -> Result<Response, ApiError> {
        let send = |below: Vec<String>| {
            let own = ["rest", "access-tokens", "latest"].into_iter();
            let below = below.iter().map(String::as_str);
            let segments: Vec<&str> = own.chain(below).chain(id).collect();
            let url = self.http.build_url(&segments, &[]);
            let request = url.map(&request);
            async move { self.http.send(&request?).await }
        };
        match owner {
            TokenOwner::User(name) => {
                let of_user = |slug| send(vec!["users".to_owned(), slug]);
                self.with_user_slug(name, of_user).await
            }
            TokenOwner::Project(key) => send(vec!["projects".to_owned(), key.clone()]).await,
            TokenOwner::Repository(RepoId { namespace, slug }) => {
                let below = ["projects", namespace, "repos", slug];
                send(below.map(str::to_owned).to_vec()).await
            }
        }
    }
}

/// The owner of the credential's token.
fn owner(credential: &CredentialContext, identity: &Identity) -> Option<TokenOwner> {
    let project = credential.project.clone();
    match identity.level? {
        TokenLevel::User | TokenLevel::Workspace => identity.account.clone().map(TokenOwner::User),
        TokenLevel::Project => project.map(TokenOwner::Project),
        TokenLevel::Repo => Some(TokenOwner::Repository(RepoId {
            namespace: project?,
            slug: credential.repository.clone()?,
        })),
    }
}

impl AccessTokenJson {
    fn expires_on(&self) -> Option<Date> {
        date(&self.created_date)?.checked_add_days(self.expiry_days?)
    }

    fn described(self) -> AccessToken {
        AccessToken {
            expires_on: self.expires_on(),
            expires_on_unknown_day: self.expiry_days.is_some() && self.expires_on().is_none(),
            created_on: date(&self.created_date),
            last_used_on: date(&self.last_authenticated),
            id: match &self.id {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            },
            name: self.name,
            permissions: self.permissions,
        }
    }
}

/// Servers send milliseconds since 1970, although the documentation says a date.
fn date(value: &Value) -> Option<Date> {
    match value {
        Value::Number(millis) => Timestamp::from_millis(millis.as_i64()?).map(Timestamp::date),
        Value::String(text) => text.get(..10)?.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A token contains its id: base64 of `<digits>:<random>`, in newer versions after `BBDC-`.
fn token_id(token: &str) -> Option<String> {
    let encoded = token.strip_prefix("BBDC-").unwrap_or(token);
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let id = decoded.split(|&byte| byte == b':').next()?;
    let is_id = id.len() < decoded.len() && !id.is_empty() && id.iter().all(u8::is_ascii_digit);
    is_id.then(|| String::from_utf8_lossy(id).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_part_of_the_token() {
        let token = STANDARD.encode("080920112506:abcdefghij0123456789");
        assert_eq!(token_id(&token).as_deref(), Some("080920112506"));
        assert_eq!(
            token_id(&format!("BBDC-{token}")).as_deref(),
            Some("080920112506")
        );
        for other in [
            "",
            "hunter2",
            "BBDC-",
            &STANDARD.encode("abc:def"),
            &STANDARD.encode("0123456"),
        ] {
            assert_eq!(token_id(other), None, "{other}");
        }
    }

    #[test]
    fn expiry_is_counted_from_creation() {
        let expires_on = |created: Value, days: Option<i64>| {
            let token = AccessTokenJson {
                created_date: created,
                expiry_days: days,
                ..AccessTokenJson::default()
            };
            token.expires_on().map(|date| date.to_string())
        };
        assert_eq!(
            expires_on(json!(1_767_225_600_000_i64), Some(90)).as_deref(),
            Some("2026-04-01")
        );
        assert_eq!(
            expires_on(json!("2026-01-01T10:00:00.000+0000"), Some(90)).as_deref(),
            Some("2026-04-01")
        );
        assert_eq!(expires_on(json!(1_767_225_600_000_i64), None), None);
        assert_eq!(expires_on(json!(null), Some(90)), None);
        assert_eq!(expires_on(json!(i64::MAX), Some(i64::MAX)), None);
    }
}
