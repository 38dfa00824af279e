//! A key that takes another's place under the same path, without a moment in which neither works.
//!
//! Beside `KEY` there are, for as long as it takes, `KEY.bbconnect-next` (the new key; git is told of it by
//! [`super::ClientOptions::command_line`]) and `KEY.bbconnect-old` (the old one; while it is there, the old key may still be
//! registered). The names are nobody else's: `KEY.old` may well be somebody's own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::private_key_file::sibling_path;
use super::{SshError, next_key_path, public_path};
use crate::sys::atomic_file::parent_dir;
use crate::sys::signals;
use crate::sys::subprocess::{CommandSpec, Stderr};

/// An `ssh` that began before has logged in after this.
const IN_FLIGHT_GRACE: Duration = Duration::from_secs(2);
/// Writing a key in another format takes a moment.
const LIMIT: Duration = Duration::from_secs(20);

/// The files of a key and of those before and after it.
#[derive(Debug, Clone)]
pub(crate) struct KeySwap {
    key: PathBuf,
}

/// How far it has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is one key.
    Idle,
    /// The next one is made.
    NextReady,
    /// The next one is taking the key's place, or has taken it.
    Swapped,
}

impl KeySwap {
    /// The files beside a key.
    #[must_use]
    pub(crate) fn of(key: &Path) -> Self {
        Self {
            key: key.to_owned(),
        }
    }

    /// The key that is to follow.
    #[must_use]
    pub(crate) fn next(&self) -> PathBuf {
        next_key_path(&self.key)
    }

    /// The key that was before.
    #[must_use]
    pub(crate) fn old(&self) -> PathBuf {
        sibling_path(&self.key, ".bbconnect-old")
    }

    /// How far it has got.
    #[must_use]
    pub(crate) fn stage(&self) -> Stage {
        if self.old().exists() {
            Stage::Swapped
        } else if self.next().exists() {
            Stage::NextReady
        } else {
            Stage::Idle
        }
    }

    /// Puts the next key in the key's place, and keeps the old one beside it. Both must be registered meanwhile. Can be
    /// repeated wherever it was cut off.
    ///
    /// An `ssh` that is under way has read the public key at its start, and reads the private one when the server has
    /// accepted that: it fails if the file was replaced in between. So for a while the old key is in a format that does
    /// not show its public half (PEM), and no public key lies beside it: then `ssh` reads the private key alone, once,
    /// and whichever it finds is good. A key that has no such format (Ed25519), or a passphrase, is replaced at once.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub(crate) fn swap(&self) -> Result<(), SshError> {
        let old = self.old();
        if !old.exists() {
            let _whole = signals::critical_section();
            if public_path(&self.key).exists() {
                self.link_or_copy(&public_path(&self.key), &public_path(&old))?;
            }
            self.link_or_copy(&self.key, &old)?;
        }
        if let Some(opaque) = self.pem_copy(&old) {
            self.link_or_copy(&opaque, &self.key)?;
            self.remove(&public_path(&self.key))?;
            thread::sleep(IN_FLIGHT_GRACE);
            self.remove(&opaque)?;
        }
        let _whole = signals::critical_section();
        self.remove(&public_path(&self.key))?;
        self.link_or_copy(&self.next(), &self.key)?;
        if public_path(&self.next()).exists() {
            self.link_or_copy(&public_path(&self.next()), &public_path(&self.key))?;
        }
        Ok(())
    }

    /// A copy of a key that does not show its public half; `None` where `ssh-keygen` can make none.
    fn pem_copy(&self, key: &Path) -> Option<PathBuf> {
        let copy = temp_path(key);
        self.remove(&copy).ok()?;
        fs::copy(key, &copy).ok()?;
        let command = CommandSpec::new("ssh-keygen")
            .args(["-q", "-p", "-P", "", "-N", "", "-m", "PEM", "-f"])
            .args([&copy])
            .stderr(Stderr::Null);
        let done = command
            .run(LIMIT)
            .is_ok_and(|output| output.status.success());
        let text = Zeroizing::new(fs::read_to_string(&copy).ok()?);
        (done && !text.contains("BEGIN OPENSSH")).then_some(copy)
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> Result<(), SshError> {
        put(from, to).map_err(|error| self.failed(&error))
    }

    fn remove(&self, path: &Path) -> Result<(), SshError> {
        remove(path).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> SshError {
        SshError::KeyFile {
            path: self.key.clone(),
            reason: error.to_string(),
        }
    }

    /// Has the key written to the disk, before a server forgets the one that it follows.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub(crate) fn sync(&self) -> Result<(), SshError> {
        let files = [self.key.clone(), public_path(&self.key)];
        for path in files.iter().filter(|path| path.exists()) {
            // Windows asks for the right to write.
            let file = OpenOptions::new().read(true).write(true).open(path);
            let synced = file.and_then(|file| file.sync_all());
            synced.map_err(|error| self.failed(&error))?;
        }
        if cfg!(unix) {
            // Its name as well, where the file system can.
            drop(File::open(parent_dir(&self.key)).and_then(|folder| folder.sync_all()));
        }
        Ok(())
    }

    /// Removes the next key, which is registered nowhere.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub(crate) fn discard_next(&self) -> Result<(), SshError> {
        let _whole = signals::critical_section();
        let next = self.next();
        self.remove(&public_path(&next))?;
        self.remove(&next)
    }

    /// Removes the files beside the key: first the next one, then the old one, which says that there is something left
    /// to do.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub(crate) fn finish(&self) -> Result<(), SshError> {
        let _whole = signals::critical_section();
        for private in [self.next(), self.old()] {
            for path in [temp_path(&private), public_path(&private), private] {
                self.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Where a copy of a key is for a moment.
fn temp_path(key: &Path) -> PathBuf {
    sibling_path(key, ".pem")
}

/// Gives a file a second name, in one step also where that name is taken.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let between = sibling_path(to, ".bbconnect-tmp");
    remove(&between)?;
    if fs::hard_link(from, &between).is_err() {
        // A file system without links. The copy has the rights of the original.
        fs::copy(from, &between)?;
    }
    fs::rename(&between, to)?;
    // Two names of the same file: then renaming does nothing (rename(2)).
    remove(&between)
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
    fn the_next_key_takes_over_wherever_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        let swap = KeySwap::of(&key);
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
            // Cut off before the public key was there again.
            fs::remove_file(folder.path().join("key.pub")).unwrap();
            swap.sync().unwrap();
        }
        swap.swap().unwrap();
        swap.finish().unwrap();
        assert_eq!(swap.stage(), Stage::Idle);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["key", "key.pub"]);
        assert_eq!(read("key").as_deref(), Some("new"));
    }
}
