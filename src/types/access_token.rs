//! HTTP access tokens of a Data Center: whose they are, and what a server tells of one.

use std::fmt;

use serde::Serialize;

use super::date::Date;
use super::repository::RepoId;
use super::secret::Secret;

/// What HTTP access tokens belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenOwner {
    /// A user, by the name.
    User(String),
    /// A project, by its key.
    Project(String),
    /// A repository.
    Repository(RepoId),
}

/// An HTTP access token, as the server tells of it. Its secret is told once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccessToken {
    /// The id, which also stands in the token itself; `None` for one that is not made yet.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// What it may do.
    pub permissions: Option<Vec<String>>,
    /// The day it was made.
    pub created_on: Option<Date>,
    /// Its last day; `None` where it has none, or the server does not tell.
    pub expires_on: Option<Date>,
    /// The day it was last used.
    pub last_used_on: Option<Date>,
}

/// A token that was just made.
#[derive(Debug)]
pub(crate) struct NewToken {
    /// What the server tells of it.
    pub token: AccessToken,
    /// The secret.
    pub secret: Secret,
}

impl TokenOwner {
    /// The flag that names it, as `bbconnect token` takes it.
    #[must_use]
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
            Self::User(name) => write!(f, "the user {name}"),
            Self::Project(key) => write!(f, "the project {key}"),
            Self::Repository(path) => write!(f, "the repository {path}"),
        }
    }
}
