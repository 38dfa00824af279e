//! Gathers the facts about each step to a server, and stops where the next step cannot succeed. Nothing is changed
//! anywhere.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use url::Url;

use super::target::DoctorTarget;
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, ServerProbe};
use crate::diagnostics::{
    CredentialFacts, HostKeyFacts, HttpRoute, LoginFacts, MachineFacts, RouteFacts,
    SshConnectError, SshRoute, Timed, trusted_host_keys,
};
use crate::error::{Error, ErrorSummary};
use crate::git;
use crate::probe::{self, BannerResult, Proxy, TlsError};
use crate::resolve::SelectedConnection;
use crate::ssh::{self, CheckOptions, Destination, KnownHosts, PrivateKeyFile, Service, Source};
use crate::sys::signals;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::cloud_hosts;
use crate::types::connection::{Connection, NetworkSettings, TokenPrefix};
use crate::types::date::Timestamp;
use crate::types::deployment::Deployment;
use crate::types::public_key::PublicKey;
use crate::types::rate_limit::RateLimit;
use crate::types::ssh_address::{SshHost, SshRemote, SshSettings};

/// The limit of a step that only improves a hint.
const EXTRA_STEP_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn machine(app: &App) -> MachineFacts {
    fn summarize<T, E: Into<Error>>(result: Result<T, E>) -> Result<T, ErrorSummary> {
        result.map_err(|error| ErrorSummary::from(&error.into()))
    }
    MachineFacts {
        connections: Timed::measure(|| {
            summarize(app.connection_file().load()).map(|file| file.names().len())
        }),
        store: Timed::measure(|| summarize(app.check_default_store())),
        ssh: Timed::measure(|| summarize(ssh::version())),
        git: Timed::measure(|| summarize(git::view(None, None)).map(|git| git.version)),
    }
}

pub(super) fn facts(target: &DoctorTarget, app: &App) -> RouteFacts {
    let http = match &target.connection {
        Some(connection) if connection.base_url.url().scheme() != "ssh" => {
            Some(http_route(target, connection, app))
        }
        Some(_) | None => None,
    };
    let settings = http.as_ref().and_then(|route| route.ssh_settings.as_ref());
    let ssh = ssh_route(target, settings, app);
    let url = http.as_ref().map(|route| {
        let mut url = route.base.url().clone();
        if target.is_real_cloud() {
            // Git uses the website's host.
            let _has_host = url.set_host(Some(cloud_hosts::WEB));
            url.set_path("/");
        }
        url.to_string()
    });
    let git = Timed::measure(|| {
        let repository = target.remote.as_ref().map(SshRemote::to_url);
        git::view(url.as_deref(), repository.as_deref())
            .map_err(|error| ErrorSummary::from(&Error::from(error)))
    });
    let git_variables = ["GIT_SSH_COMMAND", "GIT_SSH", "GIT_ALLOW_PROTOCOL"];
    let git_variable = |name| Some((name, app.environment_variable(name)?.to_owned()));
    RouteFacts {
        today: app.today(),
        name: target.name.clone(),
        warnings: target.warnings.clone(),
        http,
        ssh,
        wants_ssh: target.wants_ssh,
        ssh_path: target.remote.as_ref().map(|remote| remote.path.clone()),
        git,
        git_environment: git_variables.into_iter().filter_map(git_variable).collect(),
        alias: target.alias.clone(),
    }
}

