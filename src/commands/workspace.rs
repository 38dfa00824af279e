//! `bbconnect workspace`: the workspaces of Bitbucket Cloud.

use serde::Serialize;

use crate::app::App;
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::types::hint::Hint;
use crate::types::namespace::Workspace;
use crate::types::operation::Operation;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect workspace list
  bbconnect workspace list --json -c work
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List the workspaces of the account
        #[command(visible_alias = "ls")]
        List(ListArgs),
    }
}

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    workspaces: Vec<Workspace>,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists the workspaces of the connection that applies, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket) = app.client()?;
        let _progress = app.ui.list_progress("listing workspaces");
        let response = app.block_on(bitbucket.workspaces())?;
        let Some(workspaces) = response
            .map_err(|error| selected.describe_api_error_for(error, Operation::ReadWorkspaces))?
        else {
            return Err(Error::usage(
                format!(
                    "{} is a Data Center, which has projects instead of workspaces",
                    selected.connection.base_url
                ),
                Hint::command("project list"),
            ));
        };
        Ok(ListOutput { workspaces })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/workspace-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let administrator = |workspace: &Workspace| {
            let is_administrator = workspace.administrator == Some(true);
            if is_administrator {
                "administrator"
            } else {
                ""
            }
            .to_owned()
        };
        // Today's API does not return names.
        if self
            .workspaces
            .iter()
            .all(|workspace| workspace.name.is_none())
        {
            let rows = self.workspaces.iter();
            let rows = rows.map(|workspace| [workspace.slug.clone(), administrator(workspace)]);
            out.table(["WORKSPACE", "ROLE"], rows);
            return;
        }
        let rows = self.workspaces.iter().map(|workspace| {
            [
                workspace.slug.clone(),
                workspace.name.clone().unwrap_or_default(),
                administrator(workspace),
            ]
        });
        out.table(["WORKSPACE", "NAME", "ROLE"], rows);
    }
}
