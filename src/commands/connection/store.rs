//! Where a new secret is stored: determined before it is prompted for.

use super::args::ConnectionArgs;
use crate::app::{App, StoreFallback};
use crate::error::Error;
use crate::types::connection::{AuthMethod, SecretSource, StoredSecret};

/// Where a new secret is stored. On a terminal without a keyring that is a choice, and a passphrase of the encrypted file is
/// prompted for with it.
///
/// # Errors
/// [`Error::Store`] without a terminal, where the secret cannot be stored. [`Error::Usage`] for a store that does not keep
/// this kind of secret.
pub(super) fn choose(
    args: &ConnectionArgs,
    auth: Option<AuthMethod>,
    before: Option<&StoredSecret>,
    app: &App,
) -> Result<SecretSource, Error> {
    let source = args.source(auth.unwrap_or(AuthMethod::ApiToken), before, app)?;
    if source == SecretSource::File && app.is_interactive() {
        // A new passphrase is confirmed, and a wrong one is prompted for again: no input is lost.
        return Ok(source);
    }
    // For OAuth a command gives the client secret alone, and the tokens must be stored.
    let fallback = match (args.store, auth.is_some_and(AuthMethod::is_oauth)) {
        (Some(_), _) => StoreFallback::None,
        (None, true) => StoreFallback::File,
        (None, false) => StoreFallback::FileOrCommand,
    };
    app.available_store(source, fallback)
}
