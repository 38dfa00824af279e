//! `bbconnect connection which`: the connection that applies here, and why.

use serde::Serialize;

use crate::context::{App, SelectionReason};
use crate::error::Error;
use crate::output::{CommandOutput, ConnectionView, TextWriter};

/// The connection that applies.
#[derive(Debug, Serialize)]
pub struct WhichOutput {
    connection: ConnectionView,
    because: SelectionReason,
}

/// Finds the connection that applies.
///
/// # Errors
/// Where none applies, or the one that is named is not there.
pub fn run(context: &App) -> Result<WhichOutput, Error> {
    let chosen = context.select()?;
    let connections = context.connection_file().load()?;
    let connection =
        ConnectionView::of(&chosen.name, &chosen.connection, connections.default_name());
    Ok(WhichOutput {
        connection,
        because: chosen.reason,
    })
}

impl CommandOutput for WhichOutput {
    const SCHEMA: &'static str = "bbconnect/connection-which@1";

    fn write_stdout(&self, page: &mut TextWriter) {
        page.line(&self.connection.name.to_string());
        page.line(&String::from(self.because.clone()));
    }
}
