//! Registers SSH keys with repositories, projects and accounts. Credentials that can't register keys are refused before
//! anything is changed, and registered keys are recognised: at their repository, its project, or the account.

use super::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity, Scopes};
use crate::error::Error;
use crate::resolve::{Needs, SelectedConnection, SshConnection, Target};
use crate::types::action::Action;
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::refusal_hint;
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{
    Access, KeyOperation, KeyOwner, NewKey, RegisterOutcome, RegisteredKey,
};
use crate::types::repository::RepoId;
use crate::types::scope::{GrantedScopes, ScopeSystem};
use crate::types::shell::quote;

/// What to do with a key that is registered with another access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAccessMismatch {
    Fail,
    /// Read access is extended to write access, write access is kept.
    Upgrade,
}

impl SelectedConnection {
    /// Refuses access tokens of Cloud, which may not change keys, whatever their scopes
    /// (<https://developer.atlassian.com/cloud/bitbucket/rest/intro/#access-tokens>).
    pub(crate) fn require_key_admin(&self, owner: &KeyOwner) -> Result<(), Error> {
        if self.connection.auth() != AuthMethod::AccessToken {
            return Ok(());
        }
        let what = match owner {
            KeyOwner::Account => {
                "access tokens belong to no account, so they cannot register its keys"
            }
            KeyOwner::Repository(_) | KeyOwner::Project { .. } => {
                "access tokens of Bitbucket Cloud cannot change deploy keys"
            }
        };
        Err(Error::forbidden(
            format!("{what} (connection {})", self.name),
            format!(
                "use {}; or pass --register manual to `bbconnect connect`",
                owner.required_scope(self.connection.deployment)
            ),
        ))
    }

    /// An error of a request about keys, with the permissions that the request needs.
    pub(crate) fn describe_key_error(
        &self,
        error: ApiError,
        owner: &KeyOwner,
        operation: KeyOperation,
    ) -> Error {
        let ApiError::Forbidden {
            required, granted, ..
        } = &error
        else {
            return self.describe_api_error(error);
        };
        let granted = GrantedScopes::from_names(granted.iter().map(String::as_str));
        let hint = if granted.is_empty() || self.connection.deployment != Deployment::Cloud {
            let needs = owner.required_scope(self.connection.deployment);
            format!("keys of {owner} require {needs}")
        } else if required.is_empty() {
            let (api_token, classic) = owner.required_scopes(operation);
            let is_api_token = self.connection.auth() == AuthMethod::ApiToken
                || granted.uses(ScopeSystem::ApiToken);
            let own = if is_api_token {
                &api_token[..]
            } else {
                classic
            };
            let own: Vec<String> = own.iter().map(ToString::to_string).collect();
            refusal_hint(&own, &granted)
        } else {
            refusal_hint(required, &granted)
        };
        Error::Api {
            causes: Some(hint.into()),
            error,
        }
    }
}

/// The keys of a repository, a project or the account, changed with the credential of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRegistry<'a> {
    pub app: &'a App,
    pub selected: &'a SelectedConnection,
    pub bitbucket: &'a Bitbucket,
    pub owner: &'a KeyOwner,
}

