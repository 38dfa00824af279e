//! The secret of a connection: as it is given, as it is stored, and as it is sent. For OAuth these are three secrets.

use std::fs::File;

use super::args::ConnectionArgs;
use crate::app::App;
use crate::bitbucket::{ApiError, CredentialContext};
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Origin, TokenPrefix};
use crate::types::oauth::OAuthSecret;
use crate::types::secret::Secret;

/// A secret that is not stored yet.
#[derive(Debug)]
pub(super) struct NewSecret {
    pub(super) stored: Secret,
    pub(super) sent: Secret,
}

impl NewSecret {
    /// The secret that was given; for OAuth the tokens of a login with it.
    pub(super) fn from_given(
        args: &ConnectionArgs,
        connection: &Connection,
        given: Secret,
        app: &App,
    ) -> Result<Self, Error> {
        if !connection.auth().is_oauth() {
            let sent = Secret::new(given.expose().to_owned());
            return Ok(Self {
                stored: given,
                sent,
            });
        }
        // Client credentials need no user, so the tokens can be requested when they are first used.
        let website = connection.website().filter(|_| args.no_verify);
        if let (AuthMethod::ClientCredentials, Some(website)) = (connection.auth(), website) {
            return Ok(Self {
                stored: OAuthSecret::of_client(Origin::of(&website), &given).to_secret(),
                sent: given,
            });
        }
        let granted = app.login(connection, &given, args.no_browser)?;
        Ok(Self {
            sent: granted.valid_access_token(i64::MIN).unwrap_or(given),
            stored: granted.to_secret(),
        })
    }
}

/// The secret that was given for a connection: for OAuth that of the client.
pub(super) fn original_secret(
    app: &App,
    name: &ConnectionName,
    connection: &Connection,
) -> Result<Secret, Error> {
    if connection.auth().is_oauth() {
        Ok(oauth_secret(app, name, connection)?.client_secret())
    } else {
        app.secret(name, connection)
    }
}

/// The stored client secret, for another login: only where the website is the one that it was given for.
pub(super) fn client_secret_for_login(
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &Connection,
) -> Result<Secret, Error> {
    let stored = oauth_secret(app, name, before)?;
    match after.website().map(|url| Origin::of(&url)) {
        Some(origin) if origin == stored.origin => Ok(stored.client_secret()),
        origin => Err(Error::SecretOriginMismatch {
            name: name.to_string(),
            given_for: stored.origin.to_string(),
            origin: origin
                .map_or_else(|| "another website".to_owned(), |origin| origin.to_string()),
        }),
    }
}

fn oauth_secret(
    app: &App,
    name: &ConnectionName,
    connection: &Connection,
) -> Result<OAuthSecret, Error> {
    let stored = app.stored_secret(name, connection)?;
    let stored = stored.as_ref().and_then(OAuthSecret::from_secret);
    stored.ok_or_else(|| Error::MissingSecret(name.to_string()))
}

/// Keeps other processes from refreshing the tokens of an OAuth connection while they are moved or replaced.
pub(super) fn lock(
    app: &App,
    name: &ConnectionName,
    connection: &Connection,
) -> Result<Option<File>, Error> {
    let is_oauth = connection.auth().is_oauth();
    Ok(is_oauth
        .then(|| app.connection_file().lock_tokens(name))
        .transpose()?)
}

/// Verifies a secret, and puts what the server reports about it into the connection.
pub(super) fn verify(app: &App, connection: &mut Connection, secret: &Secret) -> Result<(), Error> {
    let context = CredentialContext::from(&*connection);
    let bitbucket = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let progress = app.ui.progress(&format!("asking {}", connection.base_url));
    let identity = app.block_on(async {
        // Sent without the credential, which goes to nothing but a Bitbucket.
        bitbucket.version().await?;
        bitbucket.identify(&context).await
    })?;
    drop(progress);
    let identity = identity.and_then(|identity| match &identity.not_visible {
        Some(reason) => Err(ApiError::NotFound(reason.clone())),
        None => Ok(identity),
    });
    let identity = identity.map_err(|error| {
        let prefix = TokenPrefix::of(secret.expose());
        Error::from_api(error, connection.auth(), prefix)
    })?;
    connection.account = identity.account.or(connection.account.take());
    connection.expires_on = connection.expires_on.or(identity.expires_on);
    if let Some(level) = identity.level {
        connection.credential.set_level(level);
    }
    Ok(())
}
