//! What commands ask about branches and pull requests.

use super::{ApiError, Bitbucket};
use crate::types::commit::Branch;
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, SkippedReviewer, State};
use crate::types::repository::{RepoId, Repository};

/// What became of a proposal.
#[derive(Debug)]
pub(crate) enum CreateOutcome {
    /// A pull request was opened.
    Opened(Box<PullRequest>),
    /// These cannot be asked to look at it; nothing was opened.
    WithoutReviewers(Vec<SkippedReviewer>),
    /// There is nothing that it would bring.
    NoDifference,
    /// One for the same branches is open.
    AlreadyOpen,
}

/// A pull request that is there, one way or the other.
#[derive(Debug)]
pub(crate) enum EnsureOutcome {
    /// It was open already, and stays as it is.
    Reused(Box<PullRequest>),
    /// It was opened, without those who could not be asked to look at it.
    Opened(Box<PullRequest>, Vec<SkippedReviewer>),
    /// There is nothing that it would bring.
    NoDifference,
}

impl Bitbucket {
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
}
