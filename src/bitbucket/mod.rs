//! Bitbucket's REST APIs: one facade, two dialects, one thin HTTP core.
//!
//! A question that a command asks is one `async fn` of [`Bitbucket`] with an arm for each product. `cloud` and
//! `datacenter` hold files of the same names, each with private wire structs, the call, and the conversion.

mod cloud;
mod datacenter;
mod http;
mod identity;

pub use cloud::Cloud;
pub use datacenter::DataCenter;
pub use http::{ApiError, Authorization, Http, HttpSettings, Obstacle, Trace};
pub use identity::{Identity, Scopes, Subject};

use crate::model::namespace::{Project, Workspace};
use crate::model::repository::{RepoPath, Repository};

/// A Bitbucket that can be asked.
#[derive(Debug)]
pub enum Bitbucket {
    /// Bitbucket Cloud.
    Cloud(Cloud),
    /// Bitbucket Data Center.
    DataCenter(DataCenter),
}

impl Bitbucket {
    /// Who the credential is. A credential that is good but may not say who it is has an [`Identity`] without account.
    ///
    /// Only reads. An answer that anybody would get, credential or not, is never taken for a login.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] and its kin for a credential that is not accepted, [`ApiError::Undecided`] where the
    /// server's answers do not tell; the others for a server that cannot be asked.
    pub async fn identify(&self, subject: &Subject) -> Result<Identity, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.identify(subject).await,
            Self::DataCenter(datacenter) => datacenter.identify(subject).await,
        }
    }

    /// The workspaces of the account; `None` on Data Center, which has none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn workspaces(&self) -> Result<Option<Vec<Workspace>>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.workspaces().await.map(Some),
            Self::DataCenter(_) => Ok(None),
        }
    }

    /// The projects of a workspace (Cloud) or of the server (Data Center, where the workspace means nothing).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn projects(&self, workspace: &str) -> Result<Vec<Project>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.projects(workspace).await,
            Self::DataCenter(datacenter) => datacenter.projects().await,
        }
    }

    /// A repository.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it is not there or not visible; the others.
    pub async fn repository(&self, path: &RepoPath) -> Result<Repository, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.repository(path).await,
            Self::DataCenter(datacenter) => datacenter.repository(path).await,
        }
    }

    /// Whether a repository has no branch yet.
    ///
    /// # Errors
    /// As [`Bitbucket::repository`].
    pub async fn is_empty(&self, path: &RepoPath) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.is_empty(path).await,
            Self::DataCenter(datacenter) => datacenter.is_empty(path).await,
        }
    }
}
