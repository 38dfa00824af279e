//! The record of the last run that changed files, from which `--undo` restores them. It names files, backups and hashes,
//! and contains no secret.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};

use super::fix::FixKind;
use crate::sys::atomic_file;
use crate::sys::backup_file::{ContentHash, Lock};

/// Paths need not be UTF-8, and JSON is.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRun {
    /// In the names of the backups.
    pub(crate) stamp: String,
    pub(crate) files: Vec<ChangedFile>,
}

/// A file that the run changed, or was about to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangedFile {
    path: String,
    /// The path of the backup without its suffix.
    backup: String,
    pub(crate) mode: u32,
    pub(crate) before: ContentHash,
    pub(crate) after: ContentHash,
    pub(crate) lock: Lock,
    pub(crate) user_file: bool,
    pub(crate) changes: Vec<RecordedChange>,
}

/// One change, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedChange {
    pub(crate) kind: FixKind,
    pub(crate) location: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl ChangedFile {
    pub(crate) fn new(
        path: &Path,
        backup: &Path,
        mode: u32,
        (before, after): (ContentHash, ContentHash),
        lock: Lock,
    ) -> Self {
        Self {
            path: encode(path),
            backup: encode(backup),
            mode,
            before,
            after,
            lock,
            user_file: false,
            changes: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        decode(&self.path)
    }

    pub(crate) fn backup(&self) -> PathBuf {
        decode(&self.backup)
    }
}

impl LastRun {
    /// The record; `None` where there is none.
    pub(crate) fn load(file: &Path) -> io::Result<Option<Self>> {
        let Some(text) = atomic_file::read(file)? else {
            return Ok(None);
        };
        let record = serde_json::from_str(&text).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the file is no record of bbconnect migrate",
            )
        })?;
        Ok(Some(record))
    }

    /// Replaces the record; one without files is removed.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        if self.files.is_empty() {
            return match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        atomic_file::create_private_dir(atomic_file::parent_dir(file))?;
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        atomic_file::write(file, &text)
    }
}

fn encode(path: &Path) -> String {
    percent_encode(path.as_os_str().as_encoded_bytes(), ENCODED).to_string()
}

#[cfg(unix)]
fn decode(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(not(unix))]
fn decode(text: &str) -> PathBuf {
    let text = percent_decode_str(text).decode_utf8_lossy();
    PathBuf::from(OsStr::new(text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/migrate.json");
        assert_eq!(LastRun::load(&file).unwrap(), None);
        let path = Path::new("/x/100% ü/config");
        let hashes = (ContentHash::new(b"a"), ContentHash::new(b"b"));
        let changed = ChangedFile::new(path, path, 0o644, hashes, Lock::Git);
        assert_eq!(changed.path(), path);
        let mut run = LastRun {
            stamp: "20261121T190359Z".to_owned(),
            files: vec![changed],
        };
        run.save(&file).unwrap();
        assert_eq!(LastRun::load(&file).unwrap().as_ref(), Some(&run));
        run.files.clear();
        run.save(&file).unwrap();
        run.save(&file).unwrap();
        assert!(!file.exists());
        std::fs::write(&file, "{}").unwrap();
        assert!(LastRun::load(&file).is_err());
    }
}
