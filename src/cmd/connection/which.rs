//! `bbconnect connection which`: the connection that applies here, and why.

use serde::Serialize;

use crate::context::{Because, Context};
use crate::error::Error;
use crate::output::{ConnectionView, Page, Render};

/// The connection that applies.
#[derive(Debug, Serialize)]
pub struct Chosen {
    connection: ConnectionView,
    because: Because,
}

/// Finds the connection that applies.
///
/// # Errors
/// Where none applies, or the one that is named is not there.
pub fn run(context: &Context) -> Result<Chosen, Error> {
    let chosen = context.choose()?;
    let connections = context.connections().load()?;
    let connection =
        ConnectionView::of(&chosen.name, &chosen.connection, connections.default_name());
    Ok(Chosen {
        connection,
        because: chosen.because,
    })
}

impl Render for Chosen {
    const SCHEMA: &'static str = "bbconnect/connection-which@1";

    fn text(&self, page: &mut Page) {
        page.line(&self.connection.name.to_string());
        page.line(&String::from(self.because.clone()));
    }
}
