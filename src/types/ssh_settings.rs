//! How a Data Center is reached over SSH, as its administrator has set it.

use super::fingerprint::Fingerprint;

/// The SSH settings of a Data Center. What the server does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SshSettings {
    /// Whether SSH is served.
    pub enabled: Option<bool>,
    /// Whether projects and repositories may have access keys.
    pub access_keys_enabled: Option<bool>,
    /// Where SSH is, for clone URLs: `ssh://git.example.com:7999`.
    pub base_url: Option<String>,
    /// The port that the server listens on; before it there may be another.
    pub port: Option<u16>,
    /// The fingerprint of the server's host key. One of another hash than SHA-256 is not told.
    pub fingerprint: Option<Fingerprint>,
}
