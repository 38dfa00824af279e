//! `bbconnect known-hosts add`: trusts a server whose host key is confirmed by its settings or by the user.

use serde::Serialize;

use super::host::{HostArg, HostKeyRow, table};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::action::Action;
use crate::types::fingerprint::Fingerprint;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts add ssh://git@git.example.com:7999/web/site.git
  bbconnect known-hosts add git.example.com:7999 --accept-host-key \"$FINGERPRINT\"
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Server: HOST, HOST:PORT or any URL on it
    #[arg(value_name = "HOST")]
    pub host: HostArg,
    /// Trust the SSH host key with this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddOutput {
    action: Action,
    hosts: Vec<HostKeyRow>,
}

impl Subcommand for Args {
    type Output = AddOutput;

    /// Adds the host keys of a server to bbconnect's `known_hosts`.
    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let (destination, evidence) = self.host.find(app, self.accept_host_key)?;
        let trusted = app.ensure_trusted(&destination, evidence)?;
        Ok(AddOutput {
            action: if trusted.changed {
                Action::Created
            } else {
                Action::Unchanged
            },
            hosts: HostKeyRow::all(&trusted.keys),
        })
    }
}

impl CommandOutput for AddOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-add@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        table(&self.hosts, out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(self.action.name());
    }
}
