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
    /// Why its secret is still there, if it is.
    secret_left: Option<String>,
}

/// Removes a connection, once that is confirmed.
///
/// # Errors
/// Where there is no such connection, or nobody confirms.
pub fn run(args: &Args, context: &Context) -> Result<Removed, Error> {
    let connections = context.connections().load()?;
    if !connections.names().contains(&args.name) {
        connections.get(&args.name)?;
    }
    context.confirm(
        args.yes,
        &format!("Remove the connection {} and its secret?", args.name),
    )?;
    // One that cannot be read, say of a newer version, can still be removed.
    let readable = connections.get(&args.name).ok();
    context
        .connections()
        .update(|connections| connections.remove(&args.name))?;
    let forgotten = readable.map(|(name, connection)| context.forget_secret(&name, &connection));
    let secret_left = forgotten
        .and_then(Result::err)
        .map(|error| error.to_string());
    Ok(Removed {
        action: "removed",
        name: args.name.clone(),
        secret_left,
    })
}

impl Render for Removed {
    const SCHEMA: &'static str = "bbconnect/connection-remove@1";

    fn text(&self, page: &mut Page) {
        page.line(&format!("removed {}", self.name));
    }

    fn remarks(&self, page: &mut Page) {
        if let Some(reason) = &self.secret_left {
            page.note(&format!("its secret could not be forgotten: {reason}"));
        }
        page.note("the token itself is still valid; revoke it where it was made");
    }
}
