//! `bbconnect connection show`: one connection, without its secret.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::shell::quote;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection show work
  bbconnect connection show --json work
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection [default: the one that applies here]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShowOutput {
    connection: ConnectionView,
    /// For `core.sshCommand` and `GIT_SSH_COMMAND`: uses the connection's key only.
    ssh_command: Option<String>,
}

impl Subcommand for Args {
    type Output = ShowOutput;

    fn run(&self, app: &App) -> Result<ShowOutput, Error> {
        let connections = app.connection_file().load()?;
        let (name, connection) = if let Some(name) = &self.name {
            connections.get(name)?
        } else {
            let selected = app.select()?;
            (selected.name, selected.connection)
        };
        let ssh_command = app.git_ssh_command(&connection);
        Ok(ShowOutput {
            ssh_command,
            connection: ConnectionView::new(&name, &connection, connections.default_name()),
        })
    }
}

impl CommandOutput for ShowOutput {
    const SCHEMA: &'static str = "bbconnect/connection-show@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        self.connection.write_fields(out);
        if let Some(command) = &self.ssh_command {
            out.blank_line();
            out.line("Git with this key only:");
            out.verbatim(&format!("  GIT_SSH_COMMAND={}", quote(command)));
        }
    }
}
