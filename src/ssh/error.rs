//! Why an SSH server did not answer as it should, told apart by what the user can do next.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::sys::subprocess::ProcessError;
use crate::types::fingerprint::Fingerprint;
use crate::types::hint::Hint;
use crate::types::ssh_address::SshHost;

/// Why an SSH server did not answer as it should.
#[derive(Debug, Error)]
pub(crate) enum SshError {
    /// The server shows another key than the one that is known.
    #[error(
        "the host key of {host} is not the expected one: it shows {}",
        shown(*.offered, .algorithm.as_deref())
    )]
    HostKeyChanged {
        /// The server.
        host: SshHost,
        /// What it shows.
        offered: Option<Fingerprint>,
        /// The algorithm of that.
        algorithm: Option<String>,
        /// The file that has the expected one.
        known_hosts: PathBuf,
        /// The expected ones are built in, so that removing a line changes nothing.
        built_in: bool,
    },
    /// The key of the server is not known.
    #[error(
        "the host key of {host} is not known: {}",
        offered.iter().map(|(fingerprint, algorithm)| shown(Some(*fingerprint), Some(algorithm)))
            .collect::<Vec<_>>().join(" or ")
    )]
    HostKeyUnknown {
        /// The server.
        host: SshHost,
        /// The keys that it shows, and their algorithms.
        offered: Vec<(Fingerprint, String)>,
    },
    /// The key of the server is one that was withdrawn.
    #[error("the host key of {host} is refused: {fingerprint} is {reason}")]
    HostKeyRetired {
        /// The server.
        host: SshHost,
        /// What it shows.
        fingerprint: Fingerprint,
        /// Which key that is.
        reason: &'static str,
    },
    /// The fingerprint that was accepted beforehand is not that of the server.
    #[error("{host} shows another host key than {accepted}: {}", offered.iter()
        .map(|(fingerprint, algorithm)| shown(Some(*fingerprint), Some(algorithm)))
        .collect::<Vec<_>>().join(" or "))]
    FingerprintMismatch {
        /// The server.
        host: SshHost,
        /// What was accepted.
        accepted: Fingerprint,
        /// The keys that it shows, and their algorithms.
        offered: Vec<(Fingerprint, String)>,
    },
    /// The server does not let the key in.
    #[error("{host} does not accept the key: {messages}")]
    AuthenticationFailed {
        /// The server.
        host: SshHost,
        /// The words of `ssh`.
        messages: String,
    },
    /// The key is protected by a passphrase, and nobody was asked for it.
    #[error("the key {} has a passphrase, and nobody can be asked for it here", .0.display())]
    PassphraseRequired(PathBuf),
    /// Others than its owner may read the key, and `ssh` uses no such key.
    #[error("the key {} may be read by others, and ssh uses no such key", .0.display())]
    InsecureKeyPermissions(PathBuf),
    /// The server lets the key in, but not to this repository.
    #[error("{host} accepts the key, but not for this repository: {messages}")]
    RepositoryAccessDenied {
        /// The server.
        host: SshHost,
        /// The words of the server.
        messages: String,
    },
    /// The server was not reached.
    #[error("{host} cannot be reached over SSH: {messages}")]
    Unreachable {
        /// The server.
        host: SshHost,
        /// The words of `ssh`.
        messages: String,
    },
    /// The server speaks, but not so that it can be used.
    #[error("{host} does not answer over SSH as expected: {messages}")]
    ProtocolError {
        /// The server.
        host: SshHost,
        /// The words of `ssh`.
        messages: String,
    },
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Our file of host keys could not be used.
    #[error("cannot use {}: {source}", path.display())]
    KnownHosts {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A path cannot be given to `ssh`.
    #[error("{} cannot be given to ssh: {reason}", path.display())]
    UnsupportedPath {
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A key file cannot be used.
    #[error("{} cannot be used as a key: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// A blank behind the fingerprint, so that it can be copied with a double click and cut out with a pattern.
fn shown(fingerprint: Option<Fingerprint>, algorithm: Option<&str>) -> String {
    match (fingerprint, algorithm) {
        (Some(fingerprint), Some(algorithm)) => format!("{fingerprint} ({algorithm})"),
        (Some(fingerprint), None) => fingerprint.to_string(),
        (None, Some(algorithm)) => format!("another {algorithm} key"),
        (None, None) => "another key".to_owned(),
    }
}

impl SshError {
    /// Whether the server closed the connection because too many keys were offered: OpenSSH has no other sign of it.
    #[must_use]
    pub(crate) fn is_too_many_keys(&self) -> bool {
        matches!(self, Self::AuthenticationFailed { messages, .. }
            if messages.contains("Too many authentication failures"))
    }

    /// What to do about it; a command to paste where there is one.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::HostKeyChanged { built_in: true, .. } => {
                "somebody may stand in between; compare with https://bitbucket.org/site/ssh, and use another network"
                    .to_owned()
            }
            Self::HostKeyChanged {
                host, known_hosts, ..
            } => format!(
                "somebody may stand in between; once the administrator has confirmed a new key, remove the old one: \
                 ssh-keygen -R {} -f {}",
                shell_words::quote(&host.known_hosts_name()),
                shell_words::quote(&known_hosts.to_string_lossy())
            ),
            Self::HostKeyUnknown { offered, .. } => {
                let first = offered.first();
                let fingerprint = first.map(|(fingerprint, _)| fingerprint.to_string());
                format!(
                    "compare it with what the server's administrator says, then add --accept-host-key {}",
                    fingerprint.unwrap_or_else(|| "FINGERPRINT".to_owned())
                )
            }
            Self::HostKeyRetired { .. } => {
                "whoever shows it is not the server, or reaches you through something that is not".to_owned()
            }
            Self::FingerprintMismatch { .. } => {
                "ask the server's administrator for the fingerprint of its SSH host key".to_owned()
            }
            Self::AuthenticationFailed { .. } => {
                let hint = Hint::from("register the public key, or wait until the server knows it; ");
                return Some(hint.with_command("key list").with_text(" shows what is registered"));
            }
            Self::PassphraseRequired(path) => format!(
                "run this on a terminal, or unlock the key first: ssh-add {}",
                shell_words::quote(&path.to_string_lossy())
            ),
            Self::InsecureKeyPermissions(path) => {
                format!("chmod 600 {}", shell_words::quote(&path.to_string_lossy()))
            }
            Self::RepositoryAccessDenied { .. } => {
                "the key is registered for something else, or the repository has another name".to_owned()
            }
            Self::Unreachable { .. } => {
                "check the host and the port; a firewall may be in the way, --timeout SECONDS waits longer".to_owned()
            }
            Self::Process(ProcessError::Start { program, .. }) => {
                format!("install OpenSSH, so that `{program}` is found")
            }
            Self::UnsupportedPath { .. } => "choose another place for the key".to_owned(),
            Self::ProtocolError { .. }
            | Self::Process(
                ProcessError::TimedOut { .. }
                | ProcessError::Interrupted { .. }
                | ProcessError::Wait { .. }
                | ProcessError::Read { .. }
                | ProcessError::OutputHeldOpen { .. }
                | ProcessError::OutputTooLarge { .. },
            )
            | Self::KnownHosts { .. } => return None,
            Self::KeyFile { .. } => {
                "name an SSH key, such as bbconnect keygen --out FILE makes".to_owned()
            }
        };
        Some(hint.into())
    }
}
