//! `bbconnect publish`: what differs between a folder and a branch becomes one commit, and one pull request.

mod git_backend;
mod names;
mod output;
mod ownership;
mod plan;
mod rest_backend;

use std::path::PathBuf;

pub(crate) use self::output::PublishOutput;

use self::names::{BranchName, RepoDir};
use self::output::{CommitResult, PullRequestResult};
use self::plan::Plan;
use crate::app::App;
use crate::bitbucket::{Bitbucket, EnsureOutcome};
use crate::commands::Subcommand;
use crate::commands::args::{BodyFileArg, DryRunArg};
use crate::error::{Error, RejectionKind};
use crate::git::collect_files;
use crate::types::operation::Operation;
use crate::types::pull_request::{self, NewPullRequest, PullRequest};
use crate::types::repository::RepoRef;

const EXAMPLES: &str = "\
Examples:
  bbconnect publish ./generated --repo acme/site --dry-run
  bbconnect publish ./generated --repo acme/site --message 'Build 7' --delete-removed
  bbconnect publish ./docs --repo WEB/site --into docs --branch docs --body-file notes.md

What .gitignore leaves out is not published, nor is .git. Symbolic links stay links where they are
relative and lead nowhere but into the folder; others are refused. On Cloud, files that have the
size they have on the branch are read one by one to compare them: with hundreds of them --via git
is faster, and spares the rate limit.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The repository; without it, the one that was selected
    #[arg(long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// The folder of the repository that it goes into; without it, the root
    #[arg(
        long,
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub into: RepoDir,
    /// The branch that is committed to; it is made where it is not there. Where it is the base itself, the commit follows
    /// what is there, whoever made it, and there is no pull request
    #[arg(long, value_name = "BRANCH", default_value = "bbconnect")]
    pub branch: BranchName,
    /// The branch that it starts from and is for; without it, the repository's default branch
    #[arg(long, value_name = "BRANCH")]
    pub base: Option<BranchName>,
    /// The commit's message
    #[arg(short, long, value_name = "MESSAGE")]
    pub message: Option<String>,
    /// The pull request's title; without it, the first line of the message
    #[arg(long, value_name = "TITLE")]
    pub title: Option<String>,
    #[command(flatten)]
    pub body_file: BodyFileArg,
    /// Remove from the branch what the folder lacks; without it, a file of the branch that is a folder here, or the other
    /// way round, is a conflict
    #[arg(long)]
    pub delete_removed: bool,
    /// Open no pull request
    #[arg(long, conflicts_with_all = ["title", "body_file", "draft"])]
    pub no_pr: bool,
    /// Open the pull request as a draft (Cloud; Data Center since 8.18)
    #[arg(long)]
    pub draft: bool,
    /// Commit also onto commits of others, and onto our own that somebody has changed
    #[arg(long)]
    pub onto_foreign: bool,
    /// How to commit; without it, REST on Cloud and git on Data Center
    #[arg(long, value_enum, value_name = "WAY")]
    pub via: Option<Via>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// How a commit gets to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Via {
    /// The REST API (Cloud)
    Rest,
    /// A push of git's, with the connection's credential
    Git,
}

impl Subcommand for Args {
    type Output = PublishOutput;

