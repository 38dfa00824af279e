//! Reads and stores secrets. A secret is sent to no other origin than the one it was given for.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use super::App;
use super::environment_connection::EnvConnection;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::secrets::{EncryptedFile, Keyring, PassphraseCache, StoreError, secret_from_command};
use crate::types::connection::{Connection, ConnectionName, SecretSource, StoreKind};
use crate::types::secret::Secret;

/// How often a secret is prompted for that can be verified at once.
pub(crate) const MAX_ATTEMPTS: usize = 3;
/// Where the keyring cannot prompt, it answers at once or never.
const NON_INTERACTIVE_TIMEOUT: Duration = Duration::from_millis(800);
/// The keyring may prompt for its password.
const INTERACTIVE_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a passphrase that was prompted for is kept, unless `BBCONNECT_STORE_PASSPHRASE_CACHE` says otherwise.
const PASSPHRASE_LIFETIME: Duration = Duration::from_mins(15);

/// What is offered on a terminal where the keyring cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFallback {
    None,
    /// For a secret that is created.
    File,
    FileOrCommand,
}

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

    /// The default store, where a secret can be stored there now. No passphrase is prompted for.
    ///
    /// # Errors
    /// As [`App::default_store`], and [`Error::Store`] for a keyring that cannot be used.
    pub(crate) fn check_default_store(&self) -> Result<StoreKind, Error> {
        let source = self.default_store()?;
        if source == SecretSource::Keyring {
            self.check_store(&source)?;
        }
        Ok(source.kind())
    }

    /// Checks that a secret can be stored, before it is requested or created. A passphrase is prompted for, where one is
    /// needed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) fn check_store(&self, source: &SecretSource) -> Result<(), Error> {
        match source {
            // No connection has an empty name: only whether the keyring responds matters.
            SecretSource::Keyring => Ok(self.keyring().get("").map(|_| ())?),
            SecretSource::File => self.with_encrypted_file(EncryptedFile::check_passphrase),
            SecretSource::Command(_) | SecretSource::Environment => Ok(()),
        }
    }

    /// Where a new secret can be stored: in `source`, or where that is a keyring that cannot be used, on a terminal what
    /// `fallback` offers.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) fn available_store(
        &self,
        source: SecretSource,
        fallback: StoreFallback,
    ) -> Result<SecretSource, Error> {
        let error = match self.check_store(&source) {
            Ok(()) => return Ok(source),
            Err(error) => error,
        };
        if !self.is_interactive() || source != SecretSource::Keyring {
            return Err(error);
        }
        let chosen = match fallback {
            StoreFallback::None => return Err(error),
            StoreFallback::File => {
                self.ui
                    .eprint_line(&format!("{error}; using an encrypted file"));
                SecretSource::File
            }
            StoreFallback::FileOrCommand => {
                self.ui.eprint_line(&error.to_string());
                self.prompt_store()?
            }
        };
        self.check_store(&chosen)?;
        Ok(chosen)
    }

    /// Prompts for another place than a keyring.
    fn prompt_store(&self) -> Result<SecretSource, Error> {
        let choices = [
            "an encrypted file, protected by a passphrase",
            "nowhere: a command prints it, such as `pass show bitbucket`",
        ];
        let chosen = self.ui.prompt_select("Store the secret in", &choices);
        if chosen? == 0 {
            return Ok(SecretSource::File);
        }
        self.ui.eprint_line(
            "The first line that the command prints is the secret; only the command is stored.",
        );
        loop {
            let command = self.ui.prompt_text("Command", "").map_err(Error::Stdin)?;
            let command = command.trim();
            match secret_from_command(command) {
                Ok(_) => return Ok(SecretSource::Command(command.to_owned())),
                Err(error) => self.ui.eprint_line(&format!("  {error}")),
            }
        }
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

    /// The secret in the environment as it is, for a new connection.
    ///
    /// # Errors
    /// As [`App::secret`].
    pub(crate) fn secret_in_environment(&self) -> Result<Option<Secret>, Error> {
        let environment = EnvConnection::of(&self.environment)?;
        environment
            .map(|environment| environment.secret())
            .transpose()
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

    /// Uses the encrypted file, whose passphrase is determined once per process.
    fn with_encrypted_file<T>(
        &self,
        request: impl FnOnce(&EncryptedFile) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let mut opened = self
            .secrets_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let opened = match opened.as_ref() {
            Some(opened) => opened,
            None => opened.insert(self.open_encrypted_file()?),
        };
        match opened {
            Ok(file) => Ok(request(file)?),
            Err(path) => Err(StoreError::WrongPassphrase(path.clone()).into()),
        }
    }

    /// The encrypted file with its passphrase: from a file, else prompted for; the path, where every attempt was wrong.
    fn open_encrypted_file(&self) -> Result<Result<EncryptedFile, PathBuf>, Error> {
        let dir = self.config_dir()?;
        let variable = "BBCONNECT_STORE_PASSPHRASE_FILE";
        if let Some(path) = self.environment.variables.get(variable) {
            let passphrase = super::secret_line::secret_in_file(path.as_ref())?;
            return Ok(Ok(EncryptedFile::in_dir(&dir, passphrase)));
        }
        let exists = EncryptedFile::exists_in(&dir);
        let lifetime = self.passphrase_lifetime()?;
        let cache = PassphraseCache::for_dir(&dir);
        if lifetime.is_zero() {
            cache.forget();
        } else if let Some(passphrase) = cache.get().filter(|_| exists) {
            let file = EncryptedFile::in_dir(&dir, passphrase);
            match file.check_passphrase() {
                Ok(()) => return Ok(Ok(file)),
                Err(StoreError::WrongPassphrase(_)) => cache.forget(),
                Err(error) => return Err(error.into()),
            }
        }
        if !self.is_interactive() {
            return Err(StoreError::NoPassphrase.into());
        }
        let mut attempt = 1;
        loop {
            let passphrase = self.prompt_passphrase(exists)?;
            let copy = Secret::new(passphrase.expose().to_owned());
            let file = EncryptedFile::in_dir(&dir, passphrase);
            match file.check_passphrase() {
                Ok(()) => {
                    if !lifetime.is_zero() {
                        cache.set(&copy, lifetime);
                    }
                    return Ok(Ok(file));
                }
                Err(StoreError::WrongPassphrase(path)) if attempt == MAX_ATTEMPTS => {
                    return Ok(Err(path));
                }
                Err(error @ StoreError::WrongPassphrase(_)) => {
                    self.ui.eprint_line(&format!("  {error}; try again"));
                }
                Err(error) => return Err(error.into()),
            }
            attempt += 1;
        }
    }

    /// How long a passphrase that was prompted for is kept; zero for not at all.
    fn passphrase_lifetime(&self) -> Result<Duration, Error> {
        let variable = "BBCONNECT_STORE_PASSPHRASE_CACHE";
        let Some(minutes) = self.environment.variables.get(variable) else {
            return Ok(PASSPHRASE_LIFETIME);
        };
        minutes
            .parse::<u32>()
            .map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
            .map_err(|_| {
                Error::usage(
                    format!("{variable} must be a number of minutes"),
                    format!("set {variable}=15, or 0 to keep no passphrase"),
                )
            })
    }

    /// Prompts for the passphrase of the encrypted file; twice for a new file, because a typing error would make it
    /// unreadable.
    fn prompt_passphrase(&self, exists: bool) -> Result<Secret, Error> {
        loop {
            let passphrase = if exists {
                self.ui.prompt_secret("Passphrase of the encrypted store")
            } else {
                self.ui
                    .prompt_new_secret("Passphrase for the new encrypted store")
            };
            let passphrase = passphrase.map_err(Error::Stdin)?;
            if !passphrase.expose().is_empty() {
                return Ok(passphrase);
            }
            self.ui.eprint_line("  the passphrase is empty");
        }
    }
}
