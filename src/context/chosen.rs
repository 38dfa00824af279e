//! Which connection applies: one function, and why.

use serde::Serialize;

use super::Context;
use super::environment_connection::{EMPTY, EnvironmentConnection};
use super::fit::{best_fit, best_match};
use crate::error::Error;
use crate::git::Checkout;
use crate::model::clone_url::CloneUrl;
use crate::model::connection::{Connection, ConnectionName};
use crate::model::deployment::Deployment;
use crate::model::repository::{RepoPath, RepoRef};
use crate::store::NamedBy;

/// The connection that applies, and why.
#[derive(Debug)]
pub struct Chosen {
    /// Its name; that of the environment's connection is `environment`.
    pub name: ConnectionName,
    /// The connection.
    pub connection: Connection,
    /// Why this one.
    pub because: Because,
    /// Where the secret comes from when the connection is the environment's.
    pub(super) environment: Option<EnvironmentConnection>,
}

impl Chosen {
    /// The workspace that is meant: the one that is named, else the connection's. Data Center has none.
    ///
    /// # Errors
    /// [`Error::Usage`] with the hint, on Cloud, where neither names one.
    pub fn workspace(&self, named: Option<&str>, hint: &str) -> Result<Option<String>, Error> {
        let connection = &self.connection;
        let workspace = named.or(connection.workspace.as_deref());
        if connection.deployment == Deployment::Cloud && workspace.is_none() {
            return Err(Error::Usage {
                message: format!("the connection {} names no workspace", self.name),
                hint: Some(hint.to_owned()),
            });
        }
        Ok(workspace.map(str::to_owned))
    }
}

/// Why a connection applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Because {
    /// `--connection` names it, or an argument of the command.
    Flag,
    /// `BBCONNECT_CONNECTION` names it.
    Variable,
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

impl From<Because> for String {
    fn from(because: Because) -> Self {
        match because {
            Because::Flag => "it was named on the command line".to_owned(),
            Because::Variable => "BBCONNECT_CONNECTION names it".to_owned(),
            Because::GitConfig(None) => {
                "bbconnect.connection in the git configuration names it".to_owned()
            }
            Because::GitConfig(Some(folder)) => {
                format!("the git configuration names it for the folder {folder}")
            }
            Because::Environment => "BBCONNECT_TOKEN, or one of its kin, is set".to_owned(),
            Because::Remote(remote) => format!("it fits the git remote {remote} best"),
            Because::Url => "it fits the URL best".to_owned(),
            Because::Default => "it is the default connection".to_owned(),
        }
    }
}

impl Chosen {
    /// Whether somebody named it, rather than that it fits or is the default one.
    #[must_use]
    pub fn is_named(&self) -> bool {
        match self.because {
            Because::Flag | Because::Variable | Because::GitConfig(_) => true,
            Because::Environment | Because::Remote(_) | Because::Url | Because::Default => false,
        }
    }

    /// Whether it is in the file of connections, and not the environment's.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.environment.is_none()
    }
}

