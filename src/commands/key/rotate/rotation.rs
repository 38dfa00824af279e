//! One key's turn: what is there, what is left to do, and doing it.

use std::fs;
use std::thread;
use std::time::Duration;

use super::output::{Action, Rotation};
use crate::app::{App, HostKeyEvidence, KeyLocation, RetryPolicy};
use crate::error::{Error, RejectionKind};
use crate::exit_status::ExitStatus;
use crate::resolve::SshConnection;
use crate::ssh::{KeyFiles, KeyPair, KeySwap, PrivateKeyFile, Stage};
use crate::types::key_type::KeyType;
use crate::types::public_key::PublicKey;
use crate::types::secret::Secret;
use crate::types::timestamp::Timestamp;

/// A git that began with the old key has this long to log in before the key is taken away.
const IN_FLIGHT_GRACE: Duration = Duration::from_secs(1);

/// Of the next key, where another kind is asked for.
const OTHER_KIND: &str = "an earlier run made and registered a key of another kind";

/// A key that is to be replaced, by all connections that have it.
#[derive(Debug)]
pub(super) struct KeyRotation {
    swap: KeySwap,
    locations: Vec<KeyLocation>,
    /// The key that is to go.
    old: PrivateKeyFile,
    stage: Stage,
    key_type: KeyType,
    /// A key of another kind than the one that is asked for, made by a run that was cut off, and registered nowhere.
    replaces_next: bool,
    /// One of another kind that is registered already.
    keeps_next: bool,
}

impl KeyRotation {
    /// Looks at the files and at the servers. Nothing is changed.
    pub(super) fn prepare(
        app: &App,
        group: Vec<SshConnection>,
        key_type: Option<KeyType>,
    ) -> Result<Self, Error> {
        let Some(first) = group.first() else {
            return Err(Error::rejected(
                RejectionKind::NotFound,
                "no connection has an SSH key",
                "",
            ));
        };
        let swap = KeySwap::new(&first.key);
        let stage = swap.stage();
        let old = PrivateKeyFile::read(&match stage {
            Stage::Swapped => swap.old(),
            Stage::Idle | Stage::NextReady => first.key.clone(),
        })?;
        let next = PrivateKeyFile::read(&match stage {
            Stage::Swapped if !swap.next().exists() => first.key.clone(),
            Stage::Idle | Stage::NextReady | Stage::Swapped => swap.next(),
        });
        let next = next.ok().map(|next| next.public);
        let is_other = |asked: KeyType| {
            stage == Stage::NextReady
                && next.as_ref().is_none_or(|next| next.kind() != asked.name())
        };
        let locations: Vec<KeyLocation> = group
            .into_iter()
            .map(|ssh_connection| {
                KeyLocation::find(app, ssh_connection, Some(&old.public), next.as_ref())?
                    .require_found()
            })
            .collect::<Result<_, Error>>()?;
        let is_other = key_type.is_some_and(is_other);
        let is_registered = locations.iter().any(|location| location.new_key_registered);
        let same = [KeyType::Ecdsa256, KeyType::Rsa4096, KeyType::Ed25519]
            .into_iter()
            .find(|same| same.name() == old.public.kind());
        Ok(Self {
            replaces_next: is_other && !is_registered,
            keeps_next: is_other && is_registered,
            key_type: key_type.or(same).unwrap_or(KeyType::Ecdsa256),
            swap,
            locations,
            old,
            stage,
        })
    }

    pub(super) fn first(&self) -> &SshConnection {
        // A turn is made of at least one.
        &self.locations[0].ssh_connection
    }

    /// Whether an earlier run was cut off.
    pub(super) fn is_unfinished(&self) -> bool {
        self.stage != Stage::Idle
    }

    pub(super) fn generates_key(&self) -> bool {
        self.stage == Stage::Idle || self.replaces_next
    }

    /// Whether a key goes that bbconnect did not make, such as somebody's own. Also of a rotation that was cut off:
    /// whoever goes on with it may be somebody else.
    pub(super) fn replaces_foreign_key(&self) -> bool {
        let name = self.first().key.file_name().unwrap_or_default();
        !name.to_string_lossy().starts_with("bbconnect_")
    }

    pub(super) fn is_locked(&self) -> bool {
        self.old.has_passphrase
    }

    /// How many days ago the key was registered, or made where the server does not tell.
    pub(super) fn age(&self, now: Timestamp) -> Option<i64> {
        let told = self
            .locations
            .iter()
            .filter_map(|location| location.old.as_ref()?.created_on);
        let made = || {
            let changed = fs::metadata(&self.old.path).and_then(|file| file.modified());
            changed.ok().map(Timestamp::from)
        };
        told.min().or_else(made).map(|since| since.days_until(now))
    }

    pub(super) fn described(&self) -> String {
        let rotation = self.rotation(Action::WouldRotate);
        let age = rotation.age_days.unwrap_or_default();
        let whose = rotation.message.map(|message| format!("; {message}"));
        format!(
            "{}: {}, {age} days old{}",
            rotation.connections.join(", "),
            rotation.key_path,
            whose.unwrap_or_default()
        )
    }

