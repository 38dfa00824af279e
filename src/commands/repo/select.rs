//! `bbconnect repo select`: sets the default repository.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::Bitbucket;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::GitError;
use crate::resolve::{SelectedConnection, SelectionReason};
use crate::types::action::Action;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::repository::{RepoId, RepoRef, Repository, RepositoryFilter};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo select                   # choose from a list
  bbconnect repo select acme/site         # for the connection
  bbconnect repo select acme/site --here  # for the current checkout
  bbconnect repo select acme/api --service services/api
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository; without it, choose from a list on a terminal
    #[arg(value_name = "REF")]
    pub repository: Option<RepoRef>,
    /// For the current checkout (.git/config), with the connection
    #[arg(long, conflicts_with = "service")]
    pub here: bool,
    /// For this directory in the current checkout
    #[arg(long, value_name = "DIR")]
    pub service: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SelectOutput {
    action: Action,
    connection: String,
    scope: Scope,
    #[serde(rename = "folder")]
    dir: Option<String>,
    repository: Repository,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Connection,
    Repository,
    /// A directory of the checkout.
    #[serde(rename = "folder")]
    Directory,
}

impl Subcommand for Args {
    type Output = SelectOutput;

    fn run(&self, app: &App) -> Result<SelectOutput, Error> {
        // A failure of git is reported before any request.
        let checkout = if self.here || self.service.is_some() {
            Some(app.checkout()?.ok_or(GitError::NotARepository)?)
        } else {
            None
        };
        let (selected, repository) = match &self.repository {
            Some(named) => {
                let (selected, bitbucket, resolved) = app.client_for_repo(Some(named))?;
                let request = bitbucket.repository(&resolved.id);
                let repository = app.request(&selected, Operation::ReadRepositories, request)?;
                (selected, repository)
            }
            None => prompt_for_repository(app)?,
        };
        let repo = repository.path();
        let changed = match checkout {
            Some(checkout) => {
                let service = self.service.as_deref();
                let connection = (selected.reason != SelectionReason::Environment)
                    .then(|| checkout.set_connection(service, &selected.name.to_string()))
                    .transpose()?;
                checkout.set_repository(service, &repo.to_string())? || connection == Some(true)
            }
            None => save_default_repository(app, &selected, &repo)?,
        };
        Ok(SelectOutput {
            action: Action::updated_if(changed),
            connection: selected.name.to_string(),
            scope: match (&checkout, &self.service) {
                (None, _) => Scope::Connection,
                (Some(_), None) => Scope::Repository,
                (Some(_), Some(_)) => Scope::Directory,
            },
            dir: self
                .service
                .as_ref()
                .map(|dir| dir.to_string_lossy().into_owned()),
            repository,
        })
    }
}

/// One of the repositories that the connection can see, from a prompt.
fn prompt_for_repository(app: &App) -> Result<(SelectedConnection, Repository), Error> {
    if !app.is_interactive() {
        return Err(Error::InputRequired {
            what: "a repository",
            hint: Hint::from("pass one: ")
                .with_command("repo select")
                .with_text(" NAMESPACE/SLUG"),
        });
    }
    let (selected, bitbucket) = app.client()?;
    let filter = match &bitbucket {
        Bitbucket::Cloud(_) => RepositoryFilter {
            workspace: selected.connection.workspace.clone(),
            ..RepositoryFilter::default()
        },
        Bitbucket::DataCenter(_) => RepositoryFilter {
            project: selected.connection.project.clone(),
            ..RepositoryFilter::default()
        },
    };
    let progress = app.ui.list_progress("listing repositories");
    let request = bitbucket.repositories(&filter);
    let listed = app.request(&selected, Operation::ReadRepositories, request)?;
    drop(progress);
    for (owner, error) in &listed.incomplete {
        app.ui.warn(&format!("{owner}: {error}"));
    }
    let mut all = listed.repositories;
    let names: Vec<String> = all
        .iter()
        .map(|repository| format!("{}/{}", repository.namespace, repository.slug))
        .collect();
    if names.is_empty() {
        return Err(Error::not_found(
            format!("no repository visible to connection {}", selected.name),
            Hint::command("repo list").with_text(" --all"),
        ));
    }
    let at = app.ui.prompt_fuzzy_select("Repository", &names)?;
    Ok((selected, all.swap_remove(at)))
}

/// Makes it the repository of the connection.
fn save_default_repository(
    app: &App,
    selected: &SelectedConnection,
    repo: &RepoId,
) -> Result<bool, Error> {
    if selected.reason == SelectionReason::Environment {
        return Err(Error::usage(
            "the environment connection is not saved",
            format!("pass --here, or set BBCONNECT_REPO={repo}"),
        ));
    }
    let mut connection = selected.connection.clone();
    let namespace = match connection.deployment {
        Deployment::Cloud => &mut connection.workspace,
        Deployment::DataCenter | Deployment::Unknown => &mut connection.project,
    };
    *namespace = Some(repo.namespace.clone());
    connection.repository = Some(repo.slug.clone());
    if connection == selected.connection {
        return Ok(false);
    }
    app.connection_file()
        .update(|connections| connections.replace(&selected.name, &connection))?;
    Ok(true)
}

impl CommandOutput for SelectOutput {
    const SCHEMA: &'static str = "bbconnect/repo-select@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let Repository {
            namespace, slug, ..
        } = &self.repository;
        let target = match (self.scope, &self.dir) {
            (Scope::Connection, _) => format!("connection {}", self.connection),
            (_, Some(dir)) => format!("directory {dir}, with connection {}", self.connection),
            (_, None) => format!("this checkout, with connection {}", self.connection),
        };
        out.line(&format!(
            "{namespace}/{slug} is now the repository of {target}"
        ));
    }
}
