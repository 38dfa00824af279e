//! The identity of a credential: its account, scopes and level.

use crate::types::connection::{AuthMethod, Connection, TokenLevel};
use crate::types::date::Date;

/// What the configuration says about a credential.
#[derive(Debug, Clone, Default)]
pub(crate) struct CredentialContext {
    pub auth: Option<AuthMethod>,
    pub level: Option<TokenLevel>,
    /// Cloud only.
    pub workspace: Option<String>,
    pub project: Option<String>,
    pub repository: Option<String>,
}

impl From<&Connection> for CredentialContext {
    fn from(connection: &Connection) -> Self {
        Self {
            auth: Some(connection.auth()),
            level: connection.level(),
            workspace: connection.workspace.clone(),
            project: connection.project.clone(),
            repository: connection.repository.clone(),
        }
    }
}

/// The identity of a valid credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The account, where the credential may read it.
    pub account: Option<String>,
    /// The id of the account in URLs (Cloud).
    pub id: Option<String>,
    pub scopes: Scopes,
    /// From the server, else from the configuration.
    pub level: Option<TokenLevel>,
    pub level_from_server: bool,
    /// The error message, when the repository, project or workspace in the configuration is not visible.
    pub not_visible: Option<String>,
    /// The expiry date.
    pub expires_on: Option<Date>,
}

/// The scopes or permissions of a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Scopes {
    Granted(Vec<String>),
    /// The server does not report them.
    #[default]
    Unknown,
}

/// The result of testing a scope with a read request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScopeProbe {
    /// The credential has the scope.
    Yes,
    /// The scope is missing, or the credential cannot use it for this resource.
    No,
    /// The server listed all scopes of the credential.
    Granted(Vec<String>),
    Inconclusive,
}

/// The repositories that a credential can access, according to the first page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VisibleRepositories {
    pub repositories: usize,
    /// How many of them everybody can read.
    pub public: usize,
    /// There are more than `repositories`.
    pub more: bool,
    /// The number of projects, where the list contains them.
    pub projects: Option<usize>,
    /// URLs in the list. They show the base URL that the server is configured with.
    pub links: Vec<String>,
}
