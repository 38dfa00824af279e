//! `bbconnect project`: the projects of a workspace or of a server.

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::deployment::Deployment;
use crate::model::namespace::Project;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect project list
  bbconnect project list --workspace acme --json
";

/// What is done with projects.
#[derive(Debug, Subcommand)]
#[command(before_help = EXAMPLES)]
pub enum Command {
    /// List the projects of a workspace (Cloud) or of the server (Data Center)
    List(ListArgs),
}

/// Arguments of `bbconnect project list`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct ListArgs {
    /// The workspace; without it, that of the connection (Cloud)
    #[arg(long, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
}

/// The projects.
#[derive(Debug, Serialize)]
pub struct Listed {
    projects: Vec<Project>,
}

/// Lists the projects that the connection that applies can see, in the server's order.
///
/// # Errors
/// Where no connection applies, the workspace is not known, or the server cannot be asked.
pub fn list(args: &ListArgs, context: &Context) -> Result<Listed, Error> {
    let (chosen, bitbucket) = context.connect()?;
    let workspace = args
        .workspace
        .as_ref()
        .or(chosen.connection.workspace.as_ref());
    if chosen.connection.deployment == Deployment::Cloud && workspace.is_none() {
        return Err(Error::Usage {
            message: format!("the connection {} names no workspace", chosen.name),
            hint: Some(
                "add --workspace WORKSPACE; bbconnect workspace list shows yours".to_owned(),
            ),
        });
    }
    let asked =
        context.wait(bitbucket.projects(workspace.map(String::as_str).unwrap_or_default()))?;
    Ok(Listed {
        projects: asked.map_err(|error| chosen.explained(error))?,
    })
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/project-list@1";

    fn text(&self, page: &mut Page) {
        let rows = self.projects.iter().map(|project| {
            let private = if project.private == Some(true) {
                "private"
            } else {
                ""
            };
            [
                project.key.clone(),
                project.name.clone().unwrap_or_default(),
                private.to_owned(),
            ]
        });
        page.table(&["KEY", "NAME", ""].map(str::to_owned), rows);
    }
}
