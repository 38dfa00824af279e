//! Encryption of short texts with a passphrase: Argon2id (RFC 9106) and XChaCha20-Poly1305.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::StoreError;
use crate::types::secret::Secret;

const ALGORITHM: &str = "argon2id";
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The most memory that a file may demand, so that reading one is no denial of service: 256 MiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// The most work that a file may demand: memory times passes, the equivalent of 256 MiB in 4 passes.
const MAX_WORK_KIB: u64 = 4 * MAX_MEMORY_KIB as u64;

/// How a key is derived from a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KdfParams {
    algorithm: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
}

/// An encrypted text, in Base64.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ciphertext {
    nonce: String,
    text: String,
}

#[derive(Clone)]
pub(super) struct Cipher(XChaCha20Poly1305);

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl KdfParams {
    /// The parameters of new files, with a random salt.
    pub(super) fn generate() -> Result<Self, StoreError> {
        let salt = STANDARD.encode(random::<16>()?);
        Ok(Self {
            algorithm: ALGORITHM.to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt,
        })
    }

    /// Whether new files have a stronger derivation.
    pub(super) fn is_outdated(&self) -> bool {
        self.memory_kib < MEMORY_KIB || self.passes < PASSES
    }

    /// The cipher of a passphrase, or the reason why the parameters are unusable.
    pub(super) fn derive_cipher(&self, passphrase: &Secret) -> Result<Cipher, String> {
        if self.algorithm != ALGORITHM {
            return Err("unknown key derivation".to_owned());
        }
        let work = u64::from(self.memory_kib) * u64::from(self.passes);
        if self.memory_kib > MAX_MEMORY_KIB || work > MAX_WORK_KIB {
            return Err(format!(
                "its key derivation demands {} MiB and {} passes, more than is accepted",
                self.memory_kib / 1024,
                self.passes
            ));
        }
        let salt = STANDARD
            .decode(&self.salt)
            .map_err(|error| error.to_string())?;
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32))
            .map_err(|error| error.to_string())?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), &salt, key.as_mut())
            .map_err(|error| error.to_string())?;
        XChaCha20Poly1305::new_from_slice(key.as_ref())
            .map(Cipher)
            .map_err(|error| error.to_string())
    }
}

impl Cipher {
    /// Encrypts a text under a random nonce.
    pub(super) fn encrypt(
        &self,
        associated_data: &str,
        text: &str,
    ) -> Result<Ciphertext, StoreError> {
        let nonce = random::<24>()?;
        let payload = Payload {
            msg: text.as_bytes(),
            aad: associated_data.as_bytes(),
        };
        // Fails for texts of more than 256 GiB.
        let text = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::Random)?;
        Ok(Ciphertext {
            nonce: STANDARD.encode(nonce),
            text: STANDARD.encode(text),
        })
    }

    /// The text; `None` where it was changed, or belongs to other associated data or another passphrase.
    pub(super) fn decrypt(&self, associated_data: &str, ciphertext: &Ciphertext) -> Option<Secret> {
        let nonce: [u8; 24] = STANDARD.decode(&ciphertext.nonce).ok()?.try_into().ok()?;
        let text = STANDARD.decode(&ciphertext.text).ok()?;
        let payload = Payload {
            msg: &text,
            aad: associated_data.as_bytes(),
        };
        let bytes = self.0.decrypt(&XNonce::from(nonce), payload).ok()?;
        String::from_utf8(bytes).ok().map(Secret::new)
    }
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| StoreError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_demand_more_than_the_limits() {
        let params = |memory_kib, passes| KdfParams {
            memory_kib,
            passes,
            ..KdfParams::generate().unwrap()
        };
        let passphrase = Secret::new("pass".to_owned());
        for (memory_kib, passes) in [(256 * 1024 + 1, 1), (256 * 1024, 5), (1024, 4_000_000_000)] {
            let refused = params(memory_kib, passes).derive_cipher(&passphrase);
            assert!(refused.unwrap_err().contains("more than is accepted"));
        }
        assert!(params(19 * 1024, 2).is_outdated());
        assert!(!KdfParams::generate().unwrap().is_outdated());
    }
}
