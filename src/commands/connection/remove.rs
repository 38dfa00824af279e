//! `bbconnect connection remove`: forgets a connection and its secret; on request its SSH key as well, here and on the
//! server.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::credential;
use crate::app::{App, KeyLocation, SshConnection};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ssh::{self, PrivateKeyFile};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection remove work
  bbconnect connection remove site --with-key
  bbconnect connection remove site --with-key --yes
";

/// Remove a connection and its secret
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The connection
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Take its SSH key away from the server, and delete it here if it was made here
    #[arg(long)]
    pub with_key: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// A connection that was removed.
#[derive(Debug, Serialize)]
pub(crate) struct RemoveOutput {
    action: &'static str,
    name: String,
    /// Why its secret is still there, if it is.
    secret_left: Option<String>,
    /// What became of its key.
    key: Option<RemovedKey>,
}

/// What became of the key.
#[derive(Debug, Serialize)]
struct RemovedKey {
    path: String,
    removed_from_server: bool,
    file_deleted: bool,
}

impl Subcommand for Args {
    type Output = RemoveOutput;

    /// Removes a connection, once that is confirmed.
    ///
    /// # Errors
    /// Where there is no such connection, nobody confirms, or its key is to go and cannot be taken away from the server; the
    /// connection is still there then.
    fn run(&self, app: &App) -> Result<RemoveOutput, Error> {
        let connections = app.connection_file().load()?;
        if !connections.names().contains(&self.name) {
            connections.get(&self.name)?;
        }
        app.confirm(
            self.yes,
            &format!("removing the connection {}", self.name),
            &format!("Remove the connection {} and its secret?", self.name),
        )?;
        // One that cannot be read, say of a newer version, can still be removed.
        let readable = connections.get(&self.name).ok();
        let ssh_connection = readable
            .clone()
            .and_then(|(name, connection)| SshConnection::of(name, connection));
        let key = match ssh_connection {
            Some(ssh_connection) => Some(remove_key(self, app, &ssh_connection)?),
            None => None,
        };
        // A refresh that is under way would keep its tokens once more.
        let _lock = match &readable {
            Some((name, connection)) => credential::lock(app, name, connection)?,
            None => None,
        };
        app.connection_file()
            .update(|connections| connections.remove(&self.name))?;
        let forgotten = readable.map(|(name, connection)| app.delete_secret(&name, &connection));
        let secret_left = forgotten
            .and_then(Result::err)
            .map(|error| error.to_string());
        Ok(RemoveOutput {
            action: "removed",
            name: self.name.clone(),
            secret_left,
            key,
        })
    }
}

/// Takes the key away where that is wanted, and no other connection has it.
fn remove_key(args: &Args, app: &App, ssh_connection: &SshConnection) -> Result<RemovedKey, Error> {
    let mut removed = RemovedKey {
        path: ssh_connection.key.to_string_lossy().into_owned(),
        removed_from_server: false,
        file_deleted: false,
    };
    let all = app.ssh_connections()?;
    let is_shared = all
        .iter()
        .any(|other| other.name != ssh_connection.name && other.key == ssh_connection.key);
    if is_shared || !is_wanted(args, app, ssh_connection)? {
        return Ok(removed);
    }
    if let Ok(key) = PrivateKeyFile::read(&ssh_connection.key) {
        match KeyLocation::find(app, ssh_connection.clone(), Some(&key.public), None) {
            Ok(location) => {
                location.remove_old(app)?;
                removed.removed_from_server = location.old.is_some();
            }
            // A person registered it, and only a person can take it away.
            Err(Error::SshOnlyConnection(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if is_ours(&ssh_connection.key) {
        for path in [&ssh::public_path(&ssh_connection.key), &ssh_connection.key] {
            removed.file_deleted = fs::remove_file(path).is_ok();
        }
    }
    Ok(removed)
}

fn is_wanted(args: &Args, app: &App, ssh_connection: &SshConnection) -> Result<bool, Error> {
    if args.with_key || args.yes || !app.is_interactive() {
        return Ok(args.with_key);
    }
    let question = format!(
        "Also take its key {} away, from the server and here?",
        ssh_connection.key.display()
    );
    app.ui.prompt_confirm(&question).map_err(Error::Stdin)
}

/// Whether a key was made here, by its name: one that was brought along is somebody's own.
fn is_ours(key: &Path) -> bool {
    key.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("bbconnect_"))
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/connection-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("removed {}", self.name));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(reason) = &self.secret_left {
            out.note(&format!("its secret could not be forgotten: {reason}"));
        }
        let Some(key) = &self.key else {
            out.note("the token itself is still valid; revoke it where it was made");
            return;
        };
        let server = if key.removed_from_server {
            "was taken away from the server"
        } else {
            "was not taken away from the server"
        };
        let here = if key.file_deleted {
            "was deleted here"
        } else {
            "is still here"
        };
        out.note(&format!("its key {} {server}, and {here}", key.path));
    }
}
