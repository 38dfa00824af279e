//! Asks the server who a credential is, and says which of the likely causes it is when it is refused.

use crate::bitbucket::{ApiError, Identity, Subject};
use crate::context::Context;
use crate::error::Error;
use crate::model::connection::{Auth, Connection, TokenShape, why_refused};
use crate::model::secret::Secret;

/// Verifies a credential, and keeps in the connection what the server told of it.
pub(super) fn verify(
    context: &Context,
    connection: &mut Connection,
    secret: &Secret,
) -> Result<Identity, Error> {
    let subject = Subject {
        auth: Some(connection.auth),
        level: connection.level,
        workspace: connection.workspace.clone(),
        project: connection.project.clone(),
        repository: connection.repository.clone(),
    };
    let bitbucket = context.bitbucket(connection, Secret::new(secret.expose().to_owned()));
    let progress = context
        .output
        .progress(&format!("asking {}", connection.base_url));
    let answer = context.wait(bitbucket.identify(&subject))?;
    drop(progress);
    match answer {
        Ok(identity) => {
            connection.account = identity.account.clone().or(connection.account.take());
            connection.level = identity.level.or(connection.level);
            connection.expires_on = connection.expires_on.or(identity.expires_on);
            Ok(identity)
        }
        Err(error) => Err(explained(
            error,
            connection.auth,
            TokenShape::of(secret.expose()),
        )),
    }
}

/// A refusal, with what may be behind it.
fn explained(error: ApiError, auth: Auth, shape: TokenShape) -> Error {
    let refused = matches!(error, ApiError::Unauthorized(_));
    let causes = refused.then(|| why_refused(auth, shape));
    Error::Api { error, causes }
}
