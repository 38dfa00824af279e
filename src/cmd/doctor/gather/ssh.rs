//! The way over SSH: TCP and the greeting, the host keys, and whether a key is let in.

use std::time::Duration;

use super::facts::{HostKeys, LoginFacts, NoSsh, Ssh, Timed};
use super::judge::trusted;
use super::target::Target;
use crate::context::Context;
use crate::error::{Error, Trouble};
use crate::interrupt;
use crate::model::public_key::PublicKey;
use crate::model::ssh_address::{SshAddress, SshHost};
use crate::model::ssh_settings::SshSettings;
use crate::net::{self, Greeted};
use crate::ssh::{self, KnownHosts, Manner, Service, Source, StoredKey};

/// Looks at the way; `None` where it is not known where SSH is.
pub(super) fn look(
    target: &Target,
    settings: Option<&SshSettings>,
    context: &Context,
) -> Option<Ssh> {
    let host = target.ssh_host().or_else(|| told(settings?))?;
    let _progress = context.output.progress(&format!("looking at {host}"));
    let limit = context.limit();
    let tcp = Timed::by(|| greeting(&host, limit));
    let is_ssh = matches!(&tcp.value, Ok((_, Greeted::Ssh(_))));
    let mut found = Ssh {
        enabled: settings.and_then(|settings| settings.enabled),
        tcp,
        other_door: None,
        host_key: None,
        login: None,
        host,
    };
    if !is_ssh {
        found.other_door = other_door(&found.host, limit);
        return Some(found);
    }
    let host_key = Timed::by(|| host_keys(&found.host, settings, context));
    let trusted = trusted(&host_key.value);
    found.host_key = Some(host_key);
    if let (Some(address), false) = (&target.address, trusted.is_empty()) {
        found.login = log_in(target, address, &trusted, context);
    }
    Some(found)
}

/// Where the server says that SSH is.
fn told(settings: &SshSettings) -> Option<SshHost> {
    let url = url::Url::parse(settings.base_url.as_deref()?).ok()?;
    SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
}

fn greeting(host: &SshHost, limit: Duration) -> Result<(std::net::SocketAddr, Greeted), NoSsh> {
    let addresses = net::resolve(&host.name, host.port, limit).map_err(NoSsh::Name)?;
    let reached = net::connect(&addresses, limit).map_err(NoSsh::Tcp)?;
    let greeted = net::greeting_of(&reached.stream, limit);
    Ok((reached.address, greeted))
}

/// Another host of Cloud that answers.
fn other_door(host: &SshHost, limit: Duration) -> Option<SshHost> {
    let limit = limit.min(Duration::from_secs(5));
    let answers = |door: &SshHost| matches!(greeting(door, limit), Ok((_, Greeted::Ssh(_))));
    ssh::other_doors(host).into_iter().find(answers)
}

fn host_keys(host: &SshHost, settings: Option<&SshSettings>, context: &Context) -> HostKeys {
    let mut expected: Vec<(PublicKey, &'static str)> = Vec::new();
    if let Some(keys) = ssh::built_in_keys(host) {
        expected.extend(keys.into_iter().map(|key| (key, Source::BuiltIn.name())));
    } else if let Ok(file) = context.known_hosts()
        && let Ok(keys) = file.of(host)
    {
        expected.extend(keys.into_iter().map(|key| (key.key, key.source.name())));
    }
    let file = context
        .ssh_folder()
        .map(|folder| folder.join("known_hosts"));
    let users = file
        .ok()
        .and_then(|file| ssh::known_to_user(&file, host).ok());
    HostKeys {
        shown: context
            .shown_by(host)
            .map_err(|error| Trouble::from(&error)),
        expected,
        named: settings.and_then(|settings| settings.fingerprint),
        users: users.unwrap_or_default(),
    }
}

/// Logs in with the connection's key, or as git does without us. The server is known by a file of its own, so that
/// nothing has to be written into the user's.
fn log_in(
    target: &Target,
    address: &SshAddress,
    trusted: &[PublicKey],
    context: &Context,
) -> Option<Timed<LoginFacts>> {
    // Dropped after the folder.
    let _put_off = interrupt::put_off();
    let folder = tempfile::tempdir().ok()?;
    let file = KnownHosts::in_folder(folder.path());
    file.add(&address.host, trusted, Source::Offered).ok()?;
    let key = target.keyed.as_ref().map(|keyed| keyed.key.clone());
    let manner = Manner {
        limit: context.limit(),
        may_ask: false,
    };
    Some(Timed::by(|| {
        let served = match &key {
            Some(key) => StoredKey::read(key).and_then(|stored| {
                let mut login = context.login(&stored);
                file.path().clone_into(&mut login.known_hosts);
                ssh::ask(&login, address, Service::Read, manner)
            }),
            None => ssh::ask_as_user(address, file.path(), manner),
        };
        LoginFacts {
            served: served
                .map(|_| ())
                .map_err(|error| Trouble::from(&Error::Ssh(error))),
            agent_keys: key.is_none().then(ssh::agent_keys).flatten(),
            key,
        }
    }))
}
