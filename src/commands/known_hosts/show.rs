//! `bbconnect known-hosts show`: the trusted host keys. No server is contacted.

use serde::Serialize;

use super::host::{HostKeyRow, table};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ssh;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts show --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {}

#[derive(Debug, Serialize)]
pub(crate) struct ShowOutput {
    hosts: Vec<HostKeyRow>,
    /// The file with the keys that are not built in.
    file: String,
}

impl Subcommand for Args {
    type Output = ShowOutput;

    /// Shows the built-in keys and those in bbconnect's `known_hosts`.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn run(&self, app: &App) -> Result<ShowOutput, Error> {
        let file = app.known_hosts()?;
        let mut keys: Vec<_> = ssh::built_in_hosts()
            .iter()
            .flat_map(HostKeyRow::built_in)
            .collect();
        for key in file.all()? {
            let is_listed = keys
                .iter()
                .any(|known| known.known_as == key.known_as && known.key == key.key);
            if !is_listed {
                keys.push(key);
            }
        }
        Ok(ShowOutput {
            hosts: HostKeyRow::all(&keys),
            file: file.path().to_string_lossy().into_owned(),
        })
    }
}

impl CommandOutput for ShowOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-show@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        table(&self.hosts, out);
    }
}
