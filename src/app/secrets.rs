//! Reads and stores secrets. A secret is sent to no other origin than the one it was given for.

use std::sync::PoisonError;
use std::time::Duration;

use super::App;
use super::environment_connection::EnvConnection;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::secrets::{EncryptedFile, Keyring, StoreError, secret_from_command};
use crate::types::connection::{AuthMethod, Connection, ConnectionName, SecretSource, StoreKind};
use crate::types::secret::Secret;

/// Where the keyring cannot prompt, it answers at once or never.
const NON_INTERACTIVE_TIMEOUT: Duration = Duration::from_millis(800);
/// The keyring may prompt for its password.
const INTERACTIVE_TIMEOUT: Duration = Duration::from_mins(1);

impl App {
    /// Where the secrets of new connections are stored by default: `BBCONNECT_STORE`, else the keyring.
    ///
    /// # Errors
    /// [`Error::Usage`] for another value of the variable.
    pub(crate) fn default_store(&self) -> Result<SecretSource, Error> {
        match self.environment.variables.get("BBCONNECT_STORE") {
            None | Some("keyring") => Ok(SecretSource::Keyring),
            Some("file") => Ok(SecretSource::File),
            Some(_) => Err(Error::usage(
                "BBCONNECT_STORE must be keyring or file",
                "set BBCONNECT_STORE=file",
            )),
        }
    }

    /// The default store, where a secret can be stored there now.
    ///
    /// # Errors
    /// As [`App::default_store`], and [`Error::Store`] for a keyring that cannot be used.
    pub(crate) fn check_default_store(&self) -> Result<StoreKind, Error> {
        let source = self.default_store()?;
        if source == SecretSource::Keyring {
            // No connection has an empty name: only whether the keyring responds matters.
            self.keyring().get("")?;
        }
        Ok(source.kind())
    }

    /// Stores a secret under the name of its connection.
    ///
    /// # Errors
    /// [`Error::Store`]; the previous secret is intact then.
    pub(crate) fn store_secret(
        &self,
        name: &ConnectionName,
        source: &SecretSource,
        secret: &Secret,
    ) -> Result<(), Error> {
        match source {
            SecretSource::Keyring => Ok(self.keyring().set(&name.to_string(), secret)?),
            SecretSource::File => {
                self.with_encrypted_file(|file| file.set(&name.to_string(), secret))
            }
            SecretSource::Command(_) | SecretSource::Environment => Ok(()),
        }
    }

