//! `bbconnect known-hosts show`: the trusted host keys. No server is contacted.

use serde::Serialize;

use super::host::{HostKeyRow, table};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ssh::{self, HostKey};
use crate::types::hint::Hint;
use crate::types::ssh_address::SshHost;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts show --json
  bbconnect known-hosts show --format openssh ssh.bitbucket.org >> known_hosts
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ShowFormat {
    /// Table for people
    Table,
    /// Lines of a `known_hosts` file
    Openssh,
}

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only the keys of these hosts
    #[arg(value_name = "HOST[:PORT]")]
    hosts: Vec<SshHost>,
    /// Format of the text
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ShowFormat,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShowOutput {
    hosts: Vec<HostKeyRow>,
    /// The file with the keys that are not built in.
    file: String,
    /// Lines of a `known_hosts` file, where these are requested.
    #[serde(skip)]
    lines: Option<Vec<String>>,
}

impl Subcommand for Args {
    type Output = ShowOutput;

    /// Shows the built-in keys and those in bbconnect's `known_hosts`.
    fn run(&self, app: &App) -> Result<ShowOutput, Error> {
        let file = app.known_hosts()?;
        let keys = if self.hosts.is_empty() {
            let built_in = ssh::built_in_hosts();
            let built_in = built_in.iter().flat_map(HostKeyRow::built_in).collect();
            without_duplicates(built_in, file.all()?)
        } else {
            let mut keys = Vec::new();
            for host in &self.hosts {
                let known = without_duplicates(HostKeyRow::built_in(host), file.keys_for(host)?);
                if known.is_empty() {
                    return Err(Error::not_found(
                        format!("no host key of {host} is trusted"),
                        Hint::command("known-hosts add").with_text(format!(" {host}")),
                    ));
                }
                keys = without_duplicates(keys, known);
            }
            keys
        };
        let line = |key: &HostKey| {
            let public = key.key.to_openssh_without_comment();
            format!("{} {public}", key.known_as)
        };
        let lines = (self.format == ShowFormat::Openssh).then(|| keys.iter().map(line).collect());
        Ok(ShowOutput {
            lines,
            hosts: HostKeyRow::all(&keys),
            file: file.path().to_string_lossy().into_owned(),
        })
    }
}

impl CommandOutput for ShowOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-show@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match &self.lines {
            Some(lines) => lines.iter().for_each(|line| out.line(line)),
            None => table(&self.hosts, out),
        }
    }
}

fn without_duplicates(mut keys: Vec<HostKey>, more: Vec<HostKey>) -> Vec<HostKey> {
    for key in more {
        let is_listed = keys
            .iter()
            .any(|known| known.known_as == key.known_as && known.key == key.key);
        if !is_listed {
            keys.push(key);
        }
    }
    keys
}
