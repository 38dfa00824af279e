//! `bbconnect webhook list`: the webhooks of a repository.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::RepoArg;
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::operation::Operation;
use crate::types::webhook::Webhook;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook list --repo acme/site
  bbconnect webhook list --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub repo: RepoArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: ResolvedRepository,
    webhooks: Vec<Webhook>,
}

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists the webhooks of a repository, in the server's order. Secrets are not shown.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let _progress = app.ui.list_progress("listing webhooks");
        let asked = app.block_on(bitbucket.webhooks(&repository.id))?;
        let hooks = asked
            .map_err(|error| selected.describe_api_error_for(error, Operation::ReadWebhooks))?;
        Ok(ListOutput {
            webhooks: hooks.into_iter().map(|webhook| webhook.webhook).collect(),
            repository: repository.renamed_by(&bitbucket),
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.webhooks.iter().map(|webhook| {
            let mut state = Vec::new();
            state.extend(
                webhook
                    .active
                    .map(|active| if active { "active" } else { "inactive" }),
            );
            state.extend((webhook.secret_set == Some(true)).then_some("signed"));
            state.extend((webhook.verifies_receiver == Some(false)).then_some("insecure"));
            [
                webhook.id.clone().unwrap_or_default(),
                webhook.shown_url(),
                webhook.events.join(", "),
                state.join(", "),
            ]
        });
        out.table(&["ID", "URL", "EVENTS", "STATE"].map(str::to_owned), rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&format!("repository: {}", self.repository));
        if self.webhooks.is_empty() {
            out.line(&format!("{} has no webhooks", self.repository.id));
        }
    }
}
