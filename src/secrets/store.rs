//! What every place for secrets can do, and how it can fail.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::sys::subprocess::ProcessError;
use crate::types::secret::Secret;

/// A place for secrets, each under the name of its connection.
///
/// Absent is `None`; a place that is locked or missing is an error that says so.
pub(crate) trait SecretStore {
    /// The secret of a name.
    ///
    /// # Errors
    /// [`StoreError`] when the place cannot be asked. That there is no such secret is no error.
    fn get(&self, name: &str) -> Result<Option<Secret>, StoreError>;

    /// Keeps a secret, and makes sure that it can be read again.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be kept; what was there before is then still there.
    fn set(&self, name: &str, secret: &Secret) -> Result<(), StoreError>;

    /// Forgets a secret. Forgetting one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError`] when the place cannot be asked.
    fn delete(&self, name: &str) -> Result<(), StoreError>;
}

/// Why a secret could not be read or kept.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// There is no keyring here: no Secret Service, no session bus.
    #[error("this machine has no keyring that can be used: {0}")]
    NoKeyring(String),
    /// The keyring is there, and locked.
    #[error("the keyring is locked: {0}")]
    Locked(String),
    /// The keyring did not answer.
    #[error("the keyring did not answer within {} seconds", .0.as_secs_f32())]
    KeyringTimeout(Duration),
    /// The keyring took the secret and does not give it back.
    #[error("the keyring did not keep the secret")]
    VerifyFailed,
    /// The keyring answered with an error.
    #[error("the keyring cannot be used: {0}")]
    Keyring(String),
    /// The file of secrets needs its passphrase.
    #[error("the file of secrets needs its passphrase")]
    NoPassphrase,
    /// The passphrase does not open the file.
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// The file is not one of ours, or was changed.
    #[error("{} is not a file of secrets, or it was damaged: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The command that prints the secret could not be run.
    #[error("the token command failed: {0}")]
    Command(#[from] ProcessError),
    /// The command that prints the secret failed.
    #[error("the token command ended with {0}")]
    CommandStatus(String),
    /// The command printed nothing that can be a secret.
    #[error("the token command printed {0}")]
    CommandOutput(&'static str),
    /// The command line has a quotation mark that is not closed.
    #[error("the token command has a quotation mark that is not closed")]
    CommandSyntax,
    /// A secret cannot be changed where a command prints it.
    #[error("a secret that a command prints is not changed here")]
    ReadOnly,
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKeyring(_)
            | Self::Locked(_)
            | Self::KeyringTimeout(_)
            | Self::VerifyFailed
            | Self::Keyring(_) => Some(
                "unlock the keyring, or keep the secret elsewhere: --token-command 'pass show bitbucket', \
                 --store file (encrypted), or BBCONNECT_TOKEN in the environment",
            ),
            Self::NoPassphrase => {
                Some("set BBCONNECT_STORE_PASSPHRASE_FILE to a file that holds it")
            }
            Self::CommandSyntax
            | Self::CommandStatus(_)
            | Self::CommandOutput(_)
            | Self::Command(_) => {
                Some("run the command in a shell; the first line it prints must be the secret")
            }
            Self::ReadOnly => Some("change it where the command takes it from"),
            Self::File { .. } => {
                Some("export BBCONNECT_CONFIG_DIR, a folder that you may write to")
            }
            Self::WrongPassphrase(_) => Some(
                "it is the one that the file was made with; BBCONNECT_STORE_PASSPHRASE_FILE names a file that holds it",
            ),
            Self::Corrupt { .. } | Self::Random => None,
        }
    }
}
