//! `bbconnect key rotate`: replaces a key. A new key is generated, registered and tested, replaces the old one on the disk, and
//! then the old one is removed from the server. After an interruption the command can be run again, and at any time one of
//! the two keys works.

use std::time::Duration;
use std::{fs, thread};

use serde::Serialize;

use crate::app::{App, HostKeyEvidence, KeyLocation, RetryPolicy};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::{ResolvedRepository, SshConnection};
use crate::ssh::{KeyFiles, KeyPair, KeySwap, PrivateKeyFile, SshError, Stage};
use crate::types::date::{DayCount, Timestamp};
use crate::types::public_key::{Fingerprint, KeyType, PublicKey};
use crate::types::repository::RepoRef;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

/// How long a git that was started with the old key has to log in before the key is removed from the server.
const IN_FLIGHT_GRACE: Duration = Duration::from_secs(1);

/// The new key of an interrupted rotation is registered, but has another type than the requested one.
const OTHER_TYPE: &str = "an interrupted run generated and registered a key of another type";

const EXAMPLES: &str = "\
Examples:
  bbconnect key rotate --repo acme/site
  bbconnect key rotate -c site --type ed25519
  bbconnect key rotate --all --older-than 90d --dry-run
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository whose key is replaced [default: that of the connection]
    #[arg(short = 'R', long, value_name = "REF", conflicts_with = "all")]
    pub repo: Option<RepoRef>,
    /// Type of the new key [default: that of the old one]
    #[arg(long = "type", value_enum, value_name = "TYPE", ignore_case = true)]
    pub key_type: Option<KeyType>,
    /// Replace the keys of all connections
    #[arg(long)]
    pub all: bool,
    /// Only keys at least this old: 90d, 12w
    #[arg(long, value_name = "AGE")]
    pub older_than: Option<DayCount>,
    /// Read the passphrase of the new key from stdin; prompt for it on a terminal
    #[arg(long, conflicts_with = "all")]
    pub passphrase_stdin: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// The rotations of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RotateOutput {
    /// `None` with `--all`.
    repository: Option<ResolvedRepository>,
    rotations: Vec<Rotation>,
}

/// The result for one key.
#[derive(Debug, Serialize)]
struct Rotation {
    connections: Vec<String>,
    repositories: Vec<String>,
    action: RotateAction,
    key_path: String,
    before: Option<Fingerprint>,
    after: Option<Fingerprint>,
    age_days: Option<i64>,
    message: Option<String>,
    #[serde(skip)]
    exit: ExitStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum RotateAction {
    Rotated,
    WouldRotate,
    /// The key is not old enough.
    Unchanged,
    /// There is no connection for the REST API of the repository's server.
    Skipped,
    /// The old key still works.
    Failed,
}

impl Rotation {
    fn failed(ssh_connection: &SshConnection, error: &Error) -> Self {
        Self {
            action: RotateAction::Failed,
            message: Some(error.to_string()),
            exit: error.exit_status(),
            ..Self::skipped(ssh_connection)
        }
    }

    fn skipped(ssh_connection: &SshConnection) -> Self {
        Self {
            connections: vec![ssh_connection.name.to_string()],
            repositories: vec![ssh_connection.repository().to_string()],
            action: RotateAction::Skipped,
            key_path: ssh_connection.key.to_string_lossy().into_owned(),
            before: None,
            after: None,
            age_days: None,
            message: Some(
                "no API credential for the repository; replace the key manually".to_owned(),
            ),
            exit: ExitStatus::Success,
        }
    }
}

impl Subcommand for Args {
    type Output = RotateOutput;

