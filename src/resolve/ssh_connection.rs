//! A connection with a private SSH key.

use std::path::PathBuf;

use crate::types::clone_url::CloneUrl;
use crate::types::connection::{Connection, ConnectionName};
use crate::types::repository::{RepoId, RepoRef};
use crate::types::ssh_address::SshRemote;

/// A connection with a private SSH key.
#[derive(Debug, Clone)]
pub(crate) struct SshConnection {
    pub name: ConnectionName,
    pub connection: Connection,
    pub key: PathBuf,
    /// The repository that the key was registered for.
    pub url: CloneUrl,
    /// The same over SSH.
    pub remote: SshRemote,
}

impl SshConnection {
    /// A connection, if it has a key and a clone URL over SSH.
    pub(crate) fn new(name: ConnectionName, connection: Connection) -> Option<Self> {
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

    /// The repository that the key was registered for.
    pub(crate) fn repository(&self) -> RepoId {
        RepoId {
            namespace: self.url.namespace().unwrap_or_default(),
            slug: self.url.slug().to_owned(),
        }
        .normalized(self.connection.deployment)
    }

    /// Whether the key is for this repository.
    pub(crate) fn is_for(&self, repository: &RepoRef) -> bool {
        is_clone_url_of(&self.url, repository)
    }
}

/// Whether a clone URL is that of a repository.
pub(crate) fn is_clone_url_of(own: &CloneUrl, repository: &RepoRef) -> bool {
    if let Some(url) = &repository.url {
        return own.is_same_repository(url);
    }
    let same_namespace = match (&repository.namespace, own.namespace()) {
        (Some(named), Some(own)) => named.eq_ignore_ascii_case(&own),
        (Some(_), None) => false,
        (None, _) => true,
    };
    same_namespace && own.slug().eq_ignore_ascii_case(&repository.slug)
}
