//! What is seen on the way, before it is judged: data, gathered once, with the time that each took.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::bitbucket::{Identity, ServerProbe};
use crate::error::ErrorSummary;
use crate::git::GitHttpConfig;
use crate::probe::{
    BannerResult, DnsError, HandshakeInfo, Proxy, ProxyError, TcpError, TcpFailure, TlsError,
};
use crate::types::clone_url::UrlWarning;
use crate::types::connection::{BaseUrl, ConnectionName};
use crate::types::fingerprint::Fingerprint;
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;
use crate::types::timestamp::Timestamp;

/// Something that was looked at, and how long that took.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) value: T,
    pub(super) elapsed: Duration,
}

impl<T> Timed<T> {
    /// Looks, with a watch in the hand.
    pub(super) fn measure(look: impl FnOnce() -> T) -> Self {
        let started = Instant::now();
        let value = look();
        let elapsed = started.elapsed();
        Self { value, elapsed }
    }
}

/// All that was seen.
#[derive(Debug)]
pub(super) struct DoctorData {
    pub(super) name: Option<ConnectionName>,
    pub(super) warnings: Vec<UrlWarning>,
    pub(super) http_path: Option<HttpPath>,
    pub(super) ssh: Option<Ssh>,
    /// SSH is what is wanted.
    pub(super) wants_ssh: bool,
    /// The repository's path over SSH.
    pub(super) ssh_path: Option<String>,
    pub(super) git: Timed<Result<GitHttpConfig, ErrorSummary>>,
}

impl DoctorData {
    /// Who the server said that the credential is.
    pub(super) fn account(&self) -> Option<&str> {
        let asked = self.http_path.as_ref()?.credential.as_ref()?;
        asked.value.as_ref()?.as_ref().ok()?.account.as_deref()
    }

    /// Where SSH is.
    pub(super) fn ssh_host(&self) -> Option<&SshHost> {
        self.ssh.as_ref().map(|ssh| &ssh.host)
    }
}

/// The address and the ones before it that did not answer.
pub(super) type Connected = (SocketAddr, Vec<(SocketAddr, TcpFailure)>);

/// The way over HTTP. What is `None` was not looked at.
#[derive(Debug)]
pub(super) struct HttpPath {
    pub(super) base: BaseUrl,
    pub(super) is_cloud: bool,
    /// The address was guessed from one over SSH, so that nothing about it is a failure.
    pub(super) is_guess: bool,
    pub(super) ca_cert: Option<PathBuf>,
    pub(super) dns: Option<Timed<Result<Vec<SocketAddr>, DnsError>>>,
    pub(super) tcp: Option<Timed<Result<Connected, TcpError>>>,
    pub(super) proxy: Option<(Proxy, Timed<Result<(), ProxyError>>)>,
    pub(super) tls: Option<Timed<Result<HandshakeInfo, TlsError>>>,
    /// The URL is plain http, and TLS is spoken there.
    pub(super) speaks_tls: bool,
    pub(super) http: Option<Timed<Result<ServerProbe, ErrorSummary>>>,
    /// The time at which that came.
    pub(super) now: Timestamp,
    /// Where on the same server a Bitbucket is.
    pub(super) other_base: Option<BaseUrl>,
    /// Who the credential is; `None` inside where there is none.
    pub(super) credential: Option<Timed<Option<Result<Identity, ErrorSummary>>>>,
    /// The links of the server, and the SSH address that it tells.
    pub(super) links: Option<Timed<Vec<String>>>,
}

/// Why SSH was not reached.
#[derive(Debug)]
pub(super) enum SshConnectError {
    Name(DnsError),
    Tcp(TcpError),
}

/// The way over SSH.
#[derive(Debug)]
pub(super) struct Ssh {
    pub(super) host: SshHost,
    /// The server says whether it serves SSH.
    pub(super) enabled: Option<bool>,
    pub(super) tcp: Timed<Result<(SocketAddr, BannerResult), SshConnectError>>,
    /// Another host of Cloud that answers where this one does not.
    pub(super) other_door: Option<SshHost>,
    pub(super) host_key: Option<Timed<HostKeys>>,
    pub(super) login: Option<Timed<LoginFacts>>,
}

/// The keys of an SSH server, shown and expected.
#[derive(Debug)]
pub(super) struct HostKeys {
    pub(super) shown: Result<Vec<PublicKey>, ErrorSummary>,
    /// Built in, or in our file, and which of these.
    pub(super) expected: Vec<(PublicKey, &'static str)>,
    /// The fingerprint that the server's settings name.
    pub(super) named: Option<Fingerprint>,
    /// In the user's own file.
    pub(super) users: Vec<PublicKey>,
}

/// What came of logging in.
#[derive(Debug)]
pub(super) struct LoginFacts {
    /// The key of the connection; `None` for whatever the user's `ssh` offers.
    pub(super) key: Option<PathBuf>,
    pub(super) served: Result<(), ErrorSummary>,
    /// How many keys the agent holds.
    pub(super) agent_keys: Option<usize>,
}