    /// With `--all` a failure is a part of the output.
    fn run(&self, app: &App) -> Result<RotateOutput, Error> {
        let all = app.ssh_connections()?;
        if self.all {
            return rotate_all(self, app, &all);
        }
        let (ssh_connection, source) = app.select_ssh_connection(self.repo.as_ref())?;
        let repository = ResolvedRepository::new(ssh_connection.repository(), source);
        let group = connections_sharing_key(&all, &ssh_connection);
        let rotation = KeyRotation::prepare(app, group, self.key_type)?;
        let is_due = is_due(self, &rotation);
        let rotation = if !is_due {
            rotation.result(RotateAction::Unchanged)
        } else if self.dry_run.is_set() {
            rotation.result(RotateAction::WouldRotate)
        } else {
            if rotation.replaces_foreign_key() {
                let path = rotation.first().key.display();
                let question =
                    format!("bbconnect did not generate the key {path}. Replace it anyway?");
                app.confirm(self.yes, &format!("replacing the key {path}"), &question)?;
            }
            let passphrase = passphrase(self, app, &rotation)?;
            rotation.execute(app, passphrase.as_ref())?
        };
        Ok(RotateOutput {
            repository: Some(repository),
            rotations: vec![rotation],
        })
    }
}

/// The connections with the same key, which is replaced once for all of them.
fn connections_sharing_key(
    all: &[SshConnection],
    ssh_connection: &SshConnection,
) -> Vec<SshConnection> {
    let mut group: Vec<SshConnection> = all
        .iter()
        .filter(|other| other.key == ssh_connection.key)
        .cloned()
        .collect();
    if group.is_empty() {
        group.push(ssh_connection.clone());
    }
    group
}

fn is_due(args: &Args, rotation: &KeyRotation) -> bool {
    match (args.older_than, rotation.age(Timestamp::now())) {
        _ if rotation.is_unfinished() => true,
        (Some(minimum), Some(age)) => age >= minimum.count(),
        (Some(_) | None, _) => true,
    }
}

/// The passphrase of the new key. A key with a passphrase is replaced by a key with a passphrase.
fn passphrase(args: &Args, app: &App, rotation: &KeyRotation) -> Result<Option<Secret>, Error> {
    if !rotation.generates_key() || !(args.passphrase_stdin || rotation.old.has_passphrase) {
        return Ok(None);
    }
    if !args.passphrase_stdin && !app.is_interactive() {
        return Err(Error::InputRequired {
            what: "a passphrase for the new key",
            hint: "pass --passphrase-stdin, with the passphrase on stdin".into(),
        });
    }
    app.read_new_passphrase().map(Some)
}

/// Prepares the rotations of all connections before the first one is executed.
fn rotate_all(args: &Args, app: &App, all: &[SshConnection]) -> Result<RotateOutput, Error> {
    let mut prepared = Vec::new();
    let mut failed = Vec::new();
    let mut seen: Vec<&SshConnection> = Vec::new();
    for ssh_connection in all {
        if seen.iter().any(|other| other.key == ssh_connection.key) {
            continue;
        }
        seen.push(ssh_connection);
        let group = connections_sharing_key(all, ssh_connection);
        match KeyRotation::prepare(app, group, args.key_type) {
            Ok(rotation) => prepared.push(rotation),
            Err(Error::SshOnlyConnection(_)) => failed.push(Rotation::skipped(ssh_connection)),
            Err(error) => failed.push(Rotation::failed(ssh_connection, &error)),
        }
    }
    let (due, others): (Vec<_>, Vec<_>) = prepared
        .into_iter()
        .partition(|rotation| is_due(args, rotation));
    let mut rotations: Vec<_> = others
        .into_iter()
        .map(|rotation| rotation.result(RotateAction::Unchanged))
        .collect();
    if args.dry_run.is_set() || due.is_empty() {
        let planned = due.iter();
        rotations.extend(planned.map(|rotation| rotation.result(RotateAction::WouldRotate)));
        rotations.extend(failed);
        return Ok(RotateOutput {
            repository: None,
            rotations,
        });
    }
    for rotation in &due {
        let line = format!("to be replaced: {}", rotation.describe());
        app.ui.print_step(&line);
    }
    let action = format!("replacing {} keys", due.len());
    app.confirm(args.yes, &action, &format!("Replace {} keys?", due.len()))?;
    for rotation in due {
        let first = rotation.first().clone();
        let result = passphrase(args, app, &rotation)
            .and_then(|passphrase| rotation.execute(app, passphrase.as_ref()));
        rotations.push(result.unwrap_or_else(|error| Rotation::failed(&first, &error)));
    }
    rotations.extend(failed);
    Ok(RotateOutput {
        repository: None,
        rotations,
    })
}

/// The replacement of a key that one or more connections use.
#[derive(Debug)]
struct KeyRotation {
    swap: KeySwap,
    locations: Vec<KeyLocation>,
    /// The key to replace.
    old: PrivateKeyFile,
    stage: Stage,
    key_type: KeyType,
    /// An interrupted run generated a key of another type than the requested one, and did not register it.
    replaces_next: bool,
    /// As `replaces_next`, but the key is registered.
    keeps_next: bool,
}

impl KeyRotation {
    /// Reads the files and the registered keys, without a change.
    fn prepare(
        app: &App,
        group: Vec<SshConnection>,
        key_type: Option<KeyType>,
    ) -> Result<Self, Error> {
        let Some(first) = group.first() else {
            return Err(Error::not_found("no connection has an SSH key", ""));
        };
        let swap = KeySwap::new(&first.key);
        let stage = swap.stage();
        let old = PrivateKeyFile::read(&match stage {
            Stage::Swapped => swap.old(),
            Stage::Idle | Stage::NextReady => first.key.clone(),
        })?;
        if old.is_in_agent {
            return Err(SshError::KeyFile {
                path: old.path,
                reason: "only the agent has its private key, so it cannot be replaced".to_owned(),
            }
            .into());
        }
        let next = PrivateKeyFile::read(&match stage {
            Stage::Swapped if !swap.next().exists() => first.key.clone(),
            Stage::Idle | Stage::NextReady | Stage::Swapped => swap.next(),
        });
        let next = next.ok().map(|next| next.public);
        let has_other_type = |requested: KeyType| {
            stage == Stage::NextReady
                && next
                    .as_ref()
                    .is_none_or(|next| next.kind() != requested.name())
        };
        let locations: Vec<KeyLocation> = group
            .into_iter()
            .map(|ssh_connection| {
                KeyLocation::find(app, ssh_connection, Some(&old.public), next.as_ref())?
                    .require_found()
            })
            .collect::<Result<_, Error>>()?;
        let has_other_type = key_type.is_some_and(has_other_type);
        let is_registered = locations.iter().any(|location| location.new_key_registered);
        let old_type = [KeyType::Ecdsa256, KeyType::Rsa4096, KeyType::Ed25519]
            .into_iter()
            .find(|key_type| key_type.name() == old.public.kind());
        Ok(Self {
            replaces_next: has_other_type && !is_registered,
            keeps_next: has_other_type && is_registered,
            key_type: key_type.or(old_type).unwrap_or(KeyType::Ecdsa256),
            swap,
            locations,
            old,
            stage,
        })
    }

