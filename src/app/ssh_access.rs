//! Checks over SSH whether a server serves a repository to a key.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::App;
use crate::error::Error;
use crate::ssh::{
    self, AccessCheck, ClientOptions, Destination, PrivateKeyFile, Service, SshError,
};
use crate::types::ssh_address::SshRemote;

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
