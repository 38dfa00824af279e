//! Which token commands were confirmed, and with which binding. Nothing of a command's secret is stored, so its binding is
//! recorded in a file of its own, away from `connections.toml`: `commands.json` in the state directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::sys::{atomic_file, ownership};
use crate::types::connection::Binding;

const FILE_NAME: &str = "commands.json";
const VERSION: u32 = 1;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// By the path of `connections.toml`, then by the name of the connection.
    files: BTreeMap<PathBuf, BTreeMap<String, CommandRecord>>,
}

/// A command, and what its secret is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandRecord {
    /// SHA-256 of the command, in Base64.
    command_sha256: String,
    pub binding: Binding,
}

impl CommandRecord {
    pub(crate) fn new(command: &str, binding: Binding) -> Self {
        Self {
            command_sha256: STANDARD.encode(digest(&SHA256, command.as_bytes())),
            binding,
        }
    }

    pub(crate) fn is_of(&self, command: &str) -> bool {
        self.command_sha256 == STANDARD.encode(digest(&SHA256, command.as_bytes()))
    }
}

/// The records of one `connections.toml`.
#[derive(Debug)]
pub(crate) struct CommandRecords {
    path: PathBuf,
    connections: PathBuf,
    lock_timeout: Duration,
    loaded: Mutex<Option<Content>>,
}

impl CommandRecords {
    /// The records in a state directory for the connections in a configuration directory.
    pub(crate) fn new(state_dir: &Path, config_dir: &Path, lock_timeout: Duration) -> Self {
        // The same directory by another path has the same records.
        let config_dir = config_dir.canonicalize();
        Self {
            path: state_dir.join(FILE_NAME),
            connections: config_dir.unwrap_or_default(),
            lock_timeout,
            loaded: Mutex::default(),
        }
    }

    /// The record of a connection.
    pub(crate) fn get(&self, name: &str) -> Result<Option<CommandRecord>, StoreError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let content = match loaded.take() {
            Some(content) => content,
            None => self.read()?,
        };
        let content = loaded.insert(content);
        let records = content.files.get(&self.connections);
        Ok(records.and_then(|records| records.get(name)).cloned())
    }

    /// Records a command.
    pub(crate) fn insert(&self, name: &str, record: CommandRecord) -> Result<(), StoreError> {
        self.update(|records| {
            records.insert(name.to_owned(), record);
        })
    }

    /// Removes the record of a connection. One that does not exist is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        if self.get(name)?.is_none() {
            return Ok(());
        }
        self.update(|records| {
            records.remove(name);
        })
    }

    /// Changes the records under the file's lock.
    fn update(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, CommandRecord>),
    ) -> Result<(), StoreError> {
        let _lock = atomic_file::lock(&self.path, self.lock_timeout)
            .map_err(|source| self.file_error(source))?;
        let mut content = self.read()?;
        change(content.files.entry(self.connections.clone()).or_default());
        content.version = VERSION;
        let mut text = serde_json::to_string_pretty(&content)
            .map_err(|error| self.corrupt(&error.to_string()))?;
        text.push('\n');
        atomic_file::write(&self.path, &text).map_err(|source| self.file_error(source))?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        *loaded = Some(content);
        Ok(())
    }

    fn read(&self) -> Result<Content, StoreError> {
        ownership::check_trusted(&self.path)?;
        let text = atomic_file::read(&self.path).map_err(|source| self.file_error(source))?;
        let Some(text) = text else {
            return Ok(Content::default());
        };
        let content: Content =
            serde_json::from_str(&text).map_err(|error| self.corrupt(&error.to_string()))?;
        if content.version > VERSION {
            return Err(self.corrupt("written by a newer version"));
        }
        Ok(content)
    }

    fn corrupt(&self, reason: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    fn file_error(&self, source: io::Error) -> StoreError {
        StoreError::CommandRecords {
            path: self.path.clone(),
            source,
        }
    }
}
