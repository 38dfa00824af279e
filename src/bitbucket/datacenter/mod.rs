//! Data Center's dialect (<https://developer.atlassian.com/server/bitbucket/rest/>).

mod access_tokens;
mod commits;
mod identity;
mod keys;
mod permissions;
mod projects;
mod pull_requests;
mod repositories;
mod server;
mod webhooks;

use super::client::Http;

/// A Data Center, asked as somebody.
#[derive(Debug)]
pub(crate) struct DataCenter {
    http: Http,
}

impl DataCenter {
    /// A Data Center over an HTTP core whose base is the server's, context path included.
    #[must_use]
    pub(crate) fn new(http: Http) -> Self {
        let http = http.with_anonymous_check(&["rest", "api", "latest", "users"]);
        Self { http }
    }

    /// The HTTP core.
    pub(super) fn http(&self) -> &Http {
        &self.http
    }
}
