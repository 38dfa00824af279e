//! `bbconnect pr`: lists and opens pull requests.

use futures_util::future;
use serde::Serialize;

use crate::app::{App, require_not_archived};
use crate::bitbucket::{ApiError, Bitbucket, EnsureOutcome};
use crate::commands::args::{BodyFileArg, DryRunArg, LimitArg, PageOpened, RepoArg, WebArg};
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::resolve::{ResolvedRepository, SelectedConnection};
use crate::types::action::Action;
use crate::types::operation::Operation;
use crate::types::pull_request::{
    NewPullRequest, PullRequest, RequestedFields, SkippedReviewer, State, unchanged_note,
};
use crate::types::repository::{RepoId, Repository};
use crate::ui::{CommandOutput, TextWriter, cell};

const EXAMPLES: &str = "\
Examples:
  bbconnect pr list --repo acme/site
  bbconnect pr create --source feature/login --title 'Login page' --default-reviewers
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List pull requests
        #[command(visible_alias = "ls")]
        List(ListArgs),
        /// Open a pull request, or find the open one for the same branches
        Create(CreateArgs),
    }
}

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect pr list --repo acme/site
  bbconnect pr list --repo WEB/site --state all --limit 20 --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// State of the pull requests
    #[arg(long, value_enum, default_value_t = State::Open, value_name = "STATE")]
    pub state: State,
    #[command(flatten)]
    pub limit: LimitArg,
    #[command(flatten)]
    pub web: WebArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: ResolvedRepository,
    pull_requests: Vec<PullRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PageOpened>,
    #[serde(skip)]
    state: State,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists pull requests, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let max = self.limit.get().unwrap_or(usize::MAX);
        let progress = app.ui.list_progress("listing pull requests");
        let request = bitbucket.pull_requests(&repository.id, self.state, max);
        let pull_requests = app.request(&selected, Operation::ReadPullRequests, request)?;
        drop(progress);
        let page = repository.id.pull_requests_page(&selected.connection);
        Ok(ListOutput {
            page: self.web.open(page.as_deref(), app),
            pull_requests,
            repository: repository.renamed_by(&bitbucket),
            state: self.state,
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/pr-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.pull_requests.iter().map(|request| {
            let state = if request.draft == Some(true) {
                "draft".to_owned()
            } else {
                request.state.as_deref().unwrap_or_default().to_lowercase()
            };
            let row = [
                cell(request.id),
                state,
                request.branches(),
                cell(request.title.as_ref()),
            ];
            (request.url.as_deref(), row)
        });
        out.linked_table(["ID", "STATE", "BRANCHES", "TITLE"], rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let repository = self.repository.to_string();
        if self.pull_requests.is_empty() {
            out.empty_list(&repository, self.state.plural_label());
        } else {
            out.line(&format!("repository: {repository}"));
        }
        if let Some(page) = &self.page {
            page.write(out);
        }
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  bbconnect pr create --repo acme/site --source feature/login --title 'Login page'
  bbconnect pr create --source build --title 'Build 7' --body-file notes.md --draft
  bbconnect pr create --repo WEB/site --source build --title 'Build 7' --reviewer jdoe
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect pr create [OPTIONS]\n       --source <BRANCH> --title <TITLE>", before_help = CREATE_EXAMPLES)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// Source branch
    #[arg(long, value_name = "BRANCH")]
    pub source: String,
    /// Target branch [default: the repository's default branch]
    #[arg(long, value_name = "BRANCH")]
    pub target: Option<String>,
    /// Title
    #[arg(long, value_name = "TITLE", value_parser = title)]
    pub title: String,
    #[command(flatten)]
    pub body_file: BodyFileArg,
    /// Reviewer: UUID, account id or name (Cloud), user name (Data Center); repeatable
    #[arg(long = "reviewer", value_name = "REVIEWER")]
    pub reviewers: Vec<String>,
    /// Add the default reviewers
    #[arg(long)]
    pub default_reviewers: bool,
    /// Open as a draft (Cloud; Data Center 8.18 or later)
    #[arg(long)]
    pub draft: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub web: WebArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateOutput {
    action: Action,
    repository: ResolvedRepository,
    pull_request: PullRequest,
    /// Reviewers who could not be added.
    left_out: Vec<SkippedReviewer>,
    /// Fields of a pull request that was open before which differ from the requested ones. They were not changed.
    differs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PageOpened>,
}

impl Subcommand for CreateArgs {
    type Output = CreateOutput;

    /// Opens a pull request. One that is open for the same branches is not changed: users may have edited it.
    fn run(&self, app: &App) -> Result<CreateOutput, Error> {
        let body = self.body_file.read(app)?;
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let progress = app.ui.progress("opening the pull request");
        let output = app.block_on(create(self, body, &selected, &bitbucket, &repository))??;
        drop(progress);
        let url = output.pull_request.url.as_deref();
        let page = if self.dry_run.is_set() {
            None
        } else {
            self.web.open(url, app)
        };
        Ok(CreateOutput { page, ..output })
    }
}

async fn create(
    args: &CreateArgs,
    body: Option<String>,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    resolved: &ResolvedRepository,
) -> Result<CreateOutput, Error> {
    let refused = |error| selected.describe_api_error_for(error, Operation::WritePullRequests);
    let repository = bitbucket.repository(&resolved.id).await.map_err(refused)?;
    require_not_archived(&repository)?;
    let repo = &repository.path();
    let output = |action, pull_request, left_out| CreateOutput {
        action,
        repository: resolved.clone().with_current_name(repo.clone()),
        pull_request,
        left_out,
        differs: Vec::new(),
        page: None,
    };
    let unchanged = |request: PullRequest| {
        let requested = RequestedFields {
            title: Some(&args.title),
            body: body.as_deref(),
            draft: args.draft,
            reviewers: &args.reviewers,
        };
        CreateOutput {
            differs: request.differing_fields(&requested),
            ..output(Action::Unchanged, request, Vec::new())
        }
    };
    let target = match &args.target {
        Some(target) => target.clone(),
        None => default_branch(bitbucket, &repository, &refused).await?,
    };
    let (source, target) = (short_branch_name(&args.source), short_branch_name(&target));
    if source == target {
        return Err(Error::usage(
            format!("{source} is both source and target"),
            "pass another --source or --target",
        ));
    }
    let differ = branches_differ(bitbucket, repo, source, target, &refused).await?;
    let open = bitbucket.open_pull_request(repo, source, target).await;
    if let Some(request) = open.map_err(refused)? {
        return Ok(unchanged(request));
    }
    if !differ {
        return Err(no_difference(source, target));
    }
    if args.draft && !bitbucket.supports_drafts().await.map_err(refused)? {
        let message = "drafts require Data Center 8.18 or later";
        return Err(Error::unsupported(message, "omit --draft"));
    }
    let mut proposal = NewPullRequest {
        title: args.title.clone(),
        body: body.clone(),
        source: source.to_owned(),
        target: target.to_owned(),
        draft: args.draft,
        reviewers: Vec::new(),
    };
    let mut left_out = reviewers(args, bitbucket, &repository, &mut proposal, &refused).await?;
    if args.dry_run.is_set() {
        return Ok(output(Action::WouldCreate, planned(proposal), left_out));
    }
    let ensured = bitbucket.ensure_pull_request(repo, proposal).await;
    match ensured.map_err(refused)? {
        EnsureOutcome::Reused(request) => Ok(unchanged(*request)),
        EnsureOutcome::NoDifference => Err(no_difference(source, target)),
        EnsureOutcome::Opened(request, more) => {
            left_out.extend(more);
            Ok(output(Action::Created, *request, left_out))
        }
    }
}

fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the title is empty".to_owned());
    }
    Ok(text.to_owned())
}

/// A branch may be given by its full name.
fn short_branch_name(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

async fn default_branch(
    bitbucket: &Bitbucket,
    repository: &Repository,
    refused: &impl Fn(ApiError) -> Error,
) -> Result<String, Error> {
    let branch = bitbucket.default_branch(repository).await;
    branch.map_err(refused)?.ok_or_else(|| {
        let Repository {
            namespace, slug, ..
        } = repository;
        Error::not_found(
            format!("{namespace}/{slug} has no default branch"),
            "pass --target BRANCH",
        )
    })
}

/// Whether two branches, which must exist, point to different commits.
async fn branches_differ(
    bitbucket: &Bitbucket,
    repo: &RepoId,
    source: &str,
    target: &str,
    refused: &impl Fn(ApiError) -> Error,
) -> Result<bool, Error> {
    let branches = future::try_join(
        bitbucket.branch(repo, source),
        bitbucket.branch(repo, target),
    );
    let (at_source, at_target) = branches.await.map_err(refused)?;
    let missing = |name: &str| {
        let message =
            format!("branch {name} not found in {repo}, or not visible with this credential");
        Error::not_found(message, "push the branch first, or pass another one")
    };
    let at_source = at_source.ok_or_else(|| missing(source))?;
    let at_target = at_target.ok_or_else(|| missing(target))?;
    Ok(at_source.hash != at_target.hash)
}

fn no_difference(source: &str, target: &str) -> Error {
    let message = format!("{source} has no commits that {target} lacks");
    Error::failed(message, "push a commit to it first")
}

/// Adds the reviewers to the pull request, and returns those who cannot be added.
async fn reviewers(
    args: &CreateArgs,
    bitbucket: &Bitbucket,
    repository: &Repository,
    pull_request: &mut NewPullRequest,
    refused: &impl Fn(ApiError) -> Error,
) -> Result<Vec<SkippedReviewer>, Error> {
    let repo = repository.path();
    let mut left_out = Vec::new();
    let mut all = Vec::new();
    for name in &args.reviewers {
        let found = bitbucket.reviewer(&repo, name).await.map_err(refused)?;
        match found {
            Some(reviewer) => all.push(reviewer),
            None => left_out.push(SkippedReviewer {
                reviewer: name.clone(),
                reason: "no member of the workspace with this name".to_owned(),
            }),
        }
    }
    if args.default_reviewers {
        let defaults =
            bitbucket.default_reviewers(repository, &pull_request.source, &pull_request.target);
        all.extend(defaults.await.map_err(refused)?);
    }
    for reviewer in all {
        let is_known = pull_request
            .reviewers
            .iter()
            .any(|known| known.id == reviewer.id);
        if !is_known {
            pull_request.reviewers.push(reviewer);
        }
    }
    Ok(left_out)
}

fn planned(proposal: NewPullRequest) -> PullRequest {
    let reviewers = proposal.reviewers.into_iter();
    PullRequest {
        title: Some(proposal.title),
        state: Some("OPEN".to_owned()),
        source: Some(proposal.source),
        target: Some(proposal.target),
        draft: Some(proposal.draft),
        reviewers: reviewers.map(|reviewer| reviewer.name).collect(),
        ..PullRequest::default()
    }
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/pr-create@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let request = &self.pull_request;
        let id = request.id.map(|id| format!(" #{id}")).unwrap_or_default();
        out.line(&format!(
            "{}{id} {}: {}",
            self.action,
            request.branches(),
            request.title.as_deref().unwrap_or_default()
        ));
        if let Some(url) = &request.url {
            out.line(url);
        }
        out.key_value("repository", 10, &self.repository.to_string());
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        for SkippedReviewer { reviewer, reason } in &self.left_out {
            out.note(&format!("reviewer {reviewer} not added: {reason}"));
        }
        out.notes(unchanged_note(&self.differs));
        if let Some(page) = &self.page {
            page.write(out);
        }
    }
}
