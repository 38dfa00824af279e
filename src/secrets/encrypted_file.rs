//! The encrypted file of secrets, for machines without a keyring.
//!
//! JSON: a header with the parameters of the key derivation, and an entry for each connection, encrypted separately. Its
//! name, its binding and the version of the format are associated data: an entry cannot be read with another binding.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bound_secret::BoundSecret;
use super::crypto::{Cipher, Ciphertext, KdfParams};
use super::error::StoreError;
use crate::sys::{atomic_file, ownership};
use crate::types::connection::Binding;
use crate::types::secret::Secret;

const FILE_NAME: &str = "secrets.json";
const VERSION: u32 = 2;
/// What [`VERIFIER`] is encrypted with.
const VERIFIER_DATA: &str = "bbconnect secrets 1 bbconnect";
/// An encrypted constant, by which a wrong passphrase is detected before anything is written with it.
const VERIFIER: &str = "bbconnect";

#[derive(Deserialize)]
struct Format {
    version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    kdf: KdfParams,
    check: Ciphertext,
    #[serde(default)]
    secrets: BTreeMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    binding: Binding,
    #[serde(flatten)]
    ciphertext: Ciphertext,
}

impl Entry {
    fn encrypt(
        cipher: &Cipher,
        name: &str,
        binding: Binding,
        secret: &Secret,
    ) -> Result<Self, StoreError> {
        let associated_data = associated_data(name, &binding)?;
        Ok(Self {
            ciphertext: cipher.encrypt(&associated_data, secret.expose())?,
            binding,
        })
    }

    /// `None` where the entry was changed.
    fn decrypt(&self, cipher: &Cipher, name: &str) -> Option<Secret> {
        let associated_data = associated_data(name, &self.binding).ok()?;
        cipher.decrypt(&associated_data, &self.ciphertext)
    }
}

/// The file, with its passphrase. A file that does not exist has no secrets.
#[derive(Debug)]
pub(crate) struct EncryptedFile {
    path: PathBuf,
    passphrase: Secret,
    lock_timeout: Duration,
    /// The derived cipher, and its parameters: the derivation is slow by design.
    cipher: RefCell<Option<(KdfParams, Cipher)>>,
}

impl EncryptedFile {
    pub(crate) fn in_dir(dir: &Path, passphrase: Secret, lock_timeout: Duration) -> Self {
        Self {
            path: dir.join(FILE_NAME),
            passphrase,
            lock_timeout,
            cipher: RefCell::default(),
        }
    }

    pub(crate) fn exists_in(dir: &Path) -> bool {
        dir.join(FILE_NAME).exists()
    }

    fn read(&self) -> Result<Option<Content>, StoreError> {
        ownership::check_trusted(&self.path)?;
        let Some(text) = atomic_file::read(&self.path).map_err(|source| self.file_error(source))?
        else {
            return Ok(None);
        };
        let corrupt = |error: serde_json::Error| self.corrupt(&error.to_string());
        let Format { version } = serde_json::from_str(&text).map_err(corrupt)?;
        if version != VERSION {
            return Err(StoreError::OtherVersion {
                path: self.path.clone(),
                version,
            });
        }
        serde_json::from_str(&text).map(Some).map_err(corrupt)
    }

    /// The cipher of a file, once it has decrypted the verifier.
    fn open(&self, content: &Content) -> Result<Cipher, StoreError> {
        let cipher = self.cipher_for(&content.kdf)?;
        match cipher.decrypt(VERIFIER_DATA, &content.check) {
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
            check: cipher.encrypt(VERIFIER_DATA, VERIFIER)?,
            kdf,
            secrets: BTreeMap::new(),
        };
        Ok((content, cipher))
    }

    /// The same secrets under the present key derivation. `None` where one of them cannot be read.
    fn upgraded(
        &self,
        content: &Content,
        cipher: &Cipher,
    ) -> Result<Option<(Content, Cipher)>, StoreError> {
        let (mut new, new_cipher) = self.new_content()?;
        for (name, entry) in &content.secrets {
            let Some(secret) = entry.decrypt(cipher, name) else {
                return Ok(None);
            };
            let entry = Entry::encrypt(&new_cipher, name, entry.binding.clone(), &secret)?;
            new.secrets.insert(name.clone(), entry);
        }
        Ok(Some((new, new_cipher)))
    }

