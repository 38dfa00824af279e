//! The keyring of the operating system: Secret Service, Keychain, Credential Manager.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyring::Entry;
use keyring_core::Error;
use zeroize::Zeroizing;

use super::secrets::{SecretStore, StoreError};
use crate::model::secret::Secret;

/// The service that all entries belong to; their user is the name of the connection.
const SERVICE: &str = "bbconnect";

/// Windows keeps at most 2,560 bytes in an entry; longer secrets are spread over several.
const MOST_BYTES: usize = 2_400;

/// Stands in the first entry of a secret that is spread, before the number of its pieces.
const SPREAD: &[u8] = b"bbconnect-pieces:";

/// The keyring of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct KeyringStore {
    deadline: Duration,
}

impl KeyringStore {
    /// The keyring, which may keep the program waiting this long: a person may be asked to unlock it.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self { deadline }
    }

    /// Asks the keyring on a thread of its own. A keyring that waits for a prompt nobody sees must not hang the
    /// program, and its library must not run within an asynchronous one.
    fn ask<T: Send + 'static>(
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
            .unwrap_or(Err(StoreError::Silent(self.deadline)))
    }
}

impl SecretStore for KeyringStore {
    fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let name = name.to_owned();
        self.ask(move || read(&name))
    }

    fn set(&self, name: &str, secret: &Secret) -> Result<(), StoreError> {
        let (name, secret) = (name.to_owned(), Secret::new(secret.expose().to_owned()));
        self.ask(move || {
            write(&name, secret.expose().as_bytes())?;
            // Some keyrings say yes and keep nothing.
            match read(&name)? {
                Some(kept) if kept.expose() == secret.expose() => Ok(()),
                Some(_) | None => Err(StoreError::NotKept),
            }
        })
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.ask(move || {
            let pieces = pieces(&name)?;
            (1..=pieces).try_for_each(|piece| remove(&piece_name(&name, piece)))?;
            remove(&name)
        })
    }
}

fn entry(user: &str) -> Result<Entry, StoreError> {
    if let Err(error) = Entry::store_status() {
        return Err(StoreError::NoKeyring(plain(error)));
    }
    Entry::new(SERVICE, user).map_err(|error| explained(&error))
}

fn piece_name(name: &str, piece: usize) -> String {
    format!("{name}#{piece}")
}

fn read_entry(user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match entry(user)?.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(explained(&error)),
    }
}

/// How many entries beside the first a secret is spread over.
fn pieces(name: &str) -> Result<usize, StoreError> {
    let first = read_entry(name)?;
    let count = first
        .as_deref()
        .and_then(|bytes| bytes.strip_prefix(SPREAD));
    Ok(count
        .and_then(|count| std::str::from_utf8(count).ok()?.parse().ok())
        .unwrap_or(0))
}

fn read(name: &str) -> Result<Option<Secret>, StoreError> {
    let Some(first) = read_entry(name)? else {
        return Ok(None);
    };
    let mut bytes = Zeroizing::new(Vec::new());
    match pieces(name)? {
        0 => bytes.extend_from_slice(&first),
        count => {
            for piece in 1..=count {
                let Some(part) = read_entry(&piece_name(name, piece))? else {
                    return Ok(None);
                };
                bytes.extend_from_slice(&part);
            }
        }
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| StoreError::Keyring("the entry is not text".to_owned()))?;
    Ok(Some(Secret::new(text.to_owned())))
}

fn write(name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let before = pieces(name)?;
    let put = |user: &str, bytes: &[u8]| {
        entry(user)?
            .set_secret(bytes)
            .map_err(|error| explained(&error))
    };
    let mut count = 0;
    if bytes.len() > MOST_BYTES {
        for part in bytes.chunks(MOST_BYTES) {
            count += 1;
            put(&piece_name(name, count), part)?;
        }
        put(name, &[SPREAD, count.to_string().as_bytes()].concat())?;
    } else {
        put(name, bytes)?;
    }
    (count + 1..=before).try_for_each(|piece| remove(&piece_name(name, piece)))
}

fn remove(user: &str) -> Result<(), StoreError> {
    match entry(user)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(explained(&error)),
    }
}

/// The keyring's error, by what a person can do about it.
fn explained(error: &Error) -> StoreError {
    if let Error::NoStorageAccess(_) = error {
        return StoreError::Locked(plain(error));
    }
    if matches!(error, Error::NoDefaultStore | Error::PlatformFailure(_)) {
        return StoreError::NoKeyring(plain(error));
    }
    StoreError::Keyring(plain(error))
}

/// The innermost cause, which is the one that tells something.
fn plain(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
