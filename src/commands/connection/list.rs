//! `bbconnect connection list`: all connections, sorted by name.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection list
  bbconnect connection list --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    connections: Vec<ConnectionView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

impl Subcommand for Args {
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
        let head = ["NAME", "AUTH", "BASE URL", "FOR", "SECRET"].map(str::to_owned);
        if !self.connections.is_empty() {
            out.table(&head, self.connections.iter().map(ConnectionView::row));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        self.unreadable.iter().for_each(|reason| out.note(reason));
        if self.connections.is_empty() {
            out.line("no connection configured; run `bbconnect connection add`");
        }
    }
}
