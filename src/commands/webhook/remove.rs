//! `bbconnect webhook remove`: removes a webhook, once that is confirmed.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, RepoArg, YesArg};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::action::Action;
use crate::types::operation::Operation;
use crate::types::webhook::Webhook;
use crate::ui::{CommandOutput, TextWriter};

use super::selector::WebhookSelector;

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook remove --repo acme/site --url https://ci.example.com/hook
  bbconnect webhook remove --repo WEB/site --id 12 --yes
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook remove [OPTIONS]\n       <--url <URL>|--id <ID>>", before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub repo: RepoArg,
    #[command(flatten)]
    pub which: WebhookSelector,
    #[command(flatten)]
    pub yes: YesArg,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// All webhooks that call the URL.
#[derive(Debug, Serialize)]
pub(crate) struct RemoveOutput {
    action: Action,
    repository: ResolvedRepository,
    webhooks: Vec<Webhook>,
}

impl Subcommand for Args {
    type Output = RemoveOutput;

    /// Removes a webhook.
    fn run(&self, app: &App) -> Result<RemoveOutput, Error> {
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let asked = app.block_on(bitbucket.webhooks(&repository.id))?;
        let refused = |error| selected.describe_api_error_for(error, Operation::DeleteWebhooks);
        let repository = repository.renamed_by(&bitbucket);
        let repo = &repository.id;
        let meant = self.which.select(asked.map_err(refused)?, repo)?;
        if self.dry_run.is_set() {
            let webhooks = meant.into_iter().map(|webhook| webhook.webhook).collect();
            return Ok(RemoveOutput {
                action: Action::WouldRemove,
                repository,
                webhooks,
            });
        }
        for webhook in &meant {
            let question = format!("Remove webhook {} of {repo}?", webhook.webhook.shown_url());
            let doing = format!("removing webhook {} of {repo}", webhook.webhook.shown_url());
            app.confirm(self.yes.is_set(), &doing, &question)?;
        }
        let mut webhooks = Vec::new();
        for webhook in meant {
            let id = webhook.webhook.id.clone().unwrap_or_default();
            let removed = app.block_on(bitbucket.remove_webhook(repo, &id))?;
            removed.map_err(refused)?;
            webhooks.push(webhook.webhook);
        }
        Ok(RemoveOutput {
            action: Action::Removed,
            repository,
            webhooks,
        })
    }
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for webhook in &self.webhooks {
            out.line(&format!("{} {}", self.action, webhook.shown_url()));
        }
        out.key_value("repository", 10, &self.repository.to_string());
    }
}
