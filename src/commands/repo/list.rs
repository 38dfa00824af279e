//! `bbconnect repo list`: repositories of a workspace, a project, or all.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::commands::args::{LimitArg, WorkspaceArg};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::date::Timestamp;
use crate::types::deployment::Deployment;
use crate::types::operation::Operation;
use crate::types::repository::{Repository, RepositoryFilter};
use crate::ui::{CommandOutput, TextWriter, cell};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo list
  bbconnect repo list --workspace acme --query site
  bbconnect repo list --project WEB --limit 20
  bbconnect repo list --all --json | jq -r '.repositories[].ssh'
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub workspace: WorkspaceArg,
    /// Only this project
    #[arg(long, value_name = "KEY")]
    pub project: Option<String>,
    /// All workspaces of the account (Cloud), or the whole server (Data Center)
    #[arg(long, conflicts_with_all = ["workspace", "project"])]
    pub all: bool,
    #[command(flatten)]
    pub limit: LimitArg,
    /// Filter by name; on Cloud also an expression such as 'size > 100000'
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repositories: Vec<Repository>,
    /// The workspaces that could not be listed.
    incomplete: Vec<IncompleteOwner>,
}

#[derive(Debug, Serialize)]
struct IncompleteOwner {
    owner: String,
    reason: String,
    exit: u8,
    #[serde(skip)]
    status: ExitStatus,
}

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists repositories that the connection that applies can see, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket) = app.client()?;
        let filter = search(self, &selected)?;
        let progress = app.ui.list_progress("listing repositories");
        let response = app.block_on(bitbucket.repositories(&filter))?;
        drop(progress);
        let listed = response.map_err(|error| {
            let is_cloud = selected.connection.deployment == Deployment::Cloud;
            if !is_cloud || filter.workspace.is_some() {
                return selected.describe_api_error_for(error, Operation::ReadRepositories);
            }
            if !matches!(&error, ApiError::Forbidden { granted, .. } if granted.is_empty()) {
                return selected.describe_api_error_for(error, Operation::ReadWorkspaces);
            }
            // An access token has no account, and so no workspaces of its own.
            let causes = "pass --workspace WORKSPACE, or use a credential with read:workspace:bitbucket (account)";
            Error::Api {
                error,
                causes: Some(causes.into()),
            }
        })?;
        let incomplete = listed.incomplete.into_iter().map(|(owner, error)| {
            let error = selected.describe_api_error_for(error, Operation::ReadRepositories);
            let hint = error.hint().map(|hint| format!(" ({})", hint.render(None)));
            let reason = error.to_string();
            let hint = hint.unwrap_or_default();
            app.ui.warn(&format!("{owner}: {reason}{hint}"));
            IncompleteOwner {
                owner,
                reason,
                exit: error.exit_status().code(),
                status: error.exit_status(),
            }
        });
        Ok(ListOutput {
            incomplete: incomplete.collect(),
            repositories: listed.repositories,
        })
    }
}

fn search(args: &Args, selected: &SelectedConnection) -> Result<RepositoryFilter, Error> {
    let connection = &selected.connection;
    let max = args.limit.get();
    let text = args
        .query
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let filter = RepositoryFilter {
        text,
        max,
        ..RepositoryFilter::default()
    };
    match connection.deployment {
        _ if args.all => Ok(filter),
        // Without a workspace: those of all workspaces of the account.
        Deployment::Cloud => Ok(RepositoryFilter {
            workspace: args
                .workspace
                .as_deref()
                .map(str::to_owned)
                .or_else(|| connection.workspace.clone()),
            project: args.project.clone(),
            ..filter
        }),
        Deployment::DataCenter | Deployment::Unknown => {
            if args.workspace.as_deref().is_some() {
                return Err(Error::usage(
                    format!(
                        "{} is a Data Center, which has projects instead of workspaces",
                        connection.base_url
                    ),
                    "pass --project KEY",
                ));
            }
            let project = args.project.clone().or_else(|| connection.project.clone());
            Ok(RepositoryFilter { project, ..filter })
        }
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/repo-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.repositories.iter().map(|repository| {
            let visibility = repository
                .private
                .map(|private| if private { "private" } else { "public" });
            let archived = (repository.archived == Some(true)).then_some("archived");
            let properties: Vec<&str> = visibility.into_iter().chain(archived).collect();
            let row = [
                format!("{}/{}", repository.namespace, repository.slug),
                properties.join(", "),
                cell(repository.default_branch.as_ref()),
                cell(repository.updated_on.map(Timestamp::date)),
            ];
            (repository.web.as_deref(), row)
        });
        out.linked_table(["REPOSITORY", "VISIBILITY", "BRANCH", "UPDATED"], rows);
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.incomplete.iter().map(|owner| owner.status))
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.repositories.is_empty() && self.incomplete.is_empty() {
            out.line("no repositories found");
        }
    }
}