impl KeyRegistry<'_> {
    /// Registers a key, unless it is registered.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the key is registered with another access, or elsewhere and may not be registered twice, or
    /// the server refuses the type of key; [`Error::Api`].
    pub(crate) fn register(
        self,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let _progress = self.app.ui.progress("registering the public key");
        let response = self.bitbucket.register_key(self.owner, key);
        let registered = self.app.block_on(response)?.map_err(|error| {
            if let ApiError::ClientError {
                status: 400,
                message,
            } = &error
            {
                return Error::failed(
                    format!("the server refuses the key: {message}"),
                    "use a key of another type: run `bbconnect keygen --type rsa-4096`",
                );
            }
            self.describe(error, KeyOperation::Write)
        })?;
        match registered {
            RegisterOutcome::Created(created) => Ok((created, Action::Created)),
            RegisterOutcome::InUseElsewhere(words) => Err(Error::conflict(
                format!("the key is already registered elsewhere: {words}"),
                "a key can be registered with repositories or with one account, not both; pass --key FILE with \
                 another key",
            )),
            RegisterOutcome::AlreadyRegistered(existing) => {
                self.reconcile(key, existing, otherwise)
            }
        }
    }

    /// What [`KeyRegistry::register`] would do, as far as the list of keys shows.
    ///
    /// Some keys are refused only by the server.
    pub(crate) fn plan(
        self,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let keys = self.keys()?;
        self.require_scopes()?;
        let mut keys = keys.into_iter();
        match keys.find(|known| known.has_public_key(&key.public)) {
            Some(known) => match self.compare(&known, key, otherwise)? {
                Comparison::Same => Ok((known, Action::Unchanged)),
                Comparison::LessAccess => {
                    let access = key.access;
                    Ok((RegisteredKey { access, ..known }, Action::WouldUpdate))
                }
            },
            None => Ok((
                RegisteredKey {
                    id: String::new(),
                    label: Some(key.title.clone()),
                    fingerprint: Some(key.public.fingerprint()),
                    algorithm: Some(key.public.algorithm().to_owned()),
                    access: key.access,
                    registered_as: self.owner.registers_as(self.selected.connection.deployment),
                    created_on: None,
                    last_used_on: None,
                    expires_on: key.expires_on(),
                    expires_on_unknown_day: false,
                    warning: None,
                    public_key: Some(key.public.clone()),
                },
                Action::WouldCreate,
            )),
        }
    }

    fn keys(self) -> Result<Vec<RegisteredKey>, Error> {
        let response = self.app.block_on(self.bitbucket.keys(self.owner))?;
        response.map_err(|error| self.describe(error, KeyOperation::List))
    }

    /// Checks what can be known before a key is registered: whether the credential may list the keys, and its scopes.
    pub(crate) fn require_access(self) -> Result<(), Error> {
        self.keys()?;
        self.require_scopes()
    }

    /// Refuses a credential of Cloud with scopes that allow listing keys but not registering them.
    fn require_scopes(self) -> Result<(), Error> {
        let Ok(Identity {
            scopes: Scopes::Granted(scopes),
            ..
        }) = self.app.identify(self.selected, self.bitbucket)
        else {
            return Ok(());
        };
        let connection = &self.selected.connection;
        let required = match (connection.auth(), self.owner) {
            (AuthMethod::ApiToken, _) => "write:ssh-key:bitbucket",
            (AuthMethod::OAuth | AuthMethod::ClientCredentials, KeyOwner::Account) => {
                "account:write"
            }
            _ => return Ok(()),
        };
        if scopes.iter().any(|scope| scope == required) {
            return Ok(());
        }
        let (name, owner) = (&self.selected.name, self.owner);
        Err(Error::forbidden(
            format!("connection {name} lacks the scope {required}"),
            format!(
                "keys of {owner} require {}",
                owner.required_scope(connection.deployment)
            ),
        ))
    }

    /// Gives a registered key the access of the new one.
    fn reconcile(
        self,
        key: &NewKey,
        existing: RegisteredKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        if self.compare(&existing, key, otherwise)? == Comparison::Same {
            return Ok((existing, Action::Unchanged));
        }
        let access = key.access;
        let response = self
            .bitbucket
            .set_key_access(self.owner, &existing.id, access);
        let is_changed = self
            .app
            .block_on(response)?
            .map_err(|error| self.describe(error, KeyOperation::Write))?;
        if is_changed {
            Ok((RegisteredKey { access, ..existing }, Action::Updated))
        } else {
            Err(self.other_access(&existing, key))
        }
    }

    fn describe(self, error: ApiError, operation: KeyOperation) -> Error {
        self.selected
            .describe_key_error(error, self.owner, operation)
    }

    /// Compares a registered key with the requested one. A key that expires earlier was registered by an earlier run.
    ///
    /// # Errors
    /// [`Error::Rejected`] where the registered key must not be changed.
    fn compare(
        self,
        existing: &RegisteredKey,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<Comparison, Error> {
        let lasts_longer = |wanted| existing.expires_on.is_none_or(|date| date > wanted);
        if key.expires_on().is_some_and(lasts_longer) {
            return Err(self.other_expiry(existing));
        }
        let reads_only = existing.access == Access::Read && key.access == Access::Write;
        match otherwise {
            OnAccessMismatch::Fail if existing.access != key.access => {
                Err(self.other_access(existing, key))
            }
            OnAccessMismatch::Upgrade if reads_only => Ok(Comparison::LessAccess),
            OnAccessMismatch::Fail | OnAccessMismatch::Upgrade => Ok(Comparison::Same),
        }
    }

    fn other_expiry(self, existing: &RegisteredKey) -> Error {
        let expires = existing.expires_on.map_or_else(
            || "does not expire".to_owned(),
            |date| format!("expires on {date}"),
        );
        Error::conflict(
            format!(
                "the key is already registered as {} {}, which {expires}",
                existing.registered_as, existing.id
            ),
            Hint::from("the expiry date cannot be changed; remove that key first: ")
                .with_command("key remove")
                .with_text(format!(" {} {}", existing.id, self.owner.flag())),
        )
    }

    fn other_access(self, existing: &RegisteredKey, key: &NewKey) -> Error {
        let (id, flag, access) = (&existing.id, self.owner.flag(), key.access);
        Error::conflict(
            format!(
                "the key is already registered as {} {id}, with {} access",
                existing.registered_as, existing.access
            ),
            Hint::from("change its access: ")
                .with_command("key edit")
                .with_text(format!(" {id} {flag} --access {access}")),
        )
    }
}

/// How a registered key compares with the requested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Same,
    /// It reads, and is to be extended.
    LessAccess,
}

impl App {
    /// Account and scopes of the credential.
    pub(crate) fn identify(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
    ) -> Result<Identity, Error> {
        let context = CredentialContext::from(&selected.connection);
        let identity = self.block_on(bitbucket.identify(&context))?;
        identity.map_err(|error| selected.describe_api_error(error))
    }
}

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
                Err(error) => {
                    return Err(selected.describe_key_error(error, &candidate, KeyOperation::List));
                }
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
            return Err(self
                .selected
                .describe_key_error(error, &owner, KeyOperation::List));
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
            access: access.unwrap_or(self.owner.access(false)),
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
            Err(error) => {
                Err(self
                    .selected
                    .describe_key_error(error, &self.owner, KeyOperation::Remove))
            }
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
