//! Registering SSH keys with whoever applies: what cannot work is said beforehand, and what is there is recognised.

use serde::Serialize;

use super::{Chosen, Context};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, No};
use crate::model::connection::Auth;
use crate::model::registered_key::{Access, KeyOwner, NewKey, Registered, RegisteredKey};

/// What was done about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was registered.
    Created,
    /// It was given another access.
    Updated,
    /// It was as it should be.
    Unchanged,
    /// It was taken away.
    Removed,
    /// It would be registered.
    WouldCreate,
    /// It would be given another access.
    WouldUpdate,
    /// It would be taken away.
    WouldRemove,
}

/// What to do with a key that is there with another access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It is a conflict.
    Refuse,
    /// It is given what it lacks; more than was asked for stays.
    Widen,
}

impl Chosen {
    /// Refuses what this credential can never do: access tokens of Cloud may not change keys, whatever their scopes
    /// (<https://developer.atlassian.com/cloud/bitbucket/rest/intro/#access-tokens>).
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn check_changes_keys(&self, owner: &KeyOwner) -> Result<(), Error> {
        if self.connection.auth != Auth::AccessToken {
            return Ok(());
        }
        let what = match owner {
            KeyOwner::Account => "access tokens have no account, so they have no keys of their own",
            KeyOwner::Repository(_) | KeyOwner::Project { .. } => {
                "Bitbucket Cloud lets no access token change deploy keys, whatever its scopes"
            }
        };
        Err(Error::no(
            No::NotPermitted,
            format!("{what} (connection {})", self.name),
            &format!(
                "use a connection with {}; or paste the public key yourself, with connect --register manual",
                owner.needs(self.connection.deployment)
            ),
        ))
    }

    /// What the server said about keys; where a right is missing, with what to tick.
    #[must_use]
    pub fn explained_about_keys(&self, error: ApiError, owner: &KeyOwner) -> Error {
        let ApiError::Forbidden { required, .. } = &error else {
            return self.explained(error);
        };
        let lacks = if required.is_empty() {
            String::new()
        } else {
            format!("it lacks {}; ", required.join(", "))
        };
        let needs = owner.needs(self.connection.deployment);
        Error::Api {
            causes: Some(format!("{lacks}the keys of {owner} need {needs}")),
            error,
        }
    }
}

impl Context {
    /// Registers a key, or finds that it is registered.
    ///
    /// # Errors
    /// [`Error::Refused`] where the key is there with another access, or somewhere else where it may not be at the same
    /// time, or the server takes no such key; [`Error::Api`].
    pub fn register(
        &self,
        chosen: &Chosen,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: Otherwise,
    ) -> Result<(RegisteredKey, Action), Error> {
        let _progress = self.output.progress("registering the public key");
        let asked = self.wait(bitbucket.register_key(owner, key))?;
        let registered = asked.map_err(|error| {
            if let ApiError::Refused {
                status: 400,
                message,
            } = &error
            {
                return Error::no(
                    No::Otherwise,
                    format!("the server refuses the key: {message}"),
                    "another kind may do: --type rsa-4096 is taken everywhere",
                );
            }
            chosen.explained_about_keys(error, owner)
        })?;
        match registered {
            Registered::Created(created) => Ok((created, Action::Created)),
            Registered::Taken(words) => Err(Error::no(
                No::Conflict,
                format!("the key is registered somewhere else: {words}"),
                "a key belongs to repositories or to one account, never to both: name another with --key FILE",
            )),
            Registered::Existing(existing) => {
                self.as_wanted(chosen, bitbucket, owner, key, existing, otherwise)
            }
        }
    }

    /// What [`Context::register`] would do, as far as the list of keys tells.
    ///
    /// # Errors
    /// As [`Context::register`], but for what only the server can refuse.
    pub fn would_register(
        &self,
        chosen: &Chosen,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        otherwise: Otherwise,
    ) -> Result<(RegisteredKey, Action), Error> {
        let asked = self.wait(bitbucket.keys(owner))?;
        let keys = asked.map_err(|error| chosen.explained_about_keys(error, owner))?;
        match keys.into_iter().find(|known| known.is(&key.public)) {
            Some(known) if is_enough(&known, key, otherwise) => Ok((known, Action::Unchanged)),
            Some(known) if otherwise == Otherwise::Refuse => Err(conflict(owner, &known)),
            Some(known) => Ok((known, Action::WouldUpdate)),
            None => Ok((
                RegisteredKey {
                    id: String::new(),
                    label: Some(key.title.clone()),
                    fingerprint: Some(key.public.fingerprint()),
                    algorithm: Some(key.public.algorithm().to_owned()),
                    access: key.access,
                    registered_as: owner.registers_as(chosen.connection.deployment),
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

    fn as_wanted(
        &self,
        chosen: &Chosen,
        bitbucket: &Bitbucket,
        owner: &KeyOwner,
        key: &NewKey,
        existing: RegisteredKey,
        otherwise: Otherwise,
    ) -> Result<(RegisteredKey, Action), Error> {
        if is_enough(&existing, key, otherwise) {
            return Ok((existing, Action::Unchanged));
        }
        if otherwise == Otherwise::Refuse {
            return Err(conflict(owner, &existing));
        }
        let asked = self.wait(bitbucket.change_key(owner, &existing.id, key.access))?;
        let changed = asked.map_err(|error| chosen.explained_about_keys(error, owner))?;
        if changed {
            let access = key.access;
            Ok((RegisteredKey { access, ..existing }, Action::Updated))
        } else {
            Err(conflict(owner, &existing))
        }
    }
}

fn is_enough(existing: &RegisteredKey, key: &NewKey, otherwise: Otherwise) -> bool {
    match otherwise {
        Otherwise::Refuse => existing.access == key.access,
        Otherwise::Widen => existing.access == Access::Write || key.access == Access::Read,
    }
}

fn conflict(owner: &KeyOwner, existing: &RegisteredKey) -> Error {
    Error::no(
        No::Conflict,
        format!(
            "the key is registered already, as {} {}, to {}",
            existing.registered_as, existing.id, existing.access
        ),
        &format!(
            "bbconnect key remove {} {} takes it away",
            existing.id,
            owner.flag()
        ),
    )
}
