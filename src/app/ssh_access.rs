//! Access to a repository over SSH with one key and no other, or with none.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::App;
use crate::error::Error;
use crate::ssh::{self, AccessCheck, ClientOptions, PrivateKeyFile, Service, SshError};
use crate::types::ssh_address::SshRemote;

/// How long a new key may be refused: a server with several nodes accepts it with a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryPolicy {
    /// No retry: whether the key is registered is unknown.
    None,
    /// A few seconds: the key was registered before.
    Short,
    /// Ten seconds: the key was registered just now.
    Long,
}

/// The pauses between attempts.
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
    /// A login with a key, and with our host keys.
    #[must_use]
    pub(crate) fn ssh_options(&self, key: &PrivateKeyFile) -> ClientOptions {
        ClientOptions {
            key: Some(key.path.clone()),
            has_passphrase: key.has_passphrase,
            ..self.anonymous_ssh_options()
        }
    }

    /// A login without a key, to see the host key alone.
    fn anonymous_ssh_options(&self) -> ClientOptions {
        let known_hosts = self.known_hosts().map(|file| file.path().to_owned());
        ClientOptions {
            key: None,
            has_passphrase: false,
            // OpenSSH takes `none` for no file: no host is known then.
            known_hosts: known_hosts.unwrap_or_else(|_| PathBuf::from("none")),
        }
    }

    /// Whether a key can be used: it has no passphrase, the agent has it, or a prompt is possible.
    #[must_use]
    pub(crate) fn is_key_usable(&self, key: &PrivateKeyFile) -> bool {
        !key.has_passphrase || self.may_ask || ssh::agent_has(&key.public)
    }

    /// The command with which git uses a key and no other; `None` for a path that cannot be written for `ssh`.
    #[must_use]
    pub(crate) fn ssh_command(&self, key: &Path) -> Option<String> {
        let stored = PrivateKeyFile::read(key);
        let options = ClientOptions {
            key: Some(key.to_owned()),
            has_passphrase: stored.is_ok_and(|stored| stored.has_passphrase),
            ..self.anonymous_ssh_options()
        };
        options.command_line().ok()
    }

    /// Requests a service of a repository with a key.
    ///
    /// # Errors
    /// [`Error::Ssh`].
    pub(crate) fn check_access(
        &self,
        key: &PrivateKeyFile,
        remote: &SshRemote,
        service: Service,
    ) -> Result<AccessCheck, Error> {
        self.check_access_with(&self.ssh_options(key), remote, service)
    }

    /// Connects with a key that may not be registered yet, or with none: verifies that the server is reachable
    /// and has the expected host key. A refusal is part of the result.
    ///
    /// # Errors
    /// [`Error::Ssh`]; for a key that cannot be used here ([`SshError::PassphraseRequired`], [`SshError::InsecureKeyPermissions`]) also
    /// before the server has it.
    pub(crate) fn probe_server(
        &self,
        remote: &SshRemote,
        key: Option<&PrivateKeyFile>,
    ) -> Result<AccessCheck, Error> {
        if let Some(key) = key
            && key.has_insecure_permissions()
        {
            return Err(SshError::InsecureKeyPermissions(key.path.clone()).into());
        }
        let options = key.map_or_else(|| self.anonymous_ssh_options(), |key| self.ssh_options(key));
        match (self.check_access_with(&options, remote, Service::Read), key) {
            (Err(Error::Ssh(SshError::AuthenticationFailed { .. })), Some(key))
                if !self.is_key_usable(key) =>
            {
                Err(SshError::PassphraseRequired(key.path.clone()).into())
            }
            (asked, _) => asked,
        }
    }

    fn check_access_with(
        &self,
        options: &ClientOptions,
        remote: &SshRemote,
        service: Service,
    ) -> Result<AccessCheck, Error> {
        let check = self.ssh_timeout_and_prompt(options.has_passphrase);
        let _progress = (!check.may_prompt).then(|| {
            let message = format!("asking {} over SSH", remote.host);
            self.ui.progress(&message)
        });
        let started = Instant::now();
        let asked = ssh::check_access(options, remote, service, check);
        let told = match &asked {
            Ok(_) => "served".to_owned(),
            Err(error) => error.to_string(),
        };
        let elapsed = started.elapsed().as_millis();
        self.ui.debug(&format!(
            "ssh {} {} -> {told} in {elapsed} ms",
            remote.host,
            remote.command(service.command())
        ));
        Ok(asked?)
    }

    /// Requests a repository with a key that not every node of the server may accept yet.
    ///
    /// # Errors
    /// [`Error::Ssh`].
    pub(crate) fn check_access_with_retry(
        &self,
        key: &PrivateKeyFile,
        remote: &SshRemote,
        patience: RetryPolicy,
    ) -> Result<AccessCheck, Error> {
        let mut pauses = patience.pauses().iter();
        loop {
            let asked = self.check_access(key, remote, Service::Read);
            let is_early = matches!(
                asked,
                Err(Error::Ssh(
                    SshError::AuthenticationFailed { .. } | SshError::RepositoryAccessDenied { .. }
                ))
            );
            match pauses.next() {
                Some(pause) if is_early => thread::sleep(*pause),
                Some(_) | None => return asked,
            }
        }
    }
}
