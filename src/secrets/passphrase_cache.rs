//! The passphrase of the encrypted file, kept for some time in the kernel's keyring of the user (keyrings(7)), so that not
//! every command and every fetch prompts for it. Where the kernel has no keyrings or denies them, as in many containers,
//! nothing is kept.

use std::path::Path;
use std::time::Duration;

use crate::types::secret::Secret;

/// The passphrase of the encrypted file in one directory.
#[derive(Debug)]
pub(crate) struct PassphraseCache {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "there are no keyrings")
    )]
    key: String,
}

impl PassphraseCache {
    pub(crate) fn for_dir(dir: &Path) -> Self {
        Self {
            key: format!("bbconnect:{}", dir.display()),
        }
    }
}

#[cfg(target_os = "linux")]
impl PassphraseCache {
    pub(crate) fn get(&self) -> Option<Secret> {
        let bytes = zeroize::Zeroizing::new(
            linux::keyring()?
                .search(&self.key)
                .ok()?
                .read_to_vec()
                .ok()?,
        );
        let text = std::str::from_utf8(&bytes).ok()?;
        Some(Secret::new(text.to_owned()))
    }

    pub(crate) fn set(&self, passphrase: &Secret, lifetime: Duration) {
        // A failure means that it is prompted for again.
        let _kept = linux::add(&self.key, passphrase, lifetime);
    }

    pub(crate) fn forget(&self) {
        if let Some(keyring) = linux::keyring()
            && let Ok(key) = keyring.search(&self.key)
        {
            let _removed = keyring.unlink_key(key);
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};

    use crate::types::secret::Secret;

    /// The keyring that all sessions of the user share.
    pub(super) fn keyring() -> Option<KeyRing> {
        KeyRing::from_special_id(KeyRingIdentifier::User, false).ok()
    }

    /// Adds a key that every process of the user can read until it expires; one that would not expire is removed.
    pub(super) fn add(name: &str, secret: &Secret, lifetime: Duration) -> Option<()> {
        let keyring = keyring()?;
        let key = keyring.add_key(name, secret.expose()).ok()?;
        let seconds = usize::try_from(lifetime.as_secs()).ok()?;
        let permissions = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(Permission::VIEW | Permission::READ | Permission::SEARCH)
            .build();
        let expires = key
            .set_timeout(seconds)
            .and_then(|()| key.set_perms(permissions));
        if expires.is_err() {
            keyring.unlink_key(key).ok()?;
        }
        Some(())
    }
}

#[cfg(not(target_os = "linux"))]
impl PassphraseCache {
    pub(crate) fn get(&self) -> Option<Secret> {
        None
    }

    pub(crate) fn set(&self, _passphrase: &Secret, _lifetime: Duration) {}

    pub(crate) fn forget(&self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_kept_for_its_lifetime() {
        let dir = tempfile::tempdir().unwrap();
        let cache = PassphraseCache::for_dir(dir.path());
        assert!(cache.get().is_none());
        cache.set(&Secret::new("one".to_owned()), Duration::from_mins(10));
        if cache.get().is_none() {
            // The kernel denies keyrings.
            return;
        }
        cache.set(&Secret::new("two".to_owned()), Duration::from_mins(10));
        assert_eq!(cache.get().unwrap().expose(), "two");
        let other = tempfile::tempdir().unwrap();
        assert!(PassphraseCache::for_dir(other.path()).get().is_none());
        cache.forget();
        assert!(cache.get().is_none());
    }
}
