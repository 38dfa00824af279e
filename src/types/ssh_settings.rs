//! SSH settings of a Data Center, as its administrator configured them.

use super::fingerprint::Fingerprint;

/// `None` is a setting that the server does not report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SshSettings {
    pub enabled: Option<bool>,
    /// Whether projects and repositories may have access keys.
    pub access_keys_enabled: Option<bool>,
    /// The SSH server in clone URLs: `ssh://git.example.com:7999`.
    pub base_url: Option<String>,
    /// The port that the server listens on; a proxy may use another.
    pub port: Option<u16>,
    /// The fingerprint of the host key, if it is a SHA-256 one.
    pub fingerprint: Option<Fingerprint>,
}
