//! Connections that have an SSH key: which one is meant.

use std::path::PathBuf;

use super::Context;
use crate::error::{Error, No};
use crate::git::Checkout;
use crate::model::clone_url::CloneUrl;
use crate::model::connection::{Connection, ConnectionName};
use crate::model::repository::RepoRef;
use crate::model::ssh_address::SshAddress;

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
        let missing = |message: String| {
            Error::no(
                No::NotThere,
                message,
                "bbconnect connect CLONE_URL makes one, registers and tests it",
            )
        };
        if let Some(repo) = repo {
            let mut all = self.all_keyed()?;
            if let Some(name) = self.named() {
                all.retain(|keyed| keyed.name.to_string() == name);
            }
            let found = all.into_iter().find(|keyed| is_of(keyed, repo));
            return found.ok_or_else(|| {
                missing(match self.named() {
                    Some(name) => format!("the connection {name} has no private key for {repo}"),
                    None => format!("no connection has a private key for {repo}"),
                })
            });
        }
        if self.named().is_none()
            && let Some(keyed) = self.keyed_here()?
        {
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
        only.ok_or_else(|| missing(format!("the connection {name} has no private key")))
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
