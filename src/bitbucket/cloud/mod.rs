//! Bitbucket Cloud's dialect (<https://developer.atlassian.com/cloud/bitbucket/rest/>).

mod account;
mod keys;
mod namespaces;
mod repositories;
mod rights;

use super::http::Http;

/// Bitbucket Cloud, asked as somebody.
#[derive(Debug)]
pub struct Cloud {
    http: Http,
}

impl Cloud {
    /// Bitbucket Cloud over an HTTP core whose base ends in `/2.0`.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self { http }
    }
}
