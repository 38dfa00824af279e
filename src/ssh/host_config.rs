//! What the user's SSH configuration says about a host, as `ssh -G` prints it, and how `ssh` reaches the server behind it.

use std::fmt;
use std::time::Duration;

use super::SshError;
use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::types::ssh_address::{SshHost, SshRemote, is_alias_name};

/// Canonical host names may be looked up.
const LIMIT: Duration = Duration::from_secs(10);

/// The settings for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostConfig {
    user: Option<String>,
    /// `HostName` and `Port`
    host: SshHost,
    proxy: Option<ProxySetting>,
    /// `HostKeyAlias`: the name in `known_hosts`
    host_key_alias: Option<SshHost>,
    /// Old algorithms are allowed, without which the server may not be reached.
    has_old_algorithms: bool,
}

impl HostConfig {
    /// Parses the output of `ssh -G`: one setting per line, its name in lower case.
    pub(super) fn parse(settings: &str) -> Option<Self> {
        let setting = |name: &str| {
            let mut lines = settings.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.filter(|value| !value.is_empty() && *value != "none")
        };
        let host = SshHost::new(setting("hostname")?, setting("port")?.parse().ok()?).ok()?;
        let jump = setting("proxyjump").map(|hosts| ProxySetting::Jump(hosts.to_owned()));
        let proxy = jump.or_else(|| setting("proxycommand").map(|_| ProxySetting::Command));
        let mut algorithms = ALGORITHM_LISTS
            .into_iter()
            .filter_map(setting)
            .flat_map(|list| list.split(','));
        Some(Self {
            has_old_algorithms: algorithms.any(|name| OLD_ALGORITHMS.contains(&name)),
            user: setting("user").map(str::to_owned),
            host,
            proxy,
            host_key_alias: setting("hostkeyalias").and_then(|name| name.parse().ok()),
        })
    }
}

const ALGORITHM_LISTS: [&str; 4] = [
    "hostkeyalgorithms",
    "kexalgorithms",
    "ciphers",
    "pubkeyacceptedalgorithms",
];

/// Algorithms that OpenSSH no longer uses by default (<https://www.openssh.com/legacy.html>).
const OLD_ALGORITHMS: [&str; 9] = [
    "ssh-rsa",
    "ssh-dss",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
];

impl fmt::Display for HostConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        match &self.proxy {
            Some(proxy) => write!(f, " through {proxy}"),
            None => Ok(()),
        }
    }
}

/// A setting by which `ssh` reaches a server through another program or server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProxySetting {
    /// Its value may contain a password, so it is not kept.
    Command,
    Jump(String),
}

impl fmt::Display for ProxySetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => f.write_str("ProxyCommand"),
            Self::Jump(hosts) => write!(f, "ProxyJump {hosts}"),
        }
    }
}

/// The server behind the host of a URL, and how `ssh` reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The server itself.
    pub(crate) host: SshHost,
    /// The user name of the URL, else of the configuration.
    pub(crate) user: Option<String>,
    /// Set where only the user's configuration leads to the server.
    pub(crate) route: Option<ConfigRoute>,
}

/// A host that is reached with the user's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigRoute {
    /// The host as the URL names it.
    pub(crate) name: String,
    /// The port, where the URL names one.
    pub(crate) port: Option<u16>,
    pub(crate) proxy: Option<ProxySetting>,
    host_key_alias: Option<SshHost>,
}

impl Destination {
    /// A server that is reached without the user's configuration.
    pub(crate) fn direct(host: &SshHost) -> Self {
        Self {
            host: host.clone(),
            user: None,
            route: None,
        }
    }

    /// The server of a URL, with the settings for its host. `has_port`: the URL names the port.
    pub(crate) fn new(
        host: &SshHost,
        has_port: bool,
        user: Option<&str>,
        config: Option<&HostConfig>,
    ) -> Self {
        let user = user.map(str::to_owned);
        let Some(config) = config else {
            return Self {
                user,
                ..Self::direct(host)
            };
        };
        let port = if has_port {
            host.port
        } else {
            config.host.port
        };
        let server = SshHost {
            name: config.host.name.clone(),
            port,
        };
        // In place of an alias the server can be named. A name of DNS stays as it is.
        let is_led_elsewhere =
            !is_alias_name(&host.name) && server.known_hosts_name() != host.known_hosts_name();
        let needs_config = is_led_elsewhere || config.proxy.is_some() || config.has_old_algorithms;
        let route = needs_config.then(|| ConfigRoute {
            name: host.name.clone(),
            port: has_port.then_some(port),
            proxy: config.proxy.clone(),
            host_key_alias: config.host_key_alias.clone(),
        });
        let is_same = server.known_hosts_name() == host.known_hosts_name();
        Self {
            host: if is_same { host.clone() } else { server },
            user: user.or_else(|| config.user.clone()),
            route,
        }
    }

