//! A key pair as it is shown: nothing of the private key but where it is.

use std::path::PathBuf;

use serde::Serialize;

use super::{KeyError, KeyFiles, KeyPair};
use crate::model::key_type::KeyType;

/// A key pair, described for people and programs.
#[derive(Debug, Serialize)]
pub struct KeyDescription {
    /// The kind of key.
    #[serde(rename = "type")]
    pub key_type: KeyType,
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
    pub private_key_path: Option<PathBuf>,
    /// Where the public key is, if it is a file.
    pub public_key_path: Option<PathBuf>,
    /// The picture of the fingerprint.
    #[serde(skip)]
    pub randomart: String,
}

impl KeyDescription {
    /// Describes a key pair, and where it was written.
    ///
    /// # Errors
    /// Never for a key that was made here.
    pub fn of(pair: &KeyPair, files: Option<&KeyFiles>) -> Result<Self, KeyError> {
        Ok(Self {
            key_type: pair.key_type(),
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
}
