//! The way over SSH: TCP and the greeting, the host keys, and whether a key is let in.

use std::time::Duration;

use super::facts::{HostKeys, LoginFacts, Ssh, SshConnectError, Timed};
use super::rules::trusted;
use super::target::DoctorTarget;
use crate::app::App;
use crate::error::{Error, ErrorSummary};
use crate::probe::{self, BannerResult};
use crate::ssh::{self, CheckOptions, KnownHosts, PrivateKeyFile, Service, Source};
use crate::sys::signals;
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::{SshHost, SshRemote};
use crate::types::ssh_settings::SshSettings;

/// Looks at the way; `None` where it is not known where SSH is.
pub(super) fn look(
    target: &DoctorTarget,
    settings: Option<&SshSettings>,
    app: &App,
) -> Option<Ssh> {
    let host = target.ssh_host().or_else(|| told(settings?))?;
    let _progress = app.ui.progress(&format!("looking at {host}"));
    let limit = app.timeout();
    let tcp = Timed::measure(|| greeting(&host, limit));
    let is_ssh = matches!(&tcp.value, Ok((_, BannerResult::Ssh(_))));
    let mut found = Ssh {
        enabled: settings.and_then(|settings| settings.enabled),
        tcp,
        other_door: None,
        host_key: None,
        login: None,
        host,
    };
    if !is_ssh {
        found.other_door = reachable_alternate(&found.host, limit);
        return Some(found);
    }
    let host_key = Timed::measure(|| host_keys(&found.host, settings, app));
    let trusted = trusted(&host_key.value);
    found.host_key = Some(host_key);
    if let (Some(address), false) = (&target.remote, trusted.is_empty()) {
        found.login = log_in(target, address, &trusted, app);
    }
    Some(found)
}

/// Where the server says that SSH is.
fn told(settings: &SshSettings) -> Option<SshHost> {
    let url = url::Url::parse(settings.base_url.as_deref()?).ok()?;
    SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
}

fn greeting(
    host: &SshHost,
    limit: Duration,
) -> Result<(std::net::SocketAddr, BannerResult), SshConnectError> {
    let addresses = probe::resolve(&host.name, host.port, limit).map_err(SshConnectError::Name)?;
    let reached = probe::connect(&addresses, limit).map_err(SshConnectError::Tcp)?;
    let greeted = probe::read_banner(&reached.stream, limit);
    Ok((reached.address, greeted))
}

/// Another host of Cloud that answers.
fn reachable_alternate(host: &SshHost, limit: Duration) -> Option<SshHost> {
    let limit = limit.min(Duration::from_secs(5));
    let answers = |door: &SshHost| matches!(greeting(door, limit), Ok((_, BannerResult::Ssh(_))));
    ssh::alternate_hosts(host).into_iter().find(answers)
}

fn host_keys(host: &SshHost, settings: Option<&SshSettings>, app: &App) -> HostKeys {
    let mut expected: Vec<(PublicKey, &'static str)> = Vec::new();
    if let Some(keys) = ssh::built_in_keys(host) {
        expected.extend(keys.into_iter().map(|key| (key, Source::BuiltIn.name())));
    } else if let Ok(file) = app.known_hosts()
        && let Ok(keys) = file.keys_for(host)
    {
        expected.extend(keys.into_iter().map(|key| (key.key, key.source.name())));
    }
    let file = app.ssh_dir().map(|folder| folder.join("known_hosts"));
    let users = file
        .ok()
        .and_then(|file| ssh::user_known_hosts(&file, host).ok());
    HostKeys {
        shown: app
            .scan_host_keys(host)
            .map_err(|error| ErrorSummary::from(&error)),
        expected,
        named: settings.and_then(|settings| settings.fingerprint),
        users: users.unwrap_or_default(),
    }
}

/// Logs in with the connection's key, or as git does without us. The server is known by a file of its own, so that
/// nothing has to be written into the user's.
fn log_in(
    target: &DoctorTarget,
    remote: &SshRemote,
    trusted: &[PublicKey],
    app: &App,
) -> Option<Timed<LoginFacts>> {
    // Dropped after the folder.
    let _put_off = signals::defer();
    let folder = tempfile::tempdir().ok()?;
    let file = KnownHosts::in_folder(folder.path());
    file.add(&remote.host, trusted, Source::Presented).ok()?;
    let key = target
        .ssh_connection
        .as_ref()
        .map(|ssh_connection| ssh_connection.key.clone());
    let manner = CheckOptions {
        limit: app.timeout(),
        may_ask: false,
    };
    Some(Timed::measure(|| {
        let served = match &key {
            Some(key) => PrivateKeyFile::read(key).and_then(|stored| {
                let mut options = app.ssh_options(&stored);
                file.path().clone_into(&mut options.known_hosts);
                ssh::check_access(&options, remote, Service::Read, manner)
            }),
            None => ssh::check_access_as_user(remote, file.path(), manner),
        };
        LoginFacts {
            served: served
                .map(|_| ())
                .map_err(|error| ErrorSummary::from(&Error::Ssh(error))),
            agent_keys: key.is_none().then(ssh::agent_keys).flatten(),
            key,
        }
    }))
}
