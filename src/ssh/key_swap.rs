//! Replaces a key under the same path, so that at any time one of the two keys works.
//!
//! During the replacement there are `KEY.bbconnect-next` (the new key, which [`super::ClientOptions::command_line`] also names)
//! and `KEY.bbconnect-old` (the old key, which may still be registered while this file exists). No other program uses these
//! names; `KEY.old` may well be a file of the user.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::SshError;
use super::key_paths::{append_suffix, next_key_path, public_path};
use crate::sys::atomic_file::{self, parent_dir};
use crate::sys::signals;
use crate::sys::subprocess::{CommandSpec, Stderr};

/// An `ssh` that was started before has logged in after this time.
const IN_FLIGHT_GRACE: Duration = Duration::from_secs(2);
/// For the conversion of a key.
const LIMIT: Duration = Duration::from_secs(20);

/// The files of a key that is replaced.
#[derive(Debug, Clone)]
pub(crate) struct KeySwap {
    key: PathBuf,
}

/// Progress, as the files show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Only `KEY` exists.
    Idle,
    /// `KEY.bbconnect-next` exists.
    NextReady,
    /// `KEY.bbconnect-old` exists: the new key replaces `KEY`, or has replaced it.
    Swapped,
}

impl KeySwap {
    pub(crate) fn new(key: &Path) -> Self {
        Self {
            key: key.to_owned(),
        }
    }

    /// Path of the new key.
    pub(crate) fn next(&self) -> PathBuf {
        next_key_path(&self.key)
    }

    /// Path of the old key.
    pub(crate) fn old(&self) -> PathBuf {
        append_suffix(&self.key, ".bbconnect-old")
    }

    pub(crate) fn stage(&self) -> Stage {
        if self.old().exists() {
            Stage::Swapped
        } else if self.next().exists() {
            Stage::NextReady
        } else {
            Stage::Idle
        }
    }

    /// Replaces the key by the new one and keeps the old one in `KEY.bbconnect-old`. Both must be registered. Can be repeated
    /// after an interruption at any point.
    ///
    /// A running `ssh` has read the public key at its start, and reads the private key when the server has accepted the
    /// public one: it fails if the file was replaced in between. So for a while the old key is written in a format that does
    /// not contain its public half (PEM), without a `.pub` file: then `ssh` reads the private key once, and either key is
    /// good. A key for which there is no such format (Ed25519), and one with a passphrase, is replaced at once.
    pub(crate) fn swap(&self) -> Result<(), SshError> {
        let old = self.old();
        if !old.exists() {
            let _critical = signals::critical_section();
            if public_path(&self.key).exists() {
                self.link_or_copy(&public_path(&self.key), &public_path(&old))?;
            }
            self.link_or_copy(&self.key, &old)?;
        }
        if let Some(pem) = self.pem_copy(&old) {
            self.link_or_copy(&pem, &self.key)?;
            self.remove(&public_path(&self.key))?;
            thread::sleep(IN_FLIGHT_GRACE);
            self.remove(&pem)?;
        }
        let _critical = signals::critical_section();
        self.remove(&public_path(&self.key))?;
        self.link_or_copy(&self.next(), &self.key)?;
        if public_path(&self.next()).exists() {
            self.link_or_copy(&public_path(&self.next()), &public_path(&self.key))?;
        }
        Ok(())
    }

    /// A copy of a key in PEM format. `None` if `ssh-keygen` cannot convert it.
    fn pem_copy(&self, key: &Path) -> Option<PathBuf> {
        let copy = temp_path(key);
        atomic_file::write_bytes(&copy, &Zeroizing::new(fs::read(key).ok()?)).ok()?;
        let command = CommandSpec::new("ssh-keygen")
            .args(["-q", "-p", "-P", "", "-N", "", "-m", "PEM", "-f"])
            .args([&copy])
            .stderr(Stderr::Null);
        let is_converted = command
            .run(LIMIT)
            .is_ok_and(|output| output.status.success());
        let text = Zeroizing::new(fs::read_to_string(&copy).ok()?);
        (is_converted && !text.contains("BEGIN OPENSSH")).then_some(copy)
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> Result<(), SshError> {
        link_or_copy(from, to).map_err(|error| self.error(&error))
    }

    fn remove(&self, path: &Path) -> Result<(), SshError> {
        remove(path).map_err(|error| self.error(&error))
    }

    fn error(&self, error: &io::Error) -> SshError {
        SshError::KeyFile {
            path: self.key.clone(),
            reason: error.to_string(),
        }
    }

    /// Flushes the key to the disk, before the old one is removed from the server.
    pub(crate) fn sync(&self) -> Result<(), SshError> {
        let files = [self.key.clone(), public_path(&self.key)];
        for path in files.iter().filter(|path| path.exists()) {
            // On Windows, flushing needs write access.
            let file = OpenOptions::new().read(true).write(true).open(path);
            let synced = file.and_then(|file| file.sync_all());
            synced.map_err(|error| self.error(&error))?;
        }
        if cfg!(unix) {
            // Not every file system can flush a directory.
            drop(File::open(parent_dir(&self.key)).and_then(|dir| dir.sync_all()));
        }
        Ok(())
    }

    /// Removes the new key, which must not be registered.
    pub(crate) fn discard_next(&self) -> Result<(), SshError> {
        let _critical = signals::critical_section();
        let next = self.next();
        self.remove(&public_path(&next))?;
        self.remove(&next)
    }

    /// Removes the other files: the old key last, because it marks an unfinished replacement.
    pub(crate) fn finish(&self) -> Result<(), SshError> {
        let _critical = signals::critical_section();
        for private in [self.next(), self.old()] {
            for path in [temp_path(&private), public_path(&private), private] {
                self.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Path of the copy in PEM format.
fn temp_path(key: &Path) -> PathBuf {
    append_suffix(key, ".pem")
}

/// Links a file to another path, atomically even if that path exists.
fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = append_suffix(to, ".bbconnect-tmp");
    remove(&temporary)?;
    if fs::hard_link(from, &temporary).is_err() {
        // The file system has no hard links. The copy has the permissions of the original.
        fs::copy(from, &temporary)?;
    }
    atomic_file::rename(&temporary, to)?;
    // Renaming does nothing if both names are links to the same file (rename(2)).
    remove(&temporary)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_can_be_repeated_after_an_interruption() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).ok();
        let swap = KeySwap::new(&key);
        write("key", "old");
        write("key.pub", "old.pub");
        assert_eq!(swap.stage(), Stage::Idle);
        write("key.bbconnect-next", "new");
        write("key.bbconnect-next.pub", "new.pub");
        assert_eq!(swap.stage(), Stage::NextReady);
        for _ in 0..2 {
            swap.swap().unwrap();
            assert_eq!(swap.stage(), Stage::Swapped);
            assert_eq!(read("key").as_deref(), Some("new"));
            assert_eq!(read("key.pub").as_deref(), Some("new.pub"));
            assert_eq!(read("key.bbconnect-old").as_deref(), Some("old"));
            assert_eq!(read("key.bbconnect-old.pub").as_deref(), Some("old.pub"));
            // Interrupted before the public key was written again.
            fs::remove_file(dir.path().join("key.pub")).unwrap();
            swap.sync().unwrap();
        }
        swap.swap().unwrap();
        swap.finish().unwrap();
        assert_eq!(swap.stage(), Stage::Idle);
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["key", "key.pub"]);
        assert_eq!(read("key").as_deref(), Some("new"));
    }
}
