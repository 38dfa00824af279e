//! The repository before a write: under its current name, and not archived.

use super::App;
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::repository::{RepoId, Repository};

impl App {
    /// The repository that a command is about to write to, under its current name.
    pub(crate) fn writable_repository(
        &self,
        bitbucket: &Bitbucket,
        repository: ResolvedRepository,
        describe: impl Fn(ApiError) -> Error,
    ) -> Result<ResolvedRepository, Error> {
        let current = self.block_on(require_writable(bitbucket, &repository.id, describe))??;
        Ok(repository.with_current_name(current))
    }
}

/// The current name of a repository that can be written to.
async fn require_writable(
    bitbucket: &Bitbucket,
    repo: &RepoId,
    describe: impl Fn(ApiError) -> Error,
) -> Result<RepoId, Error> {
    let read = bitbucket.repository_before_write(repo).await;
    let Some(repository) = read.map_err(describe)? else {
        return Ok(repo.clone());
    };
    require_not_archived(&repository)?;
    Ok(repository.path())
}

/// Refuses a write to an archived repository.
pub(crate) fn require_not_archived(repository: &Repository) -> Result<(), Error> {
    if repository.archived != Some(true) {
        return Ok(());
    }
    Err(Error::failed(
        format!(
            "repository {} is archived, so it is read-only",
            repository.path()
        ),
        "choose another repository, or ask an administrator of the repository to unarchive it",
    ))
}
