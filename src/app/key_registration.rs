//! Registration of SSH keys. What cannot work is refused before a request; an existing registration is recognised.

use super::App;
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, RejectionKind};
use crate::resolve::SelectedConnection;
use crate::types::action::Action;
use crate::types::connection::AuthMethod;
use crate::types::hint::Hint;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisterOutcome, RegisteredKey};

/// What to do with a key that is registered with another access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAccessMismatch {
    /// It is a conflict.
    Fail,
    /// Missing access is added; more access than requested stays.
    Upgrade,
}

impl SelectedConnection {
    /// Refuses credentials that can never change keys: access tokens of Cloud, whatever their scopes
    /// (<https://developer.atlassian.com/cloud/bitbucket/rest/intro/#access-tokens>).
    ///
    /// # Errors
    /// [`Error::Rejected`].
    pub(crate) fn require_key_admin(&self, owner: &KeyOwner) -> Result<(), Error> {
        if self.connection.auth() != AuthMethod::AccessToken {
            return Ok(());
        }
        let what = match owner {
            KeyOwner::Account => "access tokens have no account, so they have no keys of their own",
            KeyOwner::Repository(_) | KeyOwner::Project { .. } => {
                "Bitbucket Cloud lets no access token change deploy keys, whatever its scopes"
            }
        };
        Err(Error::rejected(
            RejectionKind::Forbidden,
            format!("{what} (connection {})", self.name),
            format!(
                "use a connection with {}; or paste the public key yourself, with connect --register manual",
                owner.required_scope(self.connection.deployment)
            ),
        ))
    }

    /// An error of the server about keys; for a missing permission with the scopes to select.
    #[must_use]
    pub(crate) fn describe_key_error(&self, error: ApiError, owner: &KeyOwner) -> Error {
        let ApiError::Forbidden { required, .. } = &error else {
            return self.describe_api_error(error);
        };
        let lacks = if required.is_empty() {
            String::new()
        } else {
            format!("it lacks {}; ", required.join(", "))
        };
        let needs = owner.required_scope(self.connection.deployment);
        Error::Api {
            causes: Some(format!("{lacks}the keys of {owner} need {needs}").into()),
            error,
        }
    }
}

impl App {
    /// Registers a key, unless it is registered already.
    ///
    /// # Errors
    /// [`Error::Rejected`] where the key is registered with another access, or at another owner that excludes this one, or
    /// where the server does not accept the type of key; [`Error::Api`].
    pub(crate) fn register_key(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let _progress = self.ui.progress("registering the public key");
        let asked = self.block_on(bitbucket.register_key(owner, key))?;
        let registered = asked.map_err(|error| {
            if let ApiError::ClientError {
                status: 400,
                message,
            } = &error
            {
                return Error::rejected(
                    RejectionKind::Other,
                    format!("the server refuses the key: {message}"),
                    "another kind may do: --type rsa-4096 is taken everywhere",
                );
            }
            selected.describe_key_error(error, owner)
        })?;
        match registered {
            RegisterOutcome::Created(created) => Ok((created, Action::Created)),
            RegisterOutcome::InUseElsewhere(words) => Err(Error::rejected(
                RejectionKind::Conflict,
                format!("the key is registered somewhere else: {words}"),
                "a key belongs to repositories or to one account, never to both: name another with --key FILE",
            )),
            RegisterOutcome::AlreadyRegistered(existing) => {
                self.reconcile_existing(selected, bitbucket, owner, key, existing, otherwise)
            }
        }
    }

    /// What [`App::register_key`] would do, according to the list of keys.
    ///
    /// # Errors
    /// As [`App::register_key`], but for what only the server can refuse.
    pub(crate) fn plan_key_registration(
        &self,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: OnAccessMismatch,
    ) -> Result<(RegisteredKey, Action), Error> {
        let asked = self.block_on(bitbucket.keys(owner))?;
        let keys = asked.map_err(|error| selected.describe_key_error(error, owner))?;
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
        let asked = self.block_on(bitbucket.set_key_access(owner, &existing.id, key.access))?;
        let changed = asked.map_err(|error| selected.describe_key_error(error, owner))?;
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
            "the key is registered already, as {} {}, to {}",
            existing.registered_as, existing.id, existing.access
        ),
        Hint::command("key remove").with_text(format!(
            " {} {} takes it away",
            existing.id,
            owner.flag()
        )),
    )
}
