//! What commands ask about branches and pull requests.

use crate::types::pull_request::{PullRequest, SkippedReviewer};

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
