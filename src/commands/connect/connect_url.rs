//! The clone URL of `bbconnect connect`, with the user's SSH configuration.

use super::steps::{StepId, StepLog};
use crate::app::App;
use crate::error::Error;
use crate::types::clone_url::CloneUrl;
use crate::types::ssh_address::is_alias_name;

/// A clone URL, with the host for which an alias of the user's SSH configuration stands.
pub(super) struct ConnectUrl {
    pub(super) url: CloneUrl,
    /// The URL with the alias, where only its configuration leads to the server, so that git needs it.
    pub(super) alias: Option<CloneUrl>,
}

impl ConnectUrl {
    pub(super) fn resolve(
        app: &App,
        url: &CloneUrl,
        steps: &mut StepLog<'_>,
    ) -> Result<Self, Error> {
        let unchanged = || Self {
            url: url.clone(),
            alias: None,
        };
        let Some(resolved) = app.resolve_ssh_url(url)? else {
            return Ok(unchanged());
        };
        steps.warn(StepId::Url, resolved.description);
        if !is_alias_name(&url.host().to_string()) {
            return Ok(unchanged());
        }
        Ok(Self {
            url: resolved.url,
            alias: resolved.proxy.map(|_| url.clone()),
        })
    }

    /// Whether another URL names the repository.
    pub(super) fn is_repository(&self, other: &CloneUrl) -> bool {
        let mut own = std::iter::once(&self.url).chain(&self.alias);
        own.any(|own| own.is_same_repository(other))
    }
}