    /// Deletes the secret of a connection from the keyring or the encrypted file.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) fn delete_secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), Error> {
        match connection.store() {
            Some(StoreKind::Keyring) => Ok(self.keyring().delete(&name.to_string())?),
            Some(StoreKind::File) => {
                self.with_encrypted_file(|file| file.delete(&name.to_string()))
            }
            Some(StoreKind::Command | StoreKind::Environment) | None => Ok(()),
        }
    }

    /// The secret of a saved connection, to be sent to its base URL.
    ///
    /// # Errors
    /// [`Error::SecretOriginMismatch`] for a secret that was given for another origin, [`Error::MissingSecret`] where there
    /// is none, [`Error::Store`] where it cannot be read.
    pub(crate) fn secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Secret, Error> {
        Self::check_origin(name, connection)?;
        if connection.auth().is_oauth() {
            return self.access_token(name, connection).map(|(token, _)| token);
        }
        self.stored_secret(name, connection)?
            .ok_or_else(|| Error::MissingSecret(name.to_string()))
    }

    /// Checks that the secret may be sent to the connection's base URL.
    pub(super) fn check_origin(
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), Error> {
        let origin = connection.base_url.origin();
        match connection.secret_origin() {
            Some(given_for) if *given_for != origin => Err(Error::SecretOriginMismatch {
                name: name.to_string(),
                given_for: given_for.to_string(),
                origin: origin.to_string(),
            }),
            Some(_) => Ok(()),
            None => Err(Error::MissingSecret(name.to_string())),
        }
    }

    /// The secret as it is stored, whatever its origin: to be moved or compared, never to be sent.
    ///
    /// # Errors
    /// [`Error::Store`] where it cannot be read.
    pub(crate) fn stored_secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Option<Secret>, Error> {
        let source = connection.secret.as_ref().map(|secret| &secret.source);
        Ok(match source {
            Some(SecretSource::Keyring) => self.keyring().get(&name.to_string())?,
            Some(SecretSource::File) => {
                self.with_encrypted_file(|file| file.get(&name.to_string()))?
            }
            Some(SecretSource::Command(command)) => Some(secret_from_command(command)?),
            Some(SecretSource::Environment) | None => None,
        })
    }

    /// The secret of the connection that applies.
    ///
    /// # Errors
    /// As [`App::secret`].
    pub(crate) fn secret_of(&self, selected: &SelectedConnection) -> Result<Secret, Error> {
        if selected.is_stored() {
            return self.secret(&selected.name, &selected.connection);
        }
        let environment = EnvConnection::of(&self.environment)?;
        let environment =
            environment.ok_or_else(|| Error::MissingSecret(selected.name.to_string()))?;
        Ok(selected
            .connection
            .auth()
            .normalize_secret(environment.secret()?))
    }

    /// The secret in the environment, for a new connection.
    ///
    /// # Errors
    /// As [`App::secret`].
    pub(crate) fn secret_in_environment(&self, auth: AuthMethod) -> Result<Option<Secret>, Error> {
        let environment = EnvConnection::of(&self.environment)?;
        let secret = environment.map(|environment| environment.secret());
        let secret = secret.transpose()?;
        Ok(secret.map(|secret| auth.normalize_secret(secret)))
    }

    /// The keyring asks in a window of its own, also where we have no terminal: git gives a helper none.
    fn keyring(&self) -> Keyring {
        let is_forbidden = self.flags.no_input || self.environment.no_input || self.environment.ci;
        let has_window = self.environment.has_desktop && !is_forbidden;
        Keyring::new(if self.is_interactive() || has_window {
            INTERACTIVE_TIMEOUT
        } else {
            NON_INTERACTIVE_TIMEOUT
        })
    }

    /// Uses the encrypted file, whose passphrase is prompted for once. A wrong one is dropped.
    fn with_encrypted_file<T>(
        &self,
        request: impl FnOnce(&EncryptedFile) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let mut opened = self
            .secrets_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let file = opened
            .take()
            .map_or_else(|| self.open_encrypted_file(), Ok)?;
        let result = request(&file);
        if !matches!(result, Err(StoreError::WrongPassphrase(_))) {
            *opened = Some(file);
        }
        Ok(result?)
    }

    fn open_encrypted_file(&self) -> Result<EncryptedFile, Error> {
        let dir = self.config_dir()?;
        let passphrase = match self
            .environment
            .variables
            .get("BBCONNECT_STORE_PASSPHRASE_FILE")
        {
            Some(path) => super::secret_line::secret_in_file(path.as_ref())?,
            None if self.is_interactive() => {
                self.prompt_passphrase(EncryptedFile::exists_in(&dir))?
            }
            None => return Err(StoreError::NoPassphrase.into()),
        };
        Ok(EncryptedFile::in_dir(&dir, passphrase))
    }

    /// Prompts for the passphrase of the file of secrets; twice for a new file, because a typing error would make it
    /// unreadable.
    fn prompt_passphrase(&self, exists: bool) -> Result<Secret, Error> {
        let passphrase = if exists {
            self.ui.prompt_secret("Passphrase of the encrypted store")
        } else {
            let prompt = "Passphrase for the new encrypted store";
            self.ui.prompt_new_secret(prompt)
        };
        let passphrase = passphrase.map_err(Error::Stdin)?;
        if passphrase.expose().is_empty() {
            return Err(StoreError::NoPassphrase.into());
        }
        Ok(passphrase)
    }
}
