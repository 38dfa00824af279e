//! OAuth: login with a browser, and refreshed tokens. A refresh token is valid once, so the process that uses it holds a
//! lock, and stores the new tokens before it uses them.

use std::time::Duration;

use super::App;
use crate::bitbucket::{ApiError, Authorization, OAuthClient, OAuthGrant};
use crate::error::Error;
use crate::oauth::{AuthorizationFlow, AuthorizationRequest, OAuthError};
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{
    AuthMethod, BaseUrl, Connection, ConnectionName, Credential, TokenPrefix,
};
use crate::types::date::Timestamp;
use crate::types::oauth::{OAuthSecret, Tokens};
use crate::types::secret::Secret;

/// The port of the callback server, unless the connection has another.
const CALLBACK_PORT: u16 = 47617;
/// How long a login in the browser may take, unless `--timeout` is given.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(5);

impl App {
    /// Requests tokens for a connection: with a login in the browser, or with the client credentials.
    pub(crate) fn login(
        &self,
        connection: &Connection,
        client_secret: &Secret,
        no_browser: bool,
    ) -> Result<OAuthSecret, Error> {
        let website = website(connection)?;
        let client = self.oauth_client(connection, client_secret)?;
        let refused = |error: ApiError| {
            Error::from_api(
                error,
                connection,
                TokenPrefix::Unknown,
                CredentialOrigin::Flags,
            )
        };
        let tokens: Tokens = if let Credential::OAuth { .. } = &connection.credential {
            if website.is_insecure() && !connection.network.allow_http {
                return Err(refused(ApiError::InsecureTransport(website.to_string())));
            }
            let flow = self.start_authorization(connection, &website, no_browser)?;
            // A browser that was opened answers by itself.
            let accepts_paste = flow.start_url().is_none();
            let reply = |line: &str| self.ui.eprint_line(&format!("  {line}"));
            let reply: Option<&dyn Fn(&str)> = if accepts_paste { Some(&reply) } else { None };
            let timeout = self.flags.timeout.unwrap_or(LOGIN_TIMEOUT);
            // Without progress: it would overwrite the line that is pasted.
            let granted = self.runtime.block_on(async {
                let authorization = flow.wait(timeout, reply).await?;
                let grant = OAuthGrant::Code {
                    code: &authorization.code,
                    redirect_uri: &authorization.redirect_uri,
                    verifier: &authorization.verifier,
                };
                let granted = client.tokens(&grant).await;
                authorization.show_result(granted.is_ok()).await;
                Ok::<_, OAuthError>(granted)
            });
            granted.map_err(Error::Runtime)??.map_err(refused)?
        } else {
            self.block_on(client.tokens(&OAuthGrant::Client))?
                .map_err(refused)?
        };
        Ok(OAuthSecret::new(website.origin(), client_secret, &tokens))
    }

    /// Starts the callback server, and opens a browser or prints the URL for one.
    fn start_authorization(
        &self,
        connection: &Connection,
        website: &BaseUrl,
        no_browser: bool,
    ) -> Result<AuthorizationFlow, Error> {
        let is_forbidden = self.flags.no_input || self.environment.ci || self.environment.no_input;
        if is_forbidden && !no_browser {
            return Err(Error::InputRequired {
                what: "sign-in with a browser",
                hint: "pass --no-browser, and open the URL that is printed in any browser".into(),
            });
        }
        let fields = connection.credential.fields();
        let request = AuthorizationRequest {
            website: website.url(),
            deployment: connection.deployment,
            client_id: fields.client_id.as_deref().unwrap_or_default(),
            scopes: &fields.scopes,
        };
        let port = fields.callback_port.unwrap_or(CALLBACK_PORT);
        let mut flow = AuthorizationFlow::start(port, &request)?;
        let print = |line: &str| self.ui.eprint_line(line);
        if !no_browser && let Some(url) = flow.start_url() {
            if self.open_in_browser(&url) {
                print("Sign in with the browser. If none opens, open this URL on this machine:");
                print(&format!("  {url}"));
                return Ok(flow);
            }
            print("cannot open a browser on this machine");
        }
        let callback = flow.redirect_uri();
        let url = flow.use_any_browser();
        print("Open this URL in a browser on any machine, and sign in:");
        print(&format!("  {url}"));
        print(&format!(
            "The browser is then sent to {callback}?…, which it cannot load on another machine."
        ));
        print("Paste that URL here, from the address bar of the browser:");
        Ok(flow)
    }

