//! Bitbucket Cloud's API (<https://developer.atlassian.com/cloud/bitbucket/rest/>).

mod identity;
mod keys;
mod pipelines;
mod projects;
mod pull_requests;
mod repositories;
mod user;
mod webhooks;

pub(crate) use pipelines::PipelinesKnownHost;
pub(crate) use repositories::RepositoryList;

use std::cell::OnceCell;

use self::user::User;
use super::client::{ApiError, Http};
use super::server_probe::ServerProbe;
use crate::types::repository::RepoId;

/// Bitbucket Cloud with a credential.
#[derive(Debug)]
pub(crate) struct Cloud {
    http: Http,
    /// The account, once it was requested.
    account: OnceCell<User>,
}

impl Cloud {
    /// The base URL of the HTTP client must end in `/2.0`.
    pub(crate) fn new(http: Http) -> Self {
        Self {
            http,
            account: OnceCell::new(),
        }
    }

    /// The name of a repository after the requests so far: the server redirects those under a former name.
    pub(crate) fn current_name(&self, repo: &RepoId) -> RepoId {
        self.http.renamed(repo).unwrap_or_else(|| repo.clone())
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// Requests the current user without a credential: Cloud refuses that with an error of its own.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-get>
    pub(crate) async fn probe(&self) -> Result<ServerProbe, ApiError> {
        let url = self.http.build_url(&["user"], &[])?;
        Ok(ServerProbe::from_response(
            &self.http.get_once_unauthenticated(url).await?,
        ))
    }
}
