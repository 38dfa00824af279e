//! Asks the server who a credential is, and says which of the likely causes it is when it is refused.

use crate::app::App;
use crate::bitbucket::{ApiError, CredentialContext, Identity};
use crate::error::Error;
use crate::types::connection::{Connection, TokenPrefix};
use crate::types::secret::Secret;

/// Verifies a credential, and keeps in the connection what the server told of it.
pub(super) fn verify(
    app: &App,
    connection: &mut Connection,
    secret: &Secret,
) -> Result<Identity, Error> {
    let credential = CredentialContext::from(&*connection);
    let bitbucket = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let progress = app.ui.progress(&format!("asking {}", connection.base_url));
    let answer = app.block_on(async {
        // Asked without the credential: it is shown to nothing that is not a Bitbucket.
        bitbucket.version().await?;
        bitbucket.identify(&credential).await
    })?;
    drop(progress);
    let seen = answer.and_then(|identity| match &identity.not_visible {
        Some(words) => Err(ApiError::NotFound(words.clone())),
        None => Ok(identity),
    });
    match seen {
        Ok(identity) => {
            connection.account = identity.account.clone().or(connection.account.take());
            if let Some(level) = connection.credential.level_mut() {
                *level = identity.level.or(*level);
            }
            connection.expires_on = connection.expires_on.or(identity.expires_on);
            Ok(identity)
        }
        Err(error) => Err(Error::from_api(
            error,
            connection.auth(),
            TokenPrefix::of(secret.expose()),
        )),
    }
}
