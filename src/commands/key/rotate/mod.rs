//! `bbconnect key rotate`: a new key in the place of an old one. Made, registered, tested, put in its place; then the old
//! one is taken away. Wherever it is interrupted, it can be run again, and one of the two works at any time.

mod output;
mod rotation;

use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::resolve::SshConnection;
use crate::types::day_count::DayCount;
use crate::types::key_type::KeyType;
use crate::types::repository::RepoRef;
use crate::types::secret::Secret;
use crate::types::timestamp::Timestamp;

pub(crate) use self::output::RotateOutput;
use self::output::{Action, Rotation};
use self::rotation::KeyRotation;

const EXAMPLES: &str = "\
Examples:
  bbconnect key rotate --repo acme/site
  bbconnect key rotate -c site --type ed25519
  bbconnect key rotate --all --older-than 90d --dry-run
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The repository whose key is replaced [default: that of the connection]
    #[arg(long, value_name = "REF", conflicts_with = "all")]
    pub repo: Option<RepoRef>,
    /// The kind of the new key [default: that of the old one]
    #[arg(long = "type", value_enum, value_name = "TYPE", ignore_case = true)]
    pub key_type: Option<KeyType>,
    /// The keys of all connections
    #[arg(long)]
    pub all: bool,
    /// Only keys that were registered longer ago: 90d, 12w, or 90 for days
    #[arg(long, value_name = "AGE")]
    pub older_than: Option<DayCount>,
    /// Encrypt the new key with the first line of standard input, as the old one is; on a terminal, ask for it
    #[arg(long, conflicts_with = "all")]
    pub passphrase_stdin: bool,
    /// Do not ask before a key that bbconnect did not make, or those of all connections, are replaced
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

impl Subcommand for Args {
    type Output = RotateOutput;

    /// Replaces a key, or those of all connections.
    ///
    /// # Errors
    /// Where no connection has a key, nobody confirms, or a step fails; with `--all` a failure is part of the outcome.
    fn run(&self, app: &App) -> Result<RotateOutput, Error> {
        let all = app.ssh_connections()?;
        if !self.all {
            let (ssh_connection, _) = app.select_ssh_connection(self.repo.as_ref())?;
            let group = connections_sharing_key(&all, &ssh_connection);
            let turn = KeyRotation::prepare(app, group, self.key_type)?;
            if !is_due(self, &turn) || self.dry_run.is_set() {
                let action = if is_due(self, &turn) {
                    Action::WouldRotate
                } else {
                    Action::Unchanged
                };
                return Ok(RotateOutput::new(vec![turn.rotation(action)]));
            }
            if turn.replaces_foreign_key() {
                let question = format!(
                    "bbconnect did not make the key {}. Replace it?",
                    turn.first().key.display()
                );
                let doing = format!("replacing the key {}", turn.first().key.display());
                app.confirm(self.yes, &doing, &question)?;
            }
            let passphrase = passphrase(self, app, &turn)?;
            return Ok(RotateOutput::new(vec![
                turn.execute(app, passphrase.as_ref())?,
            ]));
        }
        rotate_all(self, app, &all)
    }
}

/// Connections with the same key take their turn together.
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

fn is_due(args: &Args, turn: &KeyRotation) -> bool {
    match (args.older_than, turn.age(Timestamp::now())) {
        _ if turn.is_unfinished() => true,
        (Some(most), Some(age)) => age >= most.count(),
        (Some(_) | None, _) => true,
    }
}

/// A key with a passphrase is followed by one with a passphrase.
fn passphrase(args: &Args, app: &App, turn: &KeyRotation) -> Result<Option<Secret>, Error> {
    if !turn.generates_key() || !(args.passphrase_stdin || turn.is_locked()) {
        return Ok(None);
    }
    if !args.passphrase_stdin && !app.is_interactive() {
        return Err(Error::InputRequired {
            what: "a passphrase for the new key",
            hint: "pipe it in: … --passphrase-stdin < FILE".into(),
        });
    }
    app.read_new_passphrase("--passphrase-stdin").map(Some)
}

/// All connections: the plan first, then one after the other.
fn rotate_all(args: &Args, app: &App, all: &[SshConnection]) -> Result<RotateOutput, Error> {
    let mut turns = Vec::new();
    let mut failed = Vec::new();
    let mut seen: Vec<&SshConnection> = Vec::new();
    for ssh_connection in all {
        if seen.iter().any(|other| other.key == ssh_connection.key) {
            continue;
        }
        seen.push(ssh_connection);
        let group = connections_sharing_key(all, ssh_connection);
        match KeyRotation::prepare(app, group, args.key_type) {
            Ok(turn) => turns.push(turn),
            Err(Error::SshOnlyConnection(_)) => failed.push(Rotation::skipped(ssh_connection)),
            Err(error) => failed.push(Rotation::failed(ssh_connection, &error)),
        }
    }
    let (due, others): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| is_due(args, turn));
    let mut rotations: Vec<_> = others
        .into_iter()
        .map(|turn| turn.rotation(Action::Unchanged))
        .collect();
    if args.dry_run.is_set() || due.is_empty() {
        rotations.extend(due.iter().map(|turn| turn.rotation(Action::WouldRotate)));
        rotations.extend(failed);
        return Ok(RotateOutput::new(rotations));
    }
    for turn in &due {
        app.ui
            .print_step(&format!("to be replaced: {}", turn.described()));
    }
    let doing = format!("replacing {} keys", due.len());
    app.confirm(args.yes, &doing, &format!("Replace {} keys?", due.len()))?;
    for turn in due {
        let first = turn.first().clone();
        let taken = passphrase(args, app, &turn)
            .and_then(|passphrase| turn.execute(app, passphrase.as_ref()));
        rotations.push(taken.unwrap_or_else(|error| Rotation::failed(&first, &error)));
    }
    rotations.extend(failed);
    Ok(RotateOutput::new(rotations))
}