fn http_route(target: &DoctorTarget, connection: &Connection, app: &App) -> HttpRoute {
    let base = &connection.base_url;
    let _progress = app.ui.progress(&format!("checking {base}"));
    let is_cloud = connection.deployment == Deployment::Cloud;
    let mut route = HttpRoute {
        is_guess: target.is_guess,
        ca_cert: connection.network.ca_cert.clone(),
        client_cert: connection
            .network
            .client_identity
            .as_ref()
            .map(|(cert, _)| cert.clone()),
        ..HttpRoute::new(base.clone(), is_cloud)
    };
    let url = base.url();
    let proxy = connection.network.proxy.as_deref();
    let proxy = Proxy::for_url(url, proxy, app.proxy_variables());
    let Ok(stream) = connect(&mut route, url, proxy, app.timeout()) else {
        return route;
    };
    // Without TLS the connection ends here: some servers serve one at a time.
    if let Some(stream) = stream.filter(|_| url.scheme() == "https") {
        let host = url.host_str().unwrap_or_default();
        let handshake =
            Timed::measure(|| probe::handshake(&stream, host, &connection.network, app.timeout()));
        let failed = handshake.value.is_err();
        route.tls = Some(handshake);
        if failed {
            return route;
        }
    }
    send_requests(&mut route, target, connection, app);
    route
}

/// There is no connection; the facts say why.
struct NotConnected;

/// Connects, through a proxy or directly. The stream is `None` where a proxy only forwards requests.
fn connect(
    route: &mut HttpRoute,
    url: &Url,
    proxy: Option<Proxy>,
    timeout: Duration,
) -> Result<Option<TcpStream>, NotConnected> {
    if let Some(proxy) = proxy {
        let mut stream = None;
        let connected = Timed::measure(|| {
            stream = probe::connect_via(&proxy, url, timeout)?;
            Ok(())
        });
        let failed = connected.value.is_err();
        route.proxy = Some((proxy, connected));
        return if failed {
            Err(NotConnected)
        } else {
            Ok(stream)
        };
    }
    let host_and_port = url.host_str().zip(url.port_or_known_default());
    let (host, port) = host_and_port.ok_or(NotConnected)?;
    let resolved = Timed::measure(|| probe::resolve(host, port, timeout));
    let addresses = resolved.value.clone();
    route.dns = Some(resolved);
    let addresses = addresses.map_err(|_| NotConnected)?;
    let mut stream = None;
    let connected = Timed::measure(|| {
        probe::connect(&addresses, timeout).map(|connection| {
            stream = Some(connection.stream);
            (connection.address, connection.failed)
        })
    });
    route.tcp = Some(connected);
    stream.map(Some).ok_or(NotConnected)
}

/// Sends requests: anonymous ones first, and the credential only to a server that has proved to be a Bitbucket.
fn send_requests(route: &mut HttpRoute, target: &DoctorTarget, connection: &Connection, app: &App) {
    let anonymous = app.anonymous_client(connection);
    let summarize = |error: ApiError| {
        ErrorSummary::from(&Error::Api {
            error,
            causes: None,
        })
    };
    let response = Timed::measure(|| match app.block_on(anonymous.probe()) {
        Ok(Ok(probe)) => Ok(ServerProbe {
            // At Cloud's own address, verified by TLS, a refusal is enough.
            is_bitbucket: probe.is_bitbucket || target.is_real_cloud() && probe.status == 401,
            ..probe
        }),
        Ok(Err(error)) => Err(summarize(error)),
        Err(error) => Err(ErrorSummary::from(&error)),
    });
    route.received_at = Timestamp::now();
    let probe = response.value.clone();
    route.probe = Some(response);
    let is_unexpected = probe.as_ref().map_or(true, |probe| !probe.is_bitbucket);
    if is_unexpected && route.base.url().scheme() == "http" && route.proxy.is_none() {
        route.speaks_tls = speaks_tls(route.base.url(), app.timeout());
    }
    let Ok(probe) = probe else {
        return;
    };
    if !probe.is_bitbucket {
        if !probe.is_login && !route.speaks_tls {
            route.other_base = app.block_on(anonymous.find_context_path()).ok().flatten();
        }
        return;
    }
    if probe.version.is_none() && !probe.hides_version && !route.is_cloud {
        // The server is not ready.
        return;
    }
    let mut rate_limit = anonymous.observation().rate_limit;
    let mut client = None;
    route.credential = Some(Timed::measure(|| {
        let (facts, bitbucket, reported) = identify(target.selected.as_ref()?, app);
        client = bitbucket;
        rate_limit = reported.or(rate_limit.take());
        Some(facts)
    }));
    route.rate_limit = rate_limit;
    if probe.hides_version
        && let Some(bitbucket) = &client
        && let Some(Ok(probe)) = route.probe.as_mut().map(|probe| &mut probe.value)
    {
        let version = app.block_on(bitbucket.version_with_credential());
        probe.version = version.ok().and_then(Result::ok).flatten();
    }
    route.ssh_settings = client
        .as_ref()
        .and_then(|bitbucket| app.ssh_settings(bitbucket));
    if !route.is_cloud {
        let bitbucket = client.as_ref().unwrap_or(&anonymous);
        route.links = Some(Timed::measure(|| {
            let visible = app.block_on(bitbucket.visible_repositories(None));
            let visible = visible.ok().and_then(Result::ok).flatten();
            visible.map(|visible| visible.links).unwrap_or_default()
        }));
    }
}

