//! A key that takes another's place under the same path, without a moment in which neither works.
//!
//! Beside `KEY` there are, for as long as it takes, `KEY.next` (the new key; git is told of it by
//! [`super::Login::command_line`]) and `KEY.old` (the old one; while it is there, the old key may still be registered).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{SshError, next_of, public_path};
use crate::interrupt;

/// The files of a key and of those before and after it.
#[derive(Debug, Clone)]
pub struct Succession {
    key: PathBuf,
}

/// How far it has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There is one key.
    Settled,
    /// The next one is made.
    Prepared,
    /// The next one is taking the key's place, or has taken it.
    Switched,
}

impl Succession {
    /// The files beside a key.
    #[must_use]
    pub fn of(key: &Path) -> Self {
        Self {
            key: key.to_owned(),
        }
    }

    /// The key that is to follow.
    #[must_use]
    pub fn next(&self) -> PathBuf {
        next_of(&self.key)
    }

    /// The key that was before.
    #[must_use]
    pub fn old(&self) -> PathBuf {
        let mut name = self.key.as_os_str().to_owned();
        name.push(".old");
        name.into()
    }

    /// How far it has got.
    #[must_use]
    pub fn stage(&self) -> Stage {
        if self.old().exists() {
            Stage::Switched
        } else if self.next().exists() {
            Stage::Prepared
        } else {
            Stage::Settled
        }
    }

    /// Puts the next key in the key's place, and keeps the old one beside it.
    ///
    /// The private key is replaced in one step. The public one is away meanwhile, because `ssh` takes it from the private
    /// key then, and would fail if the two were of different pairs. Can be repeated wherever it was cut off.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub fn switch(&self) -> Result<(), SshError> {
        let _whole = interrupt::shield();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| SshError::KeyFile {
                path,
                reason: error.to_string(),
            }
        };
        let (next, old) = (self.next(), self.old());
        if !old.exists() {
            if public_path(&self.key).exists() {
                put(&public_path(&self.key), &public_path(&old)).map_err(failed(&old))?;
            }
            put(&self.key, &old).map_err(failed(&old))?;
        }
        remove(&public_path(&self.key)).map_err(failed(&self.key))?;
        put(&next, &self.key).map_err(failed(&self.key))?;
        if public_path(&next).exists() {
            put(&public_path(&next), &public_path(&self.key)).map_err(failed(&self.key))?;
        }
        Ok(())
    }

    /// Removes the files beside the key: first the next one, then the old one, which says that there is something left
    /// to do.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub fn settle(&self) -> Result<(), SshError> {
        let _whole = interrupt::shield();
        for private in [self.next(), self.old()] {
            for path in [public_path(&private), private] {
                remove(&path).map_err(|error| SshError::KeyFile {
                    reason: error.to_string(),
                    path,
                })?;
            }
        }
        Ok(())
    }
}

/// Gives a file a second name, in one step also where that name is taken.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let mut name = to.as_os_str().to_owned();
    name.push(".tmp");
    let between = PathBuf::from(name);
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
        let succession = Succession::of(&key);
        write("key", "old");
        write("key.pub", "old.pub");
        assert_eq!(succession.stage(), Stage::Settled);
        write("key.next", "new");
        write("key.next.pub", "new.pub");
        assert_eq!(succession.stage(), Stage::Prepared);
        for _ in 0..2 {
            succession.switch().unwrap();
            assert_eq!(succession.stage(), Stage::Switched);
            assert_eq!(read("key").as_deref(), Some("new"));
            assert_eq!(read("key.pub").as_deref(), Some("new.pub"));
            assert_eq!(read("key.old").as_deref(), Some("old"));
            assert_eq!(read("key.old.pub").as_deref(), Some("old.pub"));
            // Cut off before the public key was there again.
            fs::remove_file(folder.path().join("key.pub")).unwrap();
        }
        succession.switch().unwrap();
        succession.settle().unwrap();
        assert_eq!(succession.stage(), Stage::Settled);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["key", "key.pub"]);
        assert_eq!(read("key").as_deref(), Some("new"));
    }
}
