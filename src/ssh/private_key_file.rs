//! A key pair that is there already, as far as it can be known without its passphrase.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::SshError;
use crate::types::public_key::{ParsePublicKeyError, PublicKey};

/// The longest key file that is read, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// A private key on the disk.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKeyFile {
    /// Its file.
    pub path: PathBuf,
    /// Its public half.
    pub public: PublicKey,
    /// Whether it has a passphrase.
    pub is_locked: bool,
}

impl PrivateKeyFile {
    /// Reads a private key's public half: from itself, where it is in OpenSSH's format, else from the file beside it.
    ///
    /// # Errors
    /// [`SshError::KeyFile`] for a file that cannot be read or is no private key.
    pub(crate) fn read(path: &Path) -> Result<Self, SshError> {
        let text = text_of(path)?;
        let refused = |reason: &str| SshError::KeyFile {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if text.parse::<PublicKey>().is_ok() {
            return Err(refused("it is a public key; name the private one"));
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(refused("it is not a private key"));
        }
        let beside = || read_public(&public_path(path)).ok();
        let comment = || beside().map(|key| key.comment().to_owned());
        let (public, is_locked) = match ssh_key::PrivateKey::from_openssh(text.as_str()) {
            Ok(key) => {
                let blob = key.public_key().to_bytes();
                let own = blob.ok().and_then(|blob| {
                    let written = key.comment().as_str_lossy().to_owned();
                    let comment = if written.is_empty() {
                        comment()
                    } else {
                        Some(written)
                    };
                    PublicKey::from_blob(blob, &comment.unwrap_or_default()).ok()
                });
                (own, key.is_encrypted())
            }
            Err(_) => (beside(), text.contains("ENCRYPTED")),
        };
        let public = public.or_else(beside).ok_or_else(|| {
            refused(
                "its public half is not known; ssh-keygen -y writes it beside the key, with .pub",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            public,
            is_locked,
        })
    }

    /// Whether `ssh` refuses the file because others than its owner may read it. As there, only one's own files are
    /// looked at (`sshkey_perm_ok` of OpenSSH).
    #[must_use]
    pub(crate) fn has_insecure_permissions(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let own = rustix::process::getuid().as_raw();
            fs::metadata(&self.path).is_ok_and(|file| file.uid() == own && file.mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }
}

/// The public key of a file: of a public key's own, or of the private key's beside which it is.
///
/// # Errors
/// [`SshError::KeyFile`].
pub(crate) fn public_key_of(path: &Path) -> Result<PublicKey, SshError> {
    match read_public(path) {
        Err(NotPublic::Private) => PrivateKeyFile::read(path).map(|key| key.public),
        Err(NotPublic::Other(error)) => Err(error),
        Ok(key) => Ok(key),
    }
}

enum NotPublic {
    Private,
    Other(SshError),
}

fn read_public(path: &Path) -> Result<PublicKey, NotPublic> {
    let text = text_of(path).map_err(NotPublic::Other)?;
    text.parse().map_err(|reason| match reason {
        ParsePublicKeyError::Private => NotPublic::Private,
        ParsePublicKeyError::Malformed => NotPublic::Other(SshError::KeyFile {
            path: path.to_owned(),
            reason: reason.to_string(),
        }),
    })
}

/// `KEY.pub`
#[must_use]
pub(crate) fn public_path(private: &Path) -> PathBuf {
    sibling_path(private, ".pub")
}

/// A file beside a key, whose name goes on behind the key's.
pub(super) fn sibling_path(key: &Path, ending: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn text_of(path: &Path) -> Result<Zeroizing<String>, SshError> {
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    let read = || -> io::Result<usize> {
        fs::File::open(path)?
            .take(MAX_KEY_FILE_BYTES)
            .read_to_string(&mut text)
    };
    let mut read = read;
    match read() {
        Ok(_) => Ok(text),
        Err(error) => Err(SshError::KeyFile {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}
