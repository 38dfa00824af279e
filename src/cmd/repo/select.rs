//! `bbconnect repo select`: chooses the repository that commands are about when none is named.

use std::path::PathBuf;

use serde::Serialize;

use crate::bitbucket::Bitbucket;
use crate::context::{App, SelectedConnection, SelectionReason};
use crate::error::Error;
use crate::git::{Checkout, GitError};
use crate::model::deployment::Deployment;
use crate::model::repository::{RepoId, RepoRef, Repository, RepositoryFilter};
use crate::model::right::Operation;
use crate::output::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo select                               pick one, with a search
  bbconnect repo select acme/site                     for the connection
  bbconnect repo select acme/site --here              for the checkout one stands in
  bbconnect repo select acme/api --service services/api
";

/// Choose the repository that commands are about when none is named
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The repository; without it, on a terminal, one is picked from a list
    #[arg(value_name = "REF")]
    pub repository: Option<RepoRef>,
    /// For the checkout one stands in, in its git configuration, and with the connection it was found with
    #[arg(long, conflicts_with = "service")]
    pub here: bool,
    /// For this folder of the checkout one stands in, as --here
    #[arg(long, value_name = "DIR")]
    pub service: Option<PathBuf>,
}

/// A repository that was chosen.
#[derive(Debug, Serialize)]
pub struct SelectOutput {
    action: &'static str,
    connection: String,
    scope: &'static str,
    folder: Option<String>,
    repository: Repository,
}

/// Chooses a repository, and remembers it.
///
/// # Errors
/// Where it is not there, nobody can be asked, or there is no checkout.
pub fn run(args: &Args, context: &App) -> Result<SelectOutput, Error> {
    // What git has to say is said before a server is asked.
    let checkout = (args.here || args.service.is_some())
        .then(|| Checkout::discover().ok_or(GitError::NotARepository))
        .transpose()?;
    let (chosen, repository) = match &args.repository {
        Some(named) => {
            let (chosen, bitbucket, path) = context.client_for_repo(named)?;
            let asked = context.block_on(bitbucket.repository(&path))?;
            let refused = |error| chosen.describe_api_error_for(error, Operation::ReadRepositories);
            let repository = asked.map_err(refused)?;
            (chosen, repository)
        }
        None => prompt_for_repository(context)?,
    };
    let path = repository.path();
    let changed = match &checkout {
        Some(checkout) => {
            let service = args.service.as_deref();
            let connection = (chosen.reason != SelectionReason::Environment)
                .then(|| checkout.set_connection(service, &chosen.name.to_string()))
                .transpose()?;
            checkout.set_repository(service, &path.to_string())? || connection == Some(true)
        }
        None => save_default_repository(context, &chosen, &path)?,
    };
    Ok(SelectOutput {
        action: if changed { "updated" } else { "unchanged" },
        connection: chosen.name.to_string(),
        scope: match (&checkout, &args.service) {
            (None, _) => "connection",
            (Some(_), None) => "repository",
            (Some(_), Some(_)) => "folder",
        },
        folder: args
            .service
            .as_ref()
            .map(|folder| folder.to_string_lossy().into_owned()),
        repository,
    })
}

/// One of those that the connection can see, picked by a person.
fn prompt_for_repository(context: &App) -> Result<(SelectedConnection, Repository), Error> {
    if !context.is_interactive() {
        return Err(Error::InputRequired {
            what: "a repository",
            hint: "name it: bbconnect repo select NAMESPACE/SLUG",
        });
    }
    let (chosen, bitbucket) = context.client()?;
    let search = match &bitbucket {
        Bitbucket::Cloud(_) => RepositoryFilter {
            workspace: chosen.connection.workspace.clone(),
            ..RepositoryFilter::default()
        },
        Bitbucket::DataCenter(_) => RepositoryFilter {
            project: chosen.connection.project.clone(),
            ..RepositoryFilter::default()
        },
    };
    let progress = context.output.progress("listing repositories");
    let asked = context.block_on(bitbucket.repositories(&search))?;
    drop(progress);
    let mut all =
        asked.map_err(|error| chosen.describe_api_error_for(error, Operation::ReadRepositories))?;
    let names: Vec<String> = all
        .iter()
        .map(|repository| format!("{}/{}", repository.namespace, repository.slug))
        .collect();
    if names.is_empty() {
        return Err(Error::rejected(
            crate::error::RejectionKind::NotFound,
            format!("the connection {} sees no repository", chosen.name),
            "bbconnect repo list --all",
        ));
    }
    let at = context
        .output
        .prompt_fuzzy_select("Repository", &names)
        .map_err(Error::Stdin)?;
    Ok((chosen, all.swap_remove(at)))
}

/// Makes it the repository of the connection.
fn save_default_repository(
    context: &App,
    chosen: &SelectedConnection,
    path: &RepoId,
) -> Result<bool, Error> {
    if chosen.reason == SelectionReason::Environment {
        return Err(Error::Usage {
            message: "the connection is the environment's, of which nothing is saved".to_owned(),
            hint: Some(format!("add --here, or export BBCONNECT_REPO={path}")),
        });
    }
    let mut connection = chosen.connection.clone();
    let namespace = match connection.deployment {
        Deployment::Cloud => &mut connection.workspace,
        Deployment::DataCenter | Deployment::Unknown => &mut connection.project,
    };
    *namespace = Some(path.namespace.clone());
    connection.repository = Some(path.slug.clone());
    if connection == chosen.connection {
        return Ok(false);
    }
    context
        .connection_file()
        .update(|connections| connections.replace(&chosen.name, &connection))?;
    Ok(true)
}

impl CommandOutput for SelectOutput {
    const SCHEMA: &'static str = "bbconnect/repo-select@1";

    fn write_stdout(&self, page: &mut TextWriter) {
        let Repository {
            namespace, slug, ..
        } = &self.repository;
        let place = match (self.scope, &self.folder) {
            ("connection", _) => format!("the connection {}", self.connection),
            (_, Some(folder)) => format!(
                "the folder {folder}, with the connection {}",
                self.connection
            ),
            (_, None) => format!("this checkout, with the connection {}", self.connection),
        };
        page.line(&format!("{namespace}/{slug} is the repository of {place}"));
    }
}
