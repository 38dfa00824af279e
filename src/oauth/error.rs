//! Why a browser login failed.

use std::io;
use std::time::Duration;

use thiserror::Error;

/// Why a browser login failed.
#[derive(Debug, Error)]
pub(crate) enum OAuthError {
    /// The callback server cannot be started.
    #[error("cannot listen on port {port}: {source}")]
    Port { port: u16, source: io::Error },
    /// With the reason that the redirect contains.
    #[error("access not granted: {0}")]
    Denied(String),
    #[error("no sign-in within {} seconds", timeout.as_secs())]
    TimedOut {
        timeout: Duration,
        /// No browser was opened here: the redirect URL could be pasted.
        accepts_paste: bool,
    },
    /// The website's URL cannot have a path.
    #[error("the website's URL cannot be used to sign in")]
    Website,
}
