//! Registers SSH keys with repositories, projects and accounts. Credentials that can't register keys are refused before
//! anything is changed, and registered keys are recognised.

use super::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity, Scopes};
use crate::error::{Error, RejectionKind};
use crate::resolve::SelectedConnection;
use crate::types::action::Action;
use crate::types::connection::AuthMethod;
use crate::types::hint::Hint;
use crate::types::operation::refusal_hint;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisterOutcome, RegisteredKey};
use crate::types::scope::GrantedScopes;

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
        Err(Error::rejected(
            RejectionKind::Forbidden,
            format!("{what} (connection {})", self.name),
            format!(
                "use {}; or pass --register manual to `bbconnect connect`",
                owner.required_scope(self.connection.deployment)
            ),
        ))
    }

    /// An error of a request about keys, with the permissions that the request needs.
    pub(crate) fn describe_key_error(&self, error: ApiError, owner: &KeyOwner) -> Error {
        let ApiError::Forbidden {
            required, granted, ..
        } = &error
        else {
            return self.describe_api_error(error);
        };
        let granted = GrantedScopes::of(granted.iter().map(String::as_str));
        let hint = if required.is_empty() || granted.is_empty() {
            let needs = owner.required_scope(self.connection.deployment);
            format!("keys of {owner} require {needs}")
        } else {
            refusal_hint(required, &granted)
        };
        Error::Api {
            causes: Some(hint.into()),
            error,
        }
    }
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

    /// Registers a key, unless it is registered.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the key is registered with another access, or elsewhere and may not be registered twice, or
    /// the server refuses the type of key; [`Error::Api`].
    pub(crate) fn register_key(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let _progress = self.ui.progress("registering the public key");
        let response = self.block_on(bitbucket.register_key(owner, key))?;
        let registered = response.map_err(|error| {
            if let ApiError::ClientError {
                status: 400,
                message,
            } = &error
            {
                return Error::rejected(
                    RejectionKind::Other,
                    format!("the server refuses the key: {message}"),
                    "use a key of another type: run `bbconnect keygen --type rsa-4096`",
                );
            }
            selected.describe_key_error(error, owner)
        })?;
        match registered {
            RegisterOutcome::Created(created) => Ok((created, Action::Created)),
            RegisterOutcome::InUseElsewhere(words) => Err(Error::rejected(
                RejectionKind::Conflict,
                format!("the key is already registered elsewhere: {words}"),
                "a key can be registered with repositories or with one account, not both; pass --key FILE with \
                 another key",
            )),
            RegisterOutcome::AlreadyRegistered(existing) => {
                self.reconcile_existing(selected, bitbucket, owner, key, existing, otherwise)
            }
        }
    }

    /// What [`App::register_key`] would do, as far as the list of keys shows.
    ///
    /// Some keys are refused only by the server.
    pub(crate) fn plan_key_registration(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let keys = self.keys(selected, bitbucket, owner)?;
        self.require_key_scopes(selected, bitbucket, owner)?;
        match keys
            .into_iter()
            .find(|known| known.has_public_key(&key.public))
        {
            Some(known) if has_required_access(&known, key, otherwise) => {
                Ok((known, Action::Unchanged))
            }
            Some(known) if otherwise == OnAccessMismatch::Fail => Err(conflict(owner, &known)),
            Some(known) => Ok((known, Action::WouldUpdate)),
            None => Ok((
                RegisteredKey {
                    id: String::new(),
                    label: Some(key.title.clone()),
                    fingerprint: Some(key.public.fingerprint()),
                    algorithm: Some(key.public.algorithm().to_owned()),
                    access: key.access,
                    registered_as: owner.registers_as(selected.connection.deployment),
                    created_on: None,
                    last_used_on: None,
                    expires_on: None,
                    warning: None,
                    public_key: Some(key.public.clone()),
                },
                Action::WouldCreate,
            )),
        }
    }

    fn keys(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
    ) -> Result<Vec<RegisteredKey>, Error> {
        let response = self.block_on(bitbucket.keys(owner))?;
        response.map_err(|error| selected.describe_key_error(error, owner))
    }

    /// Checks what can be known before a key is registered: whether the credential may list the keys, and its scopes.
    pub(crate) fn require_key_access(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
    ) -> Result<(), Error> {
        self.keys(selected, bitbucket, owner)?;
        self.require_key_scopes(selected, bitbucket, owner)
    }

    /// Refuses a credential of Cloud with scopes that allow listing keys but not registering them.
    fn require_key_scopes(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
    ) -> Result<(), Error> {
        let Ok(Identity {
            scopes: Scopes::Granted(scopes),
            ..
        }) = self.identify(selected, bitbucket)
        else {
            return Ok(());
        };
        let required = match (selected.connection.auth(), owner) {
            (AuthMethod::ApiToken, _) => "write:ssh-key:bitbucket",
            (AuthMethod::OAuth | AuthMethod::ClientCredentials, KeyOwner::Account) => {
                "account:write"
            }
            _ => return Ok(()),
        };
        if scopes.iter().any(|scope| scope == required) {
            return Ok(());
        }
        Err(Error::rejected(
            RejectionKind::Forbidden,
            format!("connection {} lacks the scope {required}", selected.name),
            format!(
                "keys of {owner} require {}",
                owner.required_scope(selected.connection.deployment)
            ),
        ))
    }

    fn reconcile_existing(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        existing: RegisteredKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        if has_required_access(&existing, key, otherwise) {
            return Ok((existing, Action::Unchanged));
        }
        if otherwise == OnAccessMismatch::Fail {
            return Err(conflict(owner, &existing));
        }
        let response = self.block_on(bitbucket.set_key_access(owner, &existing.id, key.access))?;
        let changed = response.map_err(|error| selected.describe_key_error(error, owner))?;
        if changed {
            let access = key.access;
            Ok((RegisteredKey { access, ..existing }, Action::Updated))
        } else {
            Err(conflict(owner, &existing))
        }
    }
}

fn has_required_access(
    existing: &RegisteredKey,
    key: &NewKey,
    otherwise: OnAccessMismatch,
) -> bool {
    match otherwise {
        OnAccessMismatch::Fail => existing.access == key.access,
        OnAccessMismatch::Upgrade => existing.access == Access::Write || key.access == Access::Read,
    }
}

fn conflict(owner: &KeyOwner, existing: &RegisteredKey) -> Error {
    Error::rejected(
        RejectionKind::Conflict,
        format!(
            "the key is already registered as {} {}, with {} access",
            existing.registered_as, existing.id, existing.access
        ),
        Hint::from("remove that key first: ")
            .with_command("key remove")
            .with_text(format!(" {} {}", existing.id, owner.flag())),
    )
}
