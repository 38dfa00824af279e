//! The keyring of the operating system: Secret Service, Keychain, Credential Manager.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyring::Entry;
use keyring_core::Error;
use zeroize::Zeroizing;

use super::chunked_entry::{self, KeyringBackend};
use super::store::{SecretStore, StoreError};
use crate::types::secret::Secret;

/// The service that all entries belong to; their user is the name of the connection.
const SERVICE: &str = "bbconnect";

/// The keyring of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyringStore {
    deadline: Duration,
}

impl KeyringStore {
    /// The keyring, which may keep the program waiting this long: a person may be asked to unlock it.
    #[must_use]
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline }
    }

    /// Asks the keyring on a thread of its own. A keyring that waits for a prompt nobody sees must not hang the
    /// program, and its library must not run within an asynchronous one.
    fn with_timeout<T: Send + 'static>(
        self,
        question: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens any more after the deadline.
            let _sent = answer.send(question());
        });
        answered
            .recv_timeout(self.deadline)
            .unwrap_or(Err(StoreError::KeyringTimeout(self.deadline)))
    }
}

impl SecretStore for KeyringStore {
    fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let name = name.to_owned();
        self.with_timeout(move || {
            let Some(bytes) = chunked_entry::get(&OsKeyring, &name)? else {
                return Ok(None);
            };
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| StoreError::Keyring("the entry is not text".to_owned()))?;
            Ok(Some(Secret::new(text.to_owned())))
        })
    }

    fn set(&self, name: &str, secret: &Secret) -> Result<(), StoreError> {
        let (name, secret) = (name.to_owned(), Secret::new(secret.expose().to_owned()));
        self.with_timeout(move || chunked_entry::set(&OsKeyring, &name, secret.expose().as_bytes()))
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.with_timeout(move || chunked_entry::delete(&OsKeyring, &name))
    }
}

/// The entries of the operating system's keyring.
struct OsKeyring;

impl KeyringBackend for OsKeyring {
    fn read(&self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match entry(user)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(map_error(&error)),
        }
    }

    fn write(&self, user: &str, bytes: &[u8]) -> Result<(), StoreError> {
        entry(user)?
            .set_secret(bytes)
            .map_err(|error| map_error(&error))
    }

    fn remove(&self, user: &str) -> Result<(), StoreError> {
        match entry(user)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(map_error(&error)),
        }
    }
}

fn entry(user: &str) -> Result<Entry, StoreError> {
    if let Err(error) = Entry::store_status() {
        return Err(StoreError::NoKeyring(root_cause(error)));
    }
    Entry::new(SERVICE, user).map_err(|error| map_error(&error))
}

/// The keyring's error, by what a person can do about it.
fn map_error(error: &Error) -> StoreError {
    if let Error::NoStorageAccess(_) = error {
        return StoreError::Locked(root_cause(error));
    }
    if matches!(error, Error::NoDefaultStore | Error::PlatformFailure(_)) {
        return StoreError::NoKeyring(root_cause(error));
    }
    StoreError::Keyring(root_cause(error))
}

/// The innermost cause, which is the one that tells something.
fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
