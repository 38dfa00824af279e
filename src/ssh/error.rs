//! Errors of SSH, distinguished by what the user can do about them.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::key_damage::KeyDamage;
use super::key_paths::public_path;
use crate::sys::atomic_file::LOCK_HINT;
use crate::sys::ownership;
use crate::sys::subprocess::ProcessError;
use crate::types::hint::Hint;
use crate::types::public_key::Fingerprint;
use crate::types::shell::{Shell, quote};
use crate::types::ssh_address::SshHost;

/// The words of servers that close a connection because too many keys were offered.
pub(super) const TOO_MANY_KEYS: &str = "Too many authentication failures";

/// Why an SSH server or a key could not be used.
#[derive(Debug, Error)]
pub(crate) enum SshError {
    /// The server presents another key than the known one.
    #[error(
        "host key of {host} is not the expected one: presented {}",
        describe(*.offered, .algorithm.as_deref())
    )]
    HostKeyChanged {
        host: SshHost,
        offered: Option<Fingerprint>,
        algorithm: Option<String>,
        /// The file with the expected key.
        known_hosts: Box<Path>,
        /// The expected keys are built in, so that removing a line of the file does not help.
        built_in: bool,
    },
    #[error("host key of {host} is not known{}", describe_offered(offered))]
    HostKeyUnknown {
        host: SshHost,
        /// Fingerprints and algorithms; empty where the server was not contacted.
        offered: Vec<(Fingerprint, String)>,
    },
    /// The server presents a host key that was revoked.
    #[error("host key of {host} rejected: {fingerprint} is {reason}")]
    HostKeyRetired {
        host: SshHost,
        fingerprint: Fingerprint,
        reason: &'static str,
    },
    /// The server presents a host key that is `@revoked` in bbconnect's file of host keys.
    #[error("the host key of {host} is revoked in {}: {fingerprint}", file.display())]
    HostKeyRevoked {
        host: SshHost,
        fingerprint: Fingerprint,
        file: PathBuf,
    },
    /// The server presents none of the host keys that the user accepts.
    #[error(
        "host key of {host} is not {accepted}: presented {}",
        describe_all(offered)
    )]
    FingerprintMismatch {
        host: SshHost,
        accepted: Fingerprint,
        /// Fingerprints and algorithms.
        offered: Vec<(Fingerprint, String)>,
    },
    #[error("key not accepted by {host}: {messages}")]
    AuthenticationFailed { host: SshHost, messages: String },
    #[error("key {} has a passphrase, and stdin is not a terminal", .0.display())]
    PassphraseRequired(PathBuf),
    #[error("key {} is readable by other users, so ssh refuses to use it", .0.display())]
    InsecureKeyPermissions(PathBuf),
    #[error("key has no access to this repository on {host}: {messages}")]
    RepositoryAccessDenied { host: SshHost, messages: String },
    #[error("{host} cannot be reached over SSH: {messages}")]
    Unreachable { host: SshHost, messages: String },
    #[error("unexpected SSH response of {host}: {messages}")]
    ProtocolError { host: SshHost, messages: String },
    /// Client and server have no algorithm in common.
    #[error(
        "ssh and {host} have no {what} in common{}",
        .offer.as_ref().map(|offer| format!(": the server offers {offer}")).unwrap_or_default()
    )]
    NoCommonAlgorithm {
        host: SshHost,
        /// `host key type`, `key exchange method`, `cipher`, …
        what: String,
        offer: Option<String>,
    },
    /// The server accepts RSA keys only with SHA-1 signatures, which OpenSSH no longer makes.
    #[error("{0} accepts RSA keys only with SHA-1 signatures, which ssh no longer makes")]
    OnlySha1Signatures(SshHost),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("cannot use a temporary file: {0}")]
    TempFile(io::Error),
    /// `ssh -G` fails.
    #[error("ssh cannot read its configuration for {host}: {messages}")]
    Configuration { host: String, messages: String },
    /// bbconnect's own file of host keys.
    #[error("cannot use {}: {source}", path.display())]
    KnownHosts { path: PathBuf, source: io::Error },
    /// The path cannot be written in an option of `ssh`.
    #[error("{} cannot be passed to ssh: {reason}", path.display())]
    UnsupportedPath { path: PathBuf, reason: &'static str },
    #[error("{} cannot be used as a key: {reason}", path.display())]
    KeyFile { path: PathBuf, reason: String },
    #[error("{} cannot be used as a key: {damage}", path.display())]
    DamagedKey { path: PathBuf, damage: KeyDamage },
    /// `KEY.pub` is the public half of another key.
    #[error(
        "{} does not belong to {}: {public} is not {private}",
        public_path(path).display(),
        path.display()
    )]
    PublicKeyMismatch {
        path: PathBuf,
        public: Fingerprint,
        private: Fingerprint,
    },
    /// A public key was named whose private key is not in the agent.
    #[error("{} is a public key, and {reason}", path.display())]
    NotInAgent { path: PathBuf, reason: &'static str },
}

/// The fingerprint is followed by a space, so that a double click selects it.
fn describe(fingerprint: Option<Fingerprint>, algorithm: Option<&str>) -> String {
    match (fingerprint, algorithm) {
        (Some(fingerprint), Some(algorithm)) => format!("{fingerprint} ({algorithm})"),
        (Some(fingerprint), None) => fingerprint.to_string(),
        (None, Some(algorithm)) => format!("another {algorithm} key"),
        (None, None) => "another key".to_owned(),
    }
}

