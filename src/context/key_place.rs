//! Where a key is registered: with its repository, the project of that, or the account.

use super::registration::{Action, Otherwise};
use super::{Chosen, Context, Keyed};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, No};
use crate::model::deployment::Deployment;
use crate::model::public_key::PublicKey;
use crate::model::registered_key::{Access, KeyOwner, NewKey, RegisteredKey};
use crate::model::repository::RepoPath;

/// Where the key of a connection is registered, and who may change that.
#[derive(Debug)]
pub struct KeyPlace {
    /// The connection.
    pub keyed: Keyed,
    chosen: Chosen,
    bitbucket: Bitbucket,
    owner: KeyOwner,
    /// The old key, while it is registered.
    pub old: Option<RegisteredKey>,
    /// Whether the key that follows it is registered.
    pub has_new: bool,
    /// A place that may not be looked at.
    unseen: Option<Unseen>,
}

/// A place that may not be looked at, and what the server says of it.
#[derive(Debug)]
struct Unseen {
    owner: KeyOwner,
    error: ApiError,
}

impl KeyPlace {
    /// Looks for a key, or for the one that follows it.
    ///
    /// # Errors
    /// [`Error::NoRest`] where no connection with REST is for the repository; [`Error::Refused`] for a credential that
    /// can change no keys; [`Error::Api`].
    pub fn find(
        context: &Context,
        keyed: Keyed,
        old: Option<&PublicKey>,
        new: Option<&PublicKey>,
    ) -> Result<Self, Error> {
        let chosen = context
            .rest_for_key_of(&keyed)?
            .ok_or_else(|| Error::NoRest(keyed.name.to_string()))?;
        let bitbucket = context.signed_in(&chosen)?;
        let path = RepoPath {
            namespace: keyed.url.namespace().unwrap_or_default(),
            slug: keyed.url.slug().to_owned(),
        }
        .for_deployment(chosen.connection.deployment);
        let mut owner = KeyOwner::Repository(path.clone());
        let (mut registered, mut has_new, mut unseen) = (None, false, None);
        for candidate in candidates(context, &chosen, &bitbucket, &path) {
            let is_first = matches!(candidate, KeyOwner::Repository(_));
            let keys = match context.wait(bitbucket.keys(&candidate))? {
                Ok(keys) => keys,
                // What this credential may not see, it did not register either.
                Err(error @ ApiError::Forbidden { .. }) if !is_first => {
                    unseen = unseen.or(Some(Unseen {
                        owner: candidate,
                        error,
                    }));
                    continue;
                }
                Err(ApiError::NotFound(_) | ApiError::Unauthorized(_)) if !is_first => continue,
                Err(error) => return Err(chosen.explained_about_keys(error, &candidate)),
            };
            let is = |key: &RegisteredKey, public: Option<&PublicKey>| {
                public.is_some_and(|public| key.is(public))
            };
            let found = keys.iter().find(|key| is(key, old)).cloned();
            has_new = keys.iter().any(|key| is(key, new));
            if found.is_some() || has_new {
                (owner, registered) = (candidate, found);
                break;
            }
        }
        chosen.check_changes_keys(&owner)?;
        Ok(Self {
            keyed,
            chosen,
            bitbucket,
            owner,
            old: registered,
            has_new,
            unseen,
        })
    }

    /// Refuses a key that is registered nowhere that can be seen: another in its place would be in the wrong one.
    ///
    /// # Errors
    /// [`Error::Api`] where a place may not be looked at, else [`Error::Refused`].
    pub fn check_found(self) -> Result<Self, Error> {
        if self.old.is_some() || self.has_new {
            return Ok(self);
        }
        if let Some(Unseen { owner, error }) = self.unseen {
            return Err(self.chosen.explained_about_keys(error, &owner));
        }
        let url = self.keyed.connection.clone_url.as_deref();
        Err(Error::no(
            No::NotThere,
            format!(
                "the key {} is registered nowhere that can be seen",
                self.keyed.key.display()
            ),
            &format!(
                "bbconnect connect {} --name {} registers it",
                shell_words::quote(url.unwrap_or_default()),
                self.keyed.name
            ),
        ))
    }

    /// Registers the key that follows, with what the old one has; answers with its id where it was not there before.
    ///
    /// # Errors
    /// As [`Context::register`].
    pub fn register(&self, context: &Context, public: &PublicKey) -> Result<Option<String>, Error> {
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
        };
        let (registered, action) = context.register(
            &self.chosen,
            &self.bitbucket,
            &self.owner,
            &key,
            Otherwise::Widen,
        )?;
        Ok((action == Action::Created).then_some(registered.id))
    }

    /// Takes the old key away. One that is gone already is no failure.
    ///
    /// # Errors
    /// [`Error::Api`].
    pub fn remove_old(&self, context: &Context) -> Result<(), Error> {
        let Some(old) = &self.old else { return Ok(()) };
        self.remove(context, &old.id)
    }

    /// Takes away what was registered by its id.
    ///
    /// # Errors
    /// As [`KeyPlace::remove_old`].
    pub fn remove(&self, context: &Context, id: &str) -> Result<(), Error> {
        match context.wait(self.bitbucket.remove_key(&self.owner, id))? {
            Ok(()) | Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(self.chosen.explained_about_keys(error, &self.owner)),
        }
    }
}

/// The places in the order of their reach.
fn candidates(
    context: &Context,
    chosen: &Chosen,
    bitbucket: &Bitbucket,
    path: &RepoPath,
) -> Vec<KeyOwner> {
    let project = if chosen.connection.deployment == Deployment::Cloud {
        let repository = context.wait(bitbucket.repository(path));
        let key = repository.ok().and_then(Result::ok);
        key.and_then(|repository| repository.project)
            .map(|key| KeyOwner::Project {
                workspace: Some(path.namespace.clone()),
                key,
            })
    } else {
        Some(KeyOwner::Project {
            workspace: None,
            key: path.namespace.clone(),
        })
    };
    [
        Some(KeyOwner::Repository(path.clone())),
        project,
        Some(KeyOwner::Account),
    ]
    .into_iter()
    .flatten()
    .collect()
}