impl Context {
    /// The connection that applies, in the documented order: the flag, the variable, the git configuration, the
    /// environment's connection, the best match of a remote, the default one.
    ///
    /// # Errors
    /// [`Error::Connections`] where the one that is named is not there, [`Error::NoConnection`] where none applies.
    pub fn choose(&self) -> Result<Chosen, Error> {
        let connections = self.connections().load()?;
        let named = |name: &str, because| {
            let found = connections.get(name).map_err(|error| match because {
                Because::Variable => error.named_by(NamedBy::Variable),
                Because::GitConfig(_) => error.named_by(NamedBy::GitConfig),
                Because::Default => error.named_by(NamedBy::Default),
                Because::Flag | Because::Environment | Because::Remote(_) | Because::Url => error,
            });
            let (name, connection) = found?;
            Ok(Chosen {
                name,
                connection,
                because,
                environment: None,
            })
        };
        if let Some(name) = &self.flags.connection {
            return named(name, Because::Flag);
        }
        if let Some(name) = &self.environment.connection {
            return named(name, Because::Variable);
        }
        let checkout = Checkout::here();
        if let Some((name, folder)) = checkout.as_ref().and_then(Checkout::connection) {
            return named(name, Because::GitConfig(folder.map(str::to_owned)));
        }
        if let Some(chosen) = self.chosen_by_environment()? {
            return Ok(chosen);
        }
        let remotes = checkout.as_ref().map(Checkout::remotes).unwrap_or_default();
        if let Some((name, remote)) = best_match(&connections, &remotes) {
            return named(&name, Because::Remote(remote));
        }
        match connections.default_name() {
            Some(name) => named(name, Because::Default),
            // What a pipeline says that lacks its secret.
            None if self.environment.token_is_empty => Err(Error::EmptyToken(EMPTY)),
            None => Err(match self.environment.describes_by() {
                Some(variable) => Error::NoToken(variable),
                None => Error::NoConnection(connections.names()),
            }),
        }
    }
}

impl Context {
    /// The connection that the environment describes, where it does.
    pub(super) fn chosen_by_environment(&self) -> Result<Option<Chosen>, Error> {
        let Some(environment) = EnvironmentConnection::of(&self.environment)? else {
            return Ok(None);
        };
        let (name, connection) = environment.connection()?;
        Ok(Some(Chosen {
            name,
            connection,
            because: Because::Environment,
            environment: Some(environment),
        }))
    }

    /// The name of the connection that is named explicitly: by the flag, else by the variable.
    pub(super) fn named(&self) -> Option<&str> {
        let flag = self.flags.connection.as_deref();
        flag.or(self.environment.connection.as_deref())
    }

    /// The connection of a name, as if it had been chosen with `--connection`.
    ///
    /// # Errors
    /// [`Error::Connections`].
    pub fn choose_named(&self, name: &str) -> Result<Chosen, Error> {
        let (name, connection) = self.connections().load()?.get(name)?;
        Ok(Chosen {
            name,
            connection,
            because: Because::Flag,
            environment: None,
        })
    }

    /// The connection for a repository that was named, and the repository on its server.
    ///
    /// A connection that is named explicitly counts, whatever the host of a URL. Otherwise a URL leads to the connection
    /// that fits it best, or to one of a person on the same server; and a name to the connection that applies here.
    ///
    /// # Errors
    /// As [`Context::choose`]; [`Error::NoConnectionFor`] where none fits the URL, [`Error::NoNamespace`] where the
    /// workspace or project is not told.
    pub fn choose_for(&self, named: &RepoRef) -> Result<(Chosen, RepoPath), Error> {
        let chosen = match &named.url {
            Some(url) if self.named().is_none() => match self.choose_by(url) {
                Err(Error::NoConnectionFor(title)) => {
                    let other = self.of_a_person(url)?;
                    other.ok_or(Error::NoConnectionFor(title))?
                }
                chosen => chosen?,
            },
            Some(_) | None => self.choose()?,
        };
        let path = named.at(&chosen.connection)?;
        Ok((chosen, path))
    }

    /// The repository that a connection is for, where it is for one.
    #[must_use]
    pub fn repository_of(connection: &Connection) -> Option<RepoPath> {
        let slug = connection.repository.clone()?;
        let namespace = connection.namespace()?.to_owned();
        Some(RepoPath { namespace, slug })
    }

    /// The connection that fits a URL best: the environment's, or a stored one.
    pub(super) fn choose_by(&self, url: &CloneUrl) -> Result<Chosen, Error> {
        if let Some(chosen) = self.environment_for(url)? {
            return Ok(chosen);
        }
        let connections = self.connections().load()?;
        match best_fit(&connections, url) {
            Some((name, connection)) => Ok(Chosen {
                name,
                connection,
                because: Because::Url,
                environment: None,
            }),
            None => Err(Error::NoConnectionFor(url.title())),
        }
    }
}
