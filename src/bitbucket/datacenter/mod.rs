//! Data Center's dialect (<https://developer.atlassian.com/server/bitbucket/rest/>).

mod account;
mod keys;
mod namespaces;
mod repositories;
mod rights;
mod server;
mod ssh_settings;
mod token;

use super::http::Http;

/// A Data Center, asked as somebody.
#[derive(Debug)]
pub struct DataCenter {
    http: Http,
}

impl DataCenter {
    /// A Data Center over an HTTP core whose base is the server's, context path included.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self { http }
    }
}
