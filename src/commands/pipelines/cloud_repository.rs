//! A repository of Bitbucket Cloud, which has Pipelines.

use crate::app::App;
use crate::bitbucket::{Bitbucket, Cloud};
use crate::commands::args::RepoArg;
use crate::error::Error;
use crate::resolve::{ResolvedRepository, SelectedConnection};

/// A repository of Bitbucket Cloud, with the connection to it.
pub(super) struct CloudRepository {
    pub(super) selected: SelectedConnection,
    pub(super) cloud: Cloud,
    pub(super) repository: ResolvedRepository,
}

impl CloudRepository {
    pub(super) fn find(app: &App, repo: &RepoArg) -> Result<Self, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(repo.as_ref())?;
        Ok(Self {
            cloud: require_cloud(bitbucket, &selected)?,
            selected,
            repository,
        })
    }

    /// The repository under its current name, as far as the responses have shown it.
    pub(super) fn into_repository(self) -> ResolvedRepository {
        let current = self.cloud.current_name(&self.repository.id);
        self.repository.with_current_name(current)
    }
}

/// The client of Bitbucket Cloud.
pub(super) fn require_cloud(
    bitbucket: Bitbucket,
    selected: &SelectedConnection,
) -> Result<Cloud, Error> {
    match bitbucket {
        Bitbucket::Cloud(cloud) => Ok(cloud),
        Bitbucket::DataCenter(_) => Err(Error::usage(
            format!(
                "{} is a Data Center; Pipelines are part of Bitbucket Cloud",
                selected.connection.base_url
            ),
            "pass --connection with a connection to Bitbucket Cloud",
        )),
    }
}
