//! The connection that was chosen, and why; what the resolver reads to choose it.

use std::sync::Arc;

use serde::Serialize;

use crate::config::Connections;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{Connection, ConnectionName, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;

/// The connection that applies, and why.
#[derive(Debug, Clone)]
pub(crate) struct SelectedConnection {
    /// The name; `environment` for the environment's connection.
    pub name: ConnectionName,
    pub connection: Connection,
    pub reason: SelectionReason,
    /// The prefix of the environment's token, where it is known without reading a file or running a command.
    pub token_prefix: TokenPrefix,
}

/// Why a connection applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(crate) enum SelectionReason {
    /// `--connection` names it, or an argument of the command.
    Flag,
    /// `BBCONNECT_CONNECTION` names it.
    EnvVar,
    /// The git configuration of the checkout names it, for all of it or for a directory.
    GitConfig(Option<String>),
    /// `BBCONNECT_TOKEN`, `BBCONNECT_TOKEN_FILE` or `BBCONNECT_TOKEN_COMMAND` is set.
    Environment,
    /// It matches a remote of the checkout best.
    Remote(String),
    /// It matches a URL best: one from the command line, or that of a request of git.
    Url,
    /// It is the default connection.
    Default,
    /// It is the only connection with a private SSH key.
    Only,
}

impl From<SelectionReason> for String {
    fn from(reason: SelectionReason) -> Self {
        match reason {
            SelectionReason::Flag => "named on the command line".to_owned(),
            SelectionReason::EnvVar => "set by BBCONNECT_CONNECTION".to_owned(),
            SelectionReason::GitConfig(None) => "set by git config bbconnect.connection".to_owned(),
            SelectionReason::GitConfig(Some(directory)) => {
                format!("set by git config for the directory {directory}")
            }
            SelectionReason::Environment => {
                "BBCONNECT_TOKEN (or _FILE, _COMMAND) is set".to_owned()
            }
            SelectionReason::Remote(remote) => format!("matches git remote {remote}"),
            SelectionReason::Url => "matches the URL".to_owned(),
            SelectionReason::Default => "default connection".to_owned(),
            SelectionReason::Only => "only connection with a private SSH key".to_owned(),
        }
    }
}

impl SelectedConnection {
    /// A connection from the file.
    pub(crate) fn stored(
        name: ConnectionName,
        connection: Connection,
        reason: SelectionReason,
    ) -> Self {
        Self {
            name,
            connection,
            reason,
            token_prefix: TokenPrefix::Unknown,
        }
    }

    /// Whether the user named it; otherwise it matched, or it is the default.
    pub(crate) fn is_explicit(&self) -> bool {
        match self.reason {
            SelectionReason::Flag | SelectionReason::EnvVar | SelectionReason::GitConfig(_) => true,
            SelectionReason::Environment
            | SelectionReason::Remote(_)
            | SelectionReason::Url
            | SelectionReason::Default
            | SelectionReason::Only => false,
        }
    }

    /// Whether it is in the file of connections; otherwise it is the environment's.
    pub(crate) fn is_stored(&self) -> bool {
        self.reason != SelectionReason::Environment
    }

    /// The workspace that is named, else the connection's. Data Center has none.
    pub(crate) fn workspace(
        &self,
        named: Option<&str>,
        hint: impl Into<Hint>,
    ) -> Result<Option<String>, Error> {
        let connection = &self.connection;
        let workspace = named.or(connection.workspace.as_deref());
        if connection.deployment == Deployment::Cloud && workspace.is_none() {
            return Err(Error::usage(
                format!("connection {} has no workspace", self.name),
                hint,
            ));
        }
        Ok(workspace.map(str::to_owned))
    }
}

/// What the resolver reads. Each source is read when a rule needs it, so that a named connection needs no git.
pub(crate) trait Sources {
    /// `--connection`
    fn connection_flag(&self) -> Option<&str>;

    /// `BBCONNECT_CONNECTION`
    fn connection_variable(&self) -> Option<&str>;

    /// `BBCONNECT_REPO`
    fn repository_variable(&self) -> Option<&str>;

    /// The checkout that contains the current directory; `None` where there is none.
    fn checkout(&self) -> Result<Option<&Checkout>, Error>;

    /// The connection that the environment describes with `BBCONNECT_TOKEN*`.
    fn environment_connection(&self) -> Result<Option<SelectedConnection>, Error>;

    fn connections(&self) -> Result<Arc<Connections>, Error>;

    /// The clone URL that the user's SSH configuration makes of one whose host is an alias; `None` where it is none.
    fn resolve_ssh_alias(&self, url: &CloneUrl) -> Result<Option<CloneUrl>, Error>;
}
