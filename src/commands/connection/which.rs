//! `bbconnect connection which`: the connection that applies here, and why.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::resolve::SelectionReason;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection which
  cd site && bbconnect connection which --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {}

#[derive(Debug, Serialize)]
pub(crate) struct WhichOutput {
    connection: ConnectionView,
    because: SelectionReason,
}

impl Subcommand for Args {
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
