//! OAuth 2.0 of both products: the page of consent, codes, refresh tokens that are good once, client credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Asked, Credential, Kind, Reply, World, basic};

/// What a server has granted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grants {
    /// Ids and secrets of clients.
    pub(crate) clients: Vec<(&'static str, &'static str)>,
    /// How long access tokens live, in seconds.
    pub(crate) lifetime: i64,
    /// The person says no.
    pub(crate) denies: bool,
    /// Padding, so that tokens are as long as those of today.
    pub(crate) padding: usize,
    /// How often tokens were refreshed.
    pub(crate) refreshed: usize,
    pub(crate) codes: HashMap<String, (String, String)>,
    pub(crate) refresh_tokens: Vec<String>,
    pub(crate) count: usize,
}

/// Answers what belongs to OAuth; `None` for everything else.
pub(super) fn answer(world: &mut World, asked: &Asked<'_>) -> Option<Reply> {
    let parts = asked.parts();
    match (asked.method, parts.as_slice()) {
        (
            "GET",
            ["site", "oauth2", "authorize"]
            | ["bitbucket", "rest", "oauth2", "latest", "authorize"],
        ) => Some(consent(world, asked)),
        ("POST", ["site", "oauth2", "access_token"]) => Some(token(world, asked, Kind::OAuth)),
        ("POST", ["bitbucket", "rest", "oauth2", "latest", "token"]) => {
            Some(token(world, asked, Kind::UserToken { user: "jane" }))
        }
        _ => None,
    }
}

fn consent(world: &mut World, asked: &Asked<'_>) -> Reply {
    let value = |name: &str| asked.query(name).unwrap_or_default();
    let known = world
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
        return Reply::new(400, json!({"error": "invalid_request"}));
    }
    let (redirect, state) = (value("redirect_uri"), value("state"));
    let back = if world.oauth.denies {
        format!("{redirect}?error=access_denied&state={state}")
    } else {
        world.oauth.count += 1;
        let code = format!("code-{}", world.oauth.count);
        world
            .oauth
            .codes
            .insert(code.clone(), (value("code_challenge"), redirect.clone()));
        format!("{redirect}?code={code}&state={state}")
    };
    Reply::new(302, Value::Null).with("location", &back)
}

fn token(world: &mut World, asked: &Asked<'_>, kind: Kind) -> Reply {
    let form: HashMap<String, String> = url::form_urlencoded::parse(asked.body)
        .into_owned()
        .collect();
    let value = |name: &str| form.get(name).cloned().unwrap_or_default();
    let refused = |status: u16, error: &str| {
        Reply::new(status, json!({"error": error, "error_description": "no"}))
    };
    let client =
        basic(asked.authorization).unwrap_or_else(|| (value("client_id"), value("client_secret")));
    if !world
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
            let Some((challenge, redirect)) = world.oauth.codes.remove(&value("code")) else {
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
            let before = world.oauth.refresh_tokens.len();
            world
                .oauth
                .refresh_tokens
                .retain(|token| *token != value("refresh_token"));
            if world.oauth.refresh_tokens.len() == before {
                return refused(400, "invalid_grant");
            }
            world.oauth.refreshed += 1;
        }
        "client_credentials" => {
            with_refresh = false;
            world.oauth.refreshed += 1;
        }
        _ => return refused(400, "unsupported_grant_type"),
    }
    world.oauth.count += 1;
    let padding = "x".repeat(world.oauth.padding);
    let secret = format!("oauth-access-{}-{padding}", world.oauth.count);
    // Earlier tokens of this test are past their end.
    world
        .credentials
        .retain(|credential| !credential.secret.starts_with("oauth-access-"));
    world.credentials.push(Credential {
        kind,
        secret: secret.clone(),
        scopes: vec!["account", "repository:write"],
    });
    let mut body = json!({
        "access_token": secret, "token_type": "bearer", "expires_in": world.oauth.lifetime, "scope": "account repository:write",
    });
    if with_refresh {
        let refresh = format!("oauth-refresh-{}-{padding}", world.oauth.count);
        world.oauth.refresh_tokens.push(refresh.clone());
        body["refresh_token"] = json!(refresh);
    }
    Reply::new(200, body)
}