    pub(super) fn rotation(&self, action: Action) -> Rotation {
        let names = self
            .locations
            .iter()
            .map(|location| location.ssh_connection.name.to_string());
        let message = if self.keeps_next {
            Some(OTHER_KIND)
        } else {
            (action == Action::WouldRotate && self.replaces_foreign_key())
                .then_some("bbconnect did not make this key")
        };
        Rotation {
            connections: names.collect(),
            action,
            key_path: self.first().key.to_string_lossy().into_owned(),
            before: Some(self.old.public.fingerprint()),
            after: None,
            age_days: self.age(Timestamp::now()),
            message: message.map(str::to_owned),
            exit: ExitStatus::Success,
        }
    }

    /// Does what is left to do.
    pub(super) fn execute(self, app: &App, passphrase: Option<&Secret>) -> Result<Rotation, Error> {
        let key = self.first().key.clone();
        let tell = |what: String| app.ui.print_step(&format!("ok    {what}"));
        if self.stage != Stage::Swapped {
            let next = self.next(app, passphrase)?;
            tell(format!("made {}", next.public.fingerprint()));
            if self.keeps_next {
                let note = format!("note  {OTHER_KIND}: {}", next.public.kind());
                app.ui.print_step(&note);
            }
            let mut registered = Vec::new();
            self.register_and_verify(app, &next, &mut registered)
                .inspect_err(|error| self.roll_back(app, error, &registered))?;
            tell("registered, and let in by the server".to_owned());
        }
        let is_in_place = |key: &PublicKey| *key != self.old.public;
        let current = PrivateKeyFile::read(&key);
        if self.stage != Stage::Swapped
            || !current.is_ok_and(|current| is_in_place(&current.public))
        {
            self.swap.swap()?;
        }
        let new = PrivateKeyFile::read(&key)?;
        tell(format!("{} is the new key", key.display()));
        // Also after an interruption nothing is taken away before the new one was seen to work.
        self.register_and_verify(app, &new, &mut Vec::new())?;
        thread::sleep(IN_FLIGHT_GRACE);
        self.swap.sync()?;
        for location in &self.locations {
            location.remove_old(app).inspect_err(|_| {
                let key = key.display();
                app.ui.print_step(&format!(
                    "note  {key} is the new key already; run it again to take the old one away"
                ));
            })?;
        }
        self.swap.finish()?;
        let was_there = self.locations.iter().any(|location| location.old.is_some());
        tell(if was_there {
            "the old key is taken away".to_owned()
        } else {
            "the old key was registered no more".to_owned()
        });
        Ok(Rotation {
            after: Some(new.public.fingerprint()),
            ..self.rotation(Action::Rotated)
        })
    }

    /// The key that follows: made now, or by a run that was cut off.
    fn next(&self, app: &App, passphrase: Option<&Secret>) -> Result<PrivateKeyFile, Error> {
        let path = self.swap.next();
        if path.exists() && !self.replaces_next {
            return Ok(PrivateKeyFile::read(&path)?);
        }
        let _progress = app.ui.progress(&format!("making an {} key", self.key_type));
        let pair = KeyPair::generate(self.key_type, self.old.public.comment())?;
        let files = KeyFiles::new(&path)?;
        let private = pair.private_pem(passphrase)?;
        // Only its private half makes a key; a public one alone is of a run that was cut off.
        KeyFiles::write_all(&[(&files, &private, &pair.public_line()?)], true)?;
        Ok(PrivateKeyFile::read(&path)?)
    }

    /// A key that a server refuses is of no use. What could not be taken away keeps its file.
    fn roll_back(&self, app: &App, error: &Error, registered: &[(&KeyLocation, String)]) {
        let is_refused = matches!(
            error,
            Error::Rejected {
                no: RejectionKind::Other,
                ..
            }
        );
        if !is_refused
            || self
                .locations
                .iter()
                .any(|location| location.new_key_registered)
        {
            return;
        }
        let mut all = registered.iter();
        if all.all(|(place, id)| place.remove(app, id).is_ok()) {
            // On the way out of an error, which is what is reported.
            drop(self.swap.discard_next());
        }
    }

    /// Registers a key with all places, of which those are added to `registered` that did not have it.
    fn register_and_verify<'a>(
        &'a self,
        app: &App,
        key: &PrivateKeyFile,
        registered: &mut Vec<(&'a KeyLocation, String)>,
    ) -> Result<(), Error> {
        for location in &self.locations {
            let new = location.register(app, &key.public)?;
            let remote = &location.ssh_connection.remote;
            app.ensure_trusted(&remote.host, HostKeyEvidence::default())?;
            let patience = if new.is_some() {
                RetryPolicy::Long
            } else {
                RetryPolicy::Short
            };
            registered.extend(new.map(|id| (location, id)));
            app.check_access_with_retry(&app.ssh_options(Some(key)), remote, patience)?;
        }
        Ok(())
    }
}