    fn first(&self) -> &SshConnection {
        // `prepare` refuses an empty group.
        &self.locations[0].ssh_connection
    }

    /// Whether an earlier run was interrupted.
    fn is_unfinished(&self) -> bool {
        self.stage != Stage::Idle
    }

    fn generates_key(&self) -> bool {
        self.stage == Stage::Idle || self.replaces_next
    }

    /// Whether bbconnect did not generate the key, by its name. Also asked when an interrupted rotation is resumed, which
    /// another user may do.
    fn replaces_foreign_key(&self) -> bool {
        let name = self.first().key.file_name().unwrap_or_default();
        !name.to_string_lossy().starts_with("bbconnect_")
    }

    /// Days since the key was registered, or its file was changed if the server does not report the date.
    fn age(&self, now: Timestamp) -> Option<i64> {
        let registered = self
            .locations
            .iter()
            .filter_map(|location| location.old.as_ref()?.created_on);
        let changed = || {
            let changed = fs::metadata(&self.old.path).and_then(|file| file.modified());
            changed.ok().map(Timestamp::from)
        };
        registered
            .min()
            .or_else(changed)
            .map(|since| since.days_until(now))
    }

    fn describe(&self) -> String {
        let rotation = self.result(RotateAction::WouldRotate);
        let age = rotation.age_days.unwrap_or_default();
        let note = rotation.message.map(|message| format!("; {message}"));
        format!(
            "{}: {}, {age} days old{}",
            rotation.connections.join(", "),
            rotation.key_path,
            note.unwrap_or_default()
        )
    }

    fn result(&self, action: RotateAction) -> Rotation {
        let names = self
            .locations
            .iter()
            .map(|location| location.ssh_connection.name.to_string());
        let message = if self.keeps_next {
            Some(OTHER_TYPE)
        } else {
            (action == RotateAction::WouldRotate && self.replaces_foreign_key())
                .then_some("bbconnect did not generate this key")
        };
        let repositories = self
            .locations
            .iter()
            .map(|location| location.ssh_connection.repository().to_string());
        Rotation {
            connections: names.collect(),
            repositories: repositories.collect(),
            action,
            key_path: self.first().key.to_string_lossy().into_owned(),
            before: Some(self.old.public.fingerprint()),
            after: None,
            age_days: self.age(Timestamp::now()),
            message: message.map(str::to_owned),
            exit: ExitStatus::Success,
        }
    }

