//! The resolver with the sources of this process: its flags, its environment, the current checkout, the saved connections.
//! And the repository before a write: under its current name, and not archived.

use std::io;
use std::sync::Arc;

use super::App;
use super::environment_connection::{EMPTY_TOKEN_MESSAGE, EnvConnection};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::config::Connections;
use crate::error::Error;
use crate::git::Checkout;
use crate::resolve::{
    Needs, RepositorySource, Request, Resolved, ResolvedRepository, SelectedConnection,
    SelectionReason, Sources, SshConnection, Target, resolve,
};
use crate::ssh::SshError;
use crate::sys::subprocess::ProcessError;
use crate::types::clone_url::CloneUrl;
use crate::types::hint::Hint;
use crate::types::repository::{RepoRef, Repository};

impl Sources for App {
    fn connection_flag(&self) -> Option<&str> {
        self.flags.connection.as_deref()
    }

    fn connection_variable(&self) -> Option<&str> {
        self.environment.connection.as_deref()
    }

    fn repository_variable(&self) -> Option<&str> {
        self.environment.variables.get("BBCONNECT_REPO")
    }

    fn checkout(&self) -> Result<Option<&Checkout>, Error> {
        Self::checkout(self)
    }

    fn environment_connection(&self) -> Result<Option<SelectedConnection>, Error> {
        let Some(environment) = EnvConnection::from_environment(&self.environment)? else {
            return Ok(None);
        };
        let (name, connection) = environment.connection()?;
        Ok(Some(SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Environment,
            token_prefix: environment.token_prefix(),
        }))
    }

    fn connections(&self) -> Result<Arc<Connections>, Error> {
        Ok(self.connection_file().load()?)
    }

    fn resolve_ssh_alias(&self, url: &CloneUrl) -> Result<Option<CloneUrl>, Error> {
        match self.resolve_ssh_remote(url) {
            // Without `ssh` no alias leads anywhere.
            Err(Error::Ssh(SshError::Process(ProcessError::Start { source, .. })))
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            resolved => resolved,
        }
    }
}

impl App {
    /// What applies to a request.
    pub(crate) fn resolve(&self, request: &Request<'_>) -> Result<Resolved, Error> {
        resolve(request, self).map_err(|error| {
            if !matches!(error, Error::NoConnection(_)) {
                return error;
            }
            if self.environment.token_is_empty {
                return Error::EmptyToken(EMPTY_TOKEN_MESSAGE);
            }
            let variable = self.environment.first_connection_variable();
            variable.map_or(error, Error::MissingTokenVariable)
        })
    }

    /// The connection for a target; `None` where none matches.
    pub(crate) fn connection_for(
        &self,
        target: Target<'_>,
        needs: Needs,
    ) -> Result<Option<SelectedConnection>, Error> {
        match self.resolve(&Request::connection(target, needs)) {
            Ok(resolved) => Ok(Some(resolved.connection)),
            Err(Error::NoMatchingConnection(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The connection that applies here.
    pub(crate) fn select(&self) -> Result<SelectedConnection, Error> {
        let request = Request::connection(Target::Here, Needs::Nothing);
        Ok(self.resolve(&request)?.connection)
    }

    /// The connection that an argument of the command names.
    pub(crate) fn select_by_name(&self, name: &str) -> Result<SelectedConnection, Error> {
        let (name, connection) = self.connection_file().load()?.get(name)?;
        let reason = SelectionReason::Flag;
        Ok(SelectedConnection::stored(name, connection, reason))
    }

    /// The connection with REST that applies here, and its server. Nothing is sent yet.
    pub(crate) fn client(&self) -> Result<(SelectedConnection, Bitbucket), Error> {
        let request = Request::connection(Target::Here, Needs::Rest);
        let selected = self.resolve(&request)?.connection;
        let bitbucket = self.authenticated_client(&selected)?;
        Ok((selected, bitbucket))
    }

    /// The repository that is named, or the one that applies here, with its connection and server. Nothing is sent yet.
    pub(crate) fn client_for_repo(
        &self,
        named: Option<&RepoRef>,
    ) -> Result<(SelectedConnection, Bitbucket, ResolvedRepository), Error> {
        let resolved = self.resolve(&Request::repository(named, Needs::Rest))?;
        let (selected, Some(repository)) = (resolved.connection, resolved.repository) else {
            return Err(Error::usage(
                "no repository specified",
                Hint::from("pass --repo NAMESPACE/SLUG, or set a default: ")
                    .with_command("repo select"),
            ));
        };
        let bitbucket = self.authenticated_client(&selected)?;
        Ok((selected, bitbucket, repository))
    }

    /// Every connection that has a private SSH key, in the order of the file.
    pub(crate) fn ssh_connections(&self) -> Result<Vec<SshConnection>, Error> {
        let connections = self.connection_file().load()?;
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        Ok(all
            .filter_map(|(name, connection)| SshConnection::new(name, connection))
            .collect())
    }

    /// The connection whose private SSH key is used, for the repository that is named or the one that applies here; and what
    /// names the repository.
    pub(crate) fn select_ssh_connection(
        &self,
        repo: Option<&RepoRef>,
    ) -> Result<(SshConnection, RepositorySource), Error> {
        let resolved = self.resolve(&Request::repository(repo, Needs::SshKey))?;
        let SelectedConnection {
            name, connection, ..
        } = resolved.connection;
        let key = SshConnection::new(name.clone(), connection);
        let source = resolved.repository.map(|repository| repository.source);
        key.zip(source)
            .ok_or_else(|| Error::SshOnlyConnection(name.to_string()))
    }

    /// The connection with a private SSH key, where there is only one.
    pub(crate) fn single_ssh_connection(&self) -> Result<Option<SshConnection>, Error> {
        let only = <[SshConnection; 1]>::try_from(self.ssh_connections()?);
        Ok(only.ok().map(|[key]| key))
    }

    /// The repository that a command is about to write to, under its current name.
    pub(crate) fn writable_repository(
        &self,
        bitbucket: &Bitbucket,
        repository: ResolvedRepository,
        describe: impl FnOnce(ApiError) -> Error,
    ) -> Result<ResolvedRepository, Error> {
        let read = self.block_on(bitbucket.repository_before_write(&repository.id))?;
        let Some(current) = read.map_err(describe)? else {
            return Ok(repository);
        };
        require_not_archived(&current)?;
        Ok(repository.with_current_name(current.path()))
    }
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
