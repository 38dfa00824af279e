//! From what a person gives to what is kept and what is sent: for OAuth these are three things.

use std::fs::File;

use super::args::ConnectionArgs;
use crate::app::App;
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Origin};
use crate::types::oauth::OAuthSecret;
use crate::types::secret::Secret;

/// A credential, as it is kept and as it is sent.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) stored: Secret,
    pub(super) sent: Secret,
}

/// What a secret that was given becomes: itself, or for OAuth the tokens of a sign-in.
pub(super) fn resolve(
    args: &ConnectionArgs,
    connection: &Connection,
    given: Secret,
    app: &App,
) -> Result<Credential, Error> {
    if !connection.auth().is_oauth() {
        let sent = Secret::new(given.expose().to_owned());
        return Ok(Credential {
            stored: given,
            sent,
        });
    }
    // A client by itself needs nobody to sign in, so its tokens can be had with their first use.
    let website = connection.website().filter(|_| args.no_verify);
    if let (AuthMethod::ClientCredentials, Some(website)) = (connection.auth(), website) {
        return Ok(Credential {
            stored: OAuthSecret::of_client(Origin::of(&website), &given).to_secret(),
            sent: given,
        });
    }
    let granted = app.login(connection, &given, args.no_browser)?;
    let sent = granted.valid_access_token(i64::MIN).unwrap_or(given);
    Ok(Credential {
        stored: granted.to_secret(),
        sent,
    })
}

/// The secret that was given for a connection: of OAuth the client's.
pub(super) fn original_secret(
    app: &App,
    name: &ConnectionName,
    connection: &Connection,
) -> Result<Secret, Error> {
    if !connection.auth().is_oauth() {
        return app.secret(name, connection);
    }
    let kept = app.stored_secret(name, connection)?;
    let kept = kept.as_ref().and_then(OAuthSecret::from_secret);
    kept.map(|kept| kept.client_secret())
        .ok_or_else(|| Error::MissingSecret(name.to_string()))
}

/// The client secret of an OAuth connection, for signing in again: only where its website is the one it was given for.
pub(super) fn for_signing_in_again(
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &Connection,
) -> Result<Secret, Error> {
    let kept = app.stored_secret(name, before)?;
    let kept = kept.as_ref().and_then(OAuthSecret::from_secret);
    let kept = kept.ok_or_else(|| Error::MissingSecret(name.to_string()))?;
    match after.website().map(|url| Origin::of(&url)) {
        Some(origin) if origin == kept.origin => Ok(kept.client_secret()),
        origin => Err(Error::SecretOriginMismatch {
            name: name.to_string(),
            given_for: kept.origin.to_string(),
            origin: origin
                .map_or_else(|| "another website".to_owned(), |origin| origin.to_string()),
        }),
    }
}

/// Holds the tokens of an OAuth connection still while they are moved or replaced.
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
