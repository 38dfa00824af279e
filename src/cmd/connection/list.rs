//! `bbconnect connection list`: all connections.

use serde::Serialize;

use super::view::View;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Page, Render};

/// All connections.
#[derive(Debug, Serialize)]
pub struct Listed {
    connections: Vec<View>,
}

/// Lists the connections, in the order of their names.
///
/// # Errors
/// Where the file of connections cannot be read.
pub fn run(context: &Context) -> Result<Listed, Error> {
    let connections = context.connections().load()?;
    let default = connections.default_name();
    let mut views: Vec<View> = connections
        .all()?
        .iter()
        .map(|(name, connection)| View::of(name, connection, default))
        .collect();
    views.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Listed { connections: views })
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/connection-list@1";

    fn text(&self, page: &mut Page) {
        let head = ["NAME", "AUTH", "BASE URL", "FOR", "SECRET"].map(str::to_owned);
        if !self.connections.is_empty() {
            page.table(&head, self.connections.iter().map(View::row));
        }
    }

    fn remarks(&self, page: &mut Page) {
        if self.connections.is_empty() {
            page.line("there are no connections yet; bbconnect connection add makes one");
        }
    }
}
