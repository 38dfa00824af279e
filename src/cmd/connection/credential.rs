//! From what a person gives to what is kept and what is sent: for OAuth these are three things.

use super::settings::{Settings, usage};
use crate::context::Context;
use crate::error::Error;
use crate::model::connection::{Auth, Connection, ConnectionName, StoreKind};
use crate::model::oauth::OAuthSecret;
use crate::model::secret::Secret;

/// A credential, as it is kept and as it is sent.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) kept: Secret,
    pub(super) sent: Secret,
}

/// What a secret that was given becomes: itself, or for OAuth the tokens of a sign-in.
pub(super) fn obtain(
    settings: &Settings,
    connection: &Connection,
    given: Secret,
    context: &Context,
) -> Result<Credential, Error> {
    if !connection.auth.is_oauth() {
        let sent = Secret::new(given.expose().to_owned());
        return Ok(Credential { kept: given, sent });
    }
    let granted = context.sign_in(connection, &given, &settings.sign_in())?;
    let sent = granted.fresh(i64::MIN).unwrap_or(given);
    Ok(Credential {
        kept: granted.written(),
        sent,
    })
}

/// The secret that was given for a connection: of OAuth the client's.
pub(super) fn as_given(
    context: &Context,
    name: &ConnectionName,
    connection: &Connection,
) -> Result<Secret, Error> {
    if !connection.auth.is_oauth() {
        return context.secret(name, connection);
    }
    let kept = context.kept_secret(name, connection)?;
    let kept = kept.as_ref().and_then(OAuthSecret::read);
    kept.map(|kept| kept.client_secret())
        .ok_or_else(|| Error::NoSecret(name.to_string()))
}

/// Where a credential is kept. Tokens change, so a command cannot be asked for them.
pub(super) fn store(
    settings: &Settings,
    auth: Auth,
    before: Option<StoreKind>,
    context: &Context,
) -> Result<StoreKind, Error> {
    match settings.store {
        Some(StoreKind::Command) if auth.is_oauth() => Err(usage(
            "tokens of OAuth change, so a command cannot keep them",
            "add --store keyring or --store file",
        )),
        Some(store) if auth.is_oauth() => Ok(store),
        None if auth.is_oauth() => match before {
            Some(store @ (StoreKind::Keyring | StoreKind::File)) => Ok(store),
            Some(StoreKind::Command | StoreKind::Environment) | None => context.default_store(),
        },
        _ => settings.store(context, before),
    }
}

/// The command that is asked for the secret whenever it is needed; none for OAuth, whose client secret is asked once.
pub(super) fn command(settings: &Settings, auth: Auth) -> Option<String> {
    settings.token_command.clone().filter(|_| !auth.is_oauth())
}
