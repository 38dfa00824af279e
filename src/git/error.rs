//! Why git could not be used.

use thiserror::Error;

use crate::sys::subprocess::ProcessError;

#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// Git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("git failed: {0}")]
    CommandFailed(String),
    #[error("git clone into {0} failed")]
    Clone(String),
    /// The configuration of the checkout is unknown.
    #[error("git cannot read this checkout: {0}")]
    UnreadableCheckout(String),
    #[error("this directory is not in a git checkout")]
    NotARepository,
    /// The directory of a service is not in this checkout.
    #[error("{0} is not a directory in this checkout")]
    NotAFolder(String),
}
