//! Public keys on one line, as OpenSSH writes them (algorithm, base64, comment), their fingerprints, and the types of keys
//! that can be generated.
//!
//! Not `ssh_key::PublicKey`: servers and agents hold keys that the crate rejects or does not know (DSA, weak RSA,
//! certificates, new algorithms). They must still be listed, compared and passed on byte for byte.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

use super::escape::needs_escape;
use super::named_enum::named_enum;

/// A key of 16,384 bits has less than 3,000 characters.
const MAX_CHARS: usize = 16 * 1024;

/// Keys are equal if they differ only in the comment.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    algorithm: String,
    blob: Vec<u8>,
    comment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ParsePublicKeyError {
    #[error("this is a private key")]
    Private,
    #[error("expected a public key on one line, as in `ssh-ed25519 AAAA… comment`")]
    Malformed,
}

impl PublicKey {
    /// From SSH's binary form (RFC 4253, section 6.6).
    pub(crate) fn from_blob(blob: Vec<u8>, comment: &str) -> Result<Self, ParsePublicKeyError> {
        let name = fields(&blob).next().ok_or(ParsePublicKeyError::Malformed)?;
        let algorithm = std::str::from_utf8(name).map_err(|_| ParsePublicKeyError::Malformed)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-@._".contains(&byte);
        if algorithm.is_empty() || !algorithm.bytes().all(is_name) {
            return Err(ParsePublicKeyError::Malformed);
        }
        Ok(Self {
            algorithm: algorithm.to_owned(),
            comment: comment.to_owned(),
            blob,
        })
    }

    /// SSH's name of the algorithm: `ecdsa-sha2-nistp256`.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    pub(crate) fn comment(&self) -> &str {
        &self.comment
    }

    pub(crate) fn with_comment(&self, comment: &str) -> Self {
        Self {
            comment: comment.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_key_blob(&self.blob)
    }

    /// Algorithm and base64, without a comment.
    pub(crate) fn to_openssh_without_comment(&self) -> String {
        format!("{} {}", self.algorithm, STANDARD.encode(&self.blob))
    }

    /// The size that `ssh-keygen -l` shows, in bits; `None` for unknown algorithms.
    pub(crate) fn bits(&self) -> Option<u32> {
        match self.algorithm.as_str() {
            "ssh-ed25519"
            | "sk-ssh-ed25519@openssh.com"
            | "ecdsa-sha2-nistp256"
            | "sk-ecdsa-sha2-nistp256@openssh.com" => Some(256),
            "ecdsa-sha2-nistp384" => Some(384),
            "ecdsa-sha2-nistp521" => Some(521),
            "ssh-rsa" => {
                let modulus = fields(&self.blob).nth(2)?;
                let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
                let digits = modulus.get(zeros..)?;
                let bits = u32::try_from(digits.len()).ok()?.checked_mul(8)?;
                bits.checked_sub(digits.first()?.leading_zeros())
            }
            _ => None,
        }
    }

    /// The type in the words of `keygen --type`: `ecdsa-256`, `rsa-4096`, `ed25519`.
    pub(crate) fn kind(&self) -> String {
        match (self.family(), self.bits()) {
            (Some("ed25519"), _) => "ed25519".to_owned(),
            (Some(family), Some(bits)) => format!("{family}-{bits}"),
            _ => self.algorithm.clone(),
        }
    }

    /// The type as `ssh-keygen -l` prints it: `ECDSA`, `RSA`, `ED25519`.
    pub(crate) fn openssh_name(&self) -> String {
        self.family()
            .map_or_else(|| self.algorithm.clone(), str::to_uppercase)
    }

    fn family(&self) -> Option<&'static str> {
        match self.algorithm.as_str() {
            "ssh-ed25519" => Some("ed25519"),
            "ssh-rsa" => Some("rsa"),
            "ssh-dss" => Some("dsa"),
            name if name.starts_with("ecdsa-sha2-") => Some("ecdsa"),
            _ => None,
        }
    }
}

/// The fields of a key, each preceded by its length (RFC 4251, section 5).
fn fields(blob: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = blob;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(field)
    })
}

impl FromStr for PublicKey {
    type Err = ParsePublicKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(ParsePublicKeyError::Private);
        }
        if text.len() > MAX_CHARS || text.lines().count() != 1 {
            return Err(ParsePublicKeyError::Malformed);
        }
        let mut parts = text.splitn(3, [' ', '\t']);
        let algorithm = parts.next().unwrap_or_default();
        let encoded = parts.next().unwrap_or_default().trim();
        let comment = parts.next().unwrap_or_default().trim();
        let blob = STANDARD
            .decode(encoded)
            .map_err(|_| ParsePublicKeyError::Malformed)?;
        let key = Self::from_blob(blob, comment)?;
        if key.algorithm != algorithm || key.comment.chars().any(needs_escape) {
            return Err(ParsePublicKeyError::Malformed);
        }
        Ok(key)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_openssh_without_comment())?;
        if self.comment.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.comment)
        }
    }
}

