//! Why a secret could not be read or stored.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::sys::atomic_file::LOCK_HINT;
use crate::sys::ownership::UntrustedFile;
use crate::sys::subprocess::ProcessError;

/// Why a secret could not be read or stored. What was stored before is still there.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// No Secret Service, or no session bus.
    #[error("no system keyring available: {0}")]
    NoKeyring(String),
    #[error("the keyring is locked: {0}")]
    KeyringLocked(String),
    #[error("the keyring did not respond within {} seconds", .0.as_secs_f32())]
    KeyringTimeout(Duration),
    /// Some keyrings report success and store nothing.
    #[error("the keyring did not store the secret")]
    NotStored,
    #[error("keyring error: {0}")]
    Keyring(String),
    #[error("the entry in the keyring is not valid UTF-8")]
    EntryNotText,
    #[error("the encrypted store needs a passphrase")]
    NoPassphrase,
    #[error("wrong passphrase for {}", .0.display())]
    WrongPassphrase(PathBuf),
    #[error("{} is not an encrypted store, or it is damaged: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
    #[error("{} has format {version}, which this version does not read", path.display())]
    OtherVersion { path: PathBuf, version: u32 },
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// Another user can change the file of secrets.
    #[error(transparent)]
    Untrusted(#[from] UntrustedFile),
    #[error("cannot record the token commands of connections.toml in {}: {source}", path.display())]
    CommandRecords { path: PathBuf, source: io::Error },
    #[error("the token command failed: {0}")]
    Command(#[from] ProcessError),
    /// With the exit status.
    #[error("the token command failed ({0})")]
    CommandStatus(String),
    #[error("the token command printed nothing")]
    NoCommandOutput,
    #[error("the output of the token command is not valid UTF-8")]
    CommandOutputNotText,
    #[error("the output of the token command is UTF-16")]
    CommandOutputUtf16,
    #[error("the token command is empty")]
    EmptyCommand,
    #[cfg_attr(windows, expect(dead_code, reason = "cmd reads the command"))]
    #[error("the token command has an unclosed quotation mark")]
    CommandSyntax,
    #[error("no random bytes from the operating system")]
    Random,
}

impl StoreError {
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Untrusted(file) => return Some(file.hint()),
            Self::NoKeyring(_)
            | Self::KeyringLocked(_)
            | Self::KeyringTimeout(_)
            | Self::NotStored
            | Self::Keyring(_)
            | Self::EntryNotText => {
                "unlock the keyring, or pass --store file (encrypted) or --token-command 'CMD', or set \
                 BBCONNECT_TOKEN"
            }
            Self::NoPassphrase | Self::WrongPassphrase(_) => {
                "set BBCONNECT_STORE_PASSPHRASE_FILE to a file with the passphrase"
            }
            Self::CommandSyntax
            | Self::CommandStatus(_)
            | Self::NoCommandOutput
            | Self::CommandOutputNotText
            | Self::CommandOutputUtf16
            | Self::EmptyCommand
            | Self::Command(_) => {
                "run the command in a shell: the first line of its output must be the secret"
            }
            Self::File { source, .. } | Self::CommandRecords { source, .. }
                if source.kind() == io::ErrorKind::TimedOut =>
            {
                LOCK_HINT
            }
            Self::OtherVersion { .. } => {
                "move the file away and store each secret again: run `bbconnect connection edit NAME --token-stdin`"
            }
            Self::File { .. } => "set BBCONNECT_CONFIG_DIR to a directory with write permission",
            Self::CommandRecords { .. } => {
                "set XDG_STATE_HOME to a directory with write permission"
            }
            Self::Corrupt { .. } | Self::Random => return None,
        };
        Some(hint.to_owned())
    }
}