    /// Changes the secrets under the file's lock. A weaker key derivation is replaced.
    fn update(
        &self,
        change: impl FnOnce(&mut Content, &Cipher) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _lock = atomic_file::lock(&self.path, self.lock_timeout)
            .map_err(|source| self.file_error(source))?;
        let (mut content, cipher) = match self.read()? {
            Some(content) => {
                let cipher = self.open(&content)?;
                let upgraded = if content.kdf.is_outdated() {
                    self.upgraded(&content, &cipher)?
                } else {
                    None
                };
                upgraded.unwrap_or((content, cipher))
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

    pub(crate) fn get(&self, name: &str) -> Result<Option<BoundSecret>, StoreError> {
        let Some(content) = self.read()? else {
            return Ok(None);
        };
        let cipher = self.open(&content)?;
        let Some(entry) = content.secrets.get(name) else {
            return Ok(None);
        };
        match entry.decrypt(&cipher, name) {
            Some(secret) => Ok(Some(BoundSecret {
                secret,
                binding: entry.binding.clone(),
            })),
            None => Err(self.corrupt(&format!("entry {name} was modified"))),
        }
    }

    pub(crate) fn set(
        &self,
        name: &str,
        binding: &Binding,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        self.update(|content, cipher| {
            let entry = Entry::encrypt(cipher, name, binding.clone(), secret)?;
            content.secrets.insert(name.to_owned(), entry);
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

/// What an entry is encrypted with. Names contain no NUL.
fn associated_data(name: &str, binding: &Binding) -> Result<String, StoreError> {
    let binding = serde_json::to_string(binding).map_err(|_| StoreError::EntryNotText)?;
    Ok(format!("bbconnect secrets {VERSION} {name}\0{binding}"))
}

#[cfg(test)]
mod tests {
    use super::super::bound_secret::tests::binding;
    use super::*;

    const URL: &str = "https://git.example.com";

    fn store(dir: &Path, passphrase: &str) -> EncryptedFile {
        EncryptedFile::in_dir(
            dir,
            Secret::new(passphrase.to_owned()),
            Duration::from_secs(10),
        )
    }

    fn set(store: &EncryptedFile, name: &str, secret: &str) -> Result<(), StoreError> {
        store.set(name, &binding(URL), &Secret::new(secret.to_owned()))
    }

    fn exposed(stored: Option<BoundSecret>) -> Option<String> {
        stored.map(|stored| stored.secret.expose().to_owned())
    }

    #[test]
    fn secrets_are_stored_changed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "pass");
        assert!(store.get("work").unwrap().is_none());
        set(&store, "work", "one").unwrap();
        set(&store, "play", &"x".repeat(9_000)).unwrap();
        set(&store, "work", "second-marker").unwrap();
        let stored = store.get("work").unwrap().unwrap();
        assert_eq!(stored.secret.expose(), "second-marker");
        assert_eq!(stored.binding, binding(URL));
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
        set(&store(dir.path(), "pass"), "work", "one").unwrap();
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
            set(&wrong, "work", "two"),
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
        set(&store, "mine", "one").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, name) in [
            ("\"mine\"", "\"yours\"", "yours"),
            // A binding that was changed together with the file of connections.
            (URL, "https://evil.example", "mine"),
            ("\"allow_http\": false", "\"allow_http\": true", "mine"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            std::fs::write(&path, changed).unwrap();
            let read = store.get(name);
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{from}");
        }
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(store.get("mine"), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn a_weaker_key_derivation_is_replaced_with_the_next_change() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "pass");
        let kdf = r#"{"algorithm":"argon2id","memory_kib":64,"passes":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}"#;
        let kdf: KdfParams = serde_json::from_str(kdf).unwrap();
        let cipher = store.cipher_for(&kdf).unwrap();
        let secret = Secret::new("one".to_owned());
        let entry = Entry::encrypt(&cipher, "work", binding(URL), &secret).unwrap();
        let content = Content {
            version: VERSION,
            check: cipher.encrypt(VERIFIER_DATA, VERIFIER).unwrap(),
            kdf,
            secrets: BTreeMap::from([("work".to_owned(), entry)]),
        };
        std::fs::write(&store.path, serde_json::to_string(&content).unwrap()).unwrap();
        set(&store, "play", "two").unwrap();
        assert!(!store.read().unwrap().unwrap().kdf.is_outdated());
        for (name, secret) in [("work", "one"), ("play", "two")] {
            assert_eq!(exposed(store.get(name).unwrap()).as_deref(), Some(secret));
        }
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "pass");
        std::fs::write(&store.path, r#"{"version":1,"secrets":{"work":{}}}"#).unwrap();
        for read in [store.get("work").map(|_| ()), set(&store, "work", "two")] {
            let refused = StoreError::OtherVersion {
                path: store.path.clone(),
                version: 1,
            };
            assert_eq!(read.unwrap_err().to_string(), refused.to_string());
        }
    }
}
