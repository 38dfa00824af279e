//! The token endpoint of both products: codes, refresh tokens and client credentials become access tokens (RFC 6749).
//!
//! Cloud: <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#oauth-2-0>. Data Center, since 7.20:
//! <https://confluence.atlassian.com/bitbucketserver/bitbucket-oauth-2-0-provider-api-1108483661.html>.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::client::{
    ApiError, Authorization, Http, HttpClients, HttpSettings, Request, Trace, WithAuth,
};
use crate::types::connection::BaseUrl;
use crate::types::date::Timestamp;
use crate::types::deployment::Deployment;
use crate::types::oauth::Tokens;
use crate::types::secret::Secret;

/// An OAuth client: a consumer on Cloud, an incoming application link on Data Center.
#[derive(Debug)]
pub(crate) struct OAuthClient {
    http: Http,
    segments: &'static [&'static str],
    /// Data Center takes the client in the form, Cloud as Basic.
    in_form: Option<(String, Secret)>,
}

#[derive(Debug)]
pub(crate) enum OAuthGrant<'a> {
    Code {
        code: &'a Secret,
        /// The URL that the browser was redirected to.
        redirect_uri: &'a str,
        /// The code verifier (RFC 7636).
        verifier: &'a Secret,
    },
    /// A refresh token, which is valid once.
    Refresh(&'a Secret),
    Client,
}

/// The granted tokens. The refresh token of the request is used up by then, so all other fields are read leniently.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    refresh_token: Value,
    #[serde(default)]
    expires_in: Value,
    /// Since 2026-05-04.
    #[serde(default)]
    scope: Value,
    /// Before.
    #[serde(default)]
    scopes: Value,
}

/// RFC 6749, section 5.2.
#[derive(Debug, Deserialize)]
struct TokenErrorResponse {
    error: String,
    error_description: Option<String>,
}

impl OAuthClient {
    pub(crate) fn new(
        website: BaseUrl,
        deployment: Deployment,
        client: (String, Secret),
        settings: HttpSettings,
        trace: Trace,
        clients: HttpClients,
    ) -> Self {
        let (id, secret) = client;
        let is_cloud = deployment == Deployment::Cloud;
        let (authorization, in_form) = if is_cloud {
            (Authorization::Basic { user: id, secret }, None)
        } else {
            (Authorization::None, Some((id, secret)))
        };
        Self {
            http: Http::new(website, authorization, settings, trace, clients),
            segments: if is_cloud {
                &["site", "oauth2", "access_token"]
            } else {
                &["rest", "oauth2", "latest", "token"]
            },
            in_form,
        }
    }

    pub(crate) async fn tokens(&self, grant: &OAuthGrant<'_>) -> Result<Tokens, ApiError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        match grant {
            OAuthGrant::Code {
                code,
                redirect_uri,
                verifier,
            } => {
                form.append_pair("grant_type", "authorization_code");
                form.append_pair("code", code.expose());
                form.append_pair("redirect_uri", redirect_uri);
                form.append_pair("code_verifier", verifier.expose());
            }
            OAuthGrant::Refresh(token) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", token.expose());
            }
            OAuthGrant::Client => {
                form.append_pair("grant_type", "client_credentials");
            }
        }
        if let Some((id, secret)) = &self.in_form {
            form.append_pair("client_id", id);
            form.append_pair("client_secret", secret.expose());
        }
        let body = form.finish().into_bytes();
        let url = self.http.build_url(self.segments, &[])?;
        let request = Request::new(Method::POST, url, WithAuth::Yes)
            .with_body("application/x-www-form-urlencoded", body);
        let response = self.http.send(&request).await?;
        let response = if response.status().is_success() {
            response
        } else {
            response.redact(&self.secrets_in_request(grant))
        };
        let is_refusal = matches!(
            response.status(),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        if is_refusal
            && let Some(TokenErrorResponse {
                error,
                error_description,
            }) = response.error_json()
        {
            let description = error_description.map(|text| format!(": {text}"));
            return Err(ApiError::Unauthorized(format!(
                "{error}{}",
                description.unwrap_or_default()
            )));
        }
        let granted: TokenResponse = response.json()?;
        let now = Timestamp::now().as_second();
        let is_token = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !is_token(&granted.access_token) {
            return Err(ApiError::decode("access_token", "not a token response"));
        }
        let refresh = granted.refresh_token.as_str().filter(|text| is_token(text));
        let scopes = granted
            .scope
            .as_str()
            .or(granted.scopes.as_str())
            .unwrap_or_default();
        Ok(Tokens {
            refresh: refresh.map(|text| Secret::new(text.to_owned())),
            expires_at: seconds(&granted.expires_in).and_then(|seconds| now.checked_add(seconds)),
            scopes: scopes
                .split([' ', ','])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            access: Secret::new(granted.access_token),
        })
    }

    /// The secrets in the form, which a server may repeat in an error.
    fn secrets_in_request(&self, grant: &OAuthGrant<'_>) -> Vec<Zeroizing<String>> {
        let own = self.in_form.as_ref().map(|(_, secret)| secret);
        let of_grant = match grant {
            OAuthGrant::Code { code, verifier, .. } => vec![*code, *verifier],
            OAuthGrant::Refresh(token) => vec![*token],
            OAuthGrant::Client => Vec::new(),
        };
        let all = own.into_iter().chain(of_grant);
        all.map(|secret| Zeroizing::new(secret.expose().to_owned()))
            .collect()
    }
}

/// A number of seconds, however it is written.
fn seconds(value: &Value) -> Option<i64> {
    let whole = |text: &str| text.split('.').next()?.parse().ok();
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(&number.to_string())),
        Value::String(text) => whole(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
