//! Access over SSH: which server a host of a URL stands for in the user's SSH configuration (`ssh -G` runs once for each
//! host), and whether it serves a repository to a key.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::App;
use crate::error::Error;
use crate::ssh::{
    self, AccessCheck, ClientOptions, Destination, HostConfig, PrivateKeyFile, ProxySetting,
    Service, SshError,
};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::ssh_address::{SshHost, SshRemote};

/// How long to retry while a server refuses a key. A new key is not known to all nodes of a server at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryPolicy {
    None,
    /// Three seconds, for a key that was registered before.
    Short,
    /// Ten seconds, for a key that was registered just now.
    Long,
}

/// Pauses between attempts.
const BACKOFF: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
];

impl RetryPolicy {
    fn pauses(self) -> &'static [Duration] {
        match self {
            Self::None => &[],
            Self::Short => BACKOFF.first_chunk::<3>().map_or(&[], |short| short),
            Self::Long => &BACKOFF,
        }
    }
}

impl App {
    /// Options for `ssh` with a key and bbconnect's host keys. A connection without a key shows whether the server can be
    /// reached and has the expected host key.
    pub(crate) fn ssh_options(
        &self,
        key: Option<&PrivateKeyFile>,
        destination: &Destination,
    ) -> ClientOptions {
        ClientOptions {
            key: key.map(|key| key.path.clone()),
            fingerprint: key.map(|key| key.public.fingerprint()),
            uses_agent: key.is_some_and(|key| key.has_passphrase || key.is_in_agent),
            route: destination.route.clone(),
            ..ClientOptions::without_key(&self.known_hosts_path())
        }
    }

    fn known_hosts_path(&self) -> PathBuf {
        let file = self.known_hosts().map(|file| file.path().to_owned());
        // With this name `ssh` reads no file.
        file.unwrap_or_else(|_| PathBuf::from("none"))
    }

    /// Whether a key has no passphrase, is in the agent, or its passphrase can be prompted for.
    pub(crate) fn is_key_usable(&self, key: &PrivateKeyFile) -> bool {
        !key.has_passphrase || self.may_ask || ssh::agent_has(&key.public)
    }

    /// The SSH command for git to use only this key, at the server of a repository. `None` for a path that cannot be written
    /// in an option of `ssh`.
    pub(crate) fn ssh_command(&self, key: &Path, remote: Option<&SshRemote>) -> Option<String> {
        let destination = remote.and_then(|remote| self.ssh_destination(remote).ok());
        let file = PrivateKeyFile::read(key).ok();
        let options = ClientOptions {
            key: Some(key.to_owned()),
            uses_agent: file.is_some_and(|file| file.has_passphrase || file.is_in_agent),
            route: destination.and_then(|destination| destination.route),
            ..ClientOptions::without_key(&self.known_hosts_path())
        };
        options.command_line(self.ssh_program()).ok()
    }

    /// The path of `ssh`, for commands that are run later.
    pub(crate) fn ssh_program(&self) -> &Path {
        self.environment.ssh.as_deref().unwrap_or(Path::new("ssh"))
    }

    /// Requests a repository over SSH with a key that may not be registered yet, or without a key.
    ///
    /// # Errors
    /// [`Error::Ssh`], for a key that cannot be used on this machine ([`SshError::PassphraseRequired`],
    /// [`SshError::InsecureKeyPermissions`]) also if the server does not know it.
    pub(crate) fn probe_server(
        &self,
        options: &ClientOptions,
        remote: &SshRemote,
        key: Option<&PrivateKeyFile>,
    ) -> Result<AccessCheck, Error> {
        if let Some(key) = key
            && key.has_insecure_permissions()
        {
            return Err(SshError::InsecureKeyPermissions(key.path.clone()).into());
        }
        match (self.check_access(options, remote, Service::Read), key) {
            (Err(Error::Ssh(SshError::AuthenticationFailed { .. })), Some(key))
                if !self.is_key_usable(key) =>
            {
                Err(SshError::PassphraseRequired(key.path.clone()).into())
            }
            (result, _) => result,
        }
    }

    /// Requests a repository over SSH.
    pub(crate) fn check_access(
        &self,
        options: &ClientOptions,
        remote: &SshRemote,
        service: Service,
    ) -> Result<AccessCheck, Error> {
        let check = self.ssh_timeout_and_prompt(options.uses_agent);
        let _progress = (!check.may_prompt).then(|| {
            let message = format!("connecting to {} over SSH", remote.host);
            self.ui.progress(&message)
        });
        let started = Instant::now();
        let result = ssh::check_access(options, remote, service, check);
        let outcome = match &result {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let elapsed = started.elapsed().as_millis();
        self.ui.debug(&format!(
            "ssh {} {} -> {outcome} in {elapsed} ms",
            remote.host,
            remote.command(service.command())
        ));
        Ok(result?)
    }

    /// Requests a repository with a key, again while the server refuses the key.
    pub(crate) fn check_access_with_retry(
        &self,
        options: &ClientOptions,
        remote: &SshRemote,
        retry: RetryPolicy,
    ) -> Result<AccessCheck, Error> {
        let mut pauses = retry.pauses().iter();
        loop {
            let result = self.check_access(options, remote, Service::Read);
            let is_refused = matches!(
                result,
                Err(Error::Ssh(
                    SshError::AuthenticationFailed { .. } | SshError::RepositoryAccessDenied { .. }
                ))
            );
            match pauses.next() {
                Some(pause) if is_refused => thread::sleep(*pause),
                Some(_) | None => return result,
            }
        }
    }
}

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
