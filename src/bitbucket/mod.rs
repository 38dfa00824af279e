//! Bitbucket's REST APIs: one facade, two dialects, one thin HTTP core.
//!
//! An operation is a method of [`Bitbucket`]: a line of `operations_of_both!`, or an `async fn` with an arm for each
//! product. `cloud` and `datacenter` hold files of the same names, each with private wire structs, the call, and the
//! conversion.

mod client;
mod cloud;
mod datacenter;
mod identity;
mod oauth;
mod organization;
mod pull_requests;
mod raw;
mod server_probe;
mod webhooks;

#[cfg(fuzzing)]
pub use client::check_error_response;
pub(crate) use client::{
    ApiError, Authorization, ConnectFailure, Http, HttpClients, HttpSettings, ServerObservation,
    Trace, TraceEvent, requires_https,
};
pub(crate) use cloud::{Cloud, PipelinesKnownHost, RepositoryList};
pub(crate) use datacenter::DataCenter;
pub(crate) use identity::{CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories};
pub(crate) use oauth::{OAuthClient, OAuthGrant};
pub(crate) use organization::{OrganizationClient, UserToken};
pub(crate) use pull_requests::{CreateOutcome, EnsureOutcome};
pub(crate) use raw::{RawPages, RawRequest, RawResponse};
pub(crate) use server_probe::ServerProbe;
pub(crate) use webhooks::{Deliveries, StoredWebhook, TestDelivery, WebhookChange, WebhookSpec};

use std::time::Duration;

use futures_util::future;

use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::commit::{Branch, Signature};
use crate::types::connection::BaseUrl;
use crate::types::namespace::{NewProject, Project, Workspace};
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, State};
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisterOutcome, RegisteredKey};
use crate::types::repository::Permission;
use crate::types::repository::{NewRepository, RepoId, Repository, RepositoryFilter};
use crate::types::scope::Scope;
use crate::types::ssh_address::SshSettings;
use crate::types::webhook::WebhookOwner;

/// Cloud may respond with 404 for a new repository at first; these are the pauses between requests, in milliseconds.
const CREATE_POLL_DELAYS: [u64; 5] = [100, 200, 400, 800, 1600];

/// A repository with details that take more requests.
#[derive(Debug)]
pub(crate) struct RepositoryDetails {
    pub repository: Repository,
    /// Whether it has no branch yet; `None` where the credential may not read branches.
    pub empty: Option<bool>,
    /// The permission of the account, where the server reports it.
    pub permission: Option<Permission>,
}

/// A Bitbucket server of either product, with a credential.
#[derive(Debug)]
pub(crate) enum Bitbucket {
    Cloud(Cloud),
    DataCenter(DataCenter),
}

/// Calls the method that both products have.
macro_rules! dispatch {
    ($self:ident, $server:ident => $call:expr) => {
        match $self {
            Self::Cloud($server) => $call,
            Self::DataCenter($server) => $call,
        }
    };
}

/// Defines operations that both products have.
macro_rules! operations_of_both {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Bitbucket {
            $($(#[$doc])* pub(crate) async fn $name(&self, $($argument: $type),*) -> Result<$result, ApiError> {
                dispatch!(self, server => server.$name($($argument),*).await)
            })+
        }
    };
}

/// Defines operations that Cloud has no API for: the result is `None` there.
macro_rules! operations_of_data_center {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Bitbucket {
            $($(#[$doc])* pub(crate) async fn $name(&self, $($argument: $type),*) -> Result<Option<$result>, ApiError> {
                match self {
                    Self::Cloud(_) => Ok(None),
                    Self::DataCenter(server) => server.$name($($argument),*).await.map(Some),
                }
            })+
        }
    };
}

