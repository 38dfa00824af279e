//! Data Center's API (<https://developer.atlassian.com/server/bitbucket/rest/>).

mod access_tokens;
mod identity;
mod keys;
mod projects;
mod pull_requests;
mod repositories;
mod server;
mod users;
mod webhooks;

use super::client::Http;

#[derive(Debug)]
pub(crate) struct DataCenter {
    http: Http,
}

impl DataCenter {
    /// The base URL of the HTTP client must include the context path.
    pub(crate) fn new(http: Http) -> Self {
        let http = http.with_anonymous_check(&["rest", "api", "latest", "users"]);
        Self { http }
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }
}

/// The path of a resource of one of the REST APIs of the server.
fn rest_path<'a>(api: &'a str, below: &[&'a str]) -> Vec<&'a str> {
    [&["rest", api, "latest"][..], below].concat()
}
