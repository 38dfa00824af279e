//! Secrets that a command prints, such as `pass show bitbucket`. The command is stored, never the secret.
//!
//! Which commands were confirmed, and with which binding, is recorded away from `connections.toml`: in `commands.json` in
//! the state directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::StoreError;
use crate::sys::subprocess::{CommandSpec, Listener};
use crate::sys::{atomic_file, ownership};
use crate::types::connection::Binding;
use crate::types::secret::{Secret, SecretTextError};

/// Characters that only a shell interprets.
#[cfg(not(windows))]
const SHELL_METACHARACTERS: &str = "|&;<>()$`*?[]#~=%!{}\n";

/// The first line that a command prints within the time limit. It inherits the whole environment: it is the user's own.
pub(crate) fn secret_from_command(
    command: &str,
    limit: Duration,
    listener: Listener,
) -> Result<Secret, StoreError> {
    let spec = command_spec(command)?.until_first_line();
    let stdout = stdout_of(spec, limit, listener)?;
    let line = Secret::first_line(&stdout).map_err(|error| match error {
        SecretTextError::Utf16 => StoreError::CommandOutputUtf16,
        SecretTextError::NotText => StoreError::CommandOutputNotText,
    })?;
    let line = line.expose().trim();
    if line.is_empty() {
        return Err(StoreError::NoCommandOutput);
    }
    Ok(Secret::new(line.to_owned()))
}

/// Everything that a command prints to standard output within the time limit.
pub(crate) fn output_of_command(
    command: &str,
    limit: Duration,
    listener: Listener,
) -> Result<Secret, StoreError> {
    let stdout = stdout_of(command_spec(command)?, limit, listener)?;
    let text = std::str::from_utf8(&stdout).map_err(|_| StoreError::CommandOutputNotText)?;
    Ok(Secret::new(text.to_owned()))
}

fn stdout_of(
    command: CommandSpec,
    limit: Duration,
    listener: Listener,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let output = command
        .listen_to_stderr(listener)
        .new_process_group_without_terminal()
        .inherit_secrets()
        .run(limit)?;
    let stdout = Zeroizing::new(output.stdout);
    if output.status.success() {
        Ok(stdout)
    } else {
        Err(StoreError::CommandStatus(output.status.to_string()))
    }
}

/// The command split into words, or handed to a shell where it needs one.
#[cfg(not(windows))]
fn command_spec(command: &str) -> Result<CommandSpec, StoreError> {
    if command.contains(|character| SHELL_METACHARACTERS.contains(character)) {
        return Ok(CommandSpec::new("sh").args(["-c", command]));
    }
    let words = shell_words::split(command).map_err(|_| StoreError::CommandSyntax)?;
    let (program, arguments) = words.split_first().ok_or(StoreError::EmptyCommand)?;
    Ok(CommandSpec::new(program).args(arguments))
}

/// The command, handed to `cmd` unchanged: `/S` strips the outer quotes, and no backslash of a path.
#[cfg(windows)]
fn command_spec(command: &str) -> Result<CommandSpec, StoreError> {
    if command.trim().is_empty() {
        return Err(StoreError::EmptyCommand);
    }
    let in_quotes = format!("\"{command}\"");
    Ok(CommandSpec::new("cmd")
        .args(["/D", "/S", "/C"])
        .raw_arg(in_quotes))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn the_first_line_is_the_secret() {
        for (command, secret) in [
            ("printf 'one\\r\\ntwo\\n'", "one"),
            ("echo 'two words'", "two words"),
            ("echo $((40 + 2)) | cat", "42"),
            ("printf '\\357\\273\\277marked\\n'", "marked"),
        ] {
            let printed = secret_from_command(command, LIMIT, Box::new(|_| ())).unwrap();
            assert_eq!(printed.expose(), secret);
        }
    }

    #[test]
    fn each_failure_has_its_error() {
        let error = |command| secret_from_command(command, LIMIT, Box::new(|_| ())).unwrap_err();
        assert!(matches!(error("false"), StoreError::CommandStatus(_)));
        assert!(matches!(error("true"), StoreError::NoCommandOutput));
        assert!(matches!(error("echo"), StoreError::NoCommandOutput));
        assert!(matches!(
            error("printf '\\377'"),
            StoreError::CommandOutputNotText
        ));
        assert!(matches!(
            error("printf '\\377\\376a\\0\\n\\0'"),
            StoreError::CommandOutputUtf16
        ));
        assert!(matches!(error("echo 'open"), StoreError::CommandSyntax));
        assert!(matches!(error(" "), StoreError::EmptyCommand));
        assert!(matches!(
            error("no-such-program-here x"),
            StoreError::Command(_)
        ));
    }
}

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
