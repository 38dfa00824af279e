//! `bbconnect connection use`: sets the default connection, or that of a repository or of a directory in it.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::config::{Connections, known_connections};
use crate::error::Error;
use crate::git::GitError;
use crate::types::action::Action;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection use work                        # the default
  bbconnect connection use acme --here                 # for the current repository
  bbconnect connection use api --service services/api  # for a directory in it
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The connection; without it, a terminal offers the known ones
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub name: Option<String>,
    /// For the current repository (.git/config)
    #[arg(long, conflicts_with = "service")]
    pub here: bool,
    /// For this directory in the current repository
    #[arg(long, value_name = "DIR")]
    pub service: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UseOutput {
    action: Action,
    name: String,
    scope: Scope,
    #[serde(rename = "folder")]
    dir: Option<String>,
}

/// What the connection is used for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Default,
    Repository,
    /// A directory of the repository.
    #[serde(rename = "folder")]
    Directory,
}

impl Subcommand for Args {
    type Output = UseOutput;

    fn run(&self, app: &App) -> Result<UseOutput, Error> {
        let connections = app.connection_file().load()?;
        let chosen = match &self.name {
            Some(name) => name.clone(),
            None => choose(&connections, app)?,
        };
        let (name, _) = connections.get(&chosen)?;
        let dir = self
            .service
            .as_ref()
            .map(|dir| dir.to_string_lossy().into_owned());
        let output = |changed, scope| UseOutput {
            action: Action::updated_if(changed),
            name: chosen.clone(),
            scope,
            dir: dir.clone(),
        };
        if self.here || self.service.is_some() {
            let checkout = app.checkout()?.ok_or(GitError::NotARepository)?;
            let changed = checkout.set_connection(self.service.as_deref(), &chosen)?;
            let scope = if self.here {
                Scope::Repository
            } else {
                Scope::Directory
            };
            return Ok(output(changed, scope));
        }
        let changed = connections.default_name() != Some(&chosen);
        app.connection_file()
            .update(|connections| connections.set_default(&name))?;
        Ok(output(changed, Scope::Default))
    }
}

/// One of the saved connections, from a prompt.
fn choose(connections: &Connections, app: &App) -> Result<String, Error> {
    let names = connections.names();
    if names.is_empty() {
        return Err(Error::NoConnection(names));
    }
    if !app.is_interactive() {
        return Err(Error::usage(
            "the name of a connection is required",
            format!("pass NAME; {}", known_connections(&names)),
        ));
    }
    let current = connections.default_name();
    let is_current = |name: &&String| Some(name.as_str()) == current;
    // The present default first, so that Enter changes nothing.
    let (first, rest): (Vec<&String>, Vec<&String>) = names.iter().partition(is_current);
    let choices: Vec<&str> = first.into_iter().chain(rest).map(String::as_str).collect();
    let chosen = app.ui.prompt_select("Connection", &choices)?;
    Ok(choices.get(chosen).copied().unwrap_or_default().to_owned())
}

impl CommandOutput for UseOutput {
    const SCHEMA: &'static str = "bbconnect/connection-use@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let target = match (self.scope, &self.dir) {
            (Scope::Repository, _) => "this repository".to_owned(),
            (_, Some(dir)) => format!("directory {dir}"),
            (_, None) => "all repositories without their own".to_owned(),
        };
        out.line(&format!("{} is now used for {target}", self.name));
    }
}