    /// The access token of a connection and its expiry time, refreshed first where it is about to expire.
    pub(super) fn access_token(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(Secret, Option<i64>), Error> {
        let signed_out = |reason: String| Error::SessionExpired {
            name: name.to_string(),
            reason,
        };
        let stored = || -> Result<OAuthSecret, Error> {
            let secret = self.stored_secret(name, connection)?;
            OAuthSecret::from_secret(&secret)
                .ok_or_else(|| signed_out("the stored secret is not an OAuth token".to_owned()))
        };
        let now = Timestamp::now().as_second();
        let fresh =
            |stored: &OAuthSecret| Some((stored.valid_access_token(now)?, stored.expires_at()));
        // A token that a server rejected is not used again before it expires.
        let is_rejected = connection.is_rejected();
        if let Some(token) = fresh(&stored()?).filter(|_| !is_rejected) {
            return Ok(token);
        }
        let _lock = self.connection_file().lock_tokens(name)?;
        let saved = self.connection_file().read()?.get(&name.to_string());
        let is_rejected = saved.is_ok_and(|(_, connection)| connection.is_rejected());
        // Another process may have refreshed the tokens while this one waited for the lock.
        let before = stored()?;
        if let Some(token) = fresh(&before).filter(|_| !is_rejected) {
            return Ok(token);
        }
        let website = website(connection)?.origin();
        if before.origin != website {
            return Err(Error::SecretOriginMismatch {
                name: name.to_string(),
                given_for: before.origin.to_string(),
                origin: website.to_string(),
            });
        }
        let client = self.oauth_client(connection, &before.client_secret())?;
        let refresh = before.refresh_token();
        if let Some(refresh) = &refresh {
            self.ui.redactor().add(refresh.expose());
        }
        let grant = match (&refresh, connection.auth()) {
            (_, AuthMethod::ClientCredentials) => OAuthGrant::Client,
            (Some(refresh), _) => OAuthGrant::Refresh(refresh),
            (None, _) => {
                return Err(signed_out(
                    "the access token has expired and there is no refresh token".to_owned(),
                ));
            }
        };
        // A refresh token is valid once: check that the next one can be stored before this one is used.
        self.store_refreshed(name, connection, &before)?;
        match self.block_on(client.tokens(&grant))? {
            Ok(tokens) => {
                let renewed = before.renewed(&tokens);
                if let Err(error) = self.store_refreshed(name, connection, &renewed) {
                    self.ui.eprint_line(&format!(
                        "the new tokens of connection {name} could not be stored: {error}"
                    ));
                } else if is_rejected {
                    self.set_rejected(name, false)?;
                }
                Ok((tokens.access, renewed.expires_at()))
            }
            Err(ApiError::Unauthorized(reason)) => {
                // A process without the lock, on a shared configuration directory, may have refreshed the tokens.
                let after = stored()?;
                let is_new = after.to_secret().expose() != before.to_secret().expose();
                let token = fresh(&after).filter(|_| is_new);
                token.ok_or_else(|| signed_out(reason))
            }
            Err(error) => Err(Error::Api {
                error,
                causes: None,
            }),
        }
    }

    fn store_refreshed(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        renewed: &OAuthSecret,
    ) -> Result<(), Error> {
        self.store_secret(name, connection, &renewed.to_secret())
    }

    fn oauth_client(&self, connection: &Connection, secret: &Secret) -> Result<OAuthClient, Error> {
        let client_id = connection.credential.client_id().unwrap_or_default();
        let copy = || Secret::new(secret.expose().to_owned());
        self.redact(&Authorization::Basic {
            user: client_id.to_owned(),
            secret: copy(),
        });
        let (settings, trace) = self.http_settings(&connection.network);
        Ok(OAuthClient::new(
            website(connection)?,
            connection.deployment,
            (client_id.to_owned(), copy()),
            settings,
            trace,
            self.clients.clone(),
        ))
    }
}

fn website(connection: &Connection) -> Result<BaseUrl, Error> {
    let website = connection
        .website()
        .and_then(|url| BaseUrl::parse(url.as_str()).ok());
    website.ok_or(Error::OAuth(OAuthError::Website))
}
