//! The file of connections: read once per process, and replaced as a whole under a lock.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connection_table::Connections;
use super::error::ConnectionsError;
use crate::sys::{atomic_file, ownership};
use crate::types::connection::ConnectionName;

/// `connections.toml`, and what was read from it.
#[derive(Debug)]
pub(crate) struct ConnectionsFile {
    /// `None` where no directory for it is known.
    path: Option<PathBuf>,
    lock_timeout: Duration,
    loaded: Mutex<Option<Arc<Connections>>>,
}

impl ConnectionsFile {
    /// The file in a configuration directory; without one there are no connections, and none can be saved.
    pub(crate) fn in_dir(dir: Option<&Path>, lock_timeout: Duration) -> Self {
        Self {
            path: dir.map(|dir| dir.join("connections.toml")),
            lock_timeout,
            loaded: Mutex::default(),
        }
    }

    fn path(&self) -> Result<&Path, ConnectionsError> {
        let path = self.path.as_deref().ok_or(ConnectionsError::NoConfigDir)?;
        check_absolute(path)?;
        Ok(path)
    }

    /// The connections as this process read them first, or has changed them since. A file that does not exist has none.
    pub(crate) fn load(&self) -> Result<Arc<Connections>, ConnectionsError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = &*loaded {
            return Ok(Arc::clone(connections));
        }
        let connections = Arc::new(self.read()?);
        *loaded = Some(Arc::clone(&connections));
        Ok(connections)
    }

    /// The connections as they are in the file now: another process may have changed them.
    pub(crate) fn read(&self) -> Result<Connections, ConnectionsError> {
        let Some(path) = &self.path else {
            return Connections::parse(Path::new(""), "");
        };
        check_absolute(path)?;
        ownership::check_trusted(path)?;
        let failed = |source| ConnectionsError::File {
            path: path.clone(),
            source,
        };
        let text = atomic_file::read(path).map_err(failed)?.unwrap_or_default();
        Connections::parse(path, &text)
    }

    /// Reads, changes and writes the file under its lock. Without a change nothing is written.
    pub(crate) fn update<T, E: From<ConnectionsError>>(
        &self,
        change: impl FnOnce(&mut Connections) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = self.path()?;
        let failed = |source| ConnectionsError::File {
            path: path.to_owned(),
            source,
        };
        let _lock = atomic_file::lock(path, self.lock_timeout).map_err(failed)?;
        let mut connections = self.read()?;
        let before = connections.to_string();
        let result = change(&mut connections)?;
        let after = connections.to_string();
        if after != before {
            atomic_file::write(path, &after).map_err(failed)?;
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        *loaded = Some(Arc::new(connections));
        Ok(result)
    }

    /// Holds the lock of a connection's OAuth tokens until it is dropped: only one process refreshes them.
    pub(crate) fn lock_tokens(&self, name: &ConnectionName) -> Result<File, ConnectionsError> {
        let path = self.path()?.with_file_name(format!("tokens-{name}"));
        atomic_file::lock(&path, self.lock_timeout)
            .map_err(|source| ConnectionsError::File { path, source })
    }
}

/// A relative path would lead into whatever directory a command is run in.
fn check_absolute(path: &Path) -> Result<(), ConnectionsError> {
    if path.is_absolute() {
        Ok(())
    } else {
        let dir = path.parent().unwrap_or(path).to_owned();
        Err(ConnectionsError::RelativeDir(dir))
    }
}
