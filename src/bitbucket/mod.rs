//! Bitbucket's REST APIs: one facade, two dialects, one thin HTTP core.
//!
//! A question that a command asks is one `async fn` of [`Bitbucket`] with an arm for each product. `cloud` and
//! `datacenter` hold files of the same names, each with private wire structs, the call, and the conversion.

mod client;
mod cloud;
mod commits;
mod datacenter;
mod identity;
mod oauth;
mod pull_requests;
mod raw;
mod repositories;
mod server_probe;
mod webhooks;

#[cfg(fuzzing)]
pub use client::explain_made_up;
pub(crate) use client::{ApiError, Authorization, ConnectFailure, Http, HttpSettings, Trace};
pub(crate) use cloud::{Cloud, CommitOutcome, CommitRequest};
pub(crate) use datacenter::DataCenter;
pub(crate) use identity::{CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories};
pub(crate) use oauth::{OAuthClient, OAuthGrant};
pub(crate) use pull_requests::{CreateOutcome, EnsureOutcome};
pub(crate) use raw::{RawRequest, RawResponse};
pub(crate) use repositories::RepositoryDetails;
pub(crate) use server_probe::ServerProbe;
pub(crate) use webhooks::{StoredWebhook, TestDelivery, WebhookChange, WebhookSpec};

use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::namespace::{NewProject, Project, Workspace};
use crate::types::purpose::Permission;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisterOutcome, RegisteredKey};
use crate::types::repository::RepoId;
use crate::types::scope::Scope;
use crate::types::ssh_settings::SshSettings;

/// A Bitbucket that can be asked.
#[derive(Debug)]
pub(crate) enum Bitbucket {
    /// Bitbucket Cloud.
    Cloud(Cloud),
    /// Bitbucket Data Center.
    DataCenter(DataCenter),
}

impl Bitbucket {
    /// Whether it is Bitbucket Cloud.
    #[must_use]
    pub(crate) fn is_cloud(&self) -> bool {
        matches!(self, Self::Cloud(_))
    }

