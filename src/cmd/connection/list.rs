//! `bbconnect connection list`: all connections.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::output::{ConnectionView, Page, Render};

/// All connections.
#[derive(Debug, Serialize)]
pub struct Listed {
    connections: Vec<ConnectionView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

/// Lists the connections, in the order of their names.
///
/// # Errors
/// Where the file of connections cannot be read.
pub fn run(context: &Context) -> Result<Listed, Error> {
    let connections = context.connections().load()?;
    let default = connections.default_name();
    let mut listed = Listed {
        connections: Vec::new(),
        unreadable: Vec::new(),
    };
    for name in connections.names() {
        match connections.get(&name) {
            Ok((name, connection)) => {
                listed
                    .connections
                    .push(ConnectionView::of(&name, &connection, default));
            }
            // One of a newer version must not hide the others.
            Err(error) => listed.unreadable.push(error.to_string()),
        }
    }
    listed
        .connections
        .sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/connection-list@1";

    fn text(&self, page: &mut Page) {
        let head = ["NAME", "AUTH", "BASE URL", "FOR", "SECRET"].map(str::to_owned);
        if !self.connections.is_empty() {
            page.table(&head, self.connections.iter().map(ConnectionView::row));
        }
    }

    fn remarks(&self, page: &mut Page) {
        self.unreadable.iter().for_each(|reason| page.note(reason));
        if self.connections.is_empty() {
            page.line("there are no connections yet; bbconnect connection add makes one");
        }
    }
}
