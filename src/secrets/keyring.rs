//! The keyring of the operating system: Secret Service, Keychain, Credential Manager.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::bound_secret::{BoundSecret, from_entry, to_entry};
use super::chunks::{self, Entries};
use super::error::StoreError;
use crate::types::connection::Binding;
use crate::types::secret::Secret;

/// The service of all entries; their user is the name of the connection.
const SERVICE: &str = "bbconnect";

/// The keyring of the operating system. A secret that is not there is `None`; a keyring that is locked or missing is an
/// error.
#[derive(Debug)]
pub(crate) struct Keyring {
    timeout: Duration,
    /// A request took too long. Further ones would as well, so they fail at once.
    is_unresponsive: AtomicBool,
}

impl Keyring {
    /// The timeout includes the time in which the keyring waits for its user to unlock it.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            is_unresponsive: AtomicBool::new(false),
        }
    }

    /// `None` also where another program wrote the entry.
    pub(crate) fn get(&self, name: &str) -> Result<Option<BoundSecret>, StoreError> {
        let name = name.to_owned();
        self.with_timeout(move || {
            let Some(bytes) = chunks::get(&OsKeyring, &name)? else {
                return Ok(None);
            };
            let text = std::str::from_utf8(&bytes).map_err(|_| StoreError::EntryNotText)?;
            Ok(from_entry(text))
        })
    }

    /// Stores a secret, and checks that it can be read again.
    pub(crate) fn set(
        &self,
        name: &str,
        binding: &Binding,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        let (name, entry) = (name.to_owned(), to_entry(binding, secret)?);
        self.with_timeout(move || chunks::set(&OsKeyring, &name, entry.expose().as_bytes()))
    }

    /// Deletes a secret. One that does not exist is no error.
    pub(crate) fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.with_timeout(move || chunks::delete(&OsKeyring, &name))
    }

    /// Uses the keyring on a thread of its own. A keyring that waits for a prompt that is not visible must not block the
    /// program, and its library must not run inside an async runtime.
    fn with_timeout<T: Send + 'static>(
        &self,
        request: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_unresponsive.load(Ordering::Relaxed) {
            return Err(StoreError::KeyringTimeout(self.timeout));
        }
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // After the timeout there is no receiver.
            let _sent = sender.send(request());
        });
        receiver.recv_timeout(self.timeout).unwrap_or_else(|_| {
            self.is_unresponsive.store(true, Ordering::Relaxed);
            Err(StoreError::KeyringTimeout(self.timeout))
        })
    }
}

/// The entries of the operating system's keyring.
struct OsKeyring;

impl Entries for OsKeyring {
    fn read(&self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match entry(user)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(store_error(&error)),
        }
    }

    fn write(&self, user: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let written = entry(user)?.set_secret(bytes);
        written.map_err(|error| store_error(&error))
    }

    fn remove(&self, user: &str) -> Result<(), StoreError> {
        match entry(user)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(store_error(&error)),
        }
    }
}

fn entry(user: &str) -> Result<Entry, StoreError> {
    if let Err(error) = keyring::Entry::store_status() {
        return Err(StoreError::NoKeyring(missing_service(error)));
    }
    let entry = if cfg!(windows) {
        // By default an entry of Credential Manager follows its user to other machines.
        let local = HashMap::from([("persistence", "local")]);
        Entry::new_with_modifiers(SERVICE, user, &local)
    } else {
        Entry::new(SERVICE, user)
    };
    entry.map_err(|error| store_error(&error))
}

fn store_error(error: &Error) -> StoreError {
    let cause = root_cause(error);
    if matches!(error, Error::NoStorageAccess(_)) {
        StoreError::KeyringLocked(cause)
    } else if matches!(error, Error::NoDefaultStore | Error::PlatformFailure(_)) {
        StoreError::NoKeyring(missing_service(error))
    } else {
        StoreError::Keyring(cause)
    }
}

/// What is missing, with the innermost cause.
fn missing_service(error: &Error) -> String {
    let cause = root_cause(error);
    if cfg!(any(windows, target_vendor = "apple")) {
        return cause;
    }
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut has_bus = true;
    while let Some(current) = next {
        // Only connecting to the bus is I/O.
        has_bus &= !current.is::<std::io::Error>() && !current.is::<Arc<std::io::Error>>();
        next = current.source();
    }
    if has_bus {
        format!("no Secret Service ({cause})")
    } else {
        format!("no D-Bus session, so no Secret Service ({cause})")
    }
}

/// The innermost cause: the outer ones only repeat that the keyring failed.
fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_did_not_respond_is_not_waited_for_again() {
        let keyring = Keyring::new(Duration::from_millis(10));
        let first: Result<(), _> = keyring.with_timeout(|| {
            thread::sleep(Duration::from_secs(1));
            Ok(())
        });
        assert!(matches!(first, Err(StoreError::KeyringTimeout(_))));
        let second = keyring.with_timeout(|| Ok(()));
        assert!(matches!(second, Err(StoreError::KeyringTimeout(_))));
    }

    /// By default entries of Credential Manager follow the user to other machines.
    #[cfg(windows)]
    #[test]
    fn entries_stay_on_this_machine() {
        let user = "test of persistence";
        OsKeyring.write(user, b"secret").unwrap();
        let attributes = entry(user).unwrap().get_attributes();
        OsKeyring.remove(user).unwrap();
        assert_eq!(attributes.unwrap()["persistence"], "Local");
    }
}
