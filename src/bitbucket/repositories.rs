//! What commands ask about repositories.

use std::time::Duration;

use futures_util::future;

use super::{ApiError, Bitbucket};
use crate::types::purpose::Permission;
use crate::types::repository::{NewRepository, RepoId, Repository, RepositoryFilter};

/// A new repository may be answered with 404 for a moment; these are the pauses between looks at it.
const CREATE_POLL_DELAYS: [u64; 5] = [100, 200, 400, 800, 1600];

/// A repository, and what takes more questions.
#[derive(Debug)]
pub(crate) struct RepositoryDetails {
    /// The repository.
    pub repository: Repository,
    /// Whether it has no branch yet; `None` where the credential may not see that.
    pub empty: Option<bool>,
    /// What the account may do with it, where the server tells.
    pub permission: Option<Permission>,
}

impl Bitbucket {
    /// A repository.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it is not there or not visible; the others.
    pub(crate) async fn repository(&self, repo: &RepoId) -> Result<Repository, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.repository(repo).await,
            Self::DataCenter(datacenter) => datacenter.repository(repo).await,
        }
    }

    /// Whether a repository has no branch yet.
    ///
    /// # Errors
    /// As [`Bitbucket::repository`].
    pub(crate) async fn is_empty(&self, repo: &RepoId) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.is_empty(repo).await,
            Self::DataCenter(datacenter) => datacenter.is_empty(repo).await,
        }
    }

    /// Repositories, in the server's order.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn repositories(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<Vec<Repository>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.repositories(filter).await,
            Self::DataCenter(datacenter) => datacenter.repositories(filter).await,
        }
    }

    /// A repository with what only further questions tell, asked side by side.
    ///
    /// # Errors
    /// As [`Bitbucket::repository`].
    pub(crate) async fn view(&self, repo: &RepoId) -> Result<RepositoryDetails, ApiError> {
        let mut repository = self.repository(repo).await?;
        let repo = repository.path();
        let (empty, (permission, branch)) = future::join(
            self.is_empty(&repo),
            future::join(
                self.permission(&repo, repository.name.as_deref()),
                self.default_branch(&repository),
            ),
        )
        .await;
        // What is not told is not known.
        repository.default_branch = branch.unwrap_or_default();
        let empty = match empty {
            Ok(empty) => Some(empty),
            Err(ApiError::Forbidden { .. } | ApiError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(RepositoryDetails {
            repository,
            empty,
            // Tokens without an account are not told.
            permission: permission.unwrap_or_default(),
        })
    }

    /// The branch that a clone of a repository checks out; `None` where it has none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn default_branch(
        &self,
        repository: &Repository,
    ) -> Result<Option<String>, ApiError> {
        match (self, &repository.default_branch) {
            (_, Some(branch)) => Ok(Some(branch.clone())),
            (Self::Cloud(_), None) => Ok(None),
            (Self::DataCenter(datacenter), None) => {
                let repo = repository.path();
                datacenter.default_branch(&repo).await
            }
        }
    }

    /// Makes a repository, and waits until it can be seen; `None` where there is one of its name already.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn create_repository(
        &self,
        new: &NewRepository,
    ) -> Result<Option<Repository>, ApiError> {
        let created = match self {
            Self::Cloud(cloud) => cloud.create_repository(new).await?,
            Self::DataCenter(datacenter) => datacenter.create_repository(new).await?,
        };
        let Some(created) = created else {
            return Ok(None);
        };
        let repo = created.path();
        for pause in CREATE_POLL_DELAYS {
            match self.repository(&repo).await {
                Err(ApiError::NotFound(_)) => {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                // It was made; that it cannot be looked at does not undo that.
                Ok(mut seen) => {
                    // Data Center tells the branch of an empty repository only here.
                    seen.default_branch = seen.default_branch.or(created.default_branch);
                    return Ok(Some(seen));
                }
                Err(_) => break,
            }
        }
        Ok(Some(created))
    }
}
