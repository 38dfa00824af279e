//! `bbconnect connection use`: sets the default connection, or that of a repository or of a directory in it.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::GitError;
use crate::types::action::Action;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection use work                          the default
  bbconnect connection use acme --here                   for the repository one stands in
  bbconnect connection use api --service services/api    for a folder of it
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The connection
    #[arg(value_name = "NAME")]
    pub name: String,
    /// For the repository one stands in, in its git configuration
    #[arg(long, conflicts_with = "service")]
    pub here: bool,
    /// For this folder of the repository one stands in
    #[arg(long, value_name = "DIR")]
    pub service: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UseOutput {
    action: Action,
    name: String,
    scope: Scope,
    folder: Option<String>,
}

/// What the connection is used for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Default,
    Repository,
    /// A directory of the repository.
    Folder,
}

impl Subcommand for Args {
    type Output = UseOutput;

    /// # Errors
    /// Where there is no such connection, or no repository.
    fn run(&self, app: &App) -> Result<UseOutput, Error> {
        let connections = app.connection_file().load()?;
        let (name, _) = connections.get(&self.name)?;
        let folder = self
            .service
            .as_ref()
            .map(|folder| folder.to_string_lossy().into_owned());
        let output = |changed, scope| UseOutput {
            action: Action::updated_if(changed),
            name: self.name.clone(),
            scope,
            folder: folder.clone(),
        };
        if self.here || self.service.is_some() {
            let checkout = app.checkout()?.ok_or(GitError::NotARepository)?;
            let changed = checkout.set_connection(self.service.as_deref(), &self.name)?;
            let scope = if self.here {
                Scope::Repository
            } else {
                Scope::Folder
            };
            return Ok(output(changed, scope));
        }
        let changed = connections.default_name() != Some(&self.name);
        app.connection_file()
            .update(|connections| connections.set_default(&name))?;
        Ok(output(changed, Scope::Default))
    }
}

impl CommandOutput for UseOutput {
    const SCHEMA: &'static str = "bbconnect/connection-use@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let target = match (self.scope, &self.folder) {
            (Scope::Repository, _) => "this repository".to_owned(),
            (_, Some(folder)) => format!("the folder {folder}"),
            (_, None) => "everything that names no other".to_owned(),
        };
        out.line(&format!("{} is used for {target}", self.name));
    }
}
