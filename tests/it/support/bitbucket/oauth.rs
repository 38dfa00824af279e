//! OAuth 2.0 of both products: consent page, codes, single-use refresh tokens, client credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{ApiRequest, ApiResponse, Credential, Kind, ServerState, basic};

/// OAuth clients and tokens of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct OAuthState {
    /// Ids and secrets of clients.
    pub(crate) clients: Vec<(&'static str, &'static str)>,
    /// Lifetime of access tokens in seconds.
    pub(crate) lifetime: i64,
    /// The user denies consent.
    pub(crate) denies_consent: bool,
    /// Padding, so that tokens are as long as real ones.
    pub(crate) padding: usize,
    /// How often tokens were refreshed.
    pub(crate) refresh_count: usize,
    pub(crate) codes: HashMap<String, (String, String)>,
    pub(crate) refresh_tokens: Vec<String>,
    pub(crate) count: usize,
}

/// Responds to OAuth requests; `None` for other requests.
pub(super) fn respond(state: &mut ServerState, request: &ApiRequest<'_>) -> Option<ApiResponse> {
    let parts = request.parts();
    match (request.method, parts.as_slice()) {
        (
            "GET",
            ["site", "oauth2", "authorize"]
            | ["bitbucket", "rest", "oauth2", "latest", "authorize"],
        ) => Some(consent(state, request)),
        ("POST", ["site", "oauth2", "access_token"]) => Some(token(state, request, Kind::OAuth)),
        ("POST", ["bitbucket", "rest", "oauth2", "latest", "token"]) => {
            Some(token(state, request, Kind::UserToken { user: "jane" }))
        }
        _ => None,
    }
}

fn consent(state: &mut ServerState, request: &ApiRequest<'_>) -> ApiResponse {
    let value = |name: &str| request.query(name).unwrap_or_default();
    let known = state
        .oauth
        .clients
        .iter()
        .any(|(id, _)| *id == value("client_id"));
    let is_registered = value("redirect_uri").starts_with("http://127.0.0.1:");
    if !known
        || !is_registered
        || value("response_type") != "code"
        || value("code_challenge_method") != "S256"
    {
        return ApiResponse::new(400, json!({"error": "invalid_request"}));
    }
    let (redirect, csrf_state) = (value("redirect_uri"), value("state"));
    let back = if state.oauth.denies_consent {
        format!("{redirect}?error=access_denied&state={csrf_state}")
    } else {
        state.oauth.count += 1;
        let code = format!("code-{}", state.oauth.count);
        state
            .oauth
            .codes
            .insert(code.clone(), (value("code_challenge"), redirect.clone()));
        format!("{redirect}?code={code}&state={csrf_state}")
    };
    ApiResponse::new(302, Value::Null).with("location", &back)
}

fn token(state: &mut ServerState, request: &ApiRequest<'_>, kind: Kind) -> ApiResponse {
    let form: HashMap<String, String> = url::form_urlencoded::parse(request.body)
        .into_owned()
        .collect();
    let value = |name: &str| form.get(name).cloned().unwrap_or_default();
    let refused = |status: u16, error: &str| {
        ApiResponse::new(status, json!({"error": error, "error_description": "no"}))
    };
    let client = basic(request.authorization)
        .unwrap_or_else(|| (value("client_id"), value("client_secret")));
    if !state
        .oauth
        .clients
        .iter()
        .any(|(id, secret)| (*id, *secret) == (&client.0, &client.1))
    {
        return refused(401, "invalid_client");
    }
    let mut with_refresh = true;
    match value("grant_type").as_str() {
        "authorization_code" => {
            let Some((challenge, redirect)) = state.oauth.codes.remove(&value("code")) else {
                return refused(400, "invalid_grant");
            };
            let digest = aws_lc_rs::digest::digest(
                &aws_lc_rs::digest::SHA256,
                value("code_verifier").as_bytes(),
            );
            if URL_SAFE_NO_PAD.encode(digest) != challenge || redirect != value("redirect_uri") {
                return refused(400, "invalid_grant");
            }
        }
        "refresh_token" => {
            let before = state.oauth.refresh_tokens.len();
            state
                .oauth
                .refresh_tokens
                .retain(|token| *token != value("refresh_token"));
            if state.oauth.refresh_tokens.len() == before {
                return refused(400, "invalid_grant");
            }
            state.oauth.refresh_count += 1;
        }
        "client_credentials" => {
            with_refresh = false;
            state.oauth.refresh_count += 1;
        }
        _ => return refused(400, "unsupported_grant_type"),
    }
    state.oauth.count += 1;
    let padding = "x".repeat(state.oauth.padding);
    let secret = format!("oauth-access-{}-{padding}", state.oauth.count);
    // Earlier tokens have expired.
    state
        .credentials
        .retain(|credential| !credential.secret.starts_with("oauth-access-"));
    state.credentials.push(Credential::new(
        kind,
        &secret,
        &["account", "repository:write"],
    ));
    let mut body = json!({
        "access_token": secret, "token_type": "bearer", "expires_in": state.oauth.lifetime, "scope": "account repository:write",
    });
    if with_refresh {
        let refresh = format!("oauth-refresh-{}-{padding}", state.oauth.count);
        state.oauth.refresh_tokens.push(refresh.clone());
        body["refresh_token"] = json!(refresh);
    }
    ApiResponse::new(200, body)
}
