//! Results of creating pull requests.

use crate::types::pull_request::{PullRequest, SkippedReviewer};

#[derive(Debug)]
pub(crate) enum CreateOutcome {
    Opened(Box<PullRequest>),
    /// The server rejects these reviewers; nothing was opened.
    WithoutReviewers(Vec<SkippedReviewer>),
    /// The source branch has no commits that the target branch lacks.
    NoDifference,
    /// A pull request for the same branches is open.
    AlreadyOpen,
}

#[derive(Debug)]
pub(crate) enum EnsureOutcome {
    /// It was open already and was not changed.
    Reused(Box<PullRequest>),
    /// With the reviewers that the server rejected.
    Opened(Box<PullRequest>, Vec<SkippedReviewer>),
    /// The source branch has no commits that the target branch lacks.
    NoDifference,
}
