//! Which connection applies: one function, and why.

pub(super) mod git;
pub(super) mod score;

use serde::Serialize;

use super::App;
use super::environment_connection::{EMPTY_TOKEN_MESSAGE, EnvConnection};
use crate::config::NameSource;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{Connection, ConnectionName};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::repository::{RepoId, RepoRef};
use score::{best_match, best_match_for_remotes};

/// The connection that applies, and why.
#[derive(Debug)]
pub(crate) struct SelectedConnection {
    /// Its name; that of the environment's connection is `environment`.
    pub name: ConnectionName,
    /// The connection.
    pub connection: Connection,
    /// Why this one.
    pub reason: SelectionReason,
    /// Where the secret comes from when the connection is the environment's.
    pub(super) environment: Option<EnvConnection>,
}

impl SelectedConnection {
    /// The workspace that is meant: the one that is named, else the connection's. Data Center has none.
    ///
    /// # Errors
    /// [`Error::Usage`] with the hint, on Cloud, where neither names one.
    pub(crate) fn workspace(
        &self,
        named: Option<&str>,
        hint: impl Into<Hint>,
    ) -> Result<Option<String>, Error> {
        let connection = &self.connection;
        let workspace = named.or(connection.workspace.as_deref());
        if connection.deployment == Deployment::Cloud && workspace.is_none() {
            return Err(Error::Usage {
                message: format!("the connection {} names no workspace", self.name),
                hint: Some(hint.into()),
            });
        }
        Ok(workspace.map(str::to_owned))
    }
}

/// Why a connection applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum SelectionReason {
    /// `--connection` names it, or an argument of the command.
    Flag,
    /// `BBCONNECT_CONNECTION` names it.
    EnvVar,
    /// The git configuration of the checkout names it, for all of it or for a folder.
    GitConfig(Option<String>),
    /// `BBCONNECT_TOKEN` or one of its kin is set.
    Environment,
    /// It fits a remote of the checkout best.
    Remote(String),
    /// It fits a URL best that was named on the command line.
    Url,
    /// It is the default one.
    Default,
}

impl From<SelectionReason> for String {
    fn from(reason: SelectionReason) -> Self {
        match reason {
            SelectionReason::Flag => "it was named on the command line".to_owned(),
            SelectionReason::EnvVar => "BBCONNECT_CONNECTION names it".to_owned(),
            SelectionReason::GitConfig(None) => {
                "bbconnect.connection in the git configuration names it".to_owned()
            }
            SelectionReason::GitConfig(Some(folder)) => {
                format!("the git configuration names it for the folder {folder}")
            }
            SelectionReason::Environment => "BBCONNECT_TOKEN, or one of its kin, is set".to_owned(),
            SelectionReason::Remote(remote) => format!("it fits the git remote {remote} best"),
            SelectionReason::Url => "it fits the URL best".to_owned(),
            SelectionReason::Default => "it is the default connection".to_owned(),
        }
    }
}

impl SelectedConnection {
    /// Whether somebody named it, rather than that it fits or is the default one.
    #[must_use]
    pub(crate) fn is_explicit(&self) -> bool {
        match self.reason {
            SelectionReason::Flag | SelectionReason::EnvVar | SelectionReason::GitConfig(_) => true,
            SelectionReason::Environment
            | SelectionReason::Remote(_)
            | SelectionReason::Url
            | SelectionReason::Default => false,
        }
    }

    /// Whether it is in the file of connections, and not the environment's.
    #[must_use]
    pub(crate) fn is_stored(&self) -> bool {
        self.environment.is_none()
    }
}

