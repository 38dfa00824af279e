//! Key files: reading an existing key pair, and writing new ones. New files appear complete or not at all, are readable by
//! their owner alone, and replace existing files only on request.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

use super::SshError;
use crate::sys::atomic_file::{create_private_dir, parent_dir, temp_file_in};
use crate::sys::regular_file;
use crate::sys::signals;
use crate::types::public_key::{ParsePublicKeyError, PublicKey};

/// Longest key file that is read, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Why key files were not written. No file is left behind; a directory that was created may stay.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    #[error("invalid path for a private key, {}: {reason}", path.display())]
    Name { path: PathBuf, reason: &'static str },
    #[error("{} is not a regular file, so it is not replaced", .0.display())]
    NotAFile(PathBuf),
    #[error("cannot create the directory {}: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl KeyFileError {
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Exists(_) => {
                "choose another path with --out PATH, or replace the key with --force"
            }
            Self::Name { .. } => {
                "pass the path of the private key; .pub is appended for the public key"
            }
            Self::NotAFile(_) | Self::Folder { .. } | Self::Write { .. } => {
                "choose a directory with write permission"
            }
        }
        .to_owned()
    }
}

/// The paths of a key pair: the private key, and the public key with `.pub` appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFiles {
    private: PathBuf,
    public: PathBuf,
}

/// Files that are removed on drop unless the list is cleared.
#[derive(Debug, Default)]
struct UncommittedFiles(Vec<PathBuf>);

impl Drop for UncommittedFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // The error that led here is reported.
            drop(fs::remove_file(path));
        }
    }
}

impl KeyFiles {
    /// The files of a key pair, by the path of the private key.
    ///
    /// # Errors
    /// [`KeyFileError::Name`] for an empty path, and one that ends in a slash or in `.pub`.
    pub(crate) fn new(private: &Path) -> Result<Self, KeyFileError> {
        let text = private.as_os_str().to_string_lossy();
        let name = text
            .rsplit(std::path::is_separator)
            .next()
            .unwrap_or_default();
        let reason = match name {
            "" | "." | ".." => "not a file name",
            "-" => "use --stdout to print the key to standard output",
            _ if name.to_ascii_lowercase().ends_with(".pub") => "public keys end in .pub",
            _ => {
                return Ok(Self {
                    private: private.to_owned(),
                    public: public_path(private),
                });
            }
        };
        Err(KeyFileError::Name {
            path: private.to_owned(),
            reason,
        })
    }

    #[must_use]
    pub(crate) fn private(&self) -> &Path {
        &self.private
    }

    #[must_use]
    pub(crate) fn public(&self) -> &Path {
        &self.public
    }

    /// Checks that the files can be written, before a key is generated.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] unless `replace` is set, and [`KeyFileError::NotAFile`] for directories and links.
    pub(crate) fn require_absent(&self, replace: bool) -> Result<(), KeyFileError> {
        for path in [&self.private, &self.public] {
            match fs::symlink_metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(KeyFileError::Write {
                        path: path.clone(),
                        source,
                    });
                }
                Ok(metadata) if !metadata.is_file() => {
                    return Err(KeyFileError::NotAFile(path.clone()));
                }
                Ok(_) if replace => {}
                Ok(_) => return Err(KeyFileError::Exists(path.clone())),
            }
        }
        Ok(())
    }

    /// Writes several key pairs, given as files, private key and public line: all of them or none.
    ///
    /// Private keys have mode 0600 from the beginning, missing directories get 0700. Signals are deferred until the files
    /// are complete. As with `ssh-keygen`, there is no fsync: a power failure within seconds can lose a key.
    ///
    /// # Errors
    /// [`KeyFileError`]. Existing files are then unchanged, unless `replace` is set and only a part of the new files
    /// could be renamed.
    pub(crate) fn write_all(
        pairs: &[(&Self, &str, &str)],
        replace: bool,
    ) -> Result<(), KeyFileError> {
        let _critical = signals::critical_section();
        let mut prepared = Vec::new();
        for (files, private, public) in pairs {
            if replace {
                files.require_absent(replace)?;
            }
            create_dir(files.private())?;
            prepared.push((prepare(files.private(), private, 0o600)?, files.private()));
            let public = format!("{public}\n");
            prepared.push((prepare(files.public(), &public, 0o644)?, files.public()));
        }
        let mut uncommitted = UncommittedFiles::default();
        for (file, path) in prepared {
            if replace {
                let is_new = fs::symlink_metadata(path).is_err();
                file.persist(path)
                    .map_err(|error| write_error(path, error.error))?;
                if is_new {
                    uncommitted.0.push(path.to_owned());
                }
            } else {
                file.persist_noclobber(path)
                    .map_err(|error| write_error(path, error.error))?;
                uncommitted.0.push(path.to_owned());
            }
        }
        uncommitted.0.clear();
        Ok(())
    }
}

