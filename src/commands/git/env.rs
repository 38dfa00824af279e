//! `bbconnect git env`: what a shell must set so that git uses a connection, with nothing written to disk.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::{App, HelperConnection, connection_candidates};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::resolve::{SelectedConnection, SelectionReason};
use crate::types::shell::Shell;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect git env work
  eval \"$(bbconnect git env)\" && git clone https://bitbucket.org/acme/site.git
  eval \"$(bbconnect git env work)\"
  eval \"$(bbconnect git env --unset)\"
  bbconnect git env --shell powershell | Out-String | Invoke-Expression
  for /f \"delims=\" %i in ('bbconnect git env --shell cmd') do @%i
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection [default: the one that applies here]
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub name: Option<String>,
    /// Print `unset` commands
    #[arg(long)]
    pub unset: bool,
    /// Shell that runs the commands [default: sh, on Windows powershell]
    #[arg(long, value_name = "SHELL")]
    pub shell: Option<Shell>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EnvOutput {
    connection: Option<String>,
    variables: BTreeMap<String, String>,
    /// Variables that are to go.
    unset: Vec<String>,
    #[serde(skip)]
    shell: Shell,
}

/// Entries of git's configuration, as `GIT_CONFIG_KEY_…` and `GIT_CONFIG_VALUE_…` have them.
type Entries = Vec<(String, String)>;

impl Subcommand for Args {
    type Output = EnvOutput;

    /// Works out the variables. Nothing is written, and no secret is among them.
    fn run(&self, app: &App) -> Result<EnvOutput, Error> {
        let shell = self.shell.unwrap_or_else(|| default_shell(app));
        let name = self.name.as_deref();
        let named = name.map(|name| app.select_by_name(name)).transpose()?;
        if self.unset {
            let candidates = match named {
                Some(named) => vec![named],
                None => all(app)?,
            };
            return unset_commands(self.name.clone(), &candidates, shell, app);
        }
        let selected = match named {
            Some(named) => named,
            None => app.select()?,
        };
        let name = selected.name.to_string();
        let helper = match selected.reason {
            SelectionReason::Flag | SelectionReason::EnvVar => HelperConnection::Named(&name),
            // Git passes the environment on to the helper, which finds the connection there.
            SelectionReason::Environment => HelperConnection::Resolved,
            // The user has not named it, so a checkout with another connection uses that one.
            SelectionReason::GitConfig(_)
            | SelectionReason::Remote(_)
            | SelectionReason::Url
            | SelectionReason::Default
            | SelectionReason::Only => HelperConnection::Preferred(&name),
        };
        let config = app.git_config_entries(&selected.connection, helper)?;
        let before = app.git_config();
        let is_there = config.iter().all(|entry| before.contains(entry));
        let mut variables = BTreeMap::new();
        if !is_there {
            let all: Entries = before.iter().cloned().chain(config).collect();
            variables = indexed_variables(&all, before.len());
        }
        if let Some(command) = app.git_ssh_command(&selected.connection) {
            variables.insert("GIT_SSH_COMMAND".to_owned(), command);
            // The user may have set another program, whose options git would pass.
            variables.insert("GIT_SSH_VARIANT".to_owned(), "ssh".to_owned());
        }
        Ok(EnvOutput {
            connection: Some(selected.name.to_string()),
            variables,
            unset: Vec::new(),
            shell,
        })
    }
}

/// The usual shell of the system; on Windows sh in Git Bash, which sets `MSYSTEM`.
fn default_shell(app: &App) -> Shell {
    if app.environment_variable("MSYSTEM").is_some() {
        Shell::Sh
    } else {
        Shell::NATIVE
    }
}

/// Every connection that these variables may have been made for.
fn all(app: &App) -> Result<Vec<SelectedConnection>, Error> {
    let names = app.connection_file().load()?.names();
    let stored = names.iter().map(|name| app.select_by_name(name));
    Ok(stored
        .chain([app.select()])
        .filter_map(Result::ok)
        .collect())
}

/// What takes the variables of these connections back, and leaves what others put there.
fn unset_commands(
    name: Option<String>,
    candidates: &[SelectedConnection],
    shell: Shell,
    app: &App,
) -> Result<EnvOutput, Error> {
    let mut ours = Entries::new();
    for selected in candidates {
        let name = selected.name.to_string();
        for helper in [
            HelperConnection::Resolved,
            HelperConnection::Named(&name),
            HelperConnection::Preferred(&name),
        ] {
            ours.extend(app.git_config_entries(&selected.connection, helper)?);
        }
    }
    let before = app.git_config();
    let others: Entries = before
        .iter()
        .filter(|entry| !ours.contains(entry))
        .cloned()
        .collect();
    let mut variables = BTreeMap::new();
    let mut unset: Vec<String> = (others.len()..before.len()).flat_map(pair).collect();
    if !others.is_empty() {
        variables = indexed_variables(&others, 0);
    } else if !before.is_empty() {
        unset.push("GIT_CONFIG_COUNT".to_owned());
    }
    let now = app.environment_variable("GIT_SSH_COMMAND");
    let mut commands = candidates
        .iter()
        .filter_map(|selected| app.git_ssh_command(&selected.connection));
    if now.is_some() && commands.any(|command| now == Some(&command)) {
        unset.push("GIT_SSH_COMMAND".to_owned());
        if app.environment_variable("GIT_SSH_VARIANT") == Some("ssh") {
            unset.push("GIT_SSH_VARIANT".to_owned());
        }
    }
    Ok(EnvOutput {
        connection: name,
        variables,
        unset,
        shell,
    })
}

/// The variables of entries from this one on, and how many there are in all.
fn indexed_variables(entries: &[(String, String)], from: usize) -> BTreeMap<String, String> {
    let all = entries.iter().enumerate().skip(from);
    let mut variables: BTreeMap<_, _> = all
        .flat_map(|(number, (key, value))| {
            pair(number).into_iter().zip([key.clone(), value.clone()])
        })
        .collect();
    variables.insert("GIT_CONFIG_COUNT".to_owned(), entries.len().to_string());
    variables
}

fn pair(number: usize) -> [String; 2] {
    [
        format!("GIT_CONFIG_KEY_{number}"),
        format!("GIT_CONFIG_VALUE_{number}"),
    ]
}

impl CommandOutput for EnvOutput {
    const SCHEMA: &'static str = "bbconnect/git-env@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for (name, value) in &self.variables {
            out.raw(&format!("{}\n", self.shell.set_variable(name, value)));
        }
        if self.shell == Shell::PowerShell && self.variables.is_empty() && self.unset.is_empty() {
            // `Invoke-Expression` takes no empty text.
            out.raw("# nothing to set\n");
        }
        for name in &self.unset {
            out.raw(&format!("{}\n", self.shell.unset_variable(name)));
        }
    }
}
