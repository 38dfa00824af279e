//! Connections that have an SSH key: which one is meant.

use std::path::PathBuf;

use super::App;
use crate::error::{Error, RejectionKind};
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{Connection, ConnectionName};
use crate::types::repository::RepoRef;
use crate::types::ssh_address::SshRemote;

/// A connection that has an SSH key.
#[derive(Debug, Clone)]
pub(crate) struct SshConnection {
    /// Its name.
    pub name: ConnectionName,
    /// The connection.
    pub connection: Connection,
    /// The private key.
    pub key: PathBuf,
    /// The repository that it is for.
    pub url: CloneUrl,
    /// Where that is over SSH.
    pub remote: SshRemote,
}

impl SshConnection {
    /// A connection, if it has a key and remembers what that is for.
    #[must_use]
    pub(crate) fn of(name: ConnectionName, connection: Connection) -> Option<Self> {
        let text = connection.clone_url.as_deref()?;
        let url: CloneUrl = text.parse().ok()?;
        let remote: SshRemote = text.parse().ok()?;
        Some(Self {
            key: connection.key_path.clone()?,
            name,
            connection,
            url,
            remote,
        })
    }
}

impl App {
    /// Every connection that has an SSH key, in the order of the file.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub(crate) fn ssh_connections(&self) -> Result<Vec<SshConnection>, Error> {
        let connections = self.connection_file().load()?;
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        Ok(all
            .filter_map(|(name, connection)| SshConnection::of(name, connection))
            .collect())
    }

    /// The connection with an SSH key that is meant: the one that is named, the one of a repository, the one of the
    /// checkout one stands in, the one that applies.
    ///
    /// # Errors
    /// [`Error::Rejected`] where none has a key for it; as [`App::select`].
    pub(crate) fn select_ssh_connection(
        &self,
        repo: Option<&RepoRef>,
    ) -> Result<SshConnection, Error> {
        let missing = |message: String| {
            Error::rejected(
                RejectionKind::NotFound,
                message,
                "bbconnect connect CLONE_URL makes one, registers and tests it",
            )
        };
        if let Some(repo) = repo {
            let mut all = self.ssh_connections()?;
            if let Some(name) = self.explicit_name() {
                all.retain(|ssh_connection| ssh_connection.name.to_string() == name);
            }
            let found = all
                .into_iter()
                .find(|ssh_connection| is_of(ssh_connection, repo));
            return found.ok_or_else(|| {
                missing(match self.explicit_name() {
                    Some(name) => format!("the connection {name} has no private key for {repo}"),
                    None => format!("no connection has a private key for {repo}"),
                })
            });
        }
        if self.explicit_name().is_none()
            && let Some(ssh_connection) = self.ssh_connection_for_checkout()?
        {
            return Ok(ssh_connection);
        }
        let selected = match self.select() {
            // Where nothing applies, there is no choice if there is one.
            Err(Error::NoConnection(names)) => {
                return self
                    .single_ssh_connection()?
                    .ok_or(Error::NoConnection(names));
            }
            chosen => chosen?,
        };
        let (name, is_named) = (selected.name.to_string(), selected.is_explicit());
        if let Some(ssh_connection) = SshConnection::of(selected.name, selected.connection) {
            return Ok(ssh_connection);
        }
        let only = if is_named {
            None
        } else {
            self.single_ssh_connection()?
        };
        only.ok_or_else(|| missing(format!("the connection {name} has no private key")))
    }

    /// The connection with a key, where there is one such.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub(crate) fn single_ssh_connection(&self) -> Result<Option<SshConnection>, Error> {
        let only = <[SshConnection; 1]>::try_from(self.ssh_connections()?);
        Ok(only.ok().map(|[keyed]| keyed))
    }

    /// The connection with a key for a remote of the checkout one stands in.
    fn ssh_connection_for_checkout(&self) -> Result<Option<SshConnection>, Error> {
        let Some(checkout) = Checkout::discover() else {
            return Ok(None);
        };
        let all = self.ssh_connections()?;
        let remotes = checkout.remotes();
        let mut urls = remotes
            .iter()
            .filter_map(|(_, url)| url.parse::<CloneUrl>().ok());
        let found = urls.find_map(|url| {
            all.iter()
                .find(|ssh_connection| ssh_connection.url.is_same_repository(&url))
        });
        Ok(found.cloned())
    }
}

fn is_of(ssh_connection: &SshConnection, repo: &RepoRef) -> bool {
    if let Some(url) = &repo.url {
        return ssh_connection.url.is_same_repository(url);
    }
    let same_namespace = match (&repo.namespace, ssh_connection.url.namespace()) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(&theirs),
        (Some(_), None) => false,
        (None, _) => true,
    };
    same_namespace && ssh_connection.url.slug().eq_ignore_ascii_case(&repo.slug)
}
