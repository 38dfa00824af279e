//! Who a credential is, as far as the server tells.

use crate::model::connection::{Auth, Level};
use crate::model::day::Day;

/// What is known of a credential beforehand.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// How it authenticates.
    pub auth: Option<Auth>,
    /// What it belongs to.
    pub level: Option<Level>,
    /// The workspace (Cloud).
    pub workspace: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The repository: its slug.
    pub repository: Option<String>,
}

/// Who a valid credential is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account, where the credential may say so.
    pub account: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// What it belongs to.
    pub level: Option<Level>,
    /// The last day of the credential.
    pub expires_on: Option<Day>,
    /// The server's version (Data Center).
    pub version: Option<String>,
}

/// The scopes or permissions of a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scopes {
    /// The server named them.
    Granted(Vec<String>),
    /// The server did not say.
    #[default]
    Undisclosed,
}
