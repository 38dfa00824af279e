//! The owner of keys as an argument: a repository, a project or the account.

use crate::app::{App, KeyRegistry};
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::resolve::{
    Needs, RepositorySource, Request, Resolved, ResolvedRepository, SelectedConnection, Target,
};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::registered_key::{KeyOwner, RegisteredKey};
use crate::types::repository::RepoRef;

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyOwnerArgs {
    /// Keys of a repository: NAMESPACE/SLUG, SLUG or any URL of it [default: that of the connection]
    #[arg(short = 'R', long, value_name = "REF", conflicts_with_all = ["project", "user"])]
    pub repo: Option<RepoRef>,
    /// Keys of a project: KEY, on Cloud also WORKSPACE/KEY
    #[arg(long, value_name = "KEY", conflicts_with = "user")]
    pub project: Option<String>,
    /// Keys of your account
    #[arg(long)]
    pub user: bool,
}

/// The owner of keys, and a client for its server.
#[derive(Debug)]
pub(super) struct KeyTarget {
    pub(super) selected: SelectedConnection,
    pub(super) bitbucket: Bitbucket,
    pub(super) owner: KeyOwner,
    /// Set if the owner is a repository.
    pub(super) repository: Option<ResolvedRepository>,
}

impl KeyTarget {
    fn new(
        app: &App,
        selected: SelectedConnection,
        owner: KeyOwner,
        repository: Option<ResolvedRepository>,
    ) -> Result<Self, Error> {
        let bitbucket = app.authenticated_client(&selected)?;
        Ok(Self {
            selected,
            bitbucket,
            owner,
            repository,
        })
    }

    fn of_repository(
        app: &App,
        selected: SelectedConnection,
        repository: ResolvedRepository,
    ) -> Result<Self, Error> {
        let owner = KeyOwner::Repository(repository.id.clone());
        Self::new(app, selected, owner, Some(repository))
    }

    pub(super) fn registry<'a>(&'a self, app: &'a App) -> KeyRegistry<'a> {
        KeyRegistry {
            app,
            selected: &self.selected,
            bitbucket: &self.bitbucket,
            owner: &self.owner,
        }
    }

    /// The target of a registration: a repository must not be archived.
    pub(super) fn require_writable(mut self, app: &App) -> Result<Self, Error> {
        if let Some(repository) = self.repository.take() {
            let refused = |error| self.selected.describe_key_error(error, &self.owner);
            let repository = app.writable_repository(&self.bitbucket, repository, refused)?;
            self.owner = KeyOwner::Repository(repository.id.clone());
            self.repository = Some(repository);
        }
        Ok(self)
    }

    /// The target under its current name, as far as the responses of the server have shown it.
    pub(super) fn renamed(mut self) -> Self {
        if let Some(repository) = self.repository.take() {
            let repository = repository.renamed_by(&self.bitbucket);
            self.owner = KeyOwner::Repository(repository.id.clone());
            self.repository = Some(repository);
        }
        self
    }

    /// The registered key with an id or fingerprint, and the target under its current name.
    pub(super) fn find_key(self, app: &App, id: &str) -> Result<(Self, RegisteredKey), Error> {
        let response = app.block_on(self.bitbucket.keys(&self.owner))?;
        let target = self.renamed();
        let owner = &target.owner;
        let keys = response.map_err(|error| target.selected.describe_key_error(error, owner))?;
        let matches = |key: &RegisteredKey| {
            let fingerprint = key.fingerprint.map(|fingerprint| fingerprint.to_string());
            key.id == id || fingerprint.as_deref() == Some(id)
        };
        match keys.into_iter().find(matches) {
            Some(key) => Ok((target, key)),
            None => Err(Error::not_found(
                format!("{owner} has no key {id}"),
                Hint::command("key list")
                    .with_text(format!(" {} lists the registered keys", owner.flag())),
            )),
        }
    }

    /// The owner for people, with the source of the repository.
    pub(super) fn described_owner(&self) -> String {
        match &self.repository {
            Some(repository) => repository.to_string(),
            None => self.owner.to_string(),
        }
    }
}

impl KeyOwnerArgs {
    /// The owner, and a client for its server. No request is sent.
    pub(super) fn find(&self, app: &App) -> Result<KeyTarget, Error> {
        if self.user || self.project.is_some() {
            let request = Request::connection(Target::Here, Needs::KeyAdmin);
            let selected = app.resolve(&request)?.connection;
            let owner = match &self.project {
                Some(text) => project(&selected, text)?,
                None => KeyOwner::Account,
            };
            return KeyTarget::new(app, selected, owner, None);
        }
        let resolved = app.resolve(&Request::repository(self.repo.as_ref(), Needs::KeyAdmin))?;
        match resolved.repository {
            Some(repository) => KeyTarget::of_repository(app, resolved.connection, repository),
            None => Err(no_repository(&resolved.connection)),
        }
    }

    /// As [`KeyOwnerArgs::find`]. If no repository is known, that of the only connection with an SSH key is used.
    pub(super) fn resolve_or_single(&self, app: &App) -> Result<KeyTarget, Error> {
        if self.repo.is_some() || self.project.is_some() || self.user {
            return self.find(app);
        }
        let error = match app.resolve(&Request::repository(None, Needs::KeyAdmin)) {
            Ok(Resolved {
                connection,
                repository: Some(repository),
            }) => return KeyTarget::of_repository(app, connection, repository),
            Ok(resolved) if resolved.connection.is_explicit() => {
                return Err(no_repository(&resolved.connection));
            }
            Ok(resolved) => no_repository(&resolved.connection),
            Err(error @ Error::NoConnection(_)) => error,
            Err(error) => return Err(error),
        };
        let key = app.single_ssh_connection()?.ok_or(error)?;
        let selected = app.connection_for(Target::Key(&key), Needs::KeyAdmin)?;
        let selected = selected.ok_or_else(|| Error::SshOnlyConnection(key.name.to_string()))?;
        let id = key.repository();
        let repository = ResolvedRepository::new(
            id.normalized(selected.connection.deployment),
            RepositorySource::Connection(key.name),
        );
        KeyTarget::of_repository(app, selected, repository)
    }
}

fn no_repository(selected: &SelectedConnection) -> Error {
    Error::usage(
        format!("connection {} has no repository", selected.name),
        "pass --repo NAMESPACE/SLUG, --project KEY or --user",
    )
}

fn project(selected: &SelectedConnection, text: &str) -> Result<KeyOwner, Error> {
    let (workspace, key) = match text.split_once('/') {
        Some((workspace, key)) => (Some(workspace.to_owned()), key),
        None => (None, text),
    };
    let is_cloud = selected.connection.deployment == Deployment::Cloud;
    let workspace = workspace.or_else(|| selected.connection.workspace.clone());
    if is_cloud && workspace.is_none() {
        return Err(Error::usage(
            "the workspace of the project is unknown",
            format!("pass --project WORKSPACE/{key}"),
        ));
    }
    Ok(KeyOwner::Project {
        workspace: workspace.filter(|_| is_cloud),
        key: key.to_owned(),
    })
}
