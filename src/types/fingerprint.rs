//! Fingerprints of SSH keys: `SHA256:` and the unpadded base64 of the key's hash, as OpenSSH prints them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// The SHA-256 of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is not a fingerprint, which begins with SHA256: and has 43 more characters")]
pub(crate) struct NotAFingerprint;

impl Fingerprint {
    /// The fingerprint of a public key, given in SSH's binary form (RFC 4253, section 6.6).
    #[must_use]
    pub(crate) fn from_key_blob(blob: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, blob).as_ref());
        Self(hash)
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Reads it with or without `SHA256:` in front and padding behind: servers differ.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let encoded = match text.split_once(':') {
            None => text,
            Some((hash, encoded)) if hash.eq_ignore_ascii_case("sha256") => encoded,
            Some(_) => return Err(NotAFingerprint),
        };
        let hash = STANDARD_NO_PAD.decode(encoded.trim_end_matches('='));
        let hash = hash.ok().and_then(|hash| hash.try_into().ok());
        hash.map(Self).ok_or(NotAFingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown_anywhere() {
        let shown = "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM";
        for text in [
            shown,
            " sha256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM=\n",
            "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
        ] {
            assert_eq!(
                text.parse::<Fingerprint>().map(|read| read.to_string()),
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
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
