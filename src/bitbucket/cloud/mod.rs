//! Bitbucket Cloud's dialect (<https://developer.atlassian.com/cloud/bitbucket/rest/>).

mod commits;
mod identity;
mod keys;
mod multipart;
mod permissions;
mod projects;
mod pull_requests;
mod repositories;
mod server;
mod source;
mod webhooks;

pub(crate) use commits::{CommitOutcome, CommitRequest};

use super::client::Http;

/// Bitbucket Cloud, asked as somebody.
#[derive(Debug)]
pub(crate) struct Cloud {
    http: Http,
}

impl Cloud {
    /// Bitbucket Cloud over an HTTP core whose base ends in `/2.0`.
    #[must_use]
    pub(crate) fn new(http: Http) -> Self {
        Self { http }
    }

    /// The HTTP core.
    pub(super) fn http(&self) -> &Http {
        &self.http
    }
}
