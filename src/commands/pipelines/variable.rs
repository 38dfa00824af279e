//! `bbconnect pipelines variable`: variables of a repository, a workspace or a deployment environment.

use std::path::PathBuf;

use serde::Serialize;

use super::cloud_repository::require_cloud;
use crate::app::App;
use crate::bitbucket::Cloud;
use crate::commands::args::{DryRunArg, RepoArg, YesArg};
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::resolve::{ResolvedRepository, SelectedConnection};
use crate::types::action::Action;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::pipelines::{Variable, VariableName, VariableOwner, parse_env_file};
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect pipelines variable list --repo acme/site
  bbconnect pipelines variable set DEPLOY_TOKEN --value-stdin --repo acme/site < token
  bbconnect pipelines variable set LOG_LEVEL --plain --value-file level --environment Production
  bbconnect pipelines variable set --from-env-file .env --workspace acme --dry-run
  bbconnect pipelines variable remove DEPLOY_TOKEN --repo acme/site --yes
";

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines variable list --repo acme/site
";

const SET_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines variable set DEPLOY_TOKEN --value-stdin --repo acme/site < token
  bbconnect pipelines variable set LOG_LEVEL --plain --value-file level --environment Production
  bbconnect pipelines variable set --from-env-file .env --workspace acme --dry-run
";

const REMOVE_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines variable remove DEPLOY_TOKEN --repo acme/site --yes
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List variables; the values of secured ones are never shown
        #[command(visible_alias = "ls")]
        List(ListArgs),
        /// Create or update variables
        Set(SetArgs),
        /// Remove a variable
        #[command(visible_alias = "rm")]
        Remove(RemoveArgs),
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct OwnerArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// Variables of this workspace
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Variables of this deployment environment of the repository
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    owner: OwnerArgs,
}

#[derive(Debug, clap::Args)]
#[command(before_help = SET_EXAMPLES)]
pub(crate) struct SetArgs {
    /// Name of the variable
    #[arg(
        value_name = "NAME",
        required_unless_present = "from_env_file",
        conflicts_with = "from_env_file",
        requires = "value"
    )]
    name: Option<VariableName>,
    #[command(flatten)]
    value: ValueArgs,
    /// Set the variables of a file with a NAME=VALUE in each line; - is standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from_env_file: Option<PathBuf>,
    /// Store the value in clear text, visible in Bitbucket and in build logs
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    dry_run: DryRunArg,
}

#[derive(Debug, clap::Args)]
#[group(id = "value", multiple = false, conflicts_with = "from_env_file")]
struct ValueArgs {
    /// Read the value from standard input, without its final line break
    #[arg(long = "value-stdin", id = "value-stdin")]
    stdin: bool,
    /// Read the value from a file, without its final line break
    #[arg(long = "value-file", id = "value-file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Take the output of a command as the value, without its final line break
    #[arg(long = "value-command", id = "value-command", value_name = "CMD")]
    command: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(before_help = REMOVE_EXAMPLES)]
pub(crate) struct RemoveArgs {
    /// Name of the variable
    #[arg(value_name = "NAME")]
    name: VariableName,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

/// An owner of variables, with the connection to it.
struct Target {
    selected: SelectedConnection,
    cloud: Cloud,
    repository: Option<ResolvedRepository>,
    owner: VariableOwner,
}

impl OwnerArgs {
    fn find(&self, app: &App) -> Result<Target, Error> {
        let workspace = self.workspace.as_deref();
        let repo = self.repo.in_workspace(workspace)?;
        if let Some(workspace) = workspace.filter(|_| repo.is_none()) {
            if self.environment.is_some() {
                return Err(Error::usage(
                    "a deployment environment belongs to a repository",
                    "pass --repo NAMESPACE/SLUG with --environment",
                ));
            }
            let (selected, bitbucket) = app.client()?;
            return Ok(Target {
                cloud: require_cloud(bitbucket, &selected)?,
                selected,
                repository: None,
                owner: VariableOwner::Workspace(workspace.to_owned()),
            });
        }
        let (selected, bitbucket, repository) = app.client_for_repo(repo.as_ref())?;
        let cloud = require_cloud(bitbucket, &selected)?;
        let repo = repository.id.clone();
        let owner = match &self.environment {
            None => VariableOwner::Repository(repo),
            Some(name) => {
                let request = cloud.environment_id(&repo, name);
                let found = app.request(&selected, Operation::ReadPipelines, request)?;
                let id = found.map_err(|names| unknown_environment(name, &names, &repository))?;
                VariableOwner::Environment {
                    repo,
                    id,
                    name: name.clone(),
                }
            }
        };
        Ok(Target {
            selected,
            cloud,
            repository: Some(repository),
            owner,
        })
    }
}

fn unknown_environment(name: &str, names: &[String], repository: &ResolvedRepository) -> Error {
    let hint = if names.is_empty() {
        "the repository has no deployment environments".to_owned()
    } else {
        format!("its environments: {}", names.join(", "))
    };
    Error::not_found(format!("{} has no environment {name}", repository.id), hint)
}

impl Target {
    /// The repository under its current name, as far as the responses have shown it.
    fn into_repository(self) -> Option<ResolvedRepository> {
        let repository = self.repository?;
        let current = self.cloud.current_name(&repository.id);
        Some(repository.with_current_name(current))
    }

