//! The secret of a connection: as it is given, as it is stored, and as it is sent. For OAuth these are three secrets.

use std::fs::File;

use super::args::ConnectionArgs;
use super::prompts;
use crate::app::{App, MAX_ATTEMPTS};
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity};
use crate::error::Error;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, Origin, TokenLevel, TokenPrefix,
};
use crate::types::oauth::OAuthSecret;
use crate::types::repository::{Repository, RepositoryFilter};
use crate::types::secret::Secret;

/// A secret as the user gave it.
#[derive(Debug)]
pub(super) struct EnteredSecret {
    pub(super) secret: Secret,
    /// At a prompt, so that it can be prompted for again.
    pub(super) is_prompted: bool,
}

impl EnteredSecret {
    pub(super) fn given(auth: AuthMethod, secret: Secret) -> Self {
        Self {
            secret: auth.normalize_secret(secret),
            is_prompted: false,
        }
    }

    pub(super) fn prompted(secret: Secret) -> Self {
        Self {
            secret,
            is_prompted: true,
        }
    }
}

/// A secret that is not stored yet.
#[derive(Debug)]
pub(super) struct NewSecret {
    pub(super) stored: Secret,
    pub(super) sent: Secret,
}

impl NewSecret {
    /// Signs in with a secret and verifies it, unless `--no-verify` is given. A wrong one that was prompted for is prompted
    /// for again, three times in all.
    pub(super) fn sign_in(
        args: &ConnectionArgs,
        connection: &mut Connection,
        entered: EnteredSecret,
        app: &App,
    ) -> Result<Self, Error> {
        let EnteredSecret {
            mut secret,
            is_prompted,
        } = entered;
        let mut attempt = 1;
        loop {
            let error = match Self::attempt(args, connection, &secret, app) {
                Ok(new) => return Ok(new),
                Err(error) => error,
            };
            if !is_prompted || !error.is_wrong_secret() || attempt == MAX_ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            prompts::explain(app, &error);
            secret = prompts::secret_again(app, connection)?;
        }
    }

    fn attempt(
        args: &ConnectionArgs,
        connection: &mut Connection,
        secret: &Secret,
        app: &App,
    ) -> Result<Self, Error> {
        let auth = connection.auth();
        let mismatch = AuthMethod::from_prefix(TokenPrefix::from_token(secret.expose()))
            .filter(|_| auth.contradicts(TokenPrefix::from_token(secret.expose())));
        if let Some(actual) = mismatch {
            let error = Error::SecretKindMismatch {
                actual,
                expected: auth,
            };
            if !args.no_verify {
                return Err(error);
            }
            app.ui.print_step(&format!("note: {error}"));
        }
        let new = Self::from_given(args, connection, secret, app)?;
        if !args.no_verify {
            verify(app, connection, &new.sent)?;
        }
        Ok(new)
    }

    /// The secret that was given; for OAuth the tokens of a login with it.
    fn from_given(
        args: &ConnectionArgs,
        connection: &Connection,
        given: &Secret,
        app: &App,
    ) -> Result<Self, Error> {
        let copy = || Secret::new(given.expose().to_owned());
        if !connection.auth().is_oauth() {
            return Ok(Self {
                stored: copy(),
                sent: copy(),
            });
        }
        // Client credentials need no user, so the tokens can be requested when they are first used.
        let website = connection.website().filter(|_| args.no_verify);
        if let (AuthMethod::ClientCredentials, Some(website)) = (connection.auth(), website) {
            return Ok(Self {
                stored: OAuthSecret::of_client(Origin::from_url(&website), given).to_secret(),
                sent: copy(),
            });
        }
        let granted = app.login(connection, given, args.no_browser)?;
        Ok(Self {
            sent: granted.valid_access_token(i64::MIN).unwrap_or_else(copy),
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
    match after.website().map(|url| Origin::from_url(&url)) {
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
    let stored = OAuthSecret::from_secret(&stored);
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
    let bitbucket = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let progress = app
        .ui
        .progress(&format!("verifying with {}", connection.base_url));
    let identity = app.block_on(async {
        // Sent without the credential, which goes to nothing but a Bitbucket.
        bitbucket.version().await?;
        let identity = bitbucket
            .identify(&CredentialContext::from(&*connection))
            .await?;
        if belongs_to_repository(connection, &identity)
            && let Some(slug) = only_repository(connection, &bitbucket).await
        {
            connection.repository = Some(slug);
            return bitbucket
                .identify(&CredentialContext::from(&*connection))
                .await;
        }
        Ok(identity)
    })?;
    drop(progress);
    let identity = identity.and_then(|identity| match &identity.not_visible {
        Some(reason) => Err(ApiError::NotFound(reason.clone())),
        None => Ok(identity),
    });
    let identity = identity.map_err(|error| {
        let prefix = TokenPrefix::from_token(secret.expose());
        Error::from_api(error, connection, prefix, CredentialOrigin::Flags)
    })?;
    if connection.auth() == AuthMethod::OAuth
        && let Some(account) = &identity.account
    {
        app.ui.print_step(&format!("signed in as {account}"));
    }
    connection.account = identity.account.or(connection.account.take());
    connection.expires_on = connection.expires_on.or(identity.expires_on);
    if let Some(level) = identity.level {
        connection.credential.set_level(level);
    }
    Ok(())
}

/// Whether an access token that was given for a workspace belongs to one of its repositories.
fn belongs_to_repository(connection: &Connection, identity: &Identity) -> bool {
    connection.auth() == AuthMethod::AccessToken
        && connection.workspace.is_some()
        && connection.project.is_none()
        && connection.repository.is_none()
        && (identity.not_visible.is_some() || identity.level == Some(TokenLevel::Repo))
}

/// The slug of the only repository of the workspace that the credential can see.
async fn only_repository(connection: &Connection, bitbucket: &Bitbucket) -> Option<String> {
    let filter = RepositoryFilter {
        workspace: connection.workspace.clone(),
        max: Some(2),
        ..RepositoryFilter::default()
    };
    let visible = bitbucket.repositories(&filter).await.ok()?;
    let visible = visible.complete().ok()?;
    <[Repository; 1]>::try_from(visible)
        .ok()
        .map(|[only]| only.slug)
}
