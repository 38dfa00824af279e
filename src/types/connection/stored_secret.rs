//! Where the secret of a connection is stored.

use serde::{Deserialize, Serialize};

use crate::types::date::Date;

/// Where a secret is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreKind {
    /// The keyring of the operating system
    Keyring,
    /// An encrypted file
    File,
    /// A command that prints the secret
    Command,
    /// The environment of this process
    #[value(skip)]
    Environment,
}

impl StoreKind {
    /// The name in files, on the command line and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::File => "file",
            Self::Command => "command",
            Self::Environment => "environment",
        }
    }

    /// The source of this kind; `None` for a command that is not given.
    pub(crate) fn source(self, command: Option<String>) -> Option<SecretSource> {
        match self {
            Self::Keyring => Some(SecretSource::Keyring),
            Self::File => Some(SecretSource::File),
            Self::Command => command.map(SecretSource::Command),
            Self::Environment => Some(SecretSource::Environment),
        }
    }
}

/// What a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    Keyring,
    File,
    /// A command whose first line of output is the secret.
    Command(String),
    Environment,
}

impl SecretSource {
    pub(crate) fn kind(&self) -> StoreKind {
        match self {
            Self::Keyring => StoreKind::Keyring,
            Self::File => StoreKind::File,
            Self::Command(_) => StoreKind::Command,
            Self::Environment => StoreKind::Environment,
        }
    }

    pub(crate) fn command(&self) -> Option<&str> {
        match self {
            Self::Command(command) => Some(command),
            Self::Keyring | Self::File | Self::Environment => None,
        }
    }
}

/// Where the secret of a connection is. What it is bound to is stored with the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSecret {
    pub source: SecretSource,
    /// The date on which a server rejected the secret that git sent, until one accepts it again.
    pub rejected_on: Option<Date>,
}

impl StoredSecret {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self {
            source,
            rejected_on: None,
        }
    }
}