    /// Executes the remaining steps.
    fn execute(self, app: &App, passphrase: Option<&Secret>) -> Result<Rotation, Error> {
        let key = self.first().key.clone();
        let report = |message: String| app.ui.print_step(&format!("ok    {message}"));
        if self.stage != Stage::Swapped {
            let next = self.next(app, passphrase)?;
            report(format!("generated {}", next.public.fingerprint()));
            if self.keeps_next {
                let note = format!("note  {OTHER_TYPE}: {}", next.public.kind());
                app.ui.print_step(&note);
            }
            let mut registered = Vec::new();
            self.register_and_verify(app, &next, &mut registered)
                .inspect_err(|error| self.roll_back(app, error, &registered))?;
            report("registered and verified".to_owned());
        }
        let is_in_place = |key: &PublicKey| *key != self.old.public;
        let current = PrivateKeyFile::read(&key);
        if self.stage != Stage::Swapped
            || !current.is_ok_and(|current| is_in_place(&current.public))
        {
            self.swap.swap()?;
        }
        let new = PrivateKeyFile::read(&key)?;
        report(format!("{} is the new key", key.display()));
        // The old key is not removed before the new one is verified, also after an interruption.
        self.register_and_verify(app, &new, &mut Vec::new())?;
        thread::sleep(IN_FLIGHT_GRACE);
        self.swap.sync()?;
        for location in &self.locations {
            location.remove_old(app).inspect_err(|_| {
                let key = key.display();
                app.ui.print_step(&format!(
                    "note  {key} is the new key; run this again to remove the old one"
                ));
            })?;
        }
        self.swap.finish()?;
        let was_registered = self.locations.iter().any(|location| location.old.is_some());
        report(if was_registered {
            "removed the old key".to_owned()
        } else {
            "old key was already gone".to_owned()
        });
        Ok(Rotation {
            after: Some(new.public.fingerprint()),
            ..self.result(RotateAction::Rotated)
        })
    }

    /// The new key: generated now, or by an interrupted run.
    fn next(&self, app: &App, passphrase: Option<&Secret>) -> Result<PrivateKeyFile, Error> {
        let path = self.swap.next();
        if path.exists() && !self.replaces_next {
            return Ok(PrivateKeyFile::read(&path)?);
        }
        let _progress = app
            .ui
            .progress(&format!("generating an {} key", self.key_type));
        let pair = KeyPair::generate(self.key_type, self.old.public.comment())?;
        let files = KeyFiles::new(&path)?;
        let private = pair.private_pem(passphrase)?;
        // An interrupted run may have left a public key without a private one, which is replaced.
        KeyFiles::write_all(&[(&files, &private, &pair.public().to_string())], true)?;
        Ok(PrivateKeyFile::read(&path)?)
    }

    /// Removes a new key that a server refuses. If it cannot be removed from a server, its files are kept.
    fn roll_back(&self, app: &App, error: &Error, registered: &[(&KeyLocation, String)]) {
        let is_refused = matches!(
            error,
            Error::Rejected {
                exit: ExitStatus::Failure,
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
        if all.all(|(location, id)| location.remove(app, id).is_ok()) {
            // The error that led here is reported.
            drop(self.swap.discard_next());
        }
    }

    /// Registers a key at all locations and verifies it. Locations that did not have it are added to `registered`.
    fn register_and_verify<'a>(
        &'a self,
        app: &App,
        key: &PrivateKeyFile,
        registered: &mut Vec<(&'a KeyLocation, String)>,
    ) -> Result<(), Error> {
        for location in &self.locations {
            let new = location.register(app, &key.public)?;
            let remote = &location.ssh_connection.remote;
            let destination = app.ssh_destination(remote)?;
            app.ensure_trusted(&destination, HostKeyEvidence::default())?;
            let retry = if new.is_some() {
                RetryPolicy::Long
            } else {
                RetryPolicy::Short
            };
            registered.extend(new.map(|id| (location, id)));
            let options = app.ssh_options(Some(key), &destination);
            app.check_access_with_retry(&options, &destination.remote(remote), retry)?;
        }
        Ok(())
    }
}

impl CommandOutput for RotateOutput {
    const SCHEMA: &'static str = "bbconnect/key-rotate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.rotations.is_empty() {
            out.line("no connection has an SSH key");
        }
        for rotation in &self.rotations {
            let repositories = match &self.repository {
                Some(repository) if rotation.repositories.len() == 1 => repository.to_string(),
                Some(_) | None => rotation.repositories.join(", "),
            };
            let names = format!("{} ({repositories})", rotation.connections.join(", "));
            let age = rotation.age_days.map(|days| format!(", {days} days old"));
            let path = format!("{}{}", rotation.key_path, age.unwrap_or_default());
            let after = rotation.after.map(|after| after.to_string());
            out.line(&match rotation.action {
                RotateAction::Rotated => {
                    format!(
                        "{names}: replaced {path}; the new key is {}",
                        after.unwrap_or_default()
                    )
                }
                RotateAction::WouldRotate => {
                    let note = rotation.message.as_ref().map(|text| format!("; {text}"));
                    format!("{names}: would replace {path}{}", note.unwrap_or_default())
                }
                RotateAction::Unchanged => format!("{names}: keeps {path}"),
                RotateAction::Skipped => format!(
                    "{names}: keeps {path}: {}",
                    rotation.message.as_deref().unwrap_or_default()
                ),
                RotateAction::Failed => format!(
                    "{names}: {path} could not be replaced: {}",
                    rotation.message.as_deref().unwrap_or_default()
                ),
            });
        }
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.rotations.iter().map(|rotation| rotation.exit))
    }
}
