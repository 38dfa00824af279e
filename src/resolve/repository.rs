//! Which repository a command acts on.

use std::fmt;

use serde::{Serialize, Serializer};

use super::precedence::{REPOSITORY_RULES, RepositoryRule};
use super::request::{Request, SshConnection, Target};
use super::selected::{SelectedConnection, SelectionReason, Sources};
use super::server::is_on_server;
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{Connection, ConnectionName};
use crate::types::repository::{RepoId, RepoRef, RepoRefError};

/// The repository that a command acts on, and what named it. In JSON it is `NAMESPACE/SLUG`; as text the source follows
/// where it was not the command line, and the former name of a renamed repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedRepository {
    pub id: RepoId,
    pub source: RepositorySource,
    /// The name that `source` has, where the server has another one.
    former_name: Option<RepoId>,
}

/// What names a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RepositorySource {
    /// `--repo`, or an argument.
    Flag,
    /// `BBCONNECT_REPO`
    Variable,
    /// `bbconnect.repository`, for the whole checkout or for a directory.
    GitConfig(Option<String>),
    Remote(String),
    /// The connection's own repository.
    Connection(ConnectionName),
}

impl fmt::Display for RepositorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--repo"),
            Self::Variable => f.write_str("BBCONNECT_REPO"),
            Self::GitConfig(None) => f.write_str("git config bbconnect.repository"),
            Self::GitConfig(Some(directory)) => {
                write!(f, "git config bbconnect.{directory}.repository")
            }
            Self::Remote(name) => write!(f, "remote {name}"),
            Self::Connection(name) => write!(f, "connection {name}"),
        }
    }
}

impl RepositorySource {
    /// What follows the name of a repository in text; empty where the command line names it.
    pub(crate) fn suffix(&self) -> String {
        if *self == Self::Flag {
            String::new()
        } else {
            format!(", from {self}")
        }
    }
}

impl fmt::Display for ResolvedRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.id, self.source.suffix())?;
        match &self.former_name {
            Some(former) => write!(f, " (renamed from {former})"),
            None => Ok(()),
        }
    }
}

impl ResolvedRepository {
    pub(crate) fn new(id: RepoId, source: RepositorySource) -> Self {
        Self {
            id,
            source,
            former_name: None,
        }
    }

    /// The same repository under its current name, as far as the responses of the server have shown it.
    pub(crate) fn renamed_by(self, bitbucket: &Bitbucket) -> Self {
        let current = bitbucket.current_name(&self.id);
        self.with_current_name(current)
    }

    /// The same repository under the name that the server has for it.
    pub(crate) fn with_current_name(self, current: RepoId) -> Self {
        let is_renamed = self.id.is_renamed_to(&current);
        Self {
            former_name: self.former_name.or_else(|| is_renamed.then_some(self.id)),
            id: current,
            source: self.source,
        }
    }
}

impl Serialize for ResolvedRepository {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.id)
    }
}

/// A repository that the command line or the environment names.
#[derive(Debug)]
pub(super) struct NamedRepository {
    pub(super) reference: RepoRef,
    source: RepositorySource,
}

/// The repository that the command line names, else that of `BBCONNECT_REPO`.
pub(super) fn named(
    request: &Request<'_>,
    sources: &impl Sources,
) -> Result<Option<NamedRepository>, Error> {
    let variable = sources.repository_variable();
    match (request.target, variable) {
        (Target::Repository(named), _) => Ok(Some(NamedRepository {
            reference: named.clone(),
            source: RepositorySource::Flag,
        })),
        (Target::Here, Some(text)) if request.with_repository => {
            let reference = text.parse().map_err(|error: RepoRefError| {
                Error::usage(
                    format!("BBCONNECT_REPO: {error}"),
                    "set BBCONNECT_REPO=NAMESPACE/SLUG",
                )
            })?;
            Ok(Some(NamedRepository {
                reference,
                source: RepositorySource::Variable,
            }))
        }
        _ => Ok(None),
    }
}

/// The repository that the private SSH key of a connection was registered for.
pub(super) fn of_key(
    named: Option<NamedRepository>,
    key: SshConnection,
    selected: &SelectedConnection,
) -> ResolvedRepository {
    let id = key.repository();
    let source = match (named, &selected.reason) {
        (Some(named), _) => named.source,
        (None, SelectionReason::Remote(name)) => RepositorySource::Remote(name.clone()),
        (None, _) => RepositorySource::Connection(key.name),
    };
    ResolvedRepository::new(id.normalized(selected.connection.deployment), source)
}

