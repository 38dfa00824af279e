//! Asking a repository over SSH with one key and no other, or with none.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::Context;
use crate::error::Error;
use crate::model::ssh_address::SshAddress;
use crate::ssh::{self, Login, Served, Service, SshError, StoredKey};

/// How long a server may take to let a key in: it takes a while until all of it knows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// No time at all: whether it is registered is the question.
    None,
    /// A few seconds: it was registered already.
    Short,
    /// Ten seconds: it was registered just now.
    Long,
}

/// Between attempts.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
];

impl Patience {
    fn pauses(self) -> &'static [Duration] {
        match self {
            Self::None => &[],
            Self::Short => PAUSES.first_chunk::<3>().map_or(&[], |short| short),
            Self::Long => &PAUSES,
        }
    }
}

impl Context {
    /// A login with a key, and with our host keys.
    #[must_use]
    pub fn login(&self, key: &StoredKey) -> Login {
        Login {
            key: Some(key.path.clone()),
            is_locked: key.is_locked,
            ..self.no_login()
        }
    }

    /// A login with no key: only to hear who the server is.
    fn no_login(&self) -> Login {
        let known_hosts = self.known_hosts().map(|file| file.path().to_owned());
        Login {
            key: None,
            is_locked: false,
            // OpenSSH's word for no file: then no host is known.
            known_hosts: known_hosts.unwrap_or_else(|_| PathBuf::from("none")),
        }
    }

    /// Whether a key can be used here: it has no passphrase, the agent knows it, or somebody can be asked.
    #[must_use]
    pub fn opens(&self, key: &StoredKey) -> bool {
        !key.is_locked || self.may_ask || ssh::agent_has(&key.public)
    }

    /// The command with which git uses a key and no other; `None` for a path that cannot be written for `ssh`.
    #[must_use]
    pub fn ssh_command(&self, key: &Path) -> Option<String> {
        let stored = StoredKey::read(key);
        let login = Login {
            key: Some(key.to_owned()),
            is_locked: stored.is_ok_and(|stored| stored.is_locked),
            ..self.no_login()
        };
        login.command_line().ok()
    }

    /// Asks a repository with a key over SSH.
    ///
    /// # Errors
    /// [`Error::Ssh`].
    pub fn ask_over_ssh(
        &self,
        key: &StoredKey,
        address: &SshAddress,
        service: Service,
    ) -> Result<Served, Error> {
        self.ask_as(&self.login(key), address, service)
    }

    /// Asks a repository over SSH with a key that may not be registered yet, or with none: whether the server is reached
    /// and the right one shows before it refuses.
    ///
    /// # Errors
    /// [`Error::Ssh`]; for a key that cannot be used here ([`SshError::Locked`], [`SshError::OpenToOthers`]) also
    /// before the server knows it.
    pub fn knock(&self, address: &SshAddress, key: Option<&StoredKey>) -> Result<Served, Error> {
        if let Some(key) = key
            && key.is_open_to_others()
        {
            return Err(SshError::OpenToOthers(key.path.clone()).into());
        }
        let login = key.map_or_else(|| self.no_login(), |key| self.login(key));
        match (self.ask_as(&login, address, Service::Read), key) {
            (Err(Error::Ssh(SshError::Denied { .. })), Some(key)) if !self.opens(key) => {
                Err(SshError::Locked(key.path.clone()).into())
            }
            (asked, _) => asked,
        }
    }

    fn ask_as(
        &self,
        login: &Login,
        address: &SshAddress,
        service: Service,
    ) -> Result<Served, Error> {
        let manner = self.manner(login.is_locked);
        let _progress = (!manner.may_ask).then(|| {
            let message = format!("asking {} over SSH", address.host);
            self.output.progress(&message)
        });
        let started = Instant::now();
        let asked = ssh::ask(login, address, service, manner);
        let told = match &asked {
            Ok(_) => "served".to_owned(),
            Err(error) => error.to_string(),
        };
        let elapsed = started.elapsed().as_millis();
        self.output.trace(&format!(
            "ssh {} {} -> {told} in {elapsed} ms",
            address.host,
            address.command(service.command())
        ));
        Ok(asked?)
    }

    /// Asks a repository with a key that the server may not know everywhere yet.
    ///
    /// # Errors
    /// [`Error::Ssh`].
    pub fn ask_patiently(
        &self,
        key: &StoredKey,
        address: &SshAddress,
        patience: Patience,
    ) -> Result<Served, Error> {
        let mut pauses = patience.pauses().iter();
        loop {
            let asked = self.ask_over_ssh(key, address, Service::Read);
            let is_early = matches!(
                asked,
                Err(Error::Ssh(
                    SshError::Denied { .. } | SshError::NoAccess { .. }
                ))
            );
            match pauses.next() {
                Some(pause) if is_early => thread::sleep(*pause),
                Some(_) | None => return asked,
            }
        }
    }
}
