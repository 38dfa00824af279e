//! `bbconnect known-hosts add`: trusts a server, once somebody or something vouches for its key.

use serde::Serialize;

use super::host::{Named, Shown, table};
use crate::context::Context;
use crate::error::Error;
use crate::model::fingerprint::Fingerprint;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts add ssh://git@git.example.com:7999/web/site.git
  bbconnect known-hosts add git.example.com:7999 --accept-host-key \"$FINGERPRINT\"
";

/// Trust a server, once its key is known to be right
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The server: HOST, HOST:PORT, or any URL of a repository on it
    #[arg(value_name = "HOST")]
    pub host: Named,
    /// Take the server for the right one if its key has this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
}

/// A server that is trusted now.
#[derive(Debug, Serialize)]
pub struct Added {
    action: &'static str,
    hosts: Vec<Shown>,
}

/// Adds the keys of a server to our file.
///
/// # Errors
/// Where nobody vouches for the key, it is not the expected one, or the server cannot be reached.
pub fn run(args: &Args, context: &Context) -> Result<Added, Error> {
    let (host, vouchers) = args.host.find(context, args.accept_host_key)?;
    let trusted = context.trust(&host, vouchers)?;
    Ok(Added {
        action: if trusted.changed {
            "created"
        } else {
            "unchanged"
        },
        hosts: Shown::all(&trusted.keys),
    })
}

impl Render for Added {
    const SCHEMA: &'static str = "bbconnect/known-hosts-add@1";

    fn text(&self, page: &mut Page) {
        table(&self.hosts, page);
    }

    fn remarks(&self, page: &mut Page) {
        page.line(self.action);
    }
}
