//! Files of other programs that are edited: each is replaced atomically after a backup was made, and can be restored from
//! it. Permissions and symbolic links are kept, and changes that another program made in the meantime are not overwritten.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::sys::atomic_file::{
    create_private_dir, parent_dir, persist, temp_file_in, temp_file_like,
};
use crate::sys::regular_file;

/// The directory of backups in a Git directory.
pub(crate) const BACKUP_DIR: &str = "bbconnect";

/// Backups of one file for one stamp.
const MAX_BACKUPS: u32 = 100;

/// Longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How other programs are kept from changing the file at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lock {
    /// `NAME.lock`, as git does.
    Git,
    /// The file's program has no lock.
    None,
}

/// The SHA-256 of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ContentHash(String);

impl ContentHash {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(digest(&SHA256, bytes)))
    }
}

#[derive(Debug)]
pub(crate) struct BackedUpFile {
    pub(crate) path: PathBuf,
    /// The path of the backup without its suffix.
    pub(crate) backup: PathBuf,
    pub(crate) stamp: String,
    /// The permissions of Unix before the change.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows has none"))]
    pub(crate) mode: u32,
    pub(crate) before: ContentHash,
    pub(crate) after: ContentHash,
    pub(crate) lock: Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestoreState {
    /// The file has its previous content again, or would have.
    Done,
    /// The file had its previous content.
    Unchanged,
    /// The file was changed since.
    ChangedSince,
    /// The backup is gone, or was changed.
    NoBackup,
}

impl BackedUpFile {
    /// What restoring would do.
    pub(crate) fn state(&self) -> io::Result<RestoreState> {
        let bytes = match read_regular_file(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(RestoreState::ChangedSince);
            }
            Err(error) => return Err(error),
        };
        let hash = ContentHash::new(&bytes);
        Ok(if hash == self.before {
            RestoreState::Unchanged
        } else if hash != self.after {
            RestoreState::ChangedSince
        } else if self.find_backup().is_none() {
            RestoreState::NoBackup
        } else {
            RestoreState::Done
        })
    }

    /// Restores content and permissions, and removes the backup. The caller defers signals.
    pub(crate) fn restore(&self) -> io::Result<RestoreState> {
        let target = fs::canonicalize(&self.path);
        let _lock = match (self.lock, &target) {
            (Lock::Git, Ok(target)) => Some(GitLockFile::create(target)?),
            (Lock::Git | Lock::None, _) => None,
        };
        let state = self.state()?;
        let Some((backup, bytes)) = self.find_backup().filter(|_| state == RestoreState::Done)
        else {
            return Ok(state);
        };
        let target = target?;
        let file = new_version(&target, &fs::metadata(&target)?, &bytes)?;
        #[cfg(unix)]
        file.as_file()
            .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(self.mode))?;
        persist(file, &target)?;
        drop(fs::remove_file(&backup));
        remove_empty_dirs(&backup);
        Ok(RestoreState::Done)
    }

    fn find_backup(&self) -> Option<(PathBuf, Vec<u8>)> {
        (1..=MAX_BACKUPS).find_map(|number| {
            let path = backup_name(&self.backup, &self.stamp, number);
            let bytes = read_regular_file(&path).ok()?;
            (ContentHash::new(&bytes) == self.before).then_some((path, bytes))
        })
    }
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
            // Next to the file itself, not to a link in a directory of others.
            backup_path: fs::canonicalize(path)?,
            bytes,
            text,
            is_utf8,
        }))
    }

    /// Sets the path of the backup, which is `PATH.bbconnect-STAMP`. By default it is next to the file.
    pub(crate) fn with_backup_path(self, path: PathBuf) -> Self {
        Self {
            backup_path: path,
            ..self
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the backup without its suffix.
    pub(crate) fn backup_path(&self) -> &Path {
        &self.backup_path
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The permissions on Unix.
    pub(crate) fn mode(&self) -> io::Result<u32> {
        Ok(mode_of(&fs::metadata(&self.path)?))
    }

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
        let new = new_version(&target, &metadata, &self.encode(text))?;
        let _lock = match lock {
            Lock::Git => Some(GitLockFile::create(&target)?),
            Lock::None => None,
        };
        if read_regular_file(&target)? != self.bytes {
            return Err(io::Error::other(
                "another program changed the file in the meantime; run the command again",
            ));
        }
        create_private_dir(parent_dir(&self.backup_path))?;
        let backup = create_backup(&self.backup_path, stamp, |backup| {
            // The file may contain a credential.
            let mut copy = temp_file_in(parent_dir(backup), 0o600)?;
            copy.as_file_mut().write_all(&self.bytes)?;
            copy_owner(copy.as_file(), &metadata);
            copy.as_file().sync_all()?;
            copy.persist_noclobber(backup)?;
            Ok(())
        })?;
        persist(new, &target)?;
        Ok(backup)
    }

    /// The bytes of a changed text.
    pub(crate) fn encode(&self, text: &str) -> Vec<u8> {
        if self.is_utf8 {
            return text.as_bytes().to_vec();
        }
        let byte = |character: char| u8::try_from(character).unwrap_or(b'?');
        text.chars().map(byte).collect()
    }
}

/// Reads a regular file. Opening or reading a pipe or a device might never end.
pub(crate) fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    regular_file::read(path, MAX_FILE_BYTES)
}

