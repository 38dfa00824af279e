//! `bbconnect connection rename`: another name, for the secret too.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::connection::{ConnectionName, StoreKind};
use crate::output::{Page, Render};
use crate::store::ConnectionsError;

const EXAMPLES: &str = "\
Examples:
  bbconnect connection rename work acme
";

/// Arguments of `bbconnect connection rename`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The connection
    #[arg(value_name = "OLD")]
    pub from: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub to: ConnectionName,
}

/// A connection that was renamed.
#[derive(Debug, Serialize)]
pub struct Renamed {
    action: &'static str,
    from: String,
    name: ConnectionName,
}

/// Renames a connection. The secret is kept under the new name before it is forgotten under the old one.
///
/// # Errors
/// Where there is no such connection, or there is one of the new name.
pub fn run(args: &Args, context: &Context) -> Result<Renamed, Error> {
    let connections = context.connections().load()?;
    let (from, connection) = connections.get(&args.from)?;
    if connections.names().contains(&args.to.to_string()) {
        return Err(ConnectionsError::Exists(args.to.clone()).into());
    }
    if let Some(store @ (StoreKind::Keyring | StoreKind::File)) = connection.store {
        let secret = context.kept_secret(&from, &connection)?;
        if let Some(secret) = secret {
            context.keep_secret(&args.to, store, &secret)?;
        }
    }
    context
        .connections()
        .update(|connections| connections.rename(&args.from, &args.to))?;
    context.forget_secret(&from, &connection)?;
    Ok(Renamed {
        action: "renamed",
        from: args.from.clone(),
        name: args.to.clone(),
    })
}

impl Render for Renamed {
    const SCHEMA: &'static str = "bbconnect/connection-rename@1";

    fn text(&self, page: &mut Page) {
        page.line(&format!("{} is now {}", self.from, self.name));
    }
}
