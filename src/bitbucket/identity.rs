//! Who a credential is, as far as the server tells.

use crate::types::connection::{AuthMethod, Connection, TokenLevel};
use crate::types::date::Date;

/// What is known of a credential beforehand.
#[derive(Debug, Clone, Default)]
pub(crate) struct CredentialContext {
    /// How it authenticates.
    pub auth: Option<AuthMethod>,
    /// What it belongs to.
    pub level: Option<TokenLevel>,
    /// The workspace (Cloud).
    pub workspace: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The repository: its slug.
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

/// Who a valid credential is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The account, where the credential may say so.
    pub account: Option<String>,
    /// The account's id in addresses (Cloud).
    pub id: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// What it belongs to: as the server tells, else as it was named.
    pub level: Option<TokenLevel>,
    /// The server itself told the level.
    pub level_from_server: bool,
    /// The server's words when what it is said to belong to is not visible with it.
    pub not_visible: Option<String>,
    /// The last day of the credential.
    pub expires_on: Option<Date>,
}

/// The scopes or permissions of a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Scopes {
    /// The server named them.
    Granted(Vec<String>),
    /// The server did not say.
    #[default]
    Unknown,
}

/// What a read that changes nothing tells about a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScopeProbe {
    /// The credential has it.
    Yes,
    /// It has not, or may not use it here.
    No,
    /// The server named all that it has.
    Granted(Vec<String>),
    /// Nothing.
    Inconclusive,
}

/// How far a credential sees, as far as one page of a list tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VisibleRepositories {
    /// The repositories that it sees.
    pub repositories: usize,
    /// There are more of them.
    pub more: bool,
    /// The projects that those are in, where the list tells.
    pub projects: Option<usize>,
    /// Addresses that the server gives for them: they tell what it believes its own address to be.
    pub links: Vec<String>,
}