fn describe_all(keys: &[(Fingerprint, String)]) -> String {
    let keys = keys.iter();
    let keys = keys.map(|(fingerprint, algorithm)| describe(Some(*fingerprint), Some(algorithm)));
    keys.collect::<Vec<_>>().join(" or ")
}

fn describe_offered(keys: &[(Fingerprint, String)]) -> String {
    if keys.is_empty() {
        String::new()
    } else {
        format!(": {}", describe_all(keys))
    }
}

impl SshError {
    /// Whether the server closed the connection because too many keys were offered. `ssh` reports this in its messages only.
    pub(crate) fn is_too_many_keys(&self) -> bool {
        matches!(self, Self::AuthenticationFailed { messages, .. }
            if messages.contains(TOO_MANY_KEYS))
    }

    pub(crate) fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::HostKeyChanged { built_in: true, .. } => {
                "possible man-in-the-middle attack; compare with https://bitbucket.org/site/ssh, and use another network"
                    .to_owned()
            }
            Self::HostKeyChanged {
                host, known_hosts, ..
            } => format!(
                "possible man-in-the-middle attack; once the administrator has confirmed a new key, remove the old one: \
                 ssh-keygen -R {} -f {}",
                quote(&host.known_hosts_name()),
                quote(&known_hosts.to_string_lossy())
            ),
            Self::HostKeyUnknown { host, offered } if offered.is_empty() => {
                let hint = Hint::command("known-hosts add");
                return Some(hint.with_text(format!(" {host}")));
            }
            Self::HostKeyUnknown { offered, .. } => {
                let first = offered.first();
                let fingerprint = first.map(|(fingerprint, _)| fingerprint.to_string());
                format!(
                    "compare with the fingerprint from the server's administrator, then pass --accept-host-key {}",
                    fingerprint.unwrap_or_else(|| "FINGERPRINT".to_owned())
                )
            }
            Self::HostKeyRetired { .. } => {
                "possible man-in-the-middle attack; use another network".to_owned()
            }
            Self::HostKeyRevoked { .. } => {
                "possible man-in-the-middle attack; ask the server's administrator for its present host key".to_owned()
            }
            Self::NoCommonAlgorithm { host, what, offer } => algorithm_hint(host, what, offer.as_deref()),
            Self::OnlySha1Signatures(_) => {
                "use a key of another type: run `bbconnect keygen --type ecdsa-256` or --type ed25519".to_owned()
            }
            Self::Configuration { host, .. } => {
                format!("run `ssh -G {}` and fix ~/.ssh/config", quote(host))
            }
            Self::DamagedKey { path, damage } => damage.hint(path),
            Self::PublicKeyMismatch { path, .. } => {
                format!(
                    "check that the private key is the right one, then write its public key: {}",
                    Shell::NATIVE.redirect(
                        &format!("ssh-keygen -y -f {}", quote(&path.to_string_lossy())),
                        &quote(&public_path(path).to_string_lossy())
                    )
                )
            }
            Self::NotInAgent { .. } => {
                "name the private key, or add it to the agent: ssh-add FILE; `ssh-add -L` lists its keys".to_owned()
            }
            Self::FingerprintMismatch { .. } => {
                "ask the server's administrator for the fingerprint of its SSH host key".to_owned()
            }
            Self::AuthenticationFailed { .. } => {
                let hint = "register the public key, or try again in a few seconds if the key is new; ";
                let hint = Hint::from(hint).with_command("key list");
                return Some(hint.with_text(" lists the registered keys"));
            }
            Self::PassphraseRequired(path) => format!(
                "run the command on a terminal, or add the key to the agent: ssh-add {}",
                quote(&path.to_string_lossy())
            ),
            Self::InsecureKeyPermissions(path) => {
                format!("run `{}`", ownership::restrict_command(path))
            }
            Self::RepositoryAccessDenied { .. } => {
                "check the name of the repository, and where the key is registered".to_owned()
            }
            Self::Unreachable { .. } => {
                "check host, port and firewall, or pass --timeout SECONDS to wait longer".to_owned()
            }
            Self::Process(ProcessError::Start { program, .. }) => {
                format!("install OpenSSH (`{program}` not found)")
            }
            Self::UnsupportedPath { .. } => "choose another path for the key".to_owned(),
            Self::KnownHosts { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
                LOCK_HINT.to_owned()
            }
            Self::ProtocolError { .. }
            | Self::Process(
                ProcessError::TimedOut { .. }
                | ProcessError::Interrupted { .. }
                | ProcessError::Wait { .. }
                | ProcessError::Read { .. }
                | ProcessError::OutputHeldOpen { .. }
                | ProcessError::OutputTooLarge { .. },
            )
            | Self::TempFile(_)
            | Self::KnownHosts { .. } => return None,
            Self::KeyFile { .. } => {
                "pass an SSH private key, or run `bbconnect keygen --out FILE`".to_owned()
            }
        };
        Some(hint.into())
    }
}

/// What can be done about algorithms that are not common.
fn algorithm_hint(host: &SshHost, what: &str, offer: Option<&str>) -> String {
    let setting = match what {
        "host key type" => "HostKeyAlgorithms",
        "key exchange method" => "KexAlgorithms",
        "cipher" => "Ciphers",
        "MAC" => "MACs",
        _ => {
            return "ask the server's administrator to update its SSH server".to_owned();
        }
    };
    let first = offer.and_then(|offer| offer.split(',').next());
    format!(
        "ask the administrator to update the SSH server; until then allow it in ~/.ssh/config: Host {}, then {setting} +{}",
        host.name,
        first.unwrap_or("ALGORITHM")
    )
}
