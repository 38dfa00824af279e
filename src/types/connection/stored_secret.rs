//! Where the secret of a connection is stored.

use serde::{Deserialize, Serialize};

use super::base_url::Origin;
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
    /// What an earlier version recorded. It counts only for a secret that is stored without its binding.
    pub earlier: EarlierBinding,
    /// The date on which a server rejected the secret that git sent, until one accepts it again.
    pub rejected_on: Option<Date>,
}

/// The binding of the earlier format, in the file of connections itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EarlierBinding {
    /// The origin of the base URL when the secret was given.
    pub origin: Option<Origin>,
    /// The origin of the website when the secret was given.
    pub website: Option<Origin>,
}

impl StoredSecret {
    /// A secret that is stored with its binding.
    pub(crate) fn new(source: SecretSource) -> Self {
        Self {
            source,
            earlier: EarlierBinding::default(),
            rejected_on: None,
        }
    }
}