/// Sends the credential; the client is `None` where the server does not accept it.
fn identify(
    selected: &SelectedConnection,
    app: &App,
) -> (CredentialFacts, Option<Bitbucket>, Option<RateLimit>) {
    let connection = &selected.connection;
    let facts = |secret, identity| CredentialFacts {
        name: selected.name.clone(),
        connection: connection.clone(),
        secret,
        identity,
    };
    let secret = match app.secret_of(selected) {
        Ok(secret) => secret,
        Err(error) => return (facts(Err(ErrorSummary::from(&error)), None), None, None),
    };
    let prefix = TokenPrefix::from_token(secret.expose());
    let bitbucket = app.client_with_secret(connection, secret);
    let identity = app.block_on(bitbucket.identify(&CredentialContext::from(connection)));
    let identity = match identity {
        Ok(identity) => identity.map_err(|error| {
            ErrorSummary::from(&Error::from_api(
                error,
                connection,
                prefix,
                CredentialOrigin::of(connection, &selected.name),
            ))
        }),
        Err(error) => Err(ErrorSummary::from(&error)),
    };
    let rate_limit = bitbucket.observation().rate_limit;
    let client = identity.is_ok().then_some(bitbucket);
    (facts(Ok(prefix), Some(identity)), client, rate_limit)
}

/// Whether a port speaks TLS where plain HTTP was expected.
fn speaks_tls(url: &Url, timeout: Duration) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let timeout = timeout.min(EXTRA_STEP_TIMEOUT);
    let connection = probe::resolve(host, port, timeout)
        .ok()
        .and_then(|addresses| probe::connect(&addresses, timeout).ok());
    connection.is_some_and(|connection| {
        let settings = NetworkSettings::default();
        let handshake = probe::handshake(&connection.stream, host, &settings, timeout);
        !matches!(
            handshake,
            Err(TlsError::NotTls(_) | TlsError::TimedOut | TlsError::Setup(_))
        )
    })
}

/// The SSH route; `None` where the SSH server is not known.
fn ssh_route(target: &DoctorTarget, settings: Option<&SshSettings>, app: &App) -> Option<SshRoute> {
    let host = target.ssh_host().or_else(|| reported_host(settings?))?;
    let destination = match &target.destination {
        Some(destination) => destination.clone(),
        None => Destination::direct(&host),
    };
    let host = destination.host.clone();
    let _progress = app.ui.progress(&format!("checking {host}"));
    let timeout = app.timeout();
    let proxy = destination.proxy().cloned();
    let banner = match proxy {
        Some(_) => None,
        None => Some(Timed::measure(|| read_banner(&host, timeout))),
    };
    let is_ssh = banner
        .as_ref()
        .is_none_or(|banner| matches!(&banner.value, Ok((_, BannerResult::Ssh(_)))));
    let mut route = SshRoute {
        enabled: settings.and_then(|settings| settings.enabled),
        banner,
        proxy,
        alternate: None,
        host_keys: None,
        login: None,
        host,
    };
    if !is_ssh {
        route.alternate = reachable_alternate(&route.host, timeout);
        return Some(route);
    }
    let host_keys = Timed::measure(|| host_keys(&destination, settings, app));
    let trusted = trusted_host_keys(&host_keys.value);
    route.host_keys = Some(host_keys);
    if let (Some(remote), false) = (&target.remote, trusted.is_empty()) {
        route.login = log_in(target, &destination, remote, &trusted, app);
    }
    Some(route)
}

