//! Types of SSH keys that can be generated.

use std::fmt;

use serde::{Serialize, Serializer};

/// Bitbucket Cloud accepts all three; Data Center accepts RSA, and ECDSA since 7.10
/// (<https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyType {
    /// ECDSA on the curve P-256.
    #[value(name = "ecdsa-256", alias = "ecdsa")]
    Ecdsa256,
    /// RSA with 4,096 bits.
    #[value(name = "rsa-4096", alias = "rsa")]
    Rsa4096,
    /// Ed25519.
    #[value(name = "ed25519")]
    Ed25519,
}

impl KeyType {
    /// The name on the command line, in file names and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ecdsa256 => "ecdsa-256",
            Self::Rsa4096 => "rsa-4096",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The size that `ssh-keygen -l` shows, in bits.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Ecdsa256 | Self::Ed25519 => 256,
            Self::Rsa4096 => 4096,
        }
    }

    /// The name that OpenSSH prints, also in the header of randomart.
    pub(crate) fn openssh_name(self) -> &'static str {
        match self {
            Self::Ecdsa256 => "ECDSA",
            Self::Rsa4096 => "RSA",
            Self::Ed25519 => "ED25519",
        }
    }
}

impl fmt::Display for KeyType {
    /// For messages: `ECDSA 256`, `RSA 4096`, `Ed25519`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdsa256 => "ECDSA 256",
            Self::Rsa4096 => "RSA 4096",
            Self::Ed25519 => "Ed25519",
        })
    }
}

impl Serialize for KeyType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
