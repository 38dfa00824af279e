//! A key pair as it is shown: nothing of the private key but where it is.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::{KeyError, KeyFiles, KeyPair, PrivateKeyFile, public_path};

/// A key pair, described for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct KeyDescription {
    /// The kind of key: `ecdsa-256`, `rsa-4096`, `ed25519`, or whatever else a key that was there is.
    #[serde(rename = "type")]
    pub kind: String,
    /// As SSH names it: `ecdsa-sha2-nistp256`.
    pub algorithm: String,
    /// The size that `ssh-keygen -l` shows, in bits.
    pub bits: u32,
    /// `SHA256:…`
    pub fingerprint: String,
    /// The line to register.
    pub public_key: String,
    /// The comment at the end of that line.
    pub comment: String,
    /// Where the private key is, if it is a file.
    #[serde(serialize_with = "as_text")]
    pub private_key_path: Option<PathBuf>,
    /// Where the public key is, if it is a file: beside a key of somebody's own there need be none.
    #[serde(serialize_with = "as_text")]
    pub public_key_path: Option<PathBuf>,
    /// The picture of the fingerprint.
    #[serde(skip)]
    pub randomart: String,
    /// The kind of key, as people write it.
    #[serde(skip)]
    pub title: String,
}

impl KeyDescription {
    /// Describes a key pair, and where it was written.
    ///
    /// # Errors
    /// Never for a key that was made here.
    pub(crate) fn of(pair: &KeyPair, files: Option<&KeyFiles>) -> Result<Self, KeyError> {
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

    /// Describes a key pair that was there.
    #[must_use]
    pub(crate) fn of_stored(key: &PrivateKeyFile) -> Self {
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

/// A path that is not UTF-8 is shown as well as can be: the key is made by then.
#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(serializer)
}
