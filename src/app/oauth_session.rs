//! OAuth: signing in with a browser, and tokens that are fresh. A refresh token is good once, so whoever uses it holds a
//! lock, and keeps what it gets before anything is done with it.

use std::time::Duration;

use super::App;
use crate::bitbucket::{ApiError, OAuthClient, OAuthGrant};
use crate::error::Error;
use crate::oauth::{AuthorizationFlow, OAuthError};
use crate::sys::subprocess;
use crate::types::connection::{
    AuthMethod, BaseUrl, Connection, ConnectionName, Credential, TokenPrefix,
};
use crate::types::oauth::{OAuthSecret, Tokens};
use crate::types::secret::Secret;
use crate::types::timestamp::Timestamp;

/// The port for the answer, unless another is named.
const CALLBACK_PORT: u16 = 47617;
/// How long a person may take to sign in, unless `--timeout` says otherwise.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(5);

impl App {
    /// Gets tokens for a connection: from a browser, or for the client alone.
    ///
    /// # Errors
    /// [`Error::OAuth`] where nobody signs in, [`Error::Api`] where the server refuses.
    pub(crate) fn login(
        &self,
        connection: &Connection,
        client_secret: &Secret,
        no_browser: bool,
    ) -> Result<OAuthSecret, Error> {
        let website = website(connection)?;
        let client = self.oauth_client(connection, client_secret)?;
        let refused =
            |error: ApiError| Error::from_api(error, connection.auth(), TokenPrefix::Unknown);
        let tokens: Tokens = if let Credential::OAuth {
            client_id,
            scopes,
            callback_port,
        } = &connection.credential
        {
            let is_forbidden =
                self.flags.no_input || self.environment.ci || self.environment.no_input;
            if is_forbidden && !no_browser {
                return Err(Error::InputRequired {
                    what: "a sign-in with a browser",
                    hint: "add --no-browser, and open the address that is printed elsewhere".into(),
                });
            }
            if website.is_insecure() && !connection.network.allow_http {
                return Err(refused(ApiError::InsecureTransport(website.to_string())));
            }
            let sign_in = AuthorizationFlow::start(callback_port.unwrap_or(CALLBACK_PORT))?;
            let address = sign_in.authorization_url(
                website.url(),
                connection.deployment,
                client_id,
                scopes,
            )?;
            self.ui
                .eprint_line("Sign in at this address, in a browser:");
            self.ui.eprint_line(&format!("  {address}"));
            if no_browser {
                self.ui.eprint_line("Then paste the address that the browser is sent to, where it cannot show that page:");
            } else if !subprocess::open_in_browser(address.as_str()) {
                self.ui
                    .eprint_line("No browser could be opened here; open the address yourself.");
            }
            let patience = self.flags.timeout.unwrap_or(LOGIN_TIMEOUT);
            let back = sign_in.wait(patience, no_browser)?;
            let grant = OAuthGrant::Code {
                code: &back.code,
                redirect_uri: &back.redirect_uri,
                verifier: &back.verifier,
            };
            let granted = self.block_on(client.tokens(&grant))?;
            // Only now is it known what the browser should show.
            back.show_result(granted.is_ok());
            granted.map_err(refused)?
        } else {
            self.block_on(client.tokens(&OAuthGrant::Client))?
                .map_err(refused)?
        };
        Ok(OAuthSecret::new(website.origin(), client_secret, &tokens))
    }

    /// The access token of a connection, refreshed first where its end is near.
    ///
    /// # Errors
    /// [`Error::SessionExpired`] where only signing in again helps; as [`App::secret`].
    pub(super) fn access_token(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(Secret, Option<i64>), Error> {
        Self::check_origin(name, connection)?;
        let signed_out = |reason: String| Error::SessionExpired {
            name: name.to_string(),
            reason,
        };
        let kept = || -> Result<OAuthSecret, Error> {
            let secret = self.stored_secret(name, connection)?;
            let secret = secret.ok_or_else(|| Error::MissingSecret(name.to_string()))?;
            OAuthSecret::from_secret(&secret)
                .ok_or_else(|| signed_out("what is kept are no tokens".to_owned()))
        };
        let now = Timestamp::now().as_second();
        let fresh = |kept: &OAuthSecret| Some((kept.valid_access_token(now)?, kept.expires_at()));
        // Whatever its end, one that git was refused with is not tried again.
        let is_refused = connection.is_rejected();
        if let Some(token) = fresh(&kept()?).filter(|_| !is_refused) {
            return Ok(token);
        }
        let _lock = self.connection_file().lock_tokens(name)?;
        let stored = self.connection_file().read()?.get(&name.to_string());
        let is_refused = stored.is_ok_and(|(_, connection)| connection.is_rejected());
        // Another process may have refreshed it while this one waited.
        let before = kept()?;
        if let Some(token) = fresh(&before).filter(|_| !is_refused) {
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
        let grant = match (&refresh, connection.auth()) {
            (_, AuthMethod::ClientCredentials) => OAuthGrant::Client,
            (Some(refresh), _) => OAuthGrant::Refresh(refresh),
            (None, _) => {
                return Err(signed_out(
                    "the access has ended, and no refresh token was given".to_owned(),
                ));
            }
        };
        // A refresh token is good once: that the next one can be kept is tried before it is spent.
        self.store_refreshed(name, connection, &before)?;
        match self.block_on(client.tokens(&grant))? {
            Ok(tokens) => {
                let renewed = before.renewed(&tokens);
                if let Err(error) = self.store_refreshed(name, connection, &renewed) {
                    self.ui.eprint_line(&format!(
                        "the new tokens of {name} could not be kept: {error}"
                    ));
                } else if is_refused {
                    self.set_rejected(name, false)?;
                }
                Ok((tokens.access, renewed.expires_at()))
            }
            Err(ApiError::Unauthorized(reason)) => {
                // A copy of this program on another machine cannot be waited for; one here may have been quicker.
                let after = kept()?;
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
        let stored = connection.secret.as_ref();
        let stored = stored.ok_or_else(|| Error::MissingSecret(name.to_string()))?;
        self.store_secret(name, &stored.source, &renewed.to_secret())
    }

    fn oauth_client(&self, connection: &Connection, secret: &Secret) -> Result<OAuthClient, Error> {
        let client_id = connection.credential.client_id().unwrap_or_default();
        let secret = Secret::new(secret.expose().to_owned());
        let (settings, trace) = self.http_settings(connection);
        Ok(OAuthClient::new(
            website(connection)?,
            connection.deployment,
            (client_id.to_owned(), secret),
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