    /// Publishes a folder.
    ///
    /// # Errors
    /// Where the folder cannot be read, the branch has commits of others or moves meanwhile, a right is missing, or the
    /// server cannot be asked.
    fn run(&self, app: &App) -> Result<PublishOutput, Error> {
        let body = self.body_file.read(app)?;
        let files = collect_files(&self.folder, self.into.as_str())?;
        if files.is_empty() && self.delete_removed {
            let message = format!(
                "{} is empty, so --delete-removed would remove everything",
                self.folder.display()
            );
            let hint = Some("look whether what fills the folder has failed".into());
            return Err(Error::Usage { message, hint });
        }
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let progress = app.ui.progress("comparing the folder with the branch");
        let message = message(self);
        let plan = app.block_on(plan::gather(
            self,
            files,
            &selected,
            &bitbucket,
            repository.id,
        ))??;
        let done = match (&bitbucket, self.via) {
            (Bitbucket::Cloud(cloud), None | Some(Via::Rest)) => app.block_on(
                rest_backend::publish(&plan, &message, &selected, cloud, &bitbucket),
            )??,
            (_, Some(Via::Git)) | (Bitbucket::DataCenter(_), None) => {
                git_backend::publish(&plan, &message, app, &selected, &bitbucket)?
            }
            (Bitbucket::DataCenter(_), Some(Via::Rest)) => {
                return Err(Error::Usage {
                    message: "Data Center's REST API commits one file at a time".to_owned(),
                    hint: Some("leave out --via: git pushes them together".into()),
                });
            }
        };
        let asked = app.block_on(ensure_pull_request(
            self, &plan, &done, body, &message, &bitbucket,
        ))?;
        let asked = asked.map_err(|error| {
            if let Some(commit) = done.commit.as_deref().filter(|_| !self.dry_run.is_set()) {
                let branch = &plan.branch;
                app.ui.eprint_line(&format!(
                    "the commit {commit} is on {branch}; only its pull request is missing. Run it again, or add --no-pr"
                ));
            }
            match error {
                PullRequestError::No(error) => *error,
                PullRequestError::Api(error) => selected.describe_api_error_for(error, Operation::WritePullRequests),
            }
        })?;
        drop(progress);
        Ok(PublishOutput::of(&plan, done, asked, repository.source))
    }
}

fn message(args: &Args) -> String {
    let given = args.message.as_deref().map(str::trim);
    given
        .filter(|message| !message.is_empty())
        .map_or_else(|| "Publish from bbconnect".to_owned(), str::to_owned)
}

/// Why a pull request could not be had.
enum PullRequestError {
    Api(crate::bitbucket::ApiError),
    No(Box<Error>),
}

impl From<crate::bitbucket::ApiError> for PullRequestError {
    fn from(error: crate::bitbucket::ApiError) -> Self {
        Self::Api(error)
    }
}

/// Has a pull request open, where there is something for it to bring.
async fn ensure_pull_request(
    args: &Args,
    plan: &Plan,
    done: &CommitResult,
    body: Option<String>,
    message: &str,
    bitbucket: &Bitbucket,
) -> Result<Option<PullRequestResult>, PullRequestError> {
    let Some(base) = plan.base.as_ref().filter(|base| base.name != plan.branch) else {
        return Ok(None);
    };
    let brings =
        !done.diff.is_empty() || plan.tip.as_ref().is_some_and(|tip| tip.hash != base.hash);
    if args.no_pr || !brings {
        return Ok(None);
    }
    let open = bitbucket.open_pull_request(&plan.repo, &plan.branch, &base.name);
    let reused = |request: &PullRequest| {
        let asked = pull_request::RequestedFields {
            title: args.title.as_deref(),
            body: body.as_deref(),
            draft: args.draft,
            reviewers: &[],
        };
        PullRequestResult::reused(request, request.differing_fields(&asked))
    };
    if let Some(request) = open.await? {
        return Ok(Some(reused(&request)));
    }
    if args.draft && !bitbucket.supports_drafts().await? {
        let message = "this server knows no drafts: they came with Data Center 8.18";
        let no = Error::rejected(RejectionKind::Unsupported, message, "leave out --draft");
        return Err(PullRequestError::No(Box::new(no)));
    }
    if args.dry_run.is_set() {
        return Ok(Some(PullRequestResult::planned()));
    }
    let title = args
        .title
        .clone()
        .unwrap_or_else(|| message.lines().next().unwrap_or_default().to_owned());
    let pull_request = NewPullRequest {
        title,
        body: body.clone(),
        source: plan.branch.clone(),
        target: base.name.clone(),
        draft: args.draft,
        reviewers: Vec::new(),
    };
    Ok(
        match bitbucket
            .ensure_pull_request(&plan.repo, pull_request)
            .await?
        {
            EnsureOutcome::Reused(request) => Some(reused(&request)),
            EnsureOutcome::Opened(request, _) => Some(PullRequestResult::of("created", &request)),
            EnsureOutcome::NoDifference => None,
        },
    )
}
