//! Key files: they appear whole or not at all, readable by their owner alone, and never replace what is there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::sys::atomic_file::{create_private_dir, parent_dir, temp_file_in};
use crate::sys::signals;

/// Why key files were not written. No file was left behind; a folder that was made may stay.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    /// A file of that name is there.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The name cannot be that of a private key.
    #[error("{} cannot be the name of a private key: {reason}", path.display())]
    Name {
        /// The name.
        path: PathBuf,
        /// Why it cannot be.
        reason: &'static str,
    },
    /// Something else than a file has that name.
    #[error("{} is not a file, so it is not replaced", .0.display())]
    NotAFile(PathBuf),
    /// The folder could not be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl KeyFileError {
    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Exists(_) => "--out PATH writes to another place, --force replaces the key there",
            Self::Name { .. } => {
                "name the private key's file; the public key goes beside it, with .pub"
            }
            Self::NotAFile(_) | Self::Folder { .. } | Self::Write { .. } => {
                "choose a folder that you may write to"
            }
        }
        .to_owned()
    }
}

/// Where a key pair is kept: the private key, and beside it the public key with `.pub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFiles {
    private: PathBuf,
    public: PathBuf,
}

/// Files that were written and are not yet to stay: dropping this takes them away again.
#[derive(Debug, Default)]
struct UncommittedFiles(Vec<PathBuf>);

impl Drop for UncommittedFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // Already the way out of a failure; that one is reported.
            drop(fs::remove_file(path));
        }
    }
}

impl KeyFiles {
    /// The files of a key pair whose private key has this path.
    ///
    /// # Errors
    /// [`KeyFileError::Name`] for an empty path, one that ends in a slash or in `.pub`.
    pub(crate) fn new(private: &Path) -> Result<Self, KeyFileError> {
        let text = private.as_os_str().to_string_lossy();
        let last = text
            .rsplit(std::path::is_separator)
            .next()
            .unwrap_or_default();
        let reason = match last {
            "" | "." | ".." => "it names no file",
            "-" => "--stdout prints the key to standard output",
            _ if last.to_ascii_lowercase().ends_with(".pub") => "public keys end in .pub",
            _ => {
                let mut public = private.as_os_str().to_owned();
                public.push(".pub");
                return Ok(Self {
                    private: private.to_owned(),
                    public: public.into(),
                });
            }
        };
        Err(KeyFileError::Name {
            path: private.to_owned(),
            reason,
        })
    }

    /// The private key's file.
    #[must_use]
    pub(crate) fn private(&self) -> &Path {
        &self.private
    }

    /// The public key's file.
    #[must_use]
    pub(crate) fn public(&self) -> &Path {
        &self.public
    }

    /// Looks whether the files can be written, before a key is made for them.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] unless `replace` is set, and [`KeyFileError::NotAFile`] for a folder or a link.
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
                Ok(found) if !found.is_file() => return Err(KeyFileError::NotAFile(path.clone())),
                Ok(_) if replace => {}
                Ok(_) => return Err(KeyFileError::Exists(path.clone())),
            }
        }
        Ok(())
    }

    /// Writes several key pairs, given as files, private key and public line: all of them or none.
    ///
    /// Private keys get mode 0600 from their first byte, folders that are missing 0700. An interruption waits until
    /// the files are complete. As with `ssh-keygen`, the system is not made to write its caches to the disk: a power
    /// cut in the following seconds can lose a key.
    ///
    /// # Errors
    /// [`KeyFileError`]; files that were there before are then as they were, unless `replace` is set and only a part
    /// of the new ones could be put in their places.
    pub(crate) fn write_all(
        pairs: &[(&Self, &str, &str)],
        replace: bool,
    ) -> Result<(), KeyFileError> {
        let _whole = signals::critical_section();
        let mut prepared = Vec::new();
        for (files, private, public) in pairs {
            if replace {
                files.require_absent(replace)?;
            }
            create_dir(files.private())?;
            prepared.push((prepare(files.private(), private, 0o600)?, files.private()));
            prepared.push((
                prepare(files.public(), &format!("{public}\n"), 0o644)?,
                files.public(),
            ));
        }
        let mut unsettled = UncommittedFiles::default();
        for (file, path) in prepared {
            if replace {
                let is_new = fs::symlink_metadata(path).is_err();
                file.persist(path)
                    .map_err(|error| failed(path, error.error))?;
                if is_new {
                    unsettled.0.push(path.to_owned());
                }
            } else {
                file.persist_noclobber(path)
                    .map_err(|error| failed(path, error.error))?;
                unsettled.0.push(path.to_owned());
            }
        }
        unsettled.0.clear();
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> KeyFileError {
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
        file.write_all(content.as_bytes())?;
        set_mode(file.as_file(), mode)?;
        Ok(file)
    };
    write().map_err(|source| KeyFileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// The umask may have taken bits away; a key that its owner cannot read is of no use.
#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    file.set_permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode))
}

/// On Windows a file has the access rights of its folder; in the user's profile it is the user's alone.
#[cfg(not(unix))]
fn set_mode(_file: &fs::File, _mode: u32) -> io::Result<()> {
    Ok(())
}
