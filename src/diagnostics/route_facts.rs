//! The facts of `doctor` about this machine and each step to a server: what was observed, and how long it took. What is
//! `None` was not tried.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::connection_facts::CredentialFacts;
use crate::bitbucket::ServerProbe;
use crate::error::ErrorSummary;
use crate::git::EffectiveConfig;
use crate::probe::{
    BannerResult, DnsError, HandshakeInfo, Proxy, ProxyError, TcpError, TcpFailure, TlsError,
};
use crate::ssh::ProxySetting;
use crate::types::clone_url::UrlWarning;
use crate::types::connection::{BaseUrl, ConnectionName, StoreKind};
use crate::types::date::{Date, Timestamp};
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::rate_limit::RateLimit;
use crate::types::ssh_address::{SshHost, SshSettings};

/// A value and the time that it took to get it.
#[derive(Debug)]
pub(crate) struct Timed<T> {
    pub(crate) value: T,
    pub(crate) elapsed: Duration,
}

impl<T> Timed<T> {
    pub(crate) fn measure(gather: impl FnOnce() -> T) -> Self {
        let started = Instant::now();
        let value = gather();
        let elapsed = started.elapsed();
        Self { value, elapsed }
    }
}

#[derive(Debug)]
pub(crate) struct RouteFacts {
    pub(crate) today: Date,
    pub(crate) name: Option<ConnectionName>,
    pub(crate) warnings: Vec<UrlWarning>,
    pub(crate) http: Option<HttpRoute>,
    pub(crate) ssh: Option<SshRoute>,
    /// SSH was asked for, so that its failures count.
    pub(crate) wants_ssh: bool,
    /// The path of the repository over SSH.
    pub(crate) ssh_path: Option<String>,
    pub(crate) git: Timed<Result<EffectiveConfig, ErrorSummary>>,
    /// The variables of the environment by which git runs `ssh`, with their values.
    pub(crate) git_environment: Vec<(&'static str, String)>,
    /// What the host of the URL stands for in the user's SSH configuration.
    pub(crate) alias: Option<String>,
}

impl RouteFacts {
    /// The account that the server reported.
    pub(crate) fn account(&self) -> Option<&str> {
        let credential = self.http.as_ref()?.credential.as_ref()?.value.as_ref()?;
        credential.valid()?.account.as_deref()
    }

    pub(crate) fn ssh_host(&self) -> Option<&SshHost> {
        self.ssh.as_ref().map(|ssh| &ssh.host)
    }
}

/// The address that accepted a connection, and the addresses before it that did not.
pub(crate) type Connected = (SocketAddr, Vec<(SocketAddr, TcpFailure)>);

#[derive(Debug)]
pub(crate) struct HttpRoute {
    pub(crate) base: BaseUrl,
    pub(crate) is_cloud: bool,
    /// The base URL was derived from an SSH URL, so that nothing about it is a failure.
    pub(crate) is_guess: bool,
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) dns: Option<Timed<Result<Vec<SocketAddr>, DnsError>>>,
    pub(crate) tcp: Option<Timed<Result<Connected, TcpError>>>,
    pub(crate) proxy: Option<(Proxy, Timed<Result<(), ProxyError>>)>,
    pub(crate) tls: Option<Timed<Result<HandshakeInfo, TlsError>>>,
    /// The URL is plain http, and the port speaks TLS.
    pub(crate) speaks_tls: bool,
    pub(crate) probe: Option<Timed<Result<ServerProbe, ErrorSummary>>>,
    /// When that response arrived.
    pub(crate) received_at: Timestamp,
    /// Another context path of the same server where Bitbucket responds.
    pub(crate) other_base: Option<BaseUrl>,
    /// The value is `None` where no connection has a credential for this server.
    pub(crate) credential: Option<Timed<Option<CredentialFacts>>>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Links of repositories and projects, which begin with the server's base URL.
    pub(crate) links: Option<Timed<Vec<String>>>,
    pub(crate) ssh_settings: Option<SshSettings>,
}

impl HttpRoute {
    /// A route of which nothing was tried.
    pub(crate) fn new(base: BaseUrl, is_cloud: bool) -> Self {
        Self {
            base,
            is_cloud,
            is_guess: false,
            ca_cert: None,
            client_cert: None,
            dns: None,
            tcp: None,
            proxy: None,
            tls: None,
            speaks_tls: false,
            probe: None,
            received_at: Timestamp::now(),
            other_base: None,
            credential: None,
            rate_limit: None,
            links: None,
            ssh_settings: None,
        }
    }
}

/// Why the SSH server was not reached.
#[derive(Debug)]
pub(crate) enum SshConnectError {
    Dns(DnsError),
    Tcp(TcpError),
}

#[derive(Debug)]
pub(crate) struct SshRoute {
    pub(crate) host: SshHost,
    /// Whether SSH is enabled, where the server reports it.
    pub(crate) enabled: Option<bool>,
    /// `None` where the server is reached through a proxy of the SSH configuration.
    pub(crate) banner: Option<Timed<Result<(SocketAddr, BannerResult), SshConnectError>>>,
    /// `ProxyJump` or `ProxyCommand` of the user's SSH configuration.
    pub(crate) proxy: Option<ProxySetting>,
    /// Another SSH host of Bitbucket Cloud that responds where this one does not.
    pub(crate) alternate: Option<SshHost>,
    pub(crate) host_keys: Option<Timed<HostKeyFacts>>,
    pub(crate) login: Option<Timed<LoginFacts>>,
}

/// The host keys of an SSH server, offered and expected.
#[derive(Debug)]
pub(crate) struct HostKeyFacts {
    pub(crate) offered: Result<Vec<PublicKey>, ErrorSummary>,
    /// Keys that are built in, or in bbconnect's `known_hosts`, with their source.
    pub(crate) pinned: Vec<(PublicKey, &'static str)>,
    /// The fingerprint that the server's settings report over HTTP.
    pub(crate) reported: Option<Fingerprint>,
    /// Keys in the user's `known_hosts`.
    pub(crate) users: Vec<PublicKey>,
}

/// The result of an SSH login.
#[derive(Debug)]
pub(crate) struct LoginFacts {
    /// The key of the connection; `None` for the keys that the user's `ssh` offers.
    pub(crate) key: Option<PathBuf>,
    pub(crate) access: Result<(), ErrorSummary>,
    /// The server ended the connection because of too many keys.
    pub(crate) too_many_keys: bool,
    pub(crate) agent_keys: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct MachineFacts {
    /// The number of saved connections, or why the configuration cannot be read.
    pub(crate) connections: Timed<Result<usize, ErrorSummary>>,
    /// The default store for secrets, or why it cannot be used.
    pub(crate) store: Timed<Result<StoreKind, ErrorSummary>>,
    /// The version of `ssh`.
    pub(crate) ssh: Timed<Result<String, ErrorSummary>>,
    /// The version of `git`.
    pub(crate) git: Timed<Result<String, ErrorSummary>>,
}
