//! SHA-256 fingerprints of SSH keys, as OpenSSH prints them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Serialize, Serializer};
use thiserror::Error;

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

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