impl App {
    /// The connection that applies, in the documented order: the flag, the variable, the git configuration, the
    /// environment's connection, the best match of a remote, the default one.
    ///
    /// # Errors
    /// [`Error::Connections`] where the one that is named is not there, [`Error::NoConnection`] where none applies.
    pub(crate) fn select(&self) -> Result<SelectedConnection, Error> {
        let connections = self.connection_file().load()?;
        let named = |name: &str, reason| {
            let found = connections.get(name).map_err(|error| match reason {
                SelectionReason::EnvVar => error.named_by(NameSource::Variable),
                SelectionReason::GitConfig(_) => error.named_by(NameSource::GitConfig),
                SelectionReason::Default => error.named_by(NameSource::Default),
                SelectionReason::Flag
                | SelectionReason::Environment
                | SelectionReason::Remote(_)
                | SelectionReason::Url => error,
            });
            let (name, connection) = found?;
            Ok(SelectedConnection {
                name,
                connection,
                reason,
                environment: None,
            })
        };
        if let Some(name) = &self.flags.connection {
            return named(name, SelectionReason::Flag);
        }
        if let Some(name) = &self.environment.connection {
            return named(name, SelectionReason::EnvVar);
        }
        let checkout = Checkout::discover();
        if let Some((name, folder)) = checkout.as_ref().and_then(Checkout::connection) {
            return named(name, SelectionReason::GitConfig(folder.map(str::to_owned)));
        }
        if let Some(selected) = self.env_connection()? {
            return Ok(selected);
        }
        let remotes = checkout.as_ref().map(Checkout::remotes).unwrap_or_default();
        if let Some((name, remote)) = best_match_for_remotes(&connections, &remotes) {
            return named(&name, SelectionReason::Remote(remote));
        }
        match connections.default_name() {
            Some(name) => named(name, SelectionReason::Default),
            // What a pipeline says that lacks its secret.
            None if self.environment.token_is_empty => Err(Error::EmptyToken(EMPTY_TOKEN_MESSAGE)),
            None => Err(match self.environment.first_connection_variable() {
                Some(variable) => Error::MissingTokenVariable(variable),
                None => Error::NoConnection(connections.names()),
            }),
        }
    }
}

impl App {
    /// The connection that the environment describes, where it does.
    pub(super) fn env_connection(&self) -> Result<Option<SelectedConnection>, Error> {
        let Some(environment) = EnvConnection::of(&self.environment)? else {
            return Ok(None);
        };
        let (name, connection) = environment.connection()?;
        Ok(Some(SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Environment,
            environment: Some(environment),
        }))
    }

    /// The name of the connection that is named explicitly: by the flag, else by the variable.
    pub(super) fn explicit_name(&self) -> Option<&str> {
        let flag = self.flags.connection.as_deref();
        flag.or(self.environment.connection.as_deref())
    }

    /// The connection of a name, as if it had been chosen with `--connection`.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub(crate) fn select_by_name(&self, name: &str) -> Result<SelectedConnection, Error> {
        let (name, connection) = self.connection_file().load()?.get(name)?;
        Ok(SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Flag,
            environment: None,
        })
    }

    /// The connection for a repository that was named, and the repository on its server.
    ///
    /// A connection that is named explicitly counts, whatever the host of a URL. Otherwise a URL leads to the connection
    /// that fits it best, or to one of a person on the same server; and a name to the connection that applies here.
    ///
    /// # Errors
    /// As [`App::select`]; [`Error::NoMatchingConnection`] where none fits the URL, [`Error::NoNamespace`] where the
    /// workspace or project is not told.
    pub(crate) fn select_for_repo(
        &self,
        named: &RepoRef,
    ) -> Result<(SelectedConnection, RepoId), Error> {
        let selected = match &named.url {
            Some(url) if self.explicit_name().is_none() => match self.select_for_url(url) {
                Err(Error::NoMatchingConnection(title)) => {
                    let other = self.user_connection_for(url)?;
                    other.ok_or(Error::NoMatchingConnection(title))?
                }
                chosen => chosen?,
            },
            Some(_) | None => self.select()?,
        };
        let repo = named.resolve(&selected.connection)?;
        Ok((selected, repo))
    }

    /// The repository that a connection is for, where it is for one.
    #[must_use]
    pub(crate) fn connection_repository(connection: &Connection) -> Option<RepoId> {
        let slug = connection.repository.clone()?;
        let namespace = connection.namespace()?.to_owned();
        Some(RepoId { namespace, slug })
    }

    /// The connection that fits a URL best: the environment's, or a stored one.
    pub(super) fn select_for_url(&self, url: &CloneUrl) -> Result<SelectedConnection, Error> {
        if let Some(selected) = self.env_connection_for(url)? {
            return Ok(selected);
        }
        let connections = self.connection_file().load()?;
        match best_match(&connections, url) {
            Some((name, connection)) => Ok(SelectedConnection {
                name,
                connection,
                reason: SelectionReason::Url,
                environment: None,
            }),
            None => Err(Error::NoMatchingConnection(url.display_name())),
        }
    }
}