fn write_error(path: &Path, source: io::Error) -> KeyFileError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::AlreadyExists {
        KeyFileError::Exists(path)
    } else {
        KeyFileError::Write { path, source }
    }
}

/// Creates the directory of a file if it is missing.
fn create_dir(file: &Path) -> Result<(), KeyFileError> {
    let dir = parent_dir(file);
    create_private_dir(dir).map_err(|source| KeyFileError::Folder {
        path: dir.to_owned(),
        source,
    })
}

/// Writes a temporary file in the directory of the key. Only its owner may read it until the mode is set.
fn prepare(path: &Path, content: &str, mode: u32) -> Result<NamedTempFile, KeyFileError> {
    let write = || {
        let mut file = temp_file_in(parent_dir(path), 0o600)?;
        file.as_file_mut().write_all(content.as_bytes())?;
        set_mode(file.as_file(), mode)?;
        Ok(file)
    };
    write().map_err(|source| KeyFileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Sets the mode regardless of the umask, which may have removed the owner's rights.
#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    file.set_permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode))
}

/// On Windows a file has the access rights of its directory. The user's profile belongs to the user alone.
#[cfg(not(unix))]
fn set_mode(_file: &fs::File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// An existing private key, as far as it can be read without its passphrase.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKeyFile {
    pub(crate) path: PathBuf,
    pub(crate) public: PublicKey,
    pub(crate) has_passphrase: bool,
}

impl PrivateKeyFile {
    /// Reads the public half of a private key: from the file itself if it has OpenSSH's format, else from the `.pub` file.
    ///
    /// # Errors
    /// [`SshError::KeyFile`] if the file cannot be read or is not a private key.
    pub(crate) fn read(path: &Path) -> Result<Self, SshError> {
        let text = read_text(path)?;
        let error = |reason: &str| SshError::KeyFile {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if text.parse::<PublicKey>().is_ok() {
            return Err(error("this is a public key; pass the private key"));
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(error("not a private key"));
        }
        let pub_file = || read_public(&public_path(path)).ok();
        let (public, has_passphrase) = match ssh_key::PrivateKey::from_openssh(text.as_str()) {
            Ok(key) => {
                let comment = match key.comment().as_str_lossy() {
                    "" => pub_file().map(|key| key.comment().to_owned()),
                    comment => Some(comment.to_owned()),
                };
                let blob = key.public_key().to_bytes().ok();
                let public = blob
                    .and_then(|blob| PublicKey::from_blob(blob, &comment.unwrap_or_default()).ok());
                (public, key.is_encrypted())
            }
            Err(_) => (None, text.contains("ENCRYPTED")),
        };
        let public = public
            .or_else(pub_file)
            .ok_or_else(|| error("public key unknown; write the .pub file with ssh-keygen -y"))?;
        Ok(Self {
            path: path.to_owned(),
            public,
            has_passphrase,
        })
    }

    /// The content of the file.
    ///
    /// # Errors
    /// [`SshError::KeyFile`] if it cannot be read.
    pub(crate) fn private_text(&self) -> Result<Zeroizing<String>, SshError> {
        read_text(&self.path)
    }

    /// Whether `ssh` refuses the file because other users may read it. Like `ssh`, only the user's own files are checked
    /// (`sshkey_perm_ok` of OpenSSH).
    #[must_use]
    pub(crate) fn has_insecure_permissions(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let user = rustix::process::getuid().as_raw();
            fs::metadata(&self.path)
                .is_ok_and(|file| file.uid() == user && file.mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }
}

/// The public key of a file, which is a public key or a private key.
///
/// # Errors
/// [`SshError::KeyFile`].
pub(crate) fn public_key_of(path: &Path) -> Result<PublicKey, SshError> {
    match read_public(path) {
        Err(PublicKeyError::IsPrivate) => PrivateKeyFile::read(path).map(|key| key.public),
        Err(PublicKeyError::Other(error)) => Err(error),
        Ok(key) => Ok(key),
    }
}

enum PublicKeyError {
    IsPrivate,
    Other(SshError),
}

fn read_public(path: &Path) -> Result<PublicKey, PublicKeyError> {
    let text = read_text(path).map_err(PublicKeyError::Other)?;
    text.parse().map_err(|reason| match reason {
        ParsePublicKeyError::Private => PublicKeyError::IsPrivate,
        ParsePublicKeyError::Malformed => PublicKeyError::Other(SshError::KeyFile {
            path: path.to_owned(),
            reason: reason.to_string(),
        }),
    })
}

/// `KEY.pub`
#[must_use]
pub(crate) fn public_path(private: &Path) -> PathBuf {
    append_suffix(private, ".pub")
}

/// A file next to a key, whose name is that of the key with a suffix.
pub(super) fn append_suffix(key: &Path, suffix: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, SshError> {
    // With this capacity the string is not reallocated, which would leave copies of the key in memory.
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    let file = regular_file::open(path);
    let read = file.and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(SshError::KeyFile {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}
