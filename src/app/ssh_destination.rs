//! The user's SSH configuration: which server a host of a URL stands for. `ssh -G` runs once for each host.

use super::App;
use crate::error::Error;
use crate::ssh::{self, Destination, HostConfig, ProxySetting};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::ssh_address::{SshHost, SshRemote};

/// A clone URL whose host stands for another one in the user's SSH configuration.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedUrl {
    /// The URL at the server itself.
    pub(crate) url: CloneUrl,
    /// What the host stands for, in text output: `work stands for git@[git.example.com]:7999`.
    pub(crate) description: String,
    /// The server is reached through another program or server, so that git needs the URL as it was written.
    pub(crate) proxy: Option<ProxySetting>,
}

impl App {
    /// The settings of the user's SSH configuration for a host.
    fn ssh_config(&self, name: &str, user: Option<&str>) -> Result<Option<HostConfig>, Error> {
        let key = (name.to_owned(), user.map(str::to_owned));
        let mut known = self
            .ssh_configs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(config) = known.get(&key) {
            return Ok(config.clone());
        }
        let config = ssh::host_config(name, user)?;
        self.ui.debug(&match &config {
            Some(config) => format!("ssh -G {name} -> {config}"),
            None => format!("ssh -G {name} -> no settings"),
        });
        known.insert(key, config.clone());
        Ok(config)
    }

    /// The server of a host, and how `ssh` reaches it. `has_port`: the port was named.
    pub(crate) fn ssh_destination_of_host(
        &self,
        host: &SshHost,
        has_port: bool,
        user: Option<&str>,
    ) -> Result<Destination, Error> {
        let config = self.ssh_config(&host.name, user)?;
        Ok(Destination::new(host, has_port, user, config.as_ref()))
    }

    /// As [`App::ssh_destination_of_host`], for a repository.
    pub(crate) fn ssh_destination(&self, remote: &SshRemote) -> Result<Destination, Error> {
        self.ssh_destination_of_host(&remote.host, remote.has_port, remote.user.as_deref())
    }

    /// What a clone URL over SSH stands for in the user's SSH configuration; `None` where it stands for itself, and for
    /// another transport.
    pub(crate) fn resolve_ssh_url(&self, url: &CloneUrl) -> Result<Option<ResolvedUrl>, Error> {
        self.resolve_ssh_url_as(url, |text| text.parse().ok())
    }

    /// As [`App::resolve_ssh_url`], for the URL of a remote, which may be that of a wiki.
    ///
    /// # Errors
    /// As [`App::ssh_destination_of_host`].
    pub(super) fn resolve_ssh_remote(&self, url: &CloneUrl) -> Result<Option<CloneUrl>, Error> {
        let resolved = self.resolve_ssh_url_as(url, |text| CloneUrl::from_remote(text).ok())?;
        Ok(resolved.map(|resolved| resolved.url))
    }

    fn resolve_ssh_url_as(
        &self,
        url: &CloneUrl,
        parse: impl Fn(&str) -> Option<CloneUrl>,
    ) -> Result<Option<ResolvedUrl>, Error> {
        if url.transport() != Transport::Ssh {
            return Ok(None);
        }
        let Some(host) = SshHost::new(&url.host().to_string(), url.port().unwrap_or(22)).ok()
        else {
            return Ok(None);
        };
        let destination = self.ssh_destination_of_host(&host, url.port().is_some(), url.user())?;
        let is_login_name = |user: &str| {
            let variables = &self.environment.variables;
            let names = ["USER", "LOGNAME"].map(|name| variables.get(name));
            names.contains(&Some(user))
        };
        let configured_user = destination
            .user
            .as_deref()
            .filter(|user| url.user().is_none() && !is_login_name(user));
        let is_same_host = destination.host == host;
        if is_same_host && configured_user.is_none() {
            return Ok(None);
        }
        let remote: Option<SshRemote> = url.to_string().parse().ok();
        let Some(remote) = remote else {
            return Ok(None);
        };
        let server = destination.host.clone();
        let resolved = SshRemote {
            user: destination.user.clone(),
            has_port: server.port != 22,
            host: server,
            path: format!("/{}", remote.path.trim_start_matches('/')),
        };
        let Some(resolved) = parse(&resolved.to_url()) else {
            return Ok(None);
        };
        let shown_user = configured_user.map(|user| format!("{user}@"));
        Ok(Some(ResolvedUrl {
            url: resolved,
            description: format!(
                "{} stands for {}{}",
                url.host(),
                shown_user.unwrap_or_default(),
                destination.host
            ),
            proxy: destination.proxy().cloned(),
        }))
    }
}