    /// The server's version, asked for without showing who asks; `None` on Cloud, which has none.
    ///
    /// # Errors
    /// [`ApiError`]: where this is answered, a Bitbucket is there.
    pub(crate) async fn version(&self) -> Result<Option<String>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.version().await,
        }
    }

    /// Who the credential is. A credential that is good but may not say who it is has an [`Identity`] without account.
    ///
    /// Only reads. An answer that anybody would get, credential or not, is never taken for a login.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] and its kin for a credential that is not accepted, [`ApiError::Indeterminate`] where the
    /// server's answers do not tell; the others for a server that cannot be asked.
    pub(crate) async fn identify(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.identify(credential).await,
            Self::DataCenter(datacenter) => datacenter.identify(credential).await,
        }
    }

    /// The workspaces of the account; `None` on Data Center, which has none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn workspaces(&self) -> Result<Option<Vec<Workspace>>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.workspaces().await.map(Some),
            Self::DataCenter(_) => Ok(None),
        }
    }

    /// The projects of a workspace (Cloud) or of the server (Data Center, where the workspace means nothing).
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn projects(&self, workspace: &str) -> Result<Vec<Project>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.projects(workspace).await,
            Self::DataCenter(datacenter) => datacenter.projects().await,
        }
    }

    /// A project.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it is not there or not visible; the others.
    pub(crate) async fn project(&self, workspace: &str, key: &str) -> Result<Project, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.project(workspace, key).await,
            Self::DataCenter(datacenter) => datacenter.project(key).await,
        }
    }

    /// Makes a project; `None` where there is one of its key already.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn create_project(
        &self,
        workspace: &str,
        new: &NewProject,
    ) -> Result<Option<Project>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.create_project(workspace, new).await,
            Self::DataCenter(datacenter) => datacenter.create_project(new).await,
        }
    }

    /// What the account may do with a repository; `None` where that cannot be found out.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn permission(
        &self,
        repo: &RepoId,
        name: Option<&str>,
    ) -> Result<Option<Permission>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.permission(repo, name).await,
            Self::DataCenter(datacenter) => datacenter.permission(repo, name).await,
        }
    }

    /// Looks whether the credential has a scope, by a read that needs it. Never writes.
    ///
    /// # Errors
    /// [`ApiError`] for a server that cannot be asked; a refusal is an answer.
    pub(crate) async fn probe_scope(
        &self,
        scope: Scope,
        credential: &CredentialContext,
    ) -> Result<ScopeProbe, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.probe_scope(scope, credential).await,
            Self::DataCenter(datacenter) => datacenter.probe_scope(scope, credential).await,
        }
    }

    /// All scopes of a token that does not tell them otherwise, from a refusal. Never writes.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn scopes_from_403(
        &self,
        identity: &Identity,
    ) -> Result<Option<Vec<String>>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.scopes_from_403(identity).await,
            Self::DataCenter(_) => Ok(None),
        }
    }

    /// How far the credential sees: in a workspace (Cloud), or on the server. `None` where that cannot be asked.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn visible_repositories(
        &self,
        workspace: Option<&str>,
    ) -> Result<Option<VisibleRepositories>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.visible_repositories(workspace).await,
            Self::DataCenter(datacenter) => datacenter.visible_repositories().await.map(Some),
        }
    }

    /// How a Data Center is reached over SSH; `None` on Cloud, where it is known.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn ssh_settings(&self) -> Result<Option<SshSettings>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.ssh_settings().await.map(Some),
        }
    }

    /// The HTTP access tokens of a user, project or repository; `None` on Cloud, which lists none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn tokens(
        &self,
        owner: &TokenOwner,
    ) -> Result<Option<Vec<AccessToken>>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.tokens(owner).await.map(Some),
        }
    }

    /// Makes an HTTP access token; `None` on Cloud, where only a browser makes tokens.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn create_token(
        &self,
        owner: &TokenOwner,
        name: &str,
        permissions: &[&str],
        expiry_days: Option<i64>,
    ) -> Result<Option<NewToken>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => {
                let made = datacenter.create_token(owner, name, permissions, expiry_days);
                made.await.map(Some)
            }
        }
    }

    /// Revokes an HTTP access token; `None` on Cloud.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it is not there.
    pub(crate) async fn revoke_token(
        &self,
        owner: &TokenOwner,
        id: &str,
    ) -> Result<Option<()>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.revoke_token(owner, id).await.map(Some),
        }
    }

    /// The id of the token that requests are signed with, where it stands in the token.
    #[must_use]
    pub(crate) fn current_token_id(&self) -> Option<String> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.current_token_id(),
        }
    }

    /// The SSH keys of a repository, a project or the account, in the server's order.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn keys(&self, owner: &KeyOwner) -> Result<Vec<RegisteredKey>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.keys(owner).await,
            Self::DataCenter(datacenter) => datacenter.keys(owner).await,
        }
    }

    /// Registers an SSH key, unless it is there: looked up before, and again where the server says that it knows it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn register_key(
        &self,
        owner: &KeyOwner,
        key: &NewKey,
    ) -> Result<RegisterOutcome, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.register_key(owner, key).await,
            Self::DataCenter(datacenter) => datacenter.register_key(owner, key).await,
        }
    }

    /// Gives a registered key another access, and answers whether that can be done: on Cloud it cannot.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn set_key_access(
        &self,
        owner: &KeyOwner,
        id: &str,
        access: Access,
    ) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(_) => Ok(false),
            Self::DataCenter(datacenter) => datacenter.set_key_access(owner, id, access).await,
        }
    }

    /// Takes a registered key away.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where there is none of that id (Cloud; Data Center answers that it is gone); the others.
    pub(crate) async fn remove_key(&self, owner: &KeyOwner, id: &str) -> Result<(), ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.remove_key(owner, id).await,
            Self::DataCenter(datacenter) => datacenter.remove_key(owner, id).await,
        }
    }
}