operations_of_both! {
    /// The identity of the credential. A valid credential that may not read its account has an [`Identity`] without one.
    ///
    /// Only reads. A response that an anonymous request would get as well is no proof of a login.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] and similar ones for a credential that is not accepted, [`ApiError::Indeterminate`] or
    /// [`ApiError::RefusedWithoutReason`] where the responses prove nothing.
    identify(credential: &CredentialContext) -> Identity;
    /// The name of the account; `None` for a token of a repository, project or workspace, which has none.
    account(credential: &CredentialContext) -> Option<String>;
    /// The permission of the account on a repository; `None` where the server does not report it.
    permission(repo: &RepoId, name: Option<&str>) -> Option<Permission>;
    /// Tests whether the credential has a scope, with a read that requires it. A refusal is a result, not an error.
    probe_scope(scope: Scope, credential: &CredentialContext) -> ScopeProbe;
    /// The SSH keys of a repository, a project or the account, in the server's order.
    keys(owner: &KeyOwner) -> Vec<RegisteredKey>;
    /// Registers an SSH key, unless it is registered. The list is read before, and again after a conflict.
    register_key(owner: &KeyOwner, key: &NewKey) -> RegisterOutcome;
    /// Removes a registered key.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where no key has this id, on Cloud; on Data Center that is a success.
    remove_key(owner: &KeyOwner, id: &str) -> ();
    repository(repo: &RepoId) -> Repository;
    /// Whether a repository has no branch yet.
    is_empty(repo: &RepoId) -> bool;
    /// The names of repositories, which take less memory than [`Bitbucket::repositories`].
    repository_ids(filter: &RepositoryFilter) -> Vec<RepoId>;
    /// A branch by its full name; `None` where it does not exist.
    branch(repo: &RepoId, name: &str) -> Option<Branch>;
    /// Pull requests for a repository, in the server's order.
    pull_requests(repo: &RepoId, state: State, max: usize) -> Vec<PullRequest>;
    create_pull_request(repo: &RepoId, pull_request: &NewPullRequest) -> CreateOutcome;
    /// The first response of the server to a single request without the credential. Any status is a success.
    probe() -> ServerProbe;
    /// The webhooks of a repository, workspace or project.
    webhooks(owner: &WebhookOwner) -> Vec<StoredWebhook>;
    /// Creates a webhook, or updates an existing one: fields that the specification does not have are kept.
    write_webhook(owner: &WebhookOwner, before: Option<StoredWebhook>, spec: &WebhookSpec) -> WebhookChange;
    /// Removes a webhook.
    remove_webhook(owner: &WebhookOwner, webhook: &StoredWebhook) -> ();
}

operations_of_data_center! {
    /// The SSH settings of a Data Center; `None` on Cloud, where they are fixed.
    ssh_settings() -> SshSettings;
    /// The HTTP access tokens of a user, project or repository; `None` on Cloud, which has no list.
    tokens(owner: &TokenOwner) -> Vec<AccessToken>;
    /// Creates an HTTP access token; `None` on Cloud, which has no API for that.
    create_token(owner: &TokenOwner, name: &str, permissions: &[&str], expiry_days: Option<i64>) -> NewToken;
    /// Revokes an HTTP access token; `None` on Cloud.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where no token has this id.
    revoke_token(owner: &TokenOwner, id: &str) -> ();
    /// All owners of an access key that the account administrates; `None` on Cloud, which does not report them.
    key_owners(id: &str) -> Vec<KeyOwner>;
    /// Sends a test delivery to a webhook's URL; `None` on Cloud, which has no API for that.
    test_webhook(owner: &WebhookOwner, webhook: &StoredWebhook) -> TestDelivery;
    /// What the server reports about the deliveries of a webhook; `None` on Cloud, which has no API for that.
    webhook_deliveries(owner: &WebhookOwner, webhook: &StoredWebhook) -> Deliveries;
}

impl Bitbucket {
    pub(crate) fn is_cloud(&self) -> bool {
        matches!(self, Self::Cloud(_))
    }

    fn http(&self) -> &Http {
        dispatch!(self, server => server.http())
    }

    /// What the last response showed about the server, beside its content.
    pub(crate) fn observation(&self) -> ServerObservation {
        self.http().observation()
    }

    /// Whether requests go through a proxy.
    pub(crate) fn uses_proxy(&self) -> bool {
        self.http().proxy().is_some()
    }

    /// The name of a repository after the requests so far: the server redirects those under a former name.
    pub(crate) fn current_name(&self, repo: &RepoId) -> RepoId {
        let renamed = self.http().renamed(repo);
        renamed.unwrap_or_else(|| repo.clone())
    }

