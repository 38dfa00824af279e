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
mod server_probe;
mod webhooks;

#[cfg(fuzzing)]
pub use client::explain_made_up;
pub(crate) use client::{
    ApiError, Authorization, ConnectFailure, Http, HttpClients, HttpSettings, ServerObservation,
    Trace,
};
pub(crate) use cloud::{Cloud, CommitOutcome, CommitRequest};
pub(crate) use datacenter::DataCenter;
pub(crate) use identity::{CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories};
pub(crate) use oauth::{OAuthClient, OAuthGrant};
pub(crate) use pull_requests::{CreateOutcome, EnsureOutcome};
pub(crate) use raw::{RawPages, RawRequest, RawResponse};
pub(crate) use server_probe::ServerProbe;
pub(crate) use webhooks::{StoredWebhook, TestDelivery, WebhookChange, WebhookSpec};

use std::time::Duration;

use futures_util::future;

use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::commit::Branch;
use crate::types::connection::BaseUrl;
use crate::types::namespace::{NewProject, Project, Workspace};
use crate::types::permission::Permission;
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, State};
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisterOutcome, RegisteredKey};
use crate::types::repository::{NewRepository, RepoId, Repository, RepositoryFilter};
use crate::types::scope::Scope;
use crate::types::ssh_settings::SshSettings;

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

    /// What the last response showed about the server, beside its content.
    #[must_use]
    pub(crate) fn observation(&self) -> ServerObservation {
        match self {
            Self::Cloud(cloud) => cloud.http().observation(),
            Self::DataCenter(datacenter) => datacenter.http().observation(),
        }
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

    /// Opens a pull request, unless one for the same branches is open. Reviewers who cannot be asked are left out.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn ensure_pull_request(
        &self,
        repo: &RepoId,
        mut pull_request: NewPullRequest,
    ) -> Result<EnsureOutcome, ApiError> {
        let open = self.open_pull_request(repo, &pull_request.source, &pull_request.target);
        if let Some(request) = open.await? {
            return Ok(EnsureOutcome::Reused(Box::new(request)));
        }
        let mut all_left_out = Vec::new();
        loop {
            match self.create_pull_request(repo, &pull_request).await? {
                CreateOutcome::Opened(request) => {
                    return Ok(EnsureOutcome::Opened(request, all_left_out));
                }
                CreateOutcome::NoDifference => return Ok(EnsureOutcome::NoDifference),
                // There are fewer of them each time.
                CreateOutcome::WithoutReviewers(left_out) => {
                    let is_left =
                        |name: &str| left_out.iter().any(|person| person.reviewer == name);
                    pull_request
                        .reviewers
                        .retain(|reviewer| !is_left(&reviewer.name));
                    all_left_out.extend(left_out);
                }
                CreateOutcome::AlreadyOpen => {
                    let request = self
                        .open_pull_request(repo, &pull_request.source, &pull_request.target)
                        .await?;
                    return match request {
                        Some(request) => Ok(EnsureOutcome::Reused(Box::new(request))),
                        None => Err(ApiError::ClientError {
                            status: 409,
                            message: "a pull request for these branches is open".to_owned(),
                        }),
                    };
                }
            }
        }
    }

    /// A branch, by its whole name; `None` where it is not there.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn branch(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Branch>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.branch(repo, name).await,
            Self::DataCenter(datacenter) => datacenter.branch(repo, name).await,
        }
    }

    /// Pull requests for a repository, in the server's order.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn pull_requests(
        &self,
        repo: &RepoId,
        state: State,
        most: usize,
    ) -> Result<Vec<PullRequest>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.pull_requests(repo, state, most).await,
            Self::DataCenter(datacenter) => datacenter.pull_requests(repo, state, most).await,
        }
    }

    /// The open pull request from one branch to another of the same repository.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn open_pull_request(
        &self,
        repo: &RepoId,
        source: &str,
        target: &str,
    ) -> Result<Option<PullRequest>, ApiError> {
        let all = match self {
            Self::Cloud(cloud) => {
                cloud
                    .open_pull_requests_between(repo, source, target)
                    .await?
            }
            Self::DataCenter(datacenter) => {
                datacenter.open_pull_requests_from(repo, source).await?
            }
        };
        let is_it = |request: &PullRequest| {
            request.source == source && request.target == target && !request.is_from_fork
        };
        Ok(all.into_iter().find(is_it))
    }

    /// Opens a pull request, unless something is in the way.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn create_pull_request(
        &self,
        repo: &RepoId,
        pull_request: &NewPullRequest,
    ) -> Result<CreateOutcome, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.create_pull_request(repo, pull_request).await,
            Self::DataCenter(datacenter) => {
                datacenter.create_pull_request(repo, pull_request).await
            }
        }
    }

    /// Who is asked by default to look at a pull request from one branch to another; not whoever opens it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn default_reviewers(
        &self,
        repository: &Repository,
        source: &str,
        target: &str,
    ) -> Result<Vec<Reviewer>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.default_reviewers(repository).await,
            Self::DataCenter(datacenter) => {
                datacenter
                    .default_reviewers(repository, source, target)
                    .await
            }
        }
    }

    /// Somebody as a person names them; `None` where nobody has that name.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn reviewer(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Reviewer>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.reviewer(repo, name).await,
            // The server says whom it does not know.
            Self::DataCenter(_) => Ok(Some(Reviewer {
                id: name.to_owned(),
                name: name.to_owned(),
            })),
        }
    }

    /// Whether pull requests can be drafts: on Data Center since 8.18. An older server would open an ordinary one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn supports_drafts(&self) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(_) => Ok(true),
            Self::DataCenter(datacenter) => datacenter.is_at_least(8, 18).await,
        }
    }

    /// The first answer of the server, asked once and without showing who asks. Any answer is one.
    ///
    /// # Errors
    /// [`ApiError::Unreachable`] and its kin.
    pub(crate) async fn probe(&self) -> Result<ServerProbe, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.probe().await,
            Self::DataCenter(datacenter) => datacenter.probe().await,
        }
    }

    /// Where on the same server a Bitbucket is, when there is none at this address: another context path.
    pub(crate) async fn find_context_path(&self) -> Option<BaseUrl> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.find_context_path().await,
        }
    }

    /// The webhooks of a repository.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn webhooks(&self, repo: &RepoId) -> Result<Vec<StoredWebhook>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.webhooks(repo).await,
            Self::DataCenter(datacenter) => datacenter.webhooks(repo).await,
        }
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn create_webhook(
        &self,
        repo: &RepoId,
        spec: &WebhookSpec,
    ) -> Result<WebhookChange, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.write_webhook(repo, None, spec).await,
            Self::DataCenter(datacenter) => datacenter.write_webhook(repo, None, spec).await,
        }
    }

    /// Changes a webhook into what it should be. What the wish says nothing of stays.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn change_webhook(
        &self,
        repo: &RepoId,
        webhook: StoredWebhook,
        spec: &WebhookSpec,
    ) -> Result<WebhookChange, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.write_webhook(repo, Some(webhook), spec).await,
            Self::DataCenter(datacenter) => {
                datacenter.write_webhook(repo, Some(webhook), spec).await
            }
        }
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn remove_webhook(&self, repo: &RepoId, id: &str) -> Result<(), ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.remove_webhook(repo, id).await,
            Self::DataCenter(datacenter) => datacenter.remove_webhook(repo, id).await,
        }
    }

    /// Has the server call a webhook's receiver; `None` on Cloud, which has no call for that.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn test_webhook(
        &self,
        repo: &RepoId,
        webhook: &StoredWebhook,
    ) -> Result<Option<TestDelivery>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.test_webhook(repo, webhook).await.map(Some),
        }
    }
}
