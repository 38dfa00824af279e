//! `bbconnect connection rename`: renames a connection together with its stored secret.

use serde::Serialize;

use super::secret;
use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::connection::ConnectionName;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection rename work acme
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection
    #[arg(value_name = "OLD", add = connection_candidates())]
    pub from: String,
    /// New name
    #[arg(value_name = "NEW")]
    pub to: ConnectionName,
}

#[derive(Debug, Serialize)]
pub(crate) struct RenameOutput {
    action: RenameAction,
    from: String,
    name: ConnectionName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum RenameAction {
    Renamed,
    Unchanged,
}

impl Subcommand for Args {
    type Output = RenameOutput;

    /// Renames a connection, also in the current checkout. The secret is stored under the new name before it is deleted
    /// under the old one.
    fn run(&self, app: &App) -> Result<RenameOutput, Error> {
        let (from, connection) = app.connection_file().load()?.get(&self.from)?;
        let done = |action| {
            Ok(RenameOutput {
                action,
                from: self.from.clone(),
                name: self.to.clone(),
            })
        };
        if from == self.to {
            return done(RenameAction::Unchanged);
        }
        // Another process that refreshes the tokens stores them under the old name first.
        let _lock = secret::lock(app, &from, &connection)?;
        // A checkout that git cannot read is reported before anything is renamed.
        let is_in_checkout = app.checkout()?.is_some();
        app.connection_file().update(|connections| {
            connections.check_free(&self.to)?;
            app.copy_secret(&from, &self.to, &connection)?;
            Ok::<(), Error>(connections.rename(&self.from, &self.to)?)
        })?;
        app.delete_secret(&from, &connection)?;
        if is_in_checkout {
            let to = self.to.to_string();
            Checkout::rename_connection(&self.from, &to).inspect_err(|_| {
                app.ui.eprint_line(&format!(
                    "the connection is now {to}, but this checkout still uses {}; when git can write there, run \
                     `bbconnect connection use {to} --here` (or --service DIR)",
                    self.from
                ));
            })?;
        }
        done(RenameAction::Renamed)
    }
}

impl CommandOutput for RenameOutput {
    const SCHEMA: &'static str = "bbconnect/connection-rename@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.action == RenameAction::Renamed {
            out.line(&format!("renamed {} to {}", self.from, self.name));
        } else {
            out.line(&format!("{}: unchanged", self.name));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.action == RenameAction::Renamed {
            out.note("other checkouts that use the old name need `bbconnect connection use` again");
        }
    }
}
