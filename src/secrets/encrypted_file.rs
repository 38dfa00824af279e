//! Secrets in an encrypted file, where there is no keyring and only when asked for.
//!
//! JSON: a header with the parameters of the key derivation, and an entry for each connection, sealed on its own and
//! bound to its name and to the version of the format.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::crypto::{Cipher, Ciphertext, KdfParams};
use super::store::{SecretStore, StoreError};
use crate::sys::atomic_file;
use crate::types::secret::Secret;

const NAME: &str = "secrets.json";
const VERSION: u32 = 1;
/// Sealed with the file, so that a wrong passphrase is known before anything is written with it.
const VERIFIER: &str = "bbconnect";

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    kdf: KdfParams,
    check: Ciphertext,
    #[serde(default)]
    secrets: BTreeMap<String, Ciphertext>,
}

/// The file, and the passphrase that opens it.
#[derive(Debug)]
pub(crate) struct EncryptedFile {
    path: PathBuf,
    passphrase: Secret,
    /// The seal that the passphrase gave, and for which derivation: that takes long on purpose.
    seal: RefCell<Option<(KdfParams, Cipher)>>,
}

impl EncryptedFile {
    /// The file in a configuration folder.
    #[must_use]
    pub(crate) fn in_dir(folder: &Path, passphrase: Secret) -> Self {
        Self {
            path: folder.join(NAME),
            passphrase,
            seal: RefCell::default(),
        }
    }

    /// Whether there is one in a configuration folder.
    #[must_use]
    pub(crate) fn exists_in(folder: &Path) -> bool {
        folder.join(NAME).exists()
    }

    fn read(&self) -> Result<Option<Content>, StoreError> {
        let Some(text) = atomic_file::read(&self.path).map_err(|source| self.failed(source))?
        else {
            return Ok(None);
        };
        let content: Content =
            serde_json::from_str(&text).map_err(|error| self.damaged(&error.to_string()))?;
        if content.version == VERSION {
            Ok(Some(content))
        } else {
            Err(self.damaged("it was written by a newer version"))
        }
    }

    /// The seal of a file, once the passphrase is known to be the right one.
    fn open(&self, content: &Content) -> Result<Cipher, StoreError> {
        let seal = self.cipher_for(&content.kdf)?;
        match seal.decrypt(&associated_data(VERIFIER), &content.check) {
            Some(_) => Ok(seal),
            None => Err(StoreError::WrongPassphrase(self.path.clone())),
        }
    }

    fn cipher_for(&self, kdf: &KdfParams) -> Result<Cipher, StoreError> {
        let mut kept = self.seal.borrow_mut();
        if let Some((_, seal)) = kept.as_ref().filter(|(of, _)| of == kdf) {
            return Ok(seal.clone());
        }
        let seal = kdf
            .encrypt(&self.passphrase)
            .map_err(|reason| self.damaged(&reason))?;
        *kept = Some((kdf.clone(), seal.clone()));
        Ok(seal)
    }

    fn new_content(&self) -> Result<(Content, Cipher), StoreError> {
        let kdf = KdfParams::generate()?;
        let seal = self.cipher_for(&kdf)?;
        let check = seal.seal(&associated_data(VERIFIER), VERIFIER)?;
        Ok((
            Content {
                version: VERSION,
                kdf,
                check,
                secrets: BTreeMap::new(),
            },
            seal,
        ))
    }

    /// Changes the secrets under the file's lock.
    fn update(
        &self,
        change: impl FnOnce(&mut Content, &Cipher) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _lock = atomic_file::lock(&self.path).map_err(|source| self.failed(source))?;
        let (mut content, seal) = match self.read()? {
            Some(content) => {
                let seal = self.open(&content)?;
                (content, seal)
            }
            None => self.new_content()?,
        };
        change(&mut content, &seal)?;
        let mut text = serde_json::to_string_pretty(&content)
            .map_err(|error| self.damaged(&error.to_string()))?;
        text.push('\n');
        atomic_file::write(&self.path, &text).map_err(|source| self.failed(source))
    }

    fn damaged(&self, reason: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::File {
            path: self.path.clone(),
            source,
        }
    }
}

impl SecretStore for EncryptedFile {
    fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let Some(content) = self.read()? else {
            return Ok(None);
        };
        let seal = self.open(&content)?;
        let Some(sealed) = content.secrets.get(name) else {
            return Ok(None);
        };
        let secret = seal.decrypt(&associated_data(name), sealed);
        secret
            .map(Some)
            .ok_or_else(|| self.damaged(&format!("the entry {name} was changed")))
    }

    fn set(&self, name: &str, secret: &Secret) -> Result<(), StoreError> {
        self.update(|content, seal| {
            content.secrets.insert(
                name.to_owned(),
                seal.seal(&associated_data(name), secret.expose())?,
            );
            Ok(())
        })
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.read()? {
            Some(content) if content.secrets.contains_key(name) => self.update(|content, _| {
                content.secrets.remove(name);
                Ok(())
            }),
            Some(_) | None => Ok(()),
        }
    }
}

fn associated_data(name: &str) -> String {
    format!("bbconnect secrets {VERSION} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, passphrase: &str) -> EncryptedFile {
        EncryptedFile::in_dir(folder, Secret::new(passphrase.to_owned()))
    }

    fn exposed(secret: Option<Secret>) -> Option<String> {
        secret.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn secrets_are_kept_changed_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), "pass");
        assert!(store.get("work").unwrap().is_none());
        store.set("work", &Secret::new("one".to_owned())).unwrap();
        store.set("play", &Secret::new("x".repeat(9_000))).unwrap();
        store
            .set("work", &Secret::new("second-marker".to_owned()))
            .unwrap();
        assert_eq!(
            exposed(store.get("work").unwrap()).as_deref(),
            Some("second-marker")
        );
        assert_eq!(
            exposed(store.get("play").unwrap()).map(|text| text.len()),
            Some(9_000)
        );
        let text = std::fs::read_to_string(folder.path().join("secrets.json")).unwrap();
        assert!(!text.contains("second-marker") && !text.contains("xxxxxxxx"));
        store.delete("work").unwrap();
        store.delete("work").unwrap();
        assert!(store.get("work").unwrap().is_none());
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), "pass")
            .set("work", &Secret::new("one".to_owned()))
            .unwrap();
        let wrong = store(folder.path(), "other");
        assert!(matches!(
            wrong.get("work"),
            Err(StoreError::WrongPassphrase(_))
        ));
        assert!(matches!(
            wrong.set("work", &Secret::new("two".to_owned())),
            Err(StoreError::WrongPassphrase(_))
        ));
        assert_eq!(
            exposed(store(folder.path(), "pass").get("work").unwrap()).as_deref(),
            Some("one")
        );
    }

    #[test]
    fn entries_cannot_be_exchanged_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let store = store(folder.path(), "pass");
        store.set("mine", &Secret::new("one".to_owned())).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"mine\"", "\"yours\"")).unwrap();
        assert!(matches!(
            store.get("yours"),
            Err(StoreError::Corrupt { .. })
        ));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(store.get("mine"), Err(StoreError::Corrupt { .. })));
    }
}