/// The SSH server that the server's settings report.
fn reported_host(settings: &SshSettings) -> Option<SshHost> {
    let url = Url::parse(settings.base_url.as_deref()?).ok()?;
    SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
}

fn read_banner(
    host: &SshHost,
    timeout: Duration,
) -> Result<(SocketAddr, BannerResult), SshConnectError> {
    let addresses = probe::resolve(&host.name, host.port, timeout).map_err(SshConnectError::Dns)?;
    let connection = probe::connect(&addresses, timeout).map_err(SshConnectError::Tcp)?;
    let banner = probe::read_banner(&connection.stream, timeout);
    Ok((connection.address, banner))
}

/// Another SSH host of Cloud that responds.
fn reachable_alternate(host: &SshHost, timeout: Duration) -> Option<SshHost> {
    let timeout = timeout.min(EXTRA_STEP_TIMEOUT);
    let responds =
        |host: &SshHost| matches!(read_banner(host, timeout), Ok((_, BannerResult::Ssh(_))));
    ssh::alternate_hosts(host).into_iter().find(responds)
}

fn host_keys(destination: &Destination, settings: Option<&SshSettings>, app: &App) -> HostKeyFacts {
    let host = &destination.host;
    let mut pinned: Vec<(PublicKey, &'static str)> = Vec::new();
    if let Some(keys) = ssh::built_in_keys(host) {
        pinned.extend(keys.into_iter().map(|key| (key, Source::BuiltIn.name())));
    } else if let Ok(file) = app.known_hosts()
        && let Ok(keys) = file.keys_for(host)
    {
        pinned.extend(keys.into_iter().map(|key| (key.key, key.source.name())));
    }
    let users = app.ssh_dir().ok().and_then(|dir| {
        let file = dir.join("known_hosts");
        ssh::user_known_hosts(&file, host).ok()
    });
    HostKeyFacts {
        offered: app
            .scan_host_keys(destination)
            .map_err(|error| ErrorSummary::from(&error)),
        pinned,
        reported: settings.and_then(|settings| settings.fingerprint),
        users: users.unwrap_or_default(),
    }
}

/// Logs in with the connection's key, or as git does without bbconnect. The host key is in a temporary file, so that
/// nothing is written into the user's.
fn log_in(
    target: &DoctorTarget,
    destination: &Destination,
    remote: &SshRemote,
    trusted: &[PublicKey],
    app: &App,
) -> Option<Timed<LoginFacts>> {
    // Declared before the directory, so that it is dropped after it.
    let _deferred = signals::defer();
    let dir = tempfile::tempdir().ok()?;
    let file = KnownHosts::in_dir(dir.path());
    for name in destination.known_hosts_names() {
        file.add(name, trusted, Source::Presented).ok()?;
    }
    let remote = &destination.remote(remote);
    let key = target.ssh_connection.as_ref().map(|ssh| ssh.key.clone());
    let options = CheckOptions {
        limit: app.timeout(),
        may_prompt: false,
    };
    Some(Timed::measure(|| {
        let access = match &key {
            Some(key) => PrivateKeyFile::read(key).and_then(|key| {
                let mut client = app.ssh_options(Some(&key), destination);
                file.path().clone_into(&mut client.known_hosts);
                ssh::check_access(&client, remote, Service::Read, options)
            }),
            None => ssh::check_access_as_user(destination, remote, file.path(), options),
        };
        LoginFacts {
            too_many_keys: access.as_ref().is_err_and(ssh::SshError::is_too_many_keys),
            access: access
                .map(drop)
                .map_err(|error| ErrorSummary::from(&Error::Ssh(error))),
            agent_keys: key.is_none().then(ssh::agent_keys).flatten(),
            key,
        }
    }))
}