    /// The repository before a write to it, where the server reports archived ones; `None` on Cloud.
    pub(crate) async fn repository_before_write(
        &self,
        repo: &RepoId,
    ) -> Result<Option<Repository>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.repository(repo).await.map(Some),
        }
    }

    /// The number of requests that were sent.
    pub(crate) fn requests_sent(&self) -> usize {
        self.http().requests_sent()
    }

    /// Sends at most so many requests at the same time from now on.
    pub(crate) fn limit_concurrency(&self, requests: usize) {
        self.http().limit_concurrency(requests);
    }

    /// The server's version, requested without the credential; `None` on Cloud, and on a Data Center that refuses anonymous
    /// requests. Success proves that the server is Bitbucket.
    pub(crate) async fn version(&self) -> Result<Option<String>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => datacenter.version().await,
        }
    }

    /// The server's version, requested with a credential that it accepts; `None` where it is not reported.
    pub(crate) async fn version_with_credential(&self) -> Result<Option<String>, ApiError> {
        match self {
            Self::Cloud(_) => Ok(None),
            Self::DataCenter(datacenter) => match datacenter.version_with_credential().await {
                Err(error) if error.is_access_error() => Ok(None),
                version => version,
            },
        }
    }

    /// Name and address of the account, which its commits carry, where the server reports them.
    pub(crate) async fn committer(&self) -> Option<Signature> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.committer().await,
        }
    }

    /// The workspaces of the account; `None` on Data Center, which has none.
    pub(crate) async fn workspaces(&self) -> Result<Option<Vec<Workspace>>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.workspaces().await.map(Some),
            Self::DataCenter(_) => Ok(None),
        }
    }

    /// The projects of a workspace (Cloud) or of the server (Data Center, which ignores the workspace).
    pub(crate) async fn projects(&self, workspace: &str) -> Result<Vec<Project>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.projects(workspace).await,
            Self::DataCenter(datacenter) => datacenter.projects().await,
        }
    }

    pub(crate) async fn project(&self, workspace: &str, key: &str) -> Result<Project, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.project(workspace, key).await,
            Self::DataCenter(datacenter) => datacenter.project(key).await,
        }
    }

    /// Requests the workspace (Cloud) or the project (Data Center) that something is to be created in.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it does not exist. One that may not be read is a success.
    pub(crate) async fn require_namespace(&self, namespace: &str) -> Result<(), ApiError> {
        let found = match self {
            Self::Cloud(cloud) => cloud.visible_repositories(Some(namespace)).await.map(drop),
            Self::DataCenter(datacenter) => datacenter.project(namespace).await.map(drop),
        };
        match found {
            Err(ApiError::Forbidden { .. }) => Ok(()),
            found => found,
        }
    }

    /// Creates a project; `None` where its key exists already.
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

    /// The slug of a user, which URLs of a Data Center contain in place of the name; `None` where it is not listed.
    pub(crate) async fn user_slug(&self, name: &str) -> Option<String> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.listed_slug(name).await,
        }
    }

    /// All scopes of a token, from the 403 of a read, where the server reports them nowhere else.
    pub(crate) async fn scopes_from_403(
        &self,
        identity: &Identity,
    ) -> Result<Option<Vec<String>>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.scopes_from_403(identity).await,
            Self::DataCenter(_) => Ok(None),
        }
    }

    /// The repositories that the credential can access in a workspace (Cloud) or on the server. `None` without a workspace.
    pub(crate) async fn visible_repositories(
        &self,
        workspace: Option<&str>,
    ) -> Result<Option<VisibleRepositories>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.visible_repositories(workspace).await,
            Self::DataCenter(datacenter) => datacenter.visible_repositories().await.map(Some),
        }
    }

    /// The id of the current token, where the token contains it.
    pub(crate) fn current_token_id(&self) -> Option<String> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.current_token_id(),
        }
    }

    /// Changes the access of a registered key. Returns whether the product supports that; Cloud does not.
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

    /// Whether keys can have an expiry date: on Data Center since 8.7. An older server would ignore it.
    pub(crate) async fn supports_key_expiry(&self) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(_) => Ok(true),
            Self::DataCenter(datacenter) => datacenter.is_at_least(8, 7).await,
        }
    }

    /// Changes the title of a registered key. Returns whether the product supports that; Data Center does not.
    pub(crate) async fn rename_key(
        &self,
        owner: &KeyOwner,
        key: &RegisteredKey,
        title: &str,
    ) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.rename_key(owner, key, title).await.map(|()| true),
            Self::DataCenter(_) => Ok(false),
        }
    }

    /// Repositories, in the server's order.
    pub(crate) async fn repositories(
        &self,
        filter: &RepositoryFilter,
    ) -> Result<RepositoryList, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.repositories(filter).await,
            Self::DataCenter(datacenter) => {
                let repositories = datacenter.repositories(filter).await?;
                Ok(repositories.into())
            }
        }
    }

    /// A repository with its details, which are requested concurrently.
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
        repository.default_branch = branch.unwrap_or_default();
        let empty = match empty {
            Ok(empty) => Some(empty),
            Err(ApiError::Forbidden { .. } | ApiError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(RepositoryDetails {
            repository,
            empty,
            // Tokens without an account cannot read it.
            permission: permission.unwrap_or_default(),
        })
    }

    /// The branch that a clone of a repository checks out; `None` where it has none.
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

    /// Creates a repository, and waits until it is visible; `None` where the name exists already.
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
                // The repository exists, also where it cannot be read.
                Ok(mut seen) => {
                    // Data Center reports the branch of an empty repository only in the response to its creation.
                    seen.default_branch = seen.default_branch.or(created.default_branch);
                    return Ok(Some(seen));
                }
                Err(_) => break,
            }
        }
        Ok(Some(created))
    }

    /// Opens a pull request, unless one for the same branches is open. Reviewers that the server rejects are left out.
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
                        |name: &str| left_out.iter().any(|skipped| skipped.reviewer == name);
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
                            message: "a pull request for these branches is already open".to_owned(),
                        }),
                    };
                }
            }
        }
    }

    /// The open pull request from one branch to another of the same repository.
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
            request.source.as_deref() == Some(source)
                && request.target.as_deref() == Some(target)
                && !request.is_between_repositories
        };
        Ok(all.into_iter().find(is_it))
    }

    /// The default reviewers of a pull request between two branches, without its author.
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

    /// A reviewer by name; `None` where no member has that name.
    pub(crate) async fn reviewer(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Reviewer>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.reviewer(repo, name).await,
            // The server rejects unknown names when the pull request is created.
            Self::DataCenter(_) => Ok(Some(Reviewer {
                id: name.to_owned(),
                name: name.to_owned(),
            })),
        }
    }

    /// Whether pull requests can be drafts: on Data Center since 8.18. An older server would open an ordinary one.
    pub(crate) async fn supports_drafts(&self) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(_) => Ok(true),
            Self::DataCenter(datacenter) => datacenter.is_at_least(8, 18).await,
        }
    }

    /// The base URL of Bitbucket on the same server under another context path.
    pub(crate) async fn find_context_path(&self) -> Option<BaseUrl> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.find_context_path().await,
        }
    }

    /// As [`Bitbucket::webhooks`], on Data Center with their last delivery.
    pub(crate) async fn webhooks_with_statistics(
        &self,
        owner: &WebhookOwner,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        match self {
            Self::Cloud(cloud) => cloud.webhooks(owner).await,
            Self::DataCenter(datacenter) => datacenter.webhooks_with_statistics(owner).await,
        }
    }

    /// The webhooks of the workspace or project that are also called for a repository. Where the credential may not read
    /// them, or the server has none, the list is empty.
    pub(crate) async fn wider_webhooks(
        &self,
        repo: &RepoId,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let found = match self {
            Self::Cloud(cloud) => {
                let workspace = WebhookOwner::Namespace(repo.namespace.clone());
                cloud.webhooks(&workspace).await
            }
            Self::DataCenter(datacenter) => datacenter.webhooks_of_project(repo).await,
        };
        match found {
            Err(error) if error.is_access_error() => Ok(Vec::new()),
            found => found,
        }
    }

    /// Whether a workspace or project can have webhooks: projects on Data Center since 8.8.
    pub(crate) async fn supports_wide_webhooks(&self) -> Result<bool, ApiError> {
        match self {
            Self::Cloud(_) => Ok(true),
            Self::DataCenter(datacenter) => datacenter.is_at_least(8, 8).await,
        }
    }
}
