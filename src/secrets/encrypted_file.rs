//! The encrypted file of secrets, for machines without a keyring.
//!
//! JSON: a header with the parameters of the key derivation, and an entry for each connection, encrypted separately, with
//! its name and the version of the format as associated data.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::crypto::{Cipher, Ciphertext, KdfParams};
use super::error::StoreError;
use crate::sys::atomic_file;
use crate::types::secret::Secret;

const FILE_NAME: &str = "secrets.json";
const VERSION: u32 = 1;
/// An encrypted constant, by which a wrong passphrase is detected before anything is written with it.
const VERIFIER: &str = "bbconnect";

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    kdf: KdfParams,
    check: Ciphertext,
    #[serde(default)]
    secrets: BTreeMap<String, Ciphertext>,
}

/// The file, with its passphrase. A file that does not exist has no secrets.
#[derive(Debug)]
pub(crate) struct EncryptedFile {
    path: PathBuf,
    passphrase: Secret,
    /// The derived cipher, and its parameters: the derivation is slow by design.
    cipher: RefCell<Option<(KdfParams, Cipher)>>,
}

impl EncryptedFile {
    #[must_use]
    pub(crate) fn in_dir(dir: &Path, passphrase: Secret) -> Self {
        Self {
            path: dir.join(FILE_NAME),
            passphrase,
            cipher: RefCell::default(),
        }
    }

    #[must_use]
    pub(crate) fn exists_in(dir: &Path) -> bool {
        dir.join(FILE_NAME).exists()
    }

    fn read(&self) -> Result<Option<Content>, StoreError> {
        let Some(text) = atomic_file::read(&self.path).map_err(|source| self.file_error(source))?
        else {
            return Ok(None);
        };
        let content: Content =
            serde_json::from_str(&text).map_err(|error| self.corrupt(&error.to_string()))?;
        if content.version == VERSION {
            Ok(Some(content))
        } else {
            Err(self.corrupt("written by a newer version"))
        }
    }

    /// The cipher of a file, once it has decrypted the verifier.
    fn open(&self, content: &Content) -> Result<Cipher, StoreError> {
        let cipher = self.cipher_for(&content.kdf)?;
        match cipher.decrypt(&associated_data(VERIFIER), &content.check) {
            Some(_) => Ok(cipher),
            None => Err(StoreError::WrongPassphrase(self.path.clone())),
        }
    }

    fn cipher_for(&self, kdf: &KdfParams) -> Result<Cipher, StoreError> {
        let mut derived = self.cipher.borrow_mut();
        if let Some((_, cipher)) = derived.as_ref().filter(|(known, _)| known == kdf) {
            return Ok(cipher.clone());
        }
        let cipher = kdf
            .derive_cipher(&self.passphrase)
            .map_err(|reason| self.corrupt(&reason))?;
        *derived = Some((kdf.clone(), cipher.clone()));
        Ok(cipher)
    }

    fn new_content(&self) -> Result<(Content, Cipher), StoreError> {
        let kdf = KdfParams::generate()?;
        let cipher = self.cipher_for(&kdf)?;
        let content = Content {
            version: VERSION,
            check: cipher.encrypt(&associated_data(VERIFIER), VERIFIER)?,
            kdf,
            secrets: BTreeMap::new(),
        };
        Ok((content, cipher))
    }

    /// Changes the secrets under the file's lock.
    fn update(
        &self,
        change: impl FnOnce(&mut Content, &Cipher) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _lock = atomic_file::lock(&self.path).map_err(|source| self.file_error(source))?;
        let (mut content, cipher) = match self.read()? {
            Some(content) => {
                let cipher = self.open(&content)?;
                (content, cipher)
            }
            None => self.new_content()?,
        };
        change(&mut content, &cipher)?;
        let mut text = serde_json::to_string_pretty(&content)
            .map_err(|error| self.corrupt(&error.to_string()))?;
        text.push('\n');
        atomic_file::write(&self.path, &text).map_err(|source| self.file_error(source))
    }

    fn corrupt(&self, reason: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    fn file_error(&self, source: io::Error) -> StoreError {
        StoreError::File {
            path: self.path.clone(),
            source,
        }
    }
}

impl EncryptedFile {
    /// Checks the passphrase, and that the file can be read. A file that does not exist has no passphrase yet.
    pub(crate) fn check_passphrase(&self) -> Result<(), StoreError> {
        match self.read()? {
            Some(content) => self.open(&content).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let Some(content) = self.read()? else {
            return Ok(None);
        };
        let cipher = self.open(&content)?;
        let Some(ciphertext) = content.secrets.get(name) else {
            return Ok(None);
        };
        match cipher.decrypt(&associated_data(name), ciphertext) {
            Some(secret) => Ok(Some(secret)),
            None => Err(self.corrupt(&format!("entry {name} was modified"))),
        }
    }

    pub(crate) fn set(&self, name: &str, secret: &Secret) -> Result<(), StoreError> {
        self.update(|content, cipher| {
            let ciphertext = cipher.encrypt(&associated_data(name), secret.expose())?;
            content.secrets.insert(name.to_owned(), ciphertext);
            Ok(())
        })
    }

    /// Deletes a secret. One that does not exist is no error.
    pub(crate) fn delete(&self, name: &str) -> Result<(), StoreError> {
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

    fn store(dir: &Path, passphrase: &str) -> EncryptedFile {
        EncryptedFile::in_dir(dir, Secret::new(passphrase.to_owned()))
    }

    fn exposed(secret: Option<Secret>) -> Option<String> {
        secret.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn secrets_are_stored_changed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "pass");
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
        let text = std::fs::read_to_string(dir.path().join("secrets.json")).unwrap();
        assert!(!text.contains("second-marker") && !text.contains("xxxxxxxx"));
        store.delete("work").unwrap();
        store.delete("work").unwrap();
        assert!(store.get("work").unwrap().is_none());
    }

    #[test]
    fn a_wrong_passphrase_reads_nothing_and_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), "pass")
            .set("work", &Secret::new("one".to_owned()))
            .unwrap();
        let wrong = store(dir.path(), "other");
        assert!(store(dir.path(), "pass").check_passphrase().is_ok());
        assert!(matches!(
            wrong.check_passphrase(),
            Err(StoreError::WrongPassphrase(_))
        ));
        assert!(matches!(
            wrong.get("work"),
            Err(StoreError::WrongPassphrase(_))
        ));
        assert!(matches!(
            wrong.set("work", &Secret::new("two".to_owned())),
            Err(StoreError::WrongPassphrase(_))
        ));
        assert_eq!(
            exposed(store(dir.path(), "pass").get("work").unwrap()).as_deref(),
            Some("one")
        );
    }

    #[test]
    fn entries_cannot_be_swapped_or_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.json");
        let store = store(dir.path(), "pass");
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
