//! `bbconnect connection remove`: forgets a connection and its secret. Nothing is changed on the server.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection remove work
  bbconnect connection remove work --yes
";

/// Arguments of `bbconnect connection remove`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The connection
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// A connection that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    action: &'static str,
    name: String,
}

/// Removes a connection, once that is confirmed.
///
/// # Errors
/// Where there is no such connection, nobody confirms, or its secret cannot be forgotten.
pub fn run(args: &Args, context: &Context) -> Result<Removed, Error> {
    let (name, connection) = context.connections().load()?.get(&args.name)?;
    context.confirm(
        args.yes,
        &format!("Remove the connection {name} and its secret?"),
    )?;
    context.forget_secret(&name, &connection)?;
    context
        .connections()
        .update(|connections| connections.remove(&args.name))?;
    Ok(Removed {
        action: "removed",
        name: args.name.clone(),
    })
}

impl Render for Removed {
    const SCHEMA: &'static str = "bbconnect/connection-remove@1";

    fn text(&self, page: &mut Page) {
        page.line(&format!("removed {}", self.name));
    }

    fn remarks(&self, page: &mut Page) {
        page.note("the token itself is still valid; revoke it where it was made");
    }
}
