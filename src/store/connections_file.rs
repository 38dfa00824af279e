//! The file of connections: read and replaced whole, with nobody in between.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml_edit::TomlError;

use super::connections::Connections;
use crate::model::connection::ConnectionName;
use crate::whole_file;

/// Why the file of connections could not be used. It is as it was.
#[derive(Debug, Error)]
pub enum ConnectionsError {
    /// It cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not TOML.
    #[error("{} is not valid TOML: {}", path.display(), first_line(&source.to_string()))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: TomlError,
    },
    /// A connection in it cannot be read.
    #[error("the connection {name} in {} cannot be read: {reason}", path.display())]
    Connection {
        /// The file.
        path: PathBuf,
        /// Its name there.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A connection of that name is there.
    #[error("there is already a connection {0}")]
    Exists(ConnectionName),
    /// No connection of that name is there.
    #[error("there is no connection {name}")]
    NotFound {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
}

impl ConnectionsFile {
    /// Holds the lock of a connection's tokens until it is dropped: whoever refreshes them is alone.
    ///
    /// # Errors
    /// [`ConnectionsError::File`].
    pub fn lock_tokens(&self, name: &ConnectionName) -> Result<File, ConnectionsError> {
        let path = self.path.with_file_name(format!("tokens-{name}"));
        whole_file::lock(&path).map_err(|source| ConnectionsError::File { path, source })
    }
}

impl ConnectionsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(name) => Some(format!(
                "bbconnect connection edit {name} changes it; choose another name for a second one"
            )),
            Self::NotFound { known, .. } if known.is_empty() => {
                Some("bbconnect connection add makes one".to_owned())
            }
            Self::NotFound { known, .. } => Some(format!("there are {}", known.join(", "))),
            Self::Connection { path, name, .. } => Some(format!(
                "mend {} by hand, or take it out: bbconnect connection remove {}",
                path.display(),
                shell_words::quote(name)
            )),
            Self::Syntax { path, .. } => Some(format!("mend {} by hand", path.display())),
            Self::File { .. } => None,
        }
    }
}

pub(super) fn first_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('|'))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The file.
#[derive(Debug, Clone)]
pub struct ConnectionsFile {
    path: PathBuf,
}

impl ConnectionsFile {
    /// The file in a configuration folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("connections.toml"),
        }
    }

    /// Reads it; a file that is not there has no connections.
    ///
    /// # Errors
    /// [`ConnectionsError::File`] and [`ConnectionsError::Syntax`].
    pub fn load(&self) -> Result<Connections, ConnectionsError> {
        let failed = |source| ConnectionsError::File {
            path: self.path.clone(),
            source,
        };
        let text = whole_file::read(&self.path)
            .map_err(failed)?
            .unwrap_or_default();
        Connections::parse(&self.path, &text)
    }

    /// Reads, changes and writes it, with nobody in between. Without a change nothing is written.
    ///
    /// # Errors
    /// Those of `change`, and [`ConnectionsError::File`].
    pub fn update<T, E: From<ConnectionsError>>(
        &self,
        change: impl FnOnce(&mut Connections) -> Result<T, E>,
    ) -> Result<T, E> {
        let failed = |source| ConnectionsError::File {
            path: self.path.clone(),
            source,
        };
        let _lock = whole_file::lock(&self.path).map_err(failed)?;
        let mut connections = self.load()?;
        let before = connections.to_string();
        let result = change(&mut connections)?;
        let after = connections.to_string();
        if after != before {
            whole_file::write(&self.path, &after).map_err(failed)?;
        }
        Ok(result)
    }
}