    /// With the user's configuration, because git names the server as this remote does.
    pub(crate) fn with_config_for(self, remote: &SshRemote) -> Self {
        let named = || ConfigRoute {
            name: remote.host.name.clone(),
            port: remote.has_port.then_some(remote.host.port),
            proxy: None,
            host_key_alias: None,
        };
        Self {
            route: Some(self.route.unwrap_or_else(named)),
            ..self
        }
    }

    /// The setting through which the server is reached.
    pub(crate) fn proxy(&self) -> Option<&ProxySetting> {
        self.route.as_ref()?.proxy.as_ref()
    }

    /// The names under which `ssh` looks for the host key.
    pub(crate) fn known_hosts_names(&self) -> impl Iterator<Item = &SshHost> {
        let alias = self
            .route
            .as_ref()
            .and_then(|route| route.host_key_alias.as_ref());
        std::iter::once(&self.host).chain(alias)
    }

    /// A repository on the server itself.
    pub(crate) fn remote(&self, remote: &SshRemote) -> SshRemote {
        if self.host == remote.host {
            return remote.clone();
        }
        SshRemote {
            user: self.user.clone(),
            ..remote.with_host(self.host.clone())
        }
    }
}

/// The settings for a host. `None` where `ssh` prints none that can be used.
pub(crate) fn host_config(name: &str, user: Option<&str>) -> Result<Option<HostConfig>, SshError> {
    let command = CommandSpec::new("ssh")
        .args(user.into_iter().flat_map(|user| ["-l", user]))
        .args(["-G", "--", name])
        .env("LC_ALL", "C")
        .new_process_group()
        .stderr(Stderr::Capture);
    let output = command.run(LIMIT)?;
    if output.status.success() {
        return Ok(HostConfig::parse(&String::from_utf8_lossy(&output.stdout)));
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    let lines = messages
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    Err(SshError::Configuration {
        host: name.to_owned(),
        messages: lines.collect::<Vec<_>>().join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    fn destination(url: &str, settings: &str) -> Destination {
        let remote: SshRemote = url.parse().unwrap();
        let config = HostConfig::parse(settings).unwrap();
        Destination::new(
            &remote.host,
            remote.has_port,
            remote.user.as_deref(),
            Some(&config),
        )
    }

    #[test]
    fn settings_are_parsed() {
        let parsed = HostConfig::parse(
            "host work\nuser git\nhostname ssh.bitbucket.org\nport 7999\naddressfamily any\n",
        );
        let parsed = parsed.unwrap();
        assert_eq!(parsed.host, "ssh.bitbucket.org:7999".parse().unwrap());
        assert_eq!((parsed.user.as_deref(), parsed.proxy), (Some("git"), None));
        for (line, expected) in [
            ("proxyjump jane@gate:2222", Some("ProxyJump jane@gate:2222")),
            (
                "proxycommand nc --proxy-auth jane:marker %h %p",
                Some("ProxyCommand"),
            ),
            ("proxycommand none", None),
        ] {
            let proxy = HostConfig::parse(&format!("hostname h\nport 22\n{line}\n"))
                .unwrap()
                .proxy;
            assert_eq!(proxy.map(|proxy| proxy.to_string()).as_deref(), expected);
        }
        for unusable in ["hostname -oX\nport 22\n", "hostname work\n", ""] {
            assert_eq!(HostConfig::parse(unusable), None);
        }
    }

    #[test]
    fn an_alias_is_replaced_and_a_host_name_keeps_its_configuration() {
        for (case, expected) in test_rows(
            "
            git@work:a/b hostname git.corp; port 7999; user jane => git [git.corp]:7999 false
            work:a/b hostname git.corp; port 22; user jane => jane git.corp false
            git@work:a/b hostname git.corp; port 22; proxyjump gate => git git.corp true
            git@git.corp:a/b hostname git.corp; port 22; user jane => git git.corp false
            git@git.corp:a/b hostname 10.0.0.1; port 2222 => git [10.0.0.1]:2222 true
            ssh://git@git.corp:22/a/b hostname git.corp; port 2222 => git git.corp false
            ssh://git@git.corp:7999/a/b hostname git.corp; port 2222 => git [git.corp]:7999 false
            git@old.corp:a/b hostname old.corp; port 22; hostkeyalgorithms ssh-ed25519,ssh-rsa => git old.corp true
            git@Work:a/b hostname work; port 22 => git Work false
            ",
        ) {
            let (url, settings) = case.split_once(' ').unwrap();
            let found = destination(url, &settings.replace("; ", "\n"));
            let (user, keeps_config) = (found.user.unwrap(), found.route.is_some());
            assert_eq!(format!("{user} {} {keeps_config}", found.host), expected, "{case}");
        }
    }
}
