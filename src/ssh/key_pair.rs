//! Generates key pairs and writes them in OpenSSH's formats.

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::{CryptoRng, TryRng as _};
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData};
use ssh_key::{EcdsaCurve, LineEnding, PrivateKey};
use thiserror::Error;
use zeroize::Zeroizing;

use super::rsa::{self, RsaError};
use crate::types::clone_url::CloneUrl;
use crate::types::escape::needs_escape;
use crate::types::public_key::{KeyType, PublicKey};
use crate::types::secret::Secret;

/// Why no key pair was generated.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("the comment contains a line break or an invisible character")]
    Comment,
    #[error("no random bytes from the operating system: {0}")]
    Random(String),
    #[error(transparent)]
    Rsa(#[from] RsaError),
    #[error("cannot encode the key in OpenSSH format: {0}")]
    Format(#[from] ssh_key::Error),
}

impl KeyError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Comment => {
                Some("pass a comment of one line: --comment 'deploy key of the build server'")
            }
            Self::Random(_) | Self::Rsa(_) | Self::Format(_) => None,
        }
    }
}

/// An SSH key pair in memory, overwritten when it is dropped.
pub(crate) struct KeyPair {
    key: PrivateKey,
    public: PublicKey,
}

impl KeyPair {
    /// Generates a key pair from the operating system's random bytes.
    ///
    /// ECDSA and Ed25519 take less than a millisecond, RSA-4096 0.1 to 0.5 seconds on all processors.
    pub(crate) fn generate(key_type: KeyType, comment: &str) -> Result<Self, KeyError> {
        check_comment(comment)?;
        let data = match key_type {
            KeyType::Ecdsa256 => KeypairData::from(EcdsaKeypair::random(
                &mut system_random()?,
                EcdsaCurve::NistP256,
            )?),
            KeyType::Ed25519 => KeypairData::from(Ed25519Keypair::random(&mut system_random()?)),
            KeyType::Rsa4096 => KeypairData::from(rsa::generate()?),
        };
        let key = PrivateKey::new(data, comment)?;
        let public = PublicKey::from_blob(key.public_key().to_bytes()?, comment)
            .map_err(|_| ssh_key::Error::FormatEncoding)?;
        Ok(Self { key, public })
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private key in OpenSSH's format; with a passphrase encrypted as `ssh-keygen` does it (aes256-ctr, key from
    /// bcrypt-pbkdf with 16 rounds).
    pub(crate) fn private_pem(
        &self,
        passphrase: Option<&Secret>,
    ) -> Result<Zeroizing<String>, KeyError> {
        Ok(match passphrase {
            None => self.key.to_openssh(LineEnding::LF)?,
            Some(passphrase) => self
                .key
                .encrypt(&mut system_random()?, passphrase.expose())?
                .to_openssh(LineEnding::LF)?,
        })
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair")
            .field("fingerprint", &self.public.fingerprint().to_string())
            .finish_non_exhaustive()
    }
}

/// The operating system's random number generator, after a test whether it works.
fn system_random() -> Result<impl CryptoRng, KeyError> {
    SysRng
        .try_next_u64()
        .map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(UnwrapErr(SysRng))
}

/// The comment is a part of the public line, so it must not contain line breaks or invisible characters.
fn check_comment(comment: &str) -> Result<(), KeyError> {
    if comment.chars().any(needs_escape) {
        Err(KeyError::Comment)
    } else {
        Ok(())
    }
}

/// Name of the key file for a repository: `bbconnect_<namespace>_<slug>`, with characters that are safe on every system.
/// Without a URL `bbconnect`.
pub(crate) fn file_stem(clone_url: Option<&CloneUrl>) -> String {
    let Some(url) = clone_url else {
        return "bbconnect".to_owned();
    };
    let parts = [
        Some("bbconnect".to_owned()),
        url.namespace(),
        Some(url.slug().to_owned()),
    ];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join("_");
    let safe = |c: char| {
        if c.is_alphanumeric() || "._-~".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.chars().map(safe).collect()
}

/// Comment of the key for a repository: `bbconnect:<namespace>/<slug>`. Without a URL `bbconnect`.
pub(crate) fn comment(clone_url: Option<&CloneUrl>) -> String {
    match clone_url {
        None => "bbconnect".to_owned(),
        Some(url) => match url.namespace() {
            None => format!("bbconnect:{}", url.slug()),
            Some(namespace) => format!("bbconnect:{namespace}/{}", url.slug()),
        },
    }
}
