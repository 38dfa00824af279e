//! Where git fetches and pushes for a connection, and with which credential.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use super::App;
use crate::error::Error;
use crate::git::PushTarget;
use crate::resolve::{SelectedConnection, git_base_urls, git_http_url, git_username};
use crate::types::connection::{AuthMethod, Connection, Origin};
use crate::types::deployment::Deployment;
use crate::types::repository::Repository;
use crate::types::secret::Secret;

/// Longer than the limit of a request: git transfers more.
const LIMIT: Duration = Duration::from_mins(10);

impl App {
    /// The URL of a repository for git over HTTP, and its credential.
    pub(crate) fn git_remote(
        &self,
        selected: &SelectedConnection,
        repository: &Repository,
    ) -> Result<PushTarget, Error> {
        let connection = &selected.connection;
        let secret = if connection.auth().is_oauth() {
            self.access_token(&selected.name, connection)?.0
        } else {
            self.secret_of(selected)?
        };
        let is_server = connection.deployment != Deployment::Cloud;
        let is_token = matches!(
            connection.auth(),
            AuthMethod::HttpAccessToken | AuthMethod::OAuth | AuthMethod::ClientCredentials
        );
        let authorization = if is_server && is_token {
            format!("Bearer {}", secret.expose())
        } else {
            let user = git_username(connection);
            let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            self.ui.redactor().add(&encoded);
            format!("Basic {}", encoded.as_str())
        };
        self.ui.redactor().add(secret.expose());
        Ok(PushTarget {
            url: git_url(connection, repository),
            authorization: Secret::new(authorization),
            network: connection.network.clone(),
            limit: self.flags.timeout.unwrap_or(LIMIT),
        })
    }
}

/// The clone link, where it is on the connection's own server; else the usual URL there.
pub(super) fn git_url(connection: &Connection, repository: &Repository) -> String {
    let bases = git_base_urls(connection);
    let link = repository
        .https
        .as_deref()
        .and_then(|link| Url::parse(link).ok());
    let is_own = |link: &Url| {
        bases
            .iter()
            .any(|base| Origin::from_url(base) == Origin::from_url(link))
    };
    if let Some(link) = link.filter(is_own) {
        return link.into();
    }
    git_http_url(connection, &repository.namespace, &repository.slug)
}
