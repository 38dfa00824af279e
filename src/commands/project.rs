//! `bbconnect project`: the projects of a workspace or of a server.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::args::{DryRunArg, WorkspaceArg};
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::types::action::Action;
use crate::types::hint::Hint;
use crate::types::namespace::{NewProject, Project};
use crate::types::operation::Operation;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect project list
  bbconnect project list --workspace acme --json
  bbconnect project create WEB --name 'The website'
";

const CREATE_EXAMPLES: &str = "\
Examples:
  bbconnect project create WEB --name 'The website'
  bbconnect project create WEB --name 'The website' --workspace acme --dry-run
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List the projects of a workspace (Cloud) or server (Data Center)
        #[command(visible_alias = "ls")]
        List(ListArgs),
        /// Create a project
        Create(CreateArgs),
    }
}

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub workspace: WorkspaceArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    projects: Vec<Project>,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists the projects that the connection that applies can see, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket) = app.client()?;
        let workspace = workspace(self.workspace.as_deref(), &selected)?;
        let _progress = app.ui.list_progress("listing projects");
        let response = app.block_on(bitbucket.projects(&workspace))?;
        Ok(ListOutput {
            projects: response
                .map_err(|error| selected.describe_api_error_for(error, Operation::ReadProjects))?,
        })
    }
}

/// The workspace that is meant; Data Center has none.
fn workspace(named: Option<&str>, selected: &SelectedConnection) -> Result<String, Error> {
    let hint = Hint::from("pass --workspace WORKSPACE; ")
        .with_command("workspace list")
        .with_text(" lists them");
    Ok(selected.workspace(named, hint)?.unwrap_or_default())
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect project create [OPTIONS]\n       --name <NAME> <KEY>", before_help = CREATE_EXAMPLES)]
pub(crate) struct CreateArgs {
    /// Key: letters, digits and underscores, beginning with a letter
    #[arg(value_name = "KEY", value_parser = key)]
    pub key: String,
    /// Name
    #[arg(long, value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub workspace: WorkspaceArg,
    /// Make it public
    #[arg(long)]
    pub public: bool,
    /// Description
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// <https://confluence.atlassian.com/bitbucketserver/creating-projects-776639848.html>
fn key(text: &str) -> Result<String, String> {
    let is_key = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_key.then(|| text.to_ascii_uppercase()).ok_or_else(|| {
        "expected letters, digits and underscores, beginning with a letter".to_owned()
    })
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateOutput {
    action: Action,
    project: Project,
}

impl Subcommand for CreateArgs {
    type Output = CreateOutput;

    fn run(&self, app: &App) -> Result<CreateOutput, Error> {
        let (selected, bitbucket) = app.client()?;
        let workspace = workspace(self.workspace.as_deref(), &selected)?;
        let new = NewProject {
            key: self.key.clone(),
            name: self.name.clone(),
            public: self.public,
            description: self.description.clone(),
        };
        let refused = |error| selected.describe_api_error_for(error, Operation::CreateProject);
        let created = if self.dry_run.is_set() {
            None
        } else {
            app.block_on(bitbucket.create_project(&workspace, &new))?
                .map_err(refused)?
        };
        let Some(project) = created else {
            return match app.block_on(bitbucket.project(&workspace, &new.key))? {
                Ok(project) => {
                    let differences = new.differences(&project);
                    if !differences.is_empty() {
                        return Err(conflict(&new.key, &differences));
                    }
                    let action = Action::Unchanged;
                    Ok(CreateOutput { action, project })
                }
                Err(ApiError::NotFound(_)) if self.dry_run.is_set() => {
                    if bitbucket.is_cloud() {
                        app.block_on(bitbucket.require_namespace(&workspace))?
                            .map_err(refused)?;
                    }
                    Ok(CreateOutput {
                        action: Action::WouldCreate,
                        project: Project {
                            key: new.key,
                            name: Some(new.name),
                            private: Some(!new.public),
                            description: new.description,
                        },
                    })
                }
                // Another project has the name, or this credential cannot see the one with the key.
                Err(ApiError::NotFound(_)) => Err(conflict(&new.key, &[])),
                Err(error) => Err(refused(error)),
            };
        };
        let differences = new.differences(&project);
        if !differences.is_empty() {
            return Err(Error::unsupported(
                format!(
                    "the server did not create project {} as requested: {}",
                    new.key,
                    differences.join(", ")
                ),
                Hint::command("project list"),
            ));
        }
        Ok(CreateOutput {
            action: Action::Created,
            project,
        })
    }
}

fn conflict(key: &str, differences: &[String]) -> Error {
    let message = if differences.is_empty() {
        format!("project {key} already exists, or its name is taken")
    } else {
        format!(
            "project {key} already exists with other settings: {}",
            differences.join(", ")
        )
    };
    Error::conflict(message, Hint::command("project list"))
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/project-create@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("{} {}", self.action, self.project.key));
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/project-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.projects.iter().map(|project| {
            let visibility = match project.private {
                Some(true) => "private",
                Some(false) => "public",
                None => "",
            };
            [
                project.key.clone(),
                project.name.clone().unwrap_or_default(),
                visibility.to_owned(),
            ]
        });
        out.table(["KEY", "NAME", "VISIBILITY"], rows);
    }
}
