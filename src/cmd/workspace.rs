//! `bbconnect workspace`: the workspaces of Bitbucket Cloud.

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::namespace::Workspace;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect workspace list
  bbconnect workspace list --json -c work
";

/// What is done with workspaces.
#[derive(Debug, Subcommand)]
#[command(before_help = EXAMPLES, defer = true)]
pub enum Command {
    /// List the workspaces that the connection's account is in
    #[command(before_help = EXAMPLES)]
    List,
}

/// The workspaces.
#[derive(Debug, Serialize)]
pub struct Listed {
    workspaces: Vec<Workspace>,
}

/// Lists the workspaces of the connection that applies, in the server's order.
///
/// # Errors
/// Where no connection applies, it is not one to Bitbucket Cloud, or the server cannot be asked.
pub fn list(context: &Context) -> Result<Listed, Error> {
    let (chosen, bitbucket) = context.connect()?;
    let asked = context.wait(bitbucket.workspaces())?;
    let Some(workspaces) = asked.map_err(|error| chosen.explained(error))? else {
        return Err(Error::Usage {
            message: format!(
                "{} is a Data Center, which has projects and no workspaces",
                chosen.connection.base_url
            ),
            hint: Some("bbconnect project list".to_owned()),
        });
    };
    Ok(Listed { workspaces })
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/workspace-list@1";

    fn text(&self, page: &mut Page) {
        let rows = self.workspaces.iter().map(|workspace| {
            let administrator = if workspace.administrator == Some(true) {
                "administrator"
            } else {
                ""
            };
            [
                workspace.slug.clone(),
                workspace.name.clone().unwrap_or_default(),
                administrator.to_owned(),
            ]
        });
        page.table(&["WORKSPACE", "NAME", "YOU ARE"].map(str::to_owned), rows);
    }
}
