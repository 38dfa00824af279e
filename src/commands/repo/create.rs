//! `bbconnect repo create`: creates a repository. An existing one is a conflict.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::{Error, RejectionKind};
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
    repository: Repository,
    /// The server created it private although it was requested to be public.
    #[serde(skip)]
    is_still_private: bool,
}

impl Subcommand for Args {
    type Output = CreateOutput;

    /// Creates a repository, and waits until it is visible.
    ///
    /// # Errors
    /// A conflict where the name is taken; where no connection applies, or the request fails.
    fn run(&self, app: &App) -> Result<CreateOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(Some(&self.repository))?;
        let repo = repository.id;
        let is_cloud = selected.connection.deployment == Deployment::Cloud;
        let project = project(self, &repo, is_cloud)?;
        let new = NewRepository {
            project: project.or_else(|| selected.connection.project.clone().filter(|_| is_cloud)),
            repo,
            public: self.public,
            description: self.description.clone(),
            default_branch: self.default_branch.clone(),
        };
        let refused = |error| selected.describe_api_error_for(error, Operation::CreateRepository);
        if self.dry_run.is_set() {
            return match app.block_on(bitbucket.repository(&new.repo))? {
                Ok(_) => Err(exists(&new.repo)),
                Err(ApiError::NotFound(_)) => Ok(CreateOutput {
                    action: Action::WouldCreate,
                    repository: planned(new),
                    is_still_private: false,
                }),
                Err(error) => Err(refused(error)),
            };
        }
        let progress = app.ui.progress("creating the repository");
        let created = app.block_on(bitbucket.create_repository(&new))?;
        drop(progress);
        let Some(repository) = created.map_err(refused)? else {
            return Err(exists(&new.repo));
        };
        Ok(CreateOutput {
            action: Action::Created,
            is_still_private: self.public && repository.private == Some(true),
            repository,
        })
    }
}

/// On Data Center the project is the namespace.
fn project(args: &Args, repo: &RepoId, is_cloud: bool) -> Result<Option<String>, Error> {
    match &args.project {
        Some(key) if !is_cloud && !key.eq_ignore_ascii_case(&repo.namespace) => Err(Error::Usage {
            message: format!("{repo} is in the project {}, not in {key}", repo.namespace),
            hint: Some(format!("use {key}/{}", repo.slug).into()),
        }),
        project => Ok(project.clone()),
    }
}

fn exists(repo: &RepoId) -> Error {
    Error::rejected(
        RejectionKind::Conflict,
        format!("repository {repo} already exists"),
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
        ssh: None,
        https: None,
        web: None,
        updated_on: None,
        project: new.project,
    }
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/repo-create@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let Repository {
            namespace,
            slug,
            ssh,
            https,
            web,
            ..
        } = &self.repository;
        out.line(&format!("{} {namespace}/{slug}", self.action));
        for (label, value) in [("ssh", ssh), ("https", https), ("web", web)] {
            if let Some(value) = value {
                out.key_value(label, 7, value);
            }
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.is_still_private {
            out.note("the server created it as private; change it in the repository settings");
        }
    }
}