/// The repository on the server of the connection; `None` where nothing names one. `owner` is the connection whose own
/// repository and namespace count.
pub(super) fn choose(
    named: Option<NamedRepository>,
    selected: &SelectedConnection,
    owner: &SelectedConnection,
    sources: &impl Sources,
) -> Result<Option<ResolvedRepository>, Error> {
    let mut found = None;
    if let Some(NamedRepository { reference, source }) = named {
        let id = reference.resolve(&owner.connection)?;
        found = Some((id, source));
    }
    // The rules for a repository that is named come first, so the checkout is not read for it.
    for rule in REPOSITORY_RULES {
        if found.is_some() {
            break;
        }
        found = match rule {
            RepositoryRule::Flag | RepositoryRule::Variable => None,
            RepositoryRule::GitConfig => match sources.checkout()? {
                Some(checkout) => configured(checkout, selected, sources)?,
                None => None,
            },
            RepositoryRule::Remote => match sources.checkout()? {
                Some(checkout) => remote(checkout, &selected.connection, sources)?,
                None => None,
            },
            RepositoryRule::Connection => connection_repository(&owner.connection)
                .map(|id| (id, RepositorySource::Connection(owner.name.clone()))),
        };
    }
    let deployment = selected.connection.deployment;
    Ok(found.map(|(id, source)| ResolvedRepository::new(id.normalized(deployment), source)))
}

/// The repository of `bbconnect.repository`, unless it was recorded with a connection to another server.
fn configured(
    checkout: &Checkout,
    selected: &SelectedConnection,
    sources: &impl Sources,
) -> Result<Option<(RepoId, RepositorySource)>, Error> {
    let Some(configured) = checkout.repository() else {
        return Ok(None);
    };
    let reference: RepoRef = configured.value.parse().map_err(|error: RepoRefError| {
        Error::usage(
            format!("bbconnect.repository in the git configuration: {error}"),
            "git config bbconnect.repository NAMESPACE/SLUG",
        )
    })?;
    let is_here = match &reference.url {
        Some(url) => is_on_server(&selected.connection, url),
        None => match checkout.connection() {
            Some(recorded) if recorded.value != selected.name.to_string() => {
                let recorded = sources.connections()?.get(recorded.value);
                recorded.is_ok_and(|(_, recorded)| is_same(&recorded, &selected.connection))
            }
            Some(_) | None => true,
        },
    };
    if !is_here {
        return Ok(None);
    }
    let id = reference.resolve(&selected.connection)?;
    let directory = configured.directory.map(str::to_owned);
    Ok(Some((id, RepositorySource::GitConfig(directory))))
}

/// Whether two connections are to the same server; one of them may be SSH-only.
fn is_same(one: &Connection, other: &Connection) -> bool {
    let is_on = |connection: &Connection, other: &Connection| {
        let url = other.clone_url.as_deref().and_then(|url| url.parse().ok());
        url.is_some_and(|url| is_on_server(connection, &url))
    };
    one.base_url == other.base_url || is_on(one, other) || is_on(other, one)
}

/// The repository of the remote `origin`, else of the only remote, among those on the connection's server.
fn remote(
    checkout: &Checkout,
    connection: &Connection,
    sources: &impl Sources,
) -> Result<Option<(RepoId, RepositorySource)>, Error> {
    let mut found: Vec<(&str, RepoId)> = Vec::new();
    for (name, url) in checkout.remotes() {
        if found.last().is_some_and(|(before, _)| *before == name) {
            continue;
        }
        let Ok(url) = CloneUrl::from_remote(url) else {
            continue;
        };
        let url = if is_on_server(connection, &url) {
            Some(url)
        } else {
            let resolved = sources.resolve_ssh_alias(&url)?;
            resolved.filter(|url| is_on_server(connection, url))
        };
        let id = url.and_then(|url| {
            Some(RepoId {
                namespace: url.namespace()?,
                slug: url.slug().to_owned(),
            })
        });
        found.extend(id.map(|id| (name, id)));
    }
    // `origin` is listed first.
    let is_clear = found.len() == 1 || found.first().is_some_and(|(name, _)| *name == "origin");
    let first = found.into_iter().next().filter(|_| is_clear);
    Ok(first.map(|(name, id)| (id, RepositorySource::Remote(name.to_owned()))))
}

/// The connection's own repository.
pub(crate) fn connection_repository(connection: &Connection) -> Option<RepoId> {
    Some(RepoId {
        namespace: connection.namespace()?.to_owned(),
        slug: connection.repository.clone()?,
    })
}
