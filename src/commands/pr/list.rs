//! `bbconnect pr list`: the pull requests for a repository.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{LimitArg, PageOpened, RepoArg, WebArg};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::operation::Operation;
use crate::types::pull_request::{PullRequest, State};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect pr list --repo acme/site
  bbconnect pr list --repo WEB/site --state all --limit 20 --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
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

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists pull requests, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let max = self.limit.get().unwrap_or(usize::MAX);
        let progress = app.ui.list_progress("listing pull requests");
        let response = app.block_on(bitbucket.pull_requests(&repository.id, self.state, max))?;
        drop(progress);
        let pull_requests = response
            .map_err(|error| selected.describe_api_error_for(error, Operation::ReadPullRequests))?;
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
                request.id.map(|id| id.to_string()).unwrap_or_default(),
                state,
                request.branches(),
                request.title.clone().unwrap_or_default(),
            ];
            (request.url.as_deref(), row)
        });
        out.linked_table(
            &["ID", "STATE", "BRANCHES", "TITLE"].map(str::to_owned),
            rows,
        );
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&format!("repository: {}", self.repository));
        if self.pull_requests.is_empty() {
            let label = self.state.plural_label();
            out.line(&format!("{} has no {label}", self.repository.id));
        }
        if let Some(page) = &self.page {
            page.write(out);
        }
    }
}
