//! Where a key is registered: at its repository, at the project of that, or at the account.

use super::App;
use super::key_registration::{KeyRegistry, OnAccessMismatch};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::Error;
use crate::resolve::{Needs, SelectedConnection, SshConnection, Target};
use crate::types::action::Action;
use crate::types::deployment::Deployment;
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisteredKey};
use crate::types::repository::RepoId;
use crate::types::shell::quote;

/// Where the key of a connection is registered, and the connection that may change it.
#[derive(Debug)]
pub(crate) struct KeyLocation {
    pub ssh_connection: SshConnection,
    selected: SelectedConnection,
    bitbucket: Bitbucket,
    owner: KeyOwner,
    /// The old key, where it is registered.
    pub old: Option<RegisteredKey>,
    pub new_key_registered: bool,
    /// An owner whose keys must not be read.
    unseen: Option<InaccessibleOwner>,
}

/// An owner whose keys must not be read, and the response of the server.
#[derive(Debug)]
struct InaccessibleOwner {
    owner: KeyOwner,
    error: ApiError,
}

impl KeyLocation {
    /// Finds the owner of a key, or of the key that replaces it.
    pub(crate) fn find(
        app: &App,
        ssh_connection: SshConnection,
        old: Option<&PublicKey>,
        new: Option<&PublicKey>,
    ) -> Result<Self, Error> {
        let selected = app
            .connection_for(Target::Key(&ssh_connection), Needs::KeyAdmin)?
            .ok_or_else(|| Error::SshOnlyConnection(ssh_connection.name.to_string()))?;
        let bitbucket = app.authenticated_client(&selected)?;
        let repo = ssh_connection
            .repository()
            .normalized(selected.connection.deployment);
        let mut owner = KeyOwner::Repository(repo.clone());
        let (mut registered, mut new_key_registered, mut unseen) = (None, false, None);
        for candidate in candidate_owners(app, &selected, &bitbucket, &repo) {
            let is_first = matches!(candidate, KeyOwner::Repository(_));
            let keys = match app.block_on(bitbucket.keys(&candidate))? {
                Ok(keys) => keys,
                // What this credential must not read, it has not registered.
                Err(error @ ApiError::Forbidden { .. }) if !is_first => {
                    unseen = unseen.or(Some(InaccessibleOwner {
                        owner: candidate,
                        error,
                    }));
                    continue;
                }
                Err(ApiError::NotFound(_) | ApiError::Unauthorized(_)) if !is_first => continue,
                Err(error) => return Err(selected.describe_key_error(error, &candidate)),
            };
            let is = |key: &RegisteredKey, public: Option<&PublicKey>| {
                public.is_some_and(|public| key.has_public_key(public))
            };
            let found = keys.iter().find(|key| is(key, old)).cloned();
            new_key_registered = keys.iter().any(|key| is(key, new));
            if found.is_some() || new_key_registered {
                (owner, registered) = (candidate, found);
                break;
            }
        }
        selected.require_key_admin(&owner)?;
        if let KeyOwner::Repository(repo) = &owner {
            owner = KeyOwner::Repository(bitbucket.current_name(repo));
        }
        Ok(Self {
            ssh_connection,
            selected,
            bitbucket,
            owner,
            old: registered,
            new_key_registered,
            unseen,
        })
    }

    /// Fails where the key was not found: its replacement would be registered at the wrong owner.
    pub(crate) fn require_found(self) -> Result<Self, Error> {
        if self.old.is_some() || self.new_key_registered {
            return Ok(self);
        }
        if let Some(InaccessibleOwner { owner, error }) = self.unseen {
            return Err(self.selected.describe_key_error(error, &owner));
        }
        let url = self.ssh_connection.connection.clone_url.as_deref();
        Err(Error::not_found(
            format!(
                "no registration found for the key {}",
                self.ssh_connection.key.display()
            ),
            format!(
                "run `bbconnect connect {} --name {}`",
                quote(url.unwrap_or_default()),
                self.ssh_connection.name
            ),
        ))
    }

    /// Where the key is registered.
    pub(crate) fn owner(&self) -> &KeyOwner {
        &self.owner
    }

    /// The repository, where the key is registered with one.
    pub(crate) fn repository(&self) -> Option<&RepoId> {
        match &self.owner {
            KeyOwner::Repository(repo) => Some(repo),
            KeyOwner::Project { .. } | KeyOwner::Account => None,
        }
    }

    /// Registers the new key with title and access of the old one. Returns its id where it was not registered before.
    pub(crate) fn register(&self, app: &App, public: &PublicKey) -> Result<Option<String>, Error> {
        let label = self.old.as_ref().and_then(|old| old.label.clone());
        let access = self.old.as_ref().map(|old| old.access);
        let key = NewKey {
            public: public.clone(),
            title: label.unwrap_or_else(|| format!("bbconnect {}", self.owner)),
            access: access.unwrap_or(if self.owner == KeyOwner::Account {
                Access::Write
            } else {
                Access::Read
            }),
            lifetime: None,
        };
        let registry = KeyRegistry {
            app,
            selected: &self.selected,
            bitbucket: &self.bitbucket,
            owner: &self.owner,
        };
        let (registered, action) = registry.register(&key, OnAccessMismatch::Upgrade)?;
        Ok((action == Action::Created).then_some(registered.id))
    }

    /// Removes the old key. One that no longer exists is no failure.
    pub(crate) fn remove_old(&self, app: &App) -> Result<(), Error> {
        let Some(old) = &self.old else { return Ok(()) };
        self.remove(app, &old.id)
    }

    /// Removes a key by its id.
    pub(crate) fn remove(&self, app: &App, id: &str) -> Result<(), Error> {
        match app.block_on(self.bitbucket.remove_key(&self.owner, id))? {
            Ok(()) | Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(self.selected.describe_key_error(error, &self.owner)),
        }
    }
}

/// The possible owners, the one with the least access first.
fn candidate_owners(
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    repo: &RepoId,
) -> Vec<KeyOwner> {
    let project = if selected.connection.deployment == Deployment::Cloud {
        let repository = app.block_on(bitbucket.repository(repo));
        let key = repository.ok().and_then(Result::ok);
        key.and_then(|repository| repository.project)
            .map(|key| KeyOwner::Project {
                workspace: Some(repo.namespace.clone()),
                key,
            })
    } else {
        Some(KeyOwner::Project {
            workspace: None,
            key: repo.namespace.clone(),
        })
    };
    [
        Some(KeyOwner::Repository(repo.clone())),
        project,
        Some(KeyOwner::Account),
    ]
    .into_iter()
    .flatten()
    .collect()
}