/// The keys of lines as in `known_hosts`, without comments and marked lines.
pub(crate) fn known_hosts_keys(lines: &[u8]) -> Vec<PublicKey> {
    let lines = String::from_utf8_lossy(lines);
    let keys = lines.lines().filter_map(|line| {
        let (name, key) = line.split_once(' ')?;
        let is_key = !name.starts_with(['#', '@']);
        is_key.then(|| key.parse().ok()).flatten()
    });
    keys.collect()
}

/// Text form: `SHA256:` and the hash in base64 without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a fingerprint: SHA256: and 43 characters")]
pub(crate) struct ParseFingerprintError;

impl Fingerprint {
    /// From a public key in SSH's binary form (RFC 4253, section 6.6).
    pub(crate) fn from_key_blob(blob: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, blob).as_ref());
        Self(hash)
    }

    /// The picture that `ssh-keygen -lv` draws, with a header such as `[RSA 4096]`.
    pub(crate) fn to_randomart(self, header: &str) -> String {
        ssh_key::Fingerprint::Sha256(self.0).to_randomart(header)
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Servers differ: the prefix may be missing, the base64 may be padded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_end_matches('=');
        let encoded = match text.split_once(':') {
            None => text,
            Some((hash, encoded)) if hash.eq_ignore_ascii_case("sha256") => encoded,
            Some(_) => return Err(ParseFingerprintError),
        };
        let fingerprint = format!("SHA256:{encoded}").parse::<ssh_key::Fingerprint>();
        let hash = fingerprint.ok().and_then(ssh_key::Fingerprint::sha256);
        hash.map(Self).ok_or(ParseFingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ssh_key::Fingerprint::Sha256(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

named_enum! {
    /// Bitbucket Cloud accepts all three; Data Center accepts RSA, and ECDSA since 7.10
    /// (<https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/>).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
    pub(crate) enum KeyType {
        /// ECDSA on the curve P-256.
        #[value(name = Self::Ecdsa256.name(), alias = "ecdsa")]
        Ecdsa256 = "ecdsa-256",
        /// RSA with 4,096 bits.
        #[value(name = Self::Rsa4096.name(), alias = "rsa")]
        Rsa4096 = "rsa-4096",
        /// Ed25519.
        #[value(name = Self::Ed25519.name())]
        Ed25519 = "ed25519",
    }
}

impl fmt::Display for KeyType {
    /// For messages: `ECDSA 256`, `RSA 4096`, `Ed25519`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdsa256 => "ECDSA 256",
            Self::Rsa4096 => "RSA 4096",
            Self::Ed25519 => "Ed25519",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";

    #[test]
    fn comments_do_not_matter_for_equality() {
        let plain: PublicKey = ED25519.parse().unwrap();
        let commented: PublicKey = format!("{ED25519}  jane@home 2\n").parse().unwrap();
        assert_eq!(plain, commented);
        assert_eq!(commented.comment(), "jane@home 2");
        assert_eq!(commented.to_string(), format!("{ED25519} jane@home 2"));
        assert_eq!(plain.to_string(), ED25519);
        assert_eq!(plain.kind(), "ed25519");
        assert_eq!(
            plain.fingerprint().to_string(),
            "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM"
        );
    }

    #[test]
    fn the_size_of_an_rsa_key_is_that_of_its_modulus() {
        let mut blob = b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\x00\x01\0\0\x02\x01\0".to_vec();
        blob.extend([0x80; 512]);
        let key = PublicKey::from_blob(blob, "").unwrap();
        assert_eq!((key.bits(), key.kind().as_str()), (Some(4096), "rsa-4096"));
    }

    #[test]
    fn other_texts_are_rejected() {
        let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
        assert_eq!(
            pem.parse::<PublicKey>().unwrap_err(),
            ParsePublicKeyError::Private
        );
        let renamed = ED25519.replace("ssh-ed25519", "ssh-rsa");
        let hidden = format!("{ED25519} a\u{202e}b");
        for text in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-ed25519 !!!!",
            &renamed,
            &hidden,
            &format!("{ED25519}\n{ED25519}"),
        ] {
            assert_eq!(
                text.parse::<PublicKey>().unwrap_err(),
                ParsePublicKeyError::Malformed,
                "{text}"
            );
        }
    }

    #[test]
    fn every_form_of_a_fingerprint_is_parsed() {
        let shown = "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM";
        for text in [
            shown,
            " sha256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM=\n",
            "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
        ] {
            assert_eq!(
                text.parse::<Fingerprint>()
                    .map(|fingerprint| fingerprint.to_string()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
        for text in [
            "",
            "SHA256:",
            "SHA256:ybgm",
            "MD5:97:8c:1b:f2:6f:14:6b:5c:3b:ec:aa:46:46:74:7c:40",
            "97:8c:1b:f2:6f:14:6b:5c:3b:ec:aa:46:46:74:7c:40",
            "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3S!",
            "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SMA",
        ] {
            assert_eq!(
                text.parse::<Fingerprint>(),
                Err(ParseFingerprintError),
                "{text}"
            );
        }
    }
}
