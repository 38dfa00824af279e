//! Where secrets are, and that each goes nowhere but to the origin it was given for.

use std::sync::PoisonError;
use std::time::Duration;

use super::App;
use super::environment_connection::EnvConnection;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::secrets::{EncryptedFile, Keyring, StoreError, secret_from_command};
use crate::types::connection::{Connection, ConnectionName, SecretSource, StoreKind};
use crate::types::secret::Secret;

/// With nobody to unlock it, a keyring answers at once or not at all.
const NON_INTERACTIVE_TIMEOUT: Duration = Duration::from_millis(800);
/// Somebody may have to type a password.
const INTERACTIVE_TIMEOUT: Duration = Duration::from_mins(1);

impl App {
    /// Where the secret of a new connection is kept, unless it says otherwise: `BBCONNECT_STORE`, else the keyring.
    ///
    /// # Errors
    /// [`Error::Usage`] when the variable names no store.
    pub(crate) fn default_store(&self) -> Result<SecretSource, Error> {
        match self.environment.variables.get("BBCONNECT_STORE") {
            None | Some("keyring") => Ok(SecretSource::Keyring),
            Some("file") => Ok(SecretSource::File),
            Some(_) => Err(Error::Usage {
                message: "BBCONNECT_STORE is neither keyring nor file".to_owned(),
                hint: Some("export BBCONNECT_STORE=file".into()),
            }),
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

    /// Keeps a secret under the name of its connection.
    ///
    /// # Errors
    /// [`Error::Store`]; what was kept before is then still there.
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

    /// Forgets the secret of a connection, where it is kept here.
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

    /// The secret of a stored connection; only where it may be sent to the connection's base URL.
    ///
    /// # Errors
    /// [`Error::SecretOriginMismatch`] for one that was given for another origin, [`Error::MissingSecret`] where there is none,
    /// [`Error::Store`] where it cannot be read.
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

    /// Whether a secret may be sent to the connection's base URL.
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

    /// The secret as it is kept, whatever it was given for: to be kept elsewhere, never to be sent.
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

    /// Asks the encrypted file, for whose passphrase nobody is asked twice. A wrong one is forgotten.
    fn with_encrypted_file<T>(
        &self,
        question: impl FnOnce(&EncryptedFile) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let mut opened = self
            .secrets_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let file = opened.take().map_or_else(|| self.sealed_file(), Ok)?;
        let answer = question(&file);
        if !matches!(answer, Err(StoreError::WrongPassphrase(_))) {
            *opened = Some(file);
        }
        Ok(answer?)
    }

    fn sealed_file(&self) -> Result<EncryptedFile, Error> {
        let folder = self.config_dir()?;
        let passphrase = match self
            .environment
            .variables
            .get("BBCONNECT_STORE_PASSPHRASE_FILE")
        {
            Some(path) => super::environment_connection::secret_in_file(path.as_ref())?,
            None if self.is_interactive() => {
                self.ask_passphrase(EncryptedFile::exists_in(&folder))?
            }
            None => return Err(StoreError::NoPassphrase.into()),
        };
        Ok(EncryptedFile::in_dir(&folder, passphrase))
    }

    /// Asks for the passphrase of the file of secrets; for that of a new one twice, because a slip would lock it.
    fn ask_passphrase(&self, is_there: bool) -> Result<Secret, Error> {
        let asked = if is_there {
            self.ui.prompt_secret("Passphrase of the file of secrets")
        } else {
            let prompt = "Passphrase for a new file of secrets";
            self.ui.prompt_new_secret(prompt)
        };
        let passphrase = asked.map_err(Error::Stdin)?;
        if passphrase.expose().is_empty() {
            return Err(StoreError::NoPassphrase.into());
        }
        Ok(passphrase)
    }
}
