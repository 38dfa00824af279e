//! `bbconnect repo create`: creates a repository. An existing one with other settings is a conflict.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::types::action::Action;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::repository::{NewRepository, RepoId, RepoRef, Repository};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo create acme/site
  bbconnect repo create acme/site --project WEB --description 'the website' --default-branch main
  bbconnect repo create WEB/site -c server --dry-run
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository: WORKSPACE/SLUG (Cloud), KEY/SLUG or ~USER/SLUG (Data Center)
    #[arg(value_name = "NS/SLUG")]
    pub repository: RepoRef,
    /// Make it public
    #[arg(long)]
    pub public: bool,
    /// Description
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Project (Cloud) [default: the connection's, else the workspace's oldest]
    #[arg(long, value_name = "KEY")]
    pub project: Option<String>,
    /// Default branch
    #[arg(long, value_name = "BRANCH")]
    pub default_branch: Option<String>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateOutput {
    action: Action,
    /// `NS/SLUG`.
    repository: String,
    #[serde(flatten)]
    facts: Repository,
}

impl CreateOutput {
    fn new(action: Action, facts: Repository) -> Self {
        Self {
            action,
            repository: facts.path().to_string(),
            facts,
        }
    }
}

impl Subcommand for Args {
    type Output = CreateOutput;

    /// Creates a repository, and waits until it is visible.
    fn run(&self, app: &App) -> Result<CreateOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(Some(&self.repository))?;
        let repo = repository.id;
        let is_cloud = selected.connection.deployment == Deployment::Cloud;
        let requested = NewRepository {
            project: project(self, &repo, is_cloud)?,
            repo,
            public: self.public,
            description: self.description.clone(),
            default_branch: self.default_branch.clone(),
        };
        let connection_project = selected.connection.project.clone().filter(|_| is_cloud);
        let new = NewRepository {
            project: requested.project.clone().or(connection_project),
            ..requested.clone()
        };
        let refused = |error| {
            let may_lack_project = is_cloud
                && new.project.is_none()
                && matches!(error, ApiError::ClientError { status: 400, .. });
            if !may_lack_project {
                return selected.describe_api_error_for(error, Operation::CreateRepository);
            }
            let hint = Hint::from("pass --project KEY; to list the projects, run ");
            let list = format!(" --workspace {}", new.repo.namespace);
            Error::Api {
                error,
                causes: Some(hint.with_command("project list").with_text(list)),
            }
        };
        let progress = app.ui.progress("creating the repository");
        let created = if self.dry_run.is_set() {
            None
        } else {
            app.block_on(bitbucket.create_repository(&new))?
                .map_err(refused)?
        };
        let Some(repository) = created else {
            let existing = app.block_on(existing(&bitbucket, &new.repo))?;
            drop(progress);
            return match existing {
                Ok(repository) => unchanged(&requested, repository),
                Err(ApiError::NotFound(_)) if self.dry_run.is_set() => {
                    app.block_on(bitbucket.require_namespace(&new.repo.namespace))?
                        .map_err(refused)?;
                    Ok(CreateOutput::new(Action::WouldCreate, planned(new)))
                }
                // The name is taken, but this credential cannot see by what.
                Err(ApiError::NotFound(_)) => Err(conflict(&new.repo, &[])),
                Err(error) => Err(refused(error)),
            };
        };
        drop(progress);
        let differences = requested.differences(&repository);
        if !differences.is_empty() {
            return Err(Error::unsupported(
                format!(
                    "the server did not create {} as requested: {}",
                    new.repo,
                    differences.join(", ")
                ),
                Hint::command("repo view").with_text(format!(" {}", new.repo)),
            ));
        }
        Ok(CreateOutput::new(Action::Created, repository))
    }
}

async fn existing(bitbucket: &Bitbucket, repo: &RepoId) -> Result<Repository, ApiError> {
    let mut repository = bitbucket.repository(repo).await?;
    repository.default_branch = bitbucket.default_branch(&repository).await?;
    Ok(repository)
}

/// An existing repository, which must be as requested.
fn unchanged(requested: &NewRepository, repository: Repository) -> Result<CreateOutput, Error> {
    let differences = requested.differences(&repository);
    if !differences.is_empty() {
        return Err(conflict(&requested.repo, &differences));
    }
    Ok(CreateOutput::new(Action::Unchanged, repository))
}

/// On Data Center the project is the namespace.
fn project(args: &Args, repo: &RepoId, is_cloud: bool) -> Result<Option<String>, Error> {
    match &args.project {
        Some(key) if !is_cloud && !key.eq_ignore_ascii_case(&repo.namespace) => Err(Error::usage(
            format!("{repo} is in the project {}, not in {key}", repo.namespace),
            format!("use {key}/{}", repo.slug),
        )),
        project => Ok(project.clone()),
    }
}

fn conflict(repo: &RepoId, differences: &[String]) -> Error {
    let details = if differences.is_empty() {
        String::new()
    } else {
        format!(" with other settings: {}", differences.join(", "))
    };
    Error::conflict(
        format!("repository {repo} already exists{details}"),
        Hint::command("repo view").with_text(format!(" {repo}")),
    )
}

fn planned(new: NewRepository) -> Repository {
    Repository {
        namespace: new.repo.namespace,
        name: Some(new.repo.slug.clone()),
        slug: new.repo.slug.to_lowercase(),
        private: Some(!new.public),
        default_branch: new.default_branch,
        project: new.project,
        description: new.description,
        ..Repository::default()
    }
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/repo-create@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let Repository {
            ssh, https, web, ..
        } = &self.facts;
        out.line(&format!("{} {}", self.action, self.repository));
        for (label, value) in [("ssh", ssh), ("https", https), ("web", web)] {
            if let Some(value) = value {
                out.key_value(label, 7, value);
            }
        }
    }
}
