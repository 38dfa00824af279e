//! Repositories that are collected from several workspaces, of which some may refuse.

use super::client::ApiError;
use crate::types::repository::Repository;

/// Repositories of one or several workspaces or projects.
#[derive(Debug, Default)]
pub(crate) struct RepositoryList {
    pub repositories: Vec<Repository>,
    /// The workspaces whose repositories could not be listed, and why.
    pub incomplete: Vec<(String, ApiError)>,
}

impl RepositoryList {
    /// The repositories, where all could be listed.
    pub(crate) fn complete(self) -> Result<Vec<Repository>, ApiError> {
        match self.incomplete.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(self.repositories),
        }
    }
}

impl From<Vec<Repository>> for RepositoryList {
    fn from(repositories: Vec<Repository>) -> Self {
        Self {
            repositories,
            incomplete: Vec::new(),
        }
    }
}
