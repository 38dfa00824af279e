//! Bitbucket Cloud's API (<https://developer.atlassian.com/cloud/bitbucket/rest/>).

mod identity;
mod keys;
mod permissions;
mod pipelines;
mod projects;
mod pull_requests;
mod repositories;
mod server;
mod webhooks;

pub(crate) use pipelines::PipelinesKnownHost;

use super::client::Http;

/// Bitbucket Cloud with a credential.
#[derive(Debug)]
pub(crate) struct Cloud {
    http: Http,
}

impl Cloud {
    /// The base URL of the HTTP client must end in `/2.0`.
    #[must_use]
    pub(crate) fn new(http: Http) -> Self {
        Self { http }
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }
}