#[cfg(unix)]
fn mode_of(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode_of(_metadata: &fs::Metadata) -> u32 {
    0
}

/// Removes the directories that were created for a backup.
fn remove_empty_dirs(backup: &Path) {
    let dirs: Vec<&Path> = backup.ancestors().skip(1).collect();
    let Some(last) = dirs
        .iter()
        .position(|dir| dir.file_name().is_some_and(|name| name == BACKUP_DIR))
    else {
        return;
    };
    for dir in dirs.into_iter().take(last + 1) {
        if fs::remove_dir(dir).is_err() {
            return;
        }
    }
}

/// Creates a file beside another, with its owner and permissions.
fn new_version(path: &Path, metadata: &fs::Metadata, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = temp_file_like(path)?;
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
    let mut number = 1;
    loop {
        let backup = backup_name(path, stamp, number);
        match create(&backup) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_BACKUPS => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn backup_name(path: &Path, stamp: &str, number: u32) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".bbconnect-{stamp}"));
    if number > 1 {
        name.push(format!("-{number}"));
    }
    parent_dir(path).join(name)
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

    #[cfg(unix)]
    #[test]
    fn content_and_permissions_are_restored() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let base = dir.path().join("bbconnect/a/config");
        let file = EditableFile::read(&path).unwrap().unwrap();
        let mode = file.mode().unwrap();
        let file = file.with_backup_path(base.clone());
        let backup = file.replace("new", "1", Lock::Git).unwrap();
        assert_eq!(mode_of(&fs::metadata(&backup).unwrap()), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let changed = BackedUpFile {
            path: path.clone(),
            backup: base,
            stamp: "1".to_owned(),
            mode,
            before: ContentHash::new(b"old"),
            after: ContentHash::new(b"new"),
            lock: Lock::Git,
        };
        fs::write(&path, "theirs").unwrap();
        assert_eq!(changed.restore().unwrap(), RestoreState::ChangedSince);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        fs::write(&path, "new").unwrap();
        assert_eq!(changed.restore().unwrap(), RestoreState::Done);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(mode_of(&fs::metadata(&path).unwrap()), 0o640);
        assert_eq!(changed.restore().unwrap(), RestoreState::Unchanged);
        fs::write(&path, "new").unwrap();
        assert_eq!(changed.restore().unwrap(), RestoreState::NoBackup);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let limit = std::time::Duration::from_mins(1);
        let made = crate::sys::subprocess::CommandSpec::new("mkfifo")
            .args([&pipe])
            .run(limit);
        assert!(made.unwrap().status.success());
        assert!(read_regular_file(&pipe).is_err());
        assert!(read_regular_file(Path::new("/dev/zero")).is_err());
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
