//! A key pair as it is printed. Of the private key only the path is shown.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::{KeyError, KeyFiles, KeyPair, PrivateKeyFile, public_path};

/// A key pair in text and JSON.
#[derive(Debug, Serialize)]
pub(crate) struct KeyDescription {
    /// `ecdsa-256`, `rsa-4096`, `ed25519`, or another type for an existing key.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Name in the SSH protocol, such as `ecdsa-sha2-nistp256`.
    pub(crate) algorithm: String,
    /// Size as `ssh-keygen -l` shows it.
    pub(crate) bits: u32,
    /// `SHA256:…`
    pub(crate) fingerprint: String,
    pub(crate) public_key: String,
    pub(crate) comment: String,
    /// `None` for a key that was not written to a file.
    #[serde(serialize_with = "as_text")]
    pub(crate) private_key_path: Option<PathBuf>,
    /// `None` also for an existing key without a `.pub` file.
    #[serde(serialize_with = "as_text")]
    pub(crate) public_key_path: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) randomart: String,
    /// `kind` in text output.
    #[serde(skip)]
    pub(crate) title: String,
}

impl KeyDescription {
    /// Describes a generated key pair.
    pub(crate) fn from_pair(pair: &KeyPair, files: Option<&KeyFiles>) -> Result<Self, KeyError> {
        Ok(Self {
            kind: pair.key_type().name().to_owned(),
            title: pair.key_type().to_string(),
            algorithm: pair.algorithm(),
            bits: pair.key_type().bits(),
            fingerprint: pair.fingerprint(),
            public_key: pair.public_line()?,
            comment: pair.comment().to_owned(),
            private_key_path: files.map(|files| files.private().to_owned()),
            public_key_path: files.map(|files| files.public().to_owned()),
            randomart: pair.randomart(),
        })
    }

    /// Describes an existing key pair.
    pub(crate) fn from_file(key: &PrivateKeyFile) -> Self {
        let public = &key.public;
        let bits = public.bits().unwrap_or_default();
        let head = format!("[{} {bits}]", public.openssh_name());
        Self {
            kind: public.kind(),
            title: public.kind(),
            algorithm: public.algorithm().to_owned(),
            bits,
            fingerprint: public.fingerprint().to_string(),
            public_key: public.to_string(),
            comment: public.comment().to_owned(),
            private_key_path: Some(key.path.clone()),
            public_key_path: Some(public_path(&key.path)).filter(|path| path.is_file()),
            randomart: public.fingerprint().to_randomart(&head),
        }
    }
}

/// Writes a path, lossily if it is not UTF-8.
#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(serializer)
}
