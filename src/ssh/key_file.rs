//! Key files: they appear whole or not at all, readable by their owner alone, and never replace what is there.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

use crate::interrupt;

/// Why key files were not written. Nothing was left behind.
#[derive(Debug, Error)]
pub enum KeyFileError {
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
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some(
                "--out PATH writes to another place, --force replaces the key there".to_owned(),
            ),
            Self::Name { .. } => Some(
                "name the private key's file; the public key goes beside it, with .pub".to_owned(),
            ),
            Self::NotAFile(_) | Self::Folder { .. } | Self::Write { .. } => {
                Some("--out PATH writes to another place".to_owned())
            }
        }
    }
}

/// Where a key pair is kept: the private key, and beside it the public key with `.pub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    private: PathBuf,
    public: PathBuf,
}

/// Files that were written and are not yet to stay: dropping this takes them away again.
#[derive(Debug, Default)]
struct Unsettled(Vec<PathBuf>);

impl Drop for Unsettled {
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
    pub fn at(private: &Path) -> Result<Self, KeyFileError> {
        let reason = match private
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
        {
            None => "it names no file",
            Some(_) if ends_with_separator(private) => "it ends in a slash",
            Some(_)
                if private
                    .extension()
                    .is_some_and(|end| end.eq_ignore_ascii_case("pub")) =>
            {
                "public keys end in .pub"
            }
            Some(_) => {
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
    pub fn private(&self) -> &Path {
        &self.private
    }

    /// The public key's file.
    #[must_use]
    pub fn public(&self) -> &Path {
        &self.public
    }

    /// Looks whether the files can be written, before a key is made for them.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] unless `replace` is set, and [`KeyFileError::NotAFile`] for a folder or a link.
    pub fn check_free(&self, replace: bool) -> Result<(), KeyFileError> {
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
    pub fn write_all(pairs: &[(&Self, &str, &str)], replace: bool) -> Result<(), KeyFileError> {
        let _whole = interrupt::shield();
        let mut prepared = Vec::new();
        for (files, private, public) in pairs {
            if replace {
                files.check_free(replace)?;
            }
            make_folder(files.private())?;
            prepared.push((prepare(files.private(), private, 0o600)?, files.private()));
            prepared.push((
                prepare(files.public(), &format!("{public}\n"), 0o644)?,
                files.public(),
            ));
        }
        let mut unsettled = Unsettled::default();
        for (file, path) in prepared {
            if replace {
                file.persist(path)
                    .map_err(|error| failed(path, error.error))?;
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

fn ends_with_separator(path: &Path) -> bool {
    path.as_os_str()
        .to_string_lossy()
        .ends_with(std::path::is_separator)
}

fn failed(path: &Path, source: io::Error) -> KeyFileError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::AlreadyExists {
        KeyFileError::Exists(path)
    } else {
        KeyFileError::Write { path, source }
    }
}

/// Makes the folder of a file, for its owner alone. One that is there stays as it is.
fn make_folder(file: &Path) -> Result<(), KeyFileError> {
    let folder = folder_of(file);
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| KeyFileError::Folder {
            path: folder.to_owned(),
            source,
        })
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A complete file with its final mode, in the same folder, under a name of its own.
fn prepare(path: &Path, content: &str, mode: u32) -> Result<NamedTempFile, KeyFileError> {
    let write = || {
        let mut file = with_mode(&mut Builder::new(), mode)
            .prefix(".bbconnect-")
            .tempfile_in(folder_of(path))?;
        file.write_all(content.as_bytes())?;
        Ok(file)
    };
    write().map_err(|source| KeyFileError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(unix)]
fn with_mode<'a, 'p, 's>(builder: &'a mut Builder<'p, 's>, mode: u32) -> &'a mut Builder<'p, 's> {
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode))
}

/// On Windows a file in the user's profile is already the user's alone.
#[cfg(not(unix))]
fn with_mode<'a, 'p, 's>(builder: &'a mut Builder<'p, 's>, _mode: u32) -> &'a mut Builder<'p, 's> {
    builder
}
