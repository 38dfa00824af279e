//! Connections that have an SSH key: which one is meant, and how its server is reached with it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{Context, Vouchers};
use crate::bitbucket::Bitbucket;
use crate::error::{Error, No};
use crate::git::Checkout;
use crate::model::clone_url::CloneUrl;
use crate::model::connection::{Connection, ConnectionName};
use crate::model::fingerprint::Fingerprint;
use crate::model::repository::RepoRef;
use crate::model::ssh_address::SshAddress;
use crate::model::ssh_settings::SshSettings;
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

/// A connection that has an SSH key.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// Its name.
    pub name: ConnectionName,
    /// The connection.
    pub connection: Connection,
    /// The private key.
    pub key: PathBuf,
    /// The repository that it is for.
    pub url: CloneUrl,
    /// Where that is over SSH.
    pub address: SshAddress,
}

impl Keyed {
    /// A connection, if it has a key and remembers what that is for.
    #[must_use]
    pub fn of(name: ConnectionName, connection: Connection) -> Option<Self> {
        let text = connection.clone_url.as_deref()?;
        let url: CloneUrl = text.parse().ok()?;
        let address: SshAddress = text.parse().ok()?;
        Some(Self {
            key: connection.key_path.clone()?,
            name,
            connection,
            url,
            address,
        })
    }
}

impl Context {
    /// Every connection that has an SSH key, in the order of the file.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub fn all_keyed(&self) -> Result<Vec<Keyed>, Error> {
        let connections = self.connections().load()?;
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        Ok(all
            .filter_map(|(name, connection)| Keyed::of(name, connection))
            .collect())
    }

    /// The connection with an SSH key that is meant: the one that is named, the one of a repository, the one of the
    /// checkout one stands in, the one that applies.
    ///
    /// # Errors
    /// [`Error::Refused`] where none has a key for it; as [`Context::choose`].
    pub fn keyed(&self, repo: Option<&RepoRef>) -> Result<Keyed, Error> {
        let missing = |what: String| {
            Error::no(
                No::NotThere,
                format!("{what} has no SSH key"),
                "bbconnect connect CLONE_URL makes one, registers and tests it",
            )
        };
        if let Some(repo) = repo {
            let mut all = self.all_keyed()?;
            if let Some(name) = &self.flags.connection {
                all.retain(|keyed| keyed.name.to_string() == *name);
            }
            let found = all.into_iter().find(|keyed| is_of(keyed, repo));
            return found.ok_or_else(|| missing(repo.to_string()));
        }
        let is_named = self.flags.connection.is_some() || self.environment.connection.is_some();
        if !is_named && let Some(keyed) = self.keyed_here()? {
            return Ok(keyed);
        }
        let chosen = match self.choose() {
            // Where nothing applies, there is no choice if there is one.
            Err(Error::NoConnection(names)) => {
                return self.only_keyed()?.ok_or(Error::NoConnection(names));
            }
            chosen => chosen?,
        };
        let (name, is_named) = (chosen.name.to_string(), chosen.is_named());
        if let Some(keyed) = Keyed::of(chosen.name, chosen.connection) {
            return Ok(keyed);
        }
        let only = if is_named { None } else { self.only_keyed()? };
        only.ok_or_else(|| missing(format!("the connection {name}")))
    }

    /// The connection with a key, where there is one such.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub fn only_keyed(&self) -> Result<Option<Keyed>, Error> {
        let only = <[Keyed; 1]>::try_from(self.all_keyed()?);
        Ok(only.ok().map(|[keyed]| keyed))
    }

    /// The connection with a key for a remote of the checkout one stands in.
    fn keyed_here(&self) -> Result<Option<Keyed>, Error> {
        let Some(checkout) = Checkout::here() else {
            return Ok(None);
        };
        let all = self.all_keyed()?;
        let remotes = checkout.remotes();
        let mut urls = remotes
            .iter()
            .filter_map(|(_, url)| url.parse::<CloneUrl>().ok());
        let found =
            urls.find_map(|url| all.iter().find(|keyed| keyed.url.is_same_repository(&url)));
        Ok(found.cloned())
    }

    /// A login with a key, and with our host keys.
    #[must_use]
    pub fn login(&self, key: &StoredKey) -> Login {
        Login {
            key: key.path.clone(),
            is_locked: key.is_locked,
            known_hosts: self.known_hosts().path().to_owned(),
        }
    }

    /// The command with which git uses a key and no other; `None` for a path that cannot be written for `ssh`.
    #[must_use]
    pub fn ssh_command(&self, key: &Path) -> Option<String> {
        let stored = StoredKey::read(key);
        let login = Login {
            key: key.to_owned(),
            is_locked: stored.is_ok_and(|stored| stored.is_locked),
            known_hosts: self.known_hosts().path().to_owned(),
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
        let manner = self.manner(key.is_locked);
        let _progress = (!manner.may_ask).then(|| {
            let message = format!("asking {} with the key", address.host);
            self.output.progress(&message)
        });
        let started = Instant::now();
        let asked = ssh::ask(&self.login(key), address, service, manner);
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

    /// What may vouch for the host key of a repository's server, and its SSH settings: they are asked where a connection
    /// with REST fits. A server that does not tell is no error.
    #[must_use]
    pub fn vouchers_for(&self, url: &CloneUrl, accepted: Option<Fingerprint>) -> Vouchers {
        let settings = || -> Option<SshSettings> {
            let rest = self.rest_for(url).ok()??;
            let bitbucket = self.signed_in(&rest).ok()?;
            self.ssh_settings(&bitbucket)
        };
        Vouchers {
            accepted,
            settings: settings().and_then(|settings| settings.fingerprint),
        }
    }

    /// The SSH settings of a server, where it tells them.
    #[must_use]
    pub fn ssh_settings(&self, bitbucket: &Bitbucket) -> Option<SshSettings> {
        match self.wait(bitbucket.ssh_settings()) {
            Ok(Ok(settings)) => settings,
            Ok(Err(error)) => {
                self.output
                    .trace(&format!("the SSH settings are not told: {error}"));
                None
            }
            Err(_) => None,
        }
    }
}

fn is_of(keyed: &Keyed, repo: &RepoRef) -> bool {
    if let Some(url) = &repo.url {
        return keyed.url.is_same_repository(url);
    }
    let same_namespace = match (&repo.namespace, keyed.url.namespace()) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(&theirs),
        (Some(_), None) => false,
        (None, _) => true,
    };
    same_namespace && keyed.url.slug().eq_ignore_ascii_case(&repo.slug)
}
