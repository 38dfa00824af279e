//! Files of other programs that are edited: each is replaced atomically after a backup was made. Permissions and symbolic
//! links are kept, and changes that another program made in the meantime are not overwritten.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::sys::atomic_file::{parent_dir, temp_file_in};

/// Longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How other programs are kept from changing the file at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// `NAME.lock`, as git does.
    Git,
    /// The file's program has no lock.
    None,
}

/// The content of a file when it was read.
#[derive(Debug)]
pub(crate) struct EditableFile {
    path: PathBuf,
    /// Path of the backup without its suffix.
    backup_path: PathBuf,
    bytes: Vec<u8>,
    text: String,
    is_utf8: bool,
}

impl EditableFile {
    /// Reads a file. `None` if it does not exist.
    ///
    /// # Errors
    /// Errors of the system, and for anything but a regular file.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match read_regular_file(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (text, is_utf8) = match str::from_utf8(&bytes) {
            Ok(text) => (text.to_owned(), true),
            // Latin-1: one character for each byte, so that `encode` restores them.
            Err(_) => (bytes.iter().copied().map(char::from).collect(), false),
        };
        Ok(Some(Self {
            path: path.to_owned(),
            backup_path: path.to_owned(),
            bytes,
            text,
            is_utf8,
        }))
    }

    /// Sets the path of the backup, which is `PATH.bbconnect-STAMP`. By default it is next to the file.
    #[must_use]
    pub(crate) fn with_backup_path(self, path: PathBuf) -> Self {
        Self {
            backup_path: path,
            ..self
        }
    }

    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the text of the file and returns the path of the backup. The caller defers signals.
    ///
    /// # Errors
    /// Errors of the system, and where the file is read-only, locked, or changed since it was read.
    pub(crate) fn replace(&self, text: &str, stamp: &str, lock: Lock) -> io::Result<PathBuf> {
        let target = fs::canonicalize(&self.path)?;
        let metadata = fs::metadata(&target)?;
        if metadata.permissions().readonly() {
            let message = "the file is read-only";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let new = temp_file_like(&metadata, parent_dir(&target), &self.encode(text))?;
        let _lock = match lock {
            Lock::Git => Some(GitLockFile::create(&target)?),
            Lock::None => None,
        };
        if read_regular_file(&target)? != self.bytes {
            return Err(io::Error::other(
                "another program changed the file in the meantime; run the command again",
            ));
        }
        let backup = create_backup(&self.backup_path, stamp, |backup| {
            // A hard link needs no space. Not every file system has them.
            fs::hard_link(&target, backup).or_else(|_| {
                let copy = temp_file_like(&metadata, parent_dir(backup), &self.bytes)?;
                copy.persist_noclobber(backup)?;
                Ok(())
            })
        })?;
        new.persist(&target)?;
        Ok(backup)
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        if self.is_utf8 {
            return text.as_bytes().to_vec();
        }
        let byte = |character: char| u8::try_from(character).unwrap_or(b'?');
        text.chars().map(byte).collect()
    }
}

/// Reads a regular file. Reading a pipe or a device might never end.
fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// Creates a file with the owner and the permissions of another.
fn temp_file_like(metadata: &fs::Metadata, dir: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = temp_file_in(dir, 0o600)?;
    file.as_file_mut().write_all(bytes)?;
    copy_owner(file.as_file(), metadata);
    file.as_file().set_permissions(metadata.permissions())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Calls `create` with names until one is not taken.
fn create_backup(
    path: &Path,
    stamp: &str,
    create: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    /// For one stamp.
    const MAX_BACKUPS: u32 = 100;
    let mut number = 1;
    loop {
        let mut name = path.file_name().map(OsString::from).unwrap_or_default();
        name.push(format!(".bbconnect-{stamp}"));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let backup = parent_dir(path).join(name);
        match create(&backup) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_BACKUPS => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Git's lock: it exists while git writes the file.
struct GitLockFile(PathBuf);

impl GitLockFile {
    fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("locked by git: {} exists", lock.display());
                Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for GitLockFile {
    fn drop(&mut self) {
        // Git reports a lock that could not be removed.
        drop(fs::remove_file(&self.0));
    }
}

/// Keeps the owner when root edits another user's file.
#[cfg(unix)]
fn copy_owner(file: &File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    drop(fchown(file, Some(metadata.uid()), Some(metadata.gid())));
}

#[cfg(not(unix))]
fn copy_owner(_file: &File, _metadata: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_made_and_bytes_that_are_not_utf8_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, b"a\xff\xe9b").unwrap();
        let file = EditableFile::read(&path).unwrap().unwrap();
        let backup = file
            .replace(&file.text().replace('b', "c"), "1", Lock::Git)
            .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\xff\xe9c");
        assert_eq!(fs::read(&backup).unwrap(), b"a\xff\xe9b");
        let again = EditableFile::read(&path).unwrap().unwrap();
        let second = again.replace("d", "1", Lock::Git).unwrap();
        assert_ne!(backup, second);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn changes_of_other_programs_are_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "old").unwrap();
        let file = EditableFile::read(&path).unwrap().unwrap();
        let lock = dir.path().join("config.lock");
        fs::write(&lock, "").unwrap();
        assert!(file.replace("new", "1", Lock::Git).is_err());
        fs::remove_file(&lock).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(file.replace("new", "1", Lock::Git).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(EditableFile::read(&lock).unwrap().is_none());
        assert!(EditableFile::read(dir.path()).is_err());
    }
}
