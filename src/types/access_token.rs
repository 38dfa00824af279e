//! HTTP access tokens of Data Center.

use std::fmt;

use serde::Serialize;

use super::date::Date;
use super::repository::RepoId;
use super::secret::Secret;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenOwner {
    User(String),
    Project(String),
    Repository(RepoId),
}

impl TokenOwner {
    /// The repository, where the owner is one.
    pub(crate) fn repository(&self) -> Option<String> {
        match self {
            Self::Repository(repository) => Some(repository.to_string()),
            Self::User(_) | Self::Project(_) => None,
        }
    }
}

/// A token as the server lists it, without the secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AccessToken {
    /// Also part of the token itself; `None` in a dry run.
    pub id: Option<String>,
    pub name: Option<String>,
    pub permissions: Option<Vec<String>>,
    pub created_on: Option<Date>,
    /// `None` if it does not expire, or the server does not report it.
    pub expires_on: Option<Date>,
    pub last_used_on: Option<Date>,
}

/// A created token. The server sends the secret only once.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub token: AccessToken,
    pub secret: Secret,
}

impl TokenOwner {
    /// The option of `bbconnect token` for this owner.
    pub(crate) fn as_flag(&self) -> String {
        match self {
            Self::User(_) => "--user".to_owned(),
            Self::Project(key) => format!("--project {key}"),
            Self::Repository(path) => format!("--repo {path}"),
        }
    }
}

impl fmt::Display for TokenOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Project(key) => write!(f, "project {key}"),
            Self::Repository(path) => write!(f, "repository {path}"),
        }
    }
}
