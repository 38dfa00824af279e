//! Reads and stores secrets. A secret is used only with the settings that it was given with.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use super::environment_connection::EnvConnection;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::secrets::{
    BoundSecret, CommandRecord, CommandRecords, EncryptedFile, Keyring, PassphraseCache, StoreError,
};
use crate::sys::ownership;
use crate::sys::regular_file::{self, MAX_CONFIG_BYTES};
use crate::types::connection::{
    Binding, BoundSetting, CaFile, Connection, ConnectionName, SecretSource, StoreKind,
    confirming_flags,
};
use crate::types::secret::Secret;

/// How often a secret is prompted for that can be verified at once.
pub(crate) const MAX_ATTEMPTS: usize = 3;
/// Where the keyring cannot prompt. Its service may have to be started first.
const NON_INTERACTIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// A shorter passphrase gets a warning.
const MIN_PASSPHRASE_LENGTH: usize = 12;
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
    pub(crate) fn check_default_store(&self) -> Result<StoreKind, Error> {
        let source = self.default_store()?;
        if source == SecretSource::Keyring {
            self.check_store(&source)?;
        }
        Ok(source.kind())
    }

    /// Checks that a secret can be stored, before it is requested or created. A passphrase is prompted for, where one is
    /// needed.
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

    /// Prompts for another store than a keyring.
    fn prompt_store(&self) -> Result<SecretSource, Error> {
        let choices = [
            "an encrypted file (with a passphrase)",
            "a command that prints the secret",
        ];
        let chosen = self.ui.prompt_select("Store the secret in", &choices);
        if chosen? == 0 {
            return Ok(SecretSource::File);
        }
        self.ui.eprint_line(
            "The first line that the command prints is the secret; only the command is stored.",
        );
        loop {
            let prompt = "Command, such as `pass show bitbucket`";
            let command = self.ui.prompt_text(prompt, "")?;
            let command = command.trim();
            match self.secret_of_command(command) {
                Ok(_) => return Ok(SecretSource::Command(command.to_owned())),
                Err(error) => self.ui.eprint_line(&format!("  {error}")),
            }
        }
    }

    /// Stores the secret of a connection, bound to the connection's present settings.
    ///
    /// On an error the previous secret is intact.
    pub(crate) fn store_secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        secret: &Secret,
    ) -> Result<(), Error> {
        let binding = self.binding(connection)?;
        self.store_bound(name, connection, &binding, Some(secret))
    }

    /// Stores a secret with its binding; for a command, whose secret is stored nowhere, the binding alone.
    fn store_bound(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        binding: &Binding,
        secret: Option<&Secret>,
    ) -> Result<(), Error> {
        let name = name.to_string();
        let source = connection.secret.as_ref().map(|secret| &secret.source);
        match (source, secret) {
            (Some(SecretSource::Keyring), Some(secret)) => {
                Ok(self.keyring().set(&name, binding, secret)?)
            }
            (Some(SecretSource::File), Some(secret)) => {
                self.with_encrypted_file(|file| file.set(&name, binding, secret))
            }
            (Some(SecretSource::Command(command)), _) => {
                let record = CommandRecord::new(command, binding.clone());
                Ok(self.command_records()?.insert(&name, record)?)
            }
            (Some(SecretSource::Keyring | SecretSource::File), None)
            | (Some(SecretSource::Environment) | None, _) => Ok(()),
        }
    }

    /// Deletes the secret of a connection from the keyring or the encrypted file.
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
            Some(StoreKind::Command) => Ok(self.command_records()?.remove(&name.to_string())?),
            Some(StoreKind::Environment) | None => Ok(()),
        }
    }

    /// The secret of a saved connection, to be sent to its servers.
    pub(crate) fn secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Secret, Error> {
        if connection.auth().is_oauth() {
            return self.access_token(name, connection).map(|(token, _)| token);
        }
        self.stored_secret(name, connection)
    }

    /// The secret as it is stored, once its binding is that of the connection: for OAuth that of the client, with the
    /// tokens.
    pub(crate) fn stored_secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Secret, Error> {
        self.stored_secret_with(name, connection, &[])
    }

    /// As [`App::stored_secret`], where the user has just confirmed some settings.
    pub(crate) fn stored_secret_with(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        confirmed: &[BoundSetting],
    ) -> Result<Secret, Error> {
        let now = self.binding(connection)?;
        let check = |bound: Binding| {
            let changed = bound.with_settings(confirmed, &now).changed_settings(&now);
            if changed.is_empty() {
                return Ok(());
            }
            Err(Error::SecretBindingMismatch {
                name: name.to_string(),
                confirm: confirming_flags(&changed, connection),
                changed,
            })
        };
        if let Some(command) = connection.token_command() {
            check(self.command_binding(name, command)?)?;
            return self.secret_of_command(command);
        }
        let missing = || Error::MissingSecret(name.to_string());
        let stored = self.read_stored(name, connection)?.ok_or_else(missing)?;
        check(stored.binding)?;
        Ok(stored.secret)
    }

    /// Binds the secret of a connection to settings that the user has confirmed. Others stay those with which it was given.
    /// Returns whether it was bound to others before.
    pub(crate) fn confirm_settings(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        confirmed: &[BoundSetting],
        dry_run: bool,
    ) -> Result<bool, Error> {
        if confirmed.is_empty() {
            return Ok(false);
        }
        let Some((bound, secret)) = self.bound_secret(name, connection)? else {
            return Ok(false);
        };
        let binding = bound
            .clone()
            .with_settings(confirmed, &self.binding(connection)?);
        let is_changed = binding != bound;
        if is_changed && !dry_run {
            self.store_bound(name, connection, &binding, secret.as_ref())?;
        }
        Ok(is_changed)
    }

    /// Stores the secret of a connection under another name, with its binding.
    pub(crate) fn copy_secret(
        &self,
        from: &ConnectionName,
        to: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), Error> {
        match self.bound_secret(from, connection)? {
            Some((binding, secret)) => self.store_bound(to, connection, &binding, secret.as_ref()),
            None => Ok(()),
        }
    }

    /// What the secret of a connection is bound to, and the secret itself unless a command prints it. `None` where there is
    /// no secret, or a command that was never confirmed.
    fn bound_secret(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Option<(Binding, Option<Secret>)>, Error> {
        if let Some(command) = connection.token_command() {
            return match self.command_binding(name, command) {
                Ok(bound) => Ok(Some((bound, None))),
                Err(Error::CommandNotConfirmed { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let stored = self.read_stored(name, connection)?;
        Ok(stored.map(|stored| (stored.binding, Some(stored.secret))))
    }

    /// The secret in the keyring or the encrypted file, whatever its binding.
    fn read_stored(
        &self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<Option<BoundSecret>, Error> {
        match connection.store() {
            Some(StoreKind::Keyring) => Ok(self.keyring().get(&name.to_string())?),
            Some(StoreKind::File) => self.with_encrypted_file(|file| file.get(&name.to_string())),
            Some(StoreKind::Command | StoreKind::Environment) | None => Ok(None),
        }
    }

    /// What the secret of a command was bound to when the user confirmed the command.
    fn command_binding(&self, name: &ConnectionName, command: &str) -> Result<Binding, Error> {
        let not_confirmed = |is_new| Error::CommandNotConfirmed {
            name: name.to_string(),
            command: command.to_owned(),
            is_new,
        };
        match self.command_records()?.get(&name.to_string())? {
            Some(record) if record.is_of(command) => Ok(record.binding),
            Some(_) => Err(not_confirmed(false)),
            None => Err(not_confirmed(true)),
        }
    }

    fn command_records(&self) -> Result<&CommandRecords, Error> {
        if let Some(records) = self.command_records.get() {
            return Ok(records);
        }
        let state_dir = self.environment.state_dir();
        let state_dir = state_dir.ok_or(Error::HomeDirUnknown)?;
        let records = CommandRecords::new(&state_dir, &self.config_dir()?, self.lock_timeout());
        Ok(self.command_records.get_or_init(|| records))
    }

    /// What the secret of a connection would be bound to now.
    fn binding(&self, connection: &Connection) -> Result<Binding, Error> {
        let ca = connection.network.ca_cert.as_deref();
        let ca = ca.map(|path| self.ca_file(path)).transpose()?;
        Ok(Binding::new(connection, ca))
    }

    /// A file of authorities. Its content counts as well, unless it is a file of the system that only an administrator can
    /// change: such files are updated often.
    fn ca_file(&self, path: &Path) -> Result<CaFile, Error> {
        let is_in_home = || self.home().is_some_and(|home| path.starts_with(home));
        let sha256 = if ownership::is_system_file(path) && !is_in_home() {
            None
        } else {
            let bytes = regular_file::read(path, MAX_CONFIG_BYTES).map_err(Error::reading(path))?;
            Some(STANDARD.encode(digest(&SHA256, &bytes)))
        };
        Ok(CaFile {
            path: path.to_owned(),
            sha256,
        })
    }

    /// The secret of the connection that applies.
    pub(crate) fn secret_of(&self, selected: &SelectedConnection) -> Result<Secret, Error> {
        if selected.is_stored() {
            return self.secret(&selected.name, &selected.connection);
        }
        let environment = EnvConnection::from_environment(&self.environment)?;
        let environment =
            environment.ok_or_else(|| Error::MissingSecret(selected.name.to_string()))?;
        Ok(selected
            .connection
            .auth()
            .normalize_secret(environment.secret(self)?))
    }

    /// The secret in the environment as it is, for a new connection.
    pub(crate) fn secret_in_environment(&self) -> Result<Option<Secret>, Error> {
        let environment = EnvConnection::from_environment(&self.environment)?;
        environment
            .map(|environment| environment.secret(self))
            .transpose()
    }

    /// The keyring asks in a window of its own, also where we have no terminal: git gives a helper none.
    fn keyring(&self) -> &Keyring {
        self.keyring.get_or_init(|| {
            let is_forbidden =
                self.flags.no_input || self.environment.no_input || self.environment.ci;
            let has_window = self.environment.has_desktop && !is_forbidden;
            Keyring::new(if self.is_interactive() || has_window {
                INTERACTIVE_TIMEOUT
            } else {
                self.child_timeout(NON_INTERACTIVE_TIMEOUT)
            })
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
            let passphrase = self.secret_in_file(path.as_ref())?;
            return Ok(Ok(self.encrypted_file(&dir, passphrase)));
        }
        let exists = EncryptedFile::exists_in(&dir);
        let lifetime = self.passphrase_lifetime()?;
        let cache = PassphraseCache::for_dir(&dir);
        if lifetime.is_zero() {
            cache.forget();
        } else if let Some(passphrase) = cache.get().filter(|_| exists) {
            let file = self.encrypted_file(&dir, passphrase);
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
            let file = self.encrypted_file(&dir, passphrase);
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

    /// The encrypted file in a directory; a short passphrase of a new one gets a warning.
    fn encrypted_file(&self, dir: &Path, passphrase: Secret) -> EncryptedFile {
        let length = passphrase.expose().chars().count();
        if length < MIN_PASSPHRASE_LENGTH && !EncryptedFile::exists_in(dir) {
            self.warn_once(&format!(
                "the passphrase of the new encrypted store has {length} characters; use at least {MIN_PASSPHRASE_LENGTH}"
            ));
        }
        EncryptedFile::in_dir(dir, passphrase, self.lock_timeout())
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
            let passphrase = passphrase?;
            if !passphrase.expose().is_empty() {
                return Ok(passphrase);
            }
            self.ui.eprint_line("  the passphrase is empty");
        }
    }
}