    fn variables(&self, app: &App) -> Result<Vec<Variable>, Error> {
        let _progress = app.ui.progress("listing variables");
        let request = self.cloud.variables(&self.owner);
        app.request(&self.selected, Operation::ReadPipelines, request)
    }

    fn row(&self, variable: Variable, action: Option<Action>) -> Row {
        Row {
            action,
            variable,
            scope: self.owner.scope(),
            environment: self.owner.environment().map(str::to_owned),
        }
    }

    fn workspace(&self) -> Option<String> {
        match &self.owner {
            VariableOwner::Workspace(workspace) => Some(workspace.clone()),
            VariableOwner::Repository(_) | VariableOwner::Environment { .. } => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    variable: Variable,
    scope: &'static str,
    environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: Option<ResolvedRepository>,
    workspace: Option<String>,
    variables: Vec<Row>,
    #[serde(skip)]
    owner: String,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists the variables of an owner, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let target = self.owner.find(app)?;
        let variables = target.variables(app)?;
        Ok(ListOutput {
            variables: variables
                .into_iter()
                .map(|variable| target.row(variable, None))
                .collect(),
            workspace: target.workspace(),
            owner: target.owner.to_string(),
            repository: target.into_repository(),
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/pipelines-variable-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.variables.iter().map(|row| {
            let variable = &row.variable;
            [
                variable.key.clone(),
                match variable.secured {
                    Some(true) => "secured".to_owned(),
                    Some(false) => "plain".to_owned(),
                    None => "unknown".to_owned(),
                },
                variable.value.clone().unwrap_or_default(),
            ]
        });
        out.table(["NAME", "KIND", "VALUE"], rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        match &self.repository {
            Some(repository) if !self.variables.is_empty() => {
                out.line(&format!("repository: {repository}"));
            }
            Some(repository) if repository.id.to_string() == self.owner => {
                out.empty_list(&repository.to_string(), "variables");
            }
            _ if self.variables.is_empty() => out.empty_list(&self.owner, "variables"),
            _ => {}
        }
    }
}

/// What was done to variables, by `set` or by `remove`.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeOutput<const REMOVES: bool> {
    action: Action,
    repository: Option<ResolvedRepository>,
    workspace: Option<String>,
    variables: Vec<Row>,
}

impl<const REMOVES: bool> ChangeOutput<REMOVES> {
    fn new(target: Target, variables: Vec<Row>) -> Self {
        let actions = variables.iter().filter_map(|row| row.action);
        Self {
            action: actions
                .max_by_key(|action| strength(*action))
                .unwrap_or(Action::Unchanged),
            workspace: target.workspace(),
            repository: target.into_repository(),
            variables,
        }
    }
}

impl<const REMOVES: bool> CommandOutput for ChangeOutput<REMOVES> {
    const SCHEMA: &'static str = if REMOVES {
        "bbconnect/pipelines-variable-remove@1"
    } else {
        "bbconnect/pipelines-variable-set@1"
    };

    fn write_stdout(&self, out: &mut TextWriter) {
        for row in &self.variables {
            let action = row.action.unwrap_or(self.action);
            let kind = if row.variable.secured == Some(false) {
                "plain"
            } else {
                "secured"
            };
            out.line(&format!("{action} {} ({kind})", row.variable.key));
        }
        if let Some(environment) = self
            .variables
            .iter()
            .find_map(|row| row.environment.as_ref())
        {
            out.key_value("environment", 11, environment);
        }
        match &self.repository {
            Some(repository) => out.key_value("repository", 11, &repository.to_string()),
            None => out.key_value(
                "workspace",
                11,
                self.workspace.as_deref().unwrap_or_default(),
            ),
        }
    }
}

/// Which action stands for several.
fn strength(action: Action) -> u8 {
    match action {
        Action::Unchanged => 0,
        Action::Updated | Action::WouldUpdate => 1,
        Action::Created | Action::WouldCreate => 2,
        Action::Removed | Action::WouldRemove => 3,
    }
}

impl Subcommand for SetArgs {
    type Output = ChangeOutput<false>;

    /// Sets variables. All input is read before the first request; an interrupted run is completed by the same command.
    fn run(&self, app: &App) -> Result<ChangeOutput<false>, Error> {
        let desired = self.desired(app)?;
        let target = self.owner.find(app)?;
        let existing = target.variables(app)?;
        let mut rows = Vec::new();
        for (name, value) in &desired {
            let _progress = app.ui.progress(&format!("setting {name}"));
            let known = existing.iter().find(|known| known.key == name.as_str());
            let row = self.set(app, &target, name, value, known)?;
            rows.push(row);
        }
        Ok(ChangeOutput::new(target, rows))
    }
}

impl SetArgs {
    /// The variables to set.
    fn desired(&self, app: &App) -> Result<Vec<(VariableName, Secret)>, Error> {
        if let Some(path) = &self.from_env_file {
            let text = Secret::new(app.read_text(path)?);
            let variables = parse_env_file(text.expose())
                .map_err(|error| Error::usage(format!("{}: {error}", path.display()), ""))?;
            if variables.is_empty() {
                return Err(Error::usage(
                    format!("{} has no variables", path.display()),
                    "",
                ));
            }
            return Ok(variables);
        }
        let Some(name) = &self.name else {
            return Ok(Vec::new());
        };
        Ok(vec![(name.clone(), self.value.read(app)?)])
    }

    fn set(
        &self,
        app: &App,
        target: &Target,
        name: &VariableName,
        value: &Secret,
        known: Option<&Variable>,
    ) -> Result<Row, Error> {
        let secured = !self.plain;
        let planned = |id: Option<String>| Variable {
            id,
            key: name.to_string(),
            secured: Some(secured),
            value: self.plain.then(|| value.expose().to_owned()),
        };
        // A secured value cannot be compared.
        if let Some(known) = known
            && self.plain
            && known.secured == Some(false)
            && known.value.as_deref() == Some(value.expose())
        {
            return Ok(target.row(known.clone(), Some(Action::Unchanged)));
        }
        if self.dry_run.is_set() {
            let action = known.map_or(Action::WouldCreate, |_| Action::WouldUpdate);
            let id = known.and_then(|known| known.id.clone());
            return Ok(target.row(planned(id), Some(action)));
        }
        let refused = |error| {
            let selected = &target.selected;
            selected.describe_api_error_for(error, Operation::WritePipelines)
        };
        let write = |id: Option<&str>| {
            let (owner, key) = (&target.owner, name.as_str());
            let written = target
                .cloud
                .write_variable(owner, id, key, value.expose(), secured);
            app.block_on(written)?.map_err(refused)
        };
        let id = known.and_then(|known| known.id.as_deref());
        if let Some(written) = write(id)? {
            let action = known.map_or(Action::Created, |_| Action::Updated);
            return Ok(target.row(written, Some(action)));
        }
        // Another client created it after the list was read.
        let listed = target.variables(app)?;
        let id = listed
            .into_iter()
            .find(|known| known.key == name.as_str())
            .and_then(|known| known.id);
        let written = match &id {
            Some(id) => write(Some(id))?,
            None => None,
        };
        match written {
            Some(written) => Ok(target.row(written, Some(Action::Updated))),
            None => Err(Error::conflict(
                format!(
                    "{} already has a variable {name} that is not listed",
                    target.owner
                ),
                Hint::command("pipelines variable list").with_text(target.owner.flags()),
            )),
        }
    }
}

impl ValueArgs {
    fn read(&self, app: &App) -> Result<Secret, Error> {
        let path = match (&self.file, &self.command) {
            (Some(path), _) => path.clone(),
            (None, Some(command)) => {
                let output = app.output_of_command(command)?;
                return Ok(without_final_line_break(output.expose()));
            }
            (None, None) => {
                debug_assert!(self.stdin, "clap requires one of the flags");
                PathBuf::from("-")
            }
        };
        let text = Secret::new(app.read_text(&path)?);
        Ok(without_final_line_break(text.expose()))
    }
}

fn without_final_line_break(text: &str) -> Secret {
    let text = text.trim_start_matches('\u{feff}');
    let text = text.strip_suffix('\n').unwrap_or(text);
    Secret::new(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

impl Subcommand for RemoveArgs {
    type Output = ChangeOutput<true>;

    fn run(&self, app: &App) -> Result<ChangeOutput<true>, Error> {
        let target = self.owner.find(app)?;
        let name = &self.name;
        let known = target
            .variables(app)?
            .into_iter()
            .find(|known| known.key == name.as_str());
        let Some(known) = known else {
            return Err(Error::not_found(
                format!("{} has no variable {name}", target.owner),
                Hint::command("pipelines variable list").with_text(target.owner.flags()),
            ));
        };
        if !self.dry_run.is_set() {
            let what = format!("the variable {name} of {}", target.owner);
            self.yes.confirm_removal(&what, app)?;
            let id = known.id.as_deref().unwrap_or_default();
            let removal = target.cloud.remove_variable(&target.owner, id);
            app.request(&target.selected, Operation::WritePipelines, removal)?;
        }
        let action = Action::removal(self.dry_run.is_set());
        let row = target.row(known, Some(action));
        Ok(ChangeOutput::new(target, vec![row]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_final_line_break_is_removed() {
        for (text, value) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (
                "-----BEGIN-----\nx\n-----END-----\n",
                "-----BEGIN-----\nx\n-----END-----",
            ),
            ("\u{feff}a", "a"),
            ("", ""),
        ] {
            assert_eq!(without_final_line_break(text).expose(), value);
        }
    }
}
