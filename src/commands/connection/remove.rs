//! `bbconnect connection remove`: removes a connection and its secret; with `--with-key` also its SSH key, here and on
//! the server.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::secret;
use crate::app::{App, KeyLocation, connection_candidates};
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::resolve::SshConnection;
use crate::ssh::{self, PrivateKeyFile};
use crate::types::action::Action;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection remove work
  bbconnect connection remove site --with-key
  bbconnect connection remove site --with-key --yes
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub name: String,
    /// Also delete its SSH key, on the server and locally
    #[arg(long)]
    pub with_key: bool,
    #[command(flatten)]
    pub yes: YesArg,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// What was removed; in a dry run, what would be.
#[derive(Debug, Serialize)]
pub(crate) struct RemoveOutput {
    action: Action,
    name: String,
    /// Why its secret could not be deleted.
    secret_left: Option<String>,
    key: Option<RemovedKey>,
}

#[derive(Debug, Serialize)]
struct RemovedKey {
    path: String,
    /// Where the key is registered: a repository, a project or the account.
    owner: Option<String>,
    repository: Option<String>,
    removed_from_server: bool,
    file_deleted: bool,
}

impl Subcommand for Args {
    type Output = RemoveOutput;

    /// The connection is kept where its key cannot be removed from the server.
    fn run(&self, app: &App) -> Result<RemoveOutput, Error> {
        let connections = app.connection_file().load()?;
        if !connections.names().contains(&self.name) {
            connections.get(&self.name)?;
        }
        if !self.dry_run.is_set() {
            app.confirm(
                self.yes.is_set(),
                &format!("removing connection {}", self.name),
                &format!("Remove connection {} and its secret?", self.name),
            )?;
        }
        // A connection that cannot be read, because a newer version wrote it, can be removed.
        let readable = connections.get(&self.name).ok();
        let ssh_connection = readable
            .clone()
            .and_then(|(name, connection)| SshConnection::new(name, connection));
        let key = match ssh_connection {
            Some(ssh_connection) => Some(remove_key(self, app, &ssh_connection)?),
            None => None,
        };
        if self.dry_run.is_set() {
            return Ok(RemoveOutput {
                action: Action::WouldRemove,
                name: self.name.clone(),
                secret_left: None,
                key,
            });
        }
        // Another process that refreshes the tokens would store them again.
        let _lock = match &readable {
            Some((name, connection)) => secret::lock(app, name, connection)?,
            None => None,
        };
        app.connection_file()
            .update(|connections| connections.remove(&self.name))?;
        let deleted = readable.map(|(name, connection)| app.delete_secret(&name, &connection));
        let secret_left = deleted.and_then(Result::err).map(|error| error.to_string());
        Ok(RemoveOutput {
            action: Action::Removed,
            name: self.name.clone(),
            secret_left,
            key,
        })
    }
}

/// Removes the key if that is requested, and no other connection uses it.
fn remove_key(args: &Args, app: &App, ssh_connection: &SshConnection) -> Result<RemovedKey, Error> {
    let mut removed = RemovedKey {
        path: ssh_connection.key.to_string_lossy().into_owned(),
        owner: None,
        repository: None,
        removed_from_server: false,
        file_deleted: false,
    };
    let all = app.ssh_connections()?;
    let is_shared = all
        .iter()
        .any(|other| other.name != ssh_connection.name && other.key == ssh_connection.key);
    if is_shared || !is_requested(args, app, ssh_connection)? {
        return Ok(removed);
    }
    if let Ok(key) = PrivateKeyFile::read(&ssh_connection.key) {
        match KeyLocation::find(app, ssh_connection.clone(), Some(&key.public), None) {
            Ok(location) => {
                if !args.dry_run.is_set() {
                    location.remove_old(app)?;
                }
                removed.removed_from_server = location.old.is_some();
                if removed.removed_from_server {
                    removed.owner = Some(location.owner().to_string());
                    removed.repository = location.repository().map(ToString::to_string);
                }
            }
            // A key that was registered by hand is removed by hand.
            Err(Error::SshOnlyConnection(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if is_generated(&ssh_connection.key) && args.dry_run.is_set() {
        removed.file_deleted = ssh_connection.key.exists();
    } else if is_generated(&ssh_connection.key) {
        for path in [&ssh::public_path(&ssh_connection.key), &ssh_connection.key] {
            removed.file_deleted = fs::remove_file(path).is_ok();
        }
    }
    Ok(removed)
}

fn is_requested(args: &Args, app: &App, ssh_connection: &SshConnection) -> Result<bool, Error> {
    if args.with_key || args.yes.is_set() || args.dry_run.is_set() || !app.is_interactive() {
        return Ok(args.with_key);
    }
    let prompt = format!(
        "Also delete its key {}, on the server and locally?",
        ssh_connection.key.display()
    );
    app.ui.prompt_confirm(&prompt)
}

/// Whether the key was generated by this program, by its name. Others belong to the user.
fn is_generated(key: &Path) -> bool {
    key.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("bbconnect_"))
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/connection-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("{} {}", self.action, self.name));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(reason) = &self.secret_left {
            out.note(&format!("the secret could not be deleted: {reason}"));
        }
        let Some(key) = &self.key else {
            out.note("the token is still valid; revoke it in Bitbucket");
            return;
        };
        let is_plan = self.action == Action::WouldRemove;
        let server = match &key.owner {
            Some(owner) if is_plan => format!("would be removed from {owner}"),
            Some(owner) => format!("was removed from {owner}"),
            None => "is not removed from the server".to_owned(),
        };
        let here = match (key.file_deleted, is_plan) {
            (true, true) => "would be deleted locally",
            (true, false) => "was deleted locally",
            (false, _) => "is kept locally",
        };
        out.note(&format!("key {} {server}, and {here}", key.path));
    }
}
