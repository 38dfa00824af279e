//! What is to be resolved.

use std::path::PathBuf;

use crate::git::CredentialRequest;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{BaseUrl, Connection, ConnectionName};
use crate::types::repository::{RepoId, RepoRef};
use crate::types::ssh_address::SshRemote;

/// What a command is about, and what it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) needs: Needs,
    /// Whether the repository is resolved as well.
    pub(crate) with_repository: bool,
}

/// What a command is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Nothing is named: the current checkout, or the default.
    Here,
    /// A repository from `--repo` or an argument.
    Repository(&'a RepoRef),
    /// A clone URL for which any suitable connection helps, such as that of `connect`.
    CloneUrl(&'a CloneUrl),
    Server(&'a BaseUrl),
    /// A request of git to its credential helper.
    Git {
        request: &'a CredentialRequest,
        /// The connection that is used where it matches and the checkout names no other.
        preferred: Option<&'a str>,
    },
    /// The key of a connection, for changes of its registration.
    Key(&'a SshConnection),
}

/// What the connection must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Rest,
    /// REST, to change keys: Cloud refuses that to access tokens.
    KeyAdmin,
    SshKey,
}

impl<'a> Request<'a> {
    pub(crate) fn connection(target: Target<'a>, needs: Needs) -> Self {
        Self {
            target,
            needs,
            with_repository: false,
        }
    }

    /// A connection with REST, and the repository: the named one, or the one that applies here.
    pub(crate) fn repository(named: Option<&'a RepoRef>, needs: Needs) -> Self {
        Self {
            target: named.map_or(Target::Here, Target::Repository),
            needs,
            with_repository: true,
        }
    }
}

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
