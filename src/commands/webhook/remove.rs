//! `bbconnect webhook remove`: removes a webhook, once that is confirmed.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::types::action::Action;
use crate::types::operation::Operation;
use crate::types::webhook::Webhook;
use crate::ui::{CommandOutput, TextWriter};

use super::target::{OwnerOutput, WebhookOwnerArgs, WebhookSelector};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook remove --repo acme/site --url https://ci.example.com/hook
  bbconnect webhook remove --project WEB --id 12 --yes
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook remove [OPTIONS]\n       <--url <URL>|--id <ID>>", before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub owner: WebhookOwnerArgs,
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
    #[serde(flatten)]
    owner: OwnerOutput,
    webhooks: Vec<Webhook>,
}

impl Subcommand for Args {
    type Output = RemoveOutput;

    fn run(&self, app: &App) -> Result<RemoveOutput, Error> {
        let target = self.owner.resolve(app)?;
        let (target, hooks) = target.webhooks(app, Operation::DeleteWebhooks)?;
        let webhooks = self.which.select(hooks, &target)?;
        if !self.dry_run.is_set() {
            let owner = target.name();
            for webhook in &webhooks {
                let what = format!("webhook {} of {owner}", webhook.webhook.shown_url());
                self.yes.confirm_removal(&what, app)?;
            }
            for webhook in &webhooks {
                let request = target.bitbucket.remove_webhook(&target.owner, webhook);
                let removed = app.block_on(request)?;
                removed.map_err(|error| target.describe_error(error, Operation::DeleteWebhooks))?;
            }
        }
        Ok(RemoveOutput {
            action: Action::removal(self.dry_run.is_set()),
            owner: target.into_output(),
            webhooks: webhooks.into_iter().map(|hook| hook.webhook).collect(),
        })
    }
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for webhook in &self.webhooks {
            out.line(&format!("{} {}", self.action, webhook.shown_url()));
        }
        self.owner.write(out);
    }
}
