//! Why git could not be used.

use std::time::Duration;

use thiserror::Error;

use crate::sys::subprocess::ProcessError;

#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// Git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("git failed: {0}")]
    CommandFailed(String),
    /// With git's own words.
    #[error("git clone into {dir} failed: {reason}")]
    Clone { dir: String, reason: String },
    /// The server did not respond in time.
    #[error("git did not end within {} seconds", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The configuration of the checkout is unknown.
    #[error("git cannot read this checkout: {0}")]
    UnreadableCheckout(String),
    #[error("this directory is not in a git checkout")]
    NotARepository,
    /// The directory of a service is not in this checkout.
    #[error("{0} is not a directory in this checkout")]
    NotADirectory(String),
}
