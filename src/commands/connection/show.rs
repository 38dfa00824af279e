//! Connections without their secrets: `bbconnect connection list`, `connection show` and `connection which`.

use serde::Serialize;

use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::resolve::SelectionReason;
use crate::types::shell::{Shell, quote};
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const SHOW_EXAMPLES: &str = "\
Examples:
  bbconnect connection show work
  bbconnect connection show --json work
";

#[derive(Debug, clap::Args)]
#[command(before_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// Connection [default: the one that applies here]
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShowOutput {
    connection: ConnectionView,
    /// For `core.sshCommand` and `GIT_SSH_COMMAND`: uses the connection's key only.
    ssh_command: Option<String>,
}

impl Subcommand for ShowArgs {
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
            let variable = "GIT_SSH_COMMAND";
            out.verbatim(&if cfg!(windows) {
                format!("  {}", Shell::NATIVE.set_variable(variable, command))
            } else {
                format!("  {variable}={}", quote(command))
            });
        }
    }
}

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect connection list
  bbconnect connection list --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    connections: Vec<ConnectionView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let connections = app.connection_file().load()?;
        let default = connections.default_name();
        let mut views = Vec::new();
        let mut unreadable = Vec::new();
        for name in connections.names() {
            match connections.get(&name) {
                Ok((name, connection)) => {
                    views.push(ConnectionView::new(&name, &connection, default));
                }
                // A connection that a newer version wrote must not hide the others.
                Err(error) => unreadable.push(error.to_string()),
            }
        }
        views.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(ListOutput {
            connections: views,
            unreadable,
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/connection-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let head = ["NAME", "AUTH", "BASE URL", "FOR", "SECRET"];
        out.table(head, self.connections.iter().map(ConnectionView::row));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.notes(&self.unreadable);
        if self.connections.is_empty() {
            out.line("no connection configured; run `bbconnect connection add`");
        }
    }
}

const WHICH_EXAMPLES: &str = "\
Examples:
  bbconnect connection which
  cd site && bbconnect connection which --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = WHICH_EXAMPLES)]
pub(crate) struct WhichArgs {}

#[derive(Debug, Serialize)]
pub(crate) struct WhichOutput {
    connection: ConnectionView,
    because: SelectionReason,
}

impl Subcommand for WhichArgs {
    type Output = WhichOutput;

    fn run(&self, app: &App) -> Result<WhichOutput, Error> {
        let selected = app.select()?;
        let connections = app.connection_file().load()?;
        let connection = ConnectionView::new(
            &selected.name,
            &selected.connection,
            connections.default_name(),
        );
        Ok(WhichOutput {
            connection,
            because: selected.reason,
        })
    }
}

impl CommandOutput for WhichOutput {
    const SCHEMA: &'static str = "bbconnect/connection-which@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&self.connection.name.to_string());
        out.line(&String::from(self.because.clone()));
    }
}
