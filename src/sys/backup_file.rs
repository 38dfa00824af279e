//! Files of others that are changed: each is replaced whole, with its old version kept, beside it as a rule. Permissions stay, a
//! link stays a link, and what somebody else wrote meanwhile is never lost.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::sys::atomic_file::parent_dir;

/// No configuration is longer, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Who else changes a file, and how they are kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Git, which takes `NAME.lock` while it writes.
    Git,
    /// Nobody who could be kept out.
    None,
}

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct EditableFile {
    path: PathBuf,
    /// What the name of its old version begins with.
    kept_as: PathBuf,
    bytes: Vec<u8>,
    text: String,
    is_utf8: bool,
}

impl EditableFile {
    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// What the system says; also for what is not an ordinary file.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match read_regular_file(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (text, is_utf8) = match str::from_utf8(&bytes) {
            Ok(text) => (text.to_owned(), true),
            // Each byte a character: nothing is lost on the way back.
            Err(_) => (bytes.iter().copied().map(char::from).collect(), false),
        };
        Ok(Some(Self {
            path: path.to_owned(),
            kept_as: path.to_owned(),
            bytes,
            text,
            is_utf8,
        }))
    }

    /// Keeps the old version elsewhere: as `PATH.bbconnect-STAMP`.
    #[must_use]
    pub(crate) fn with_backup_path(self, path: PathBuf) -> Self {
        Self {
            kept_as: path,
            ..self
        }
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Gives the file another text, and keeps the old one as `NAME.bbconnect-STAMP`, whose path is the answer. After a
    /// crash the file has its old or its new text, never a mixture. The caller puts interruptions off.
    ///
    /// # Errors
    /// What the system says; also where the file is read-only, locked, or no longer what was read.
    pub(crate) fn replace(&self, text: &str, stamp: &str, lock: Lock) -> io::Result<PathBuf> {
        let target = fs::canonicalize(&self.path)?;
        let metadata = fs::metadata(&target)?;
        if metadata.permissions().readonly() {
            let message = "it is read-only";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let new = temp_file_like(&metadata, parent_dir(&target), &self.encoded(text))?;
        let _locked = match lock {
            Lock::Git => Some(GitLockFile::take(&target)?),
            Lock::None => None,
        };
        if read_regular_file(&target)? != self.bytes {
            return Err(io::Error::other(
                "somebody changed it meanwhile; run this again",
            ));
        }
        let kept = create_backup(&self.kept_as, stamp, |kept| {
            // Another name for the old version costs nothing; not every file system has that.
            fs::hard_link(&target, kept).or_else(|_| {
                let copy = temp_file_like(&metadata, parent_dir(kept), &self.bytes)?;
                copy.persist_noclobber(kept)?;
                Ok(())
            })
        })?;
        new.persist(&target)?;
        Ok(kept)
    }

    fn encoded(&self, text: &str) -> Vec<u8> {
        if self.is_utf8 {
            return text.as_bytes().to_vec();
        }
        let byte = |character: char| u8::try_from(character).unwrap_or(b'?');
        text.chars().map(byte).collect()
    }
}

/// The bytes of an ordinary file: a pipe would never end, a device never begin.
fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// A new file with the owner and the permissions of another.
fn temp_file_like(
    metadata: &fs::Metadata,
    folder: &Path,
    bytes: &[u8],
) -> io::Result<NamedTempFile> {
    let mut file = Builder::new().prefix(".bbconnect-").tempfile_in(folder)?;
    file.as_file_mut().write_all(bytes)?;
    copy_owner(file.as_file(), metadata);
    file.as_file().set_permissions(metadata.permissions())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Keeps the old version under a name that nothing has yet.
fn create_backup(
    path: &Path,
    stamp: &str,
    make: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    /// More versions of one second are not kept.
    const MOST: u32 = 100;
    let mut number = 1;
    loop {
        let mut name = path.file_name().map(OsString::from).unwrap_or_default();
        name.push(format!(".bbconnect-{stamp}"));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let kept = parent_dir(path).join(name);
        match make(&kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The lock of git's: a file of its own, there while one writes.
struct GitLockFile(PathBuf);

impl GitLockFile {
    fn take(path: &Path) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("git is changing it: {} exists", lock.display());
                Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for GitLockFile {
    fn drop(&mut self) {
        // Git names a lock that stays.
        drop(fs::remove_file(&self.0));
    }
}

/// Where root mends somebody's file, it stays theirs.
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
    fn the_old_version_is_kept_and_bytes_that_are_no_text_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, b"a\xff\xe9b").unwrap();
        let file = EditableFile::read(&path).unwrap().unwrap();
        let kept = file
            .replace(&file.text().replace('b', "c"), "1", Lock::Git)
            .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\xff\xe9c");
        assert_eq!(fs::read(&kept).unwrap(), b"a\xff\xe9b");
        let again = EditableFile::read(&path).unwrap().unwrap();
        let other = again.replace("d", "1", Lock::Git).unwrap();
        assert_ne!(kept, other);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_somebody_else_writes_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, "old").unwrap();
        let file = EditableFile::read(&path).unwrap().unwrap();
        let lock = folder.path().join("config.lock");
        fs::write(&lock, "").unwrap();
        assert!(file.replace("new", "1", Lock::Git).is_err());
        fs::remove_file(&lock).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(file.replace("new", "1", Lock::Git).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(EditableFile::read(&lock).unwrap().is_none());
        assert!(EditableFile::read(folder.path()).is_err());
    }
}
