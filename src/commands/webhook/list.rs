//! `bbconnect webhook list`: the webhooks of a repository, workspace or project.

use serde::Serialize;

use super::target::{OwnerOutput, WebhookOwnerArgs};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::operation::Operation;
use crate::types::webhook::Webhook;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook list --repo acme/site
  bbconnect webhook list --workspace acme --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub owner: WebhookOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    #[serde(flatten)]
    owner: OwnerOutput,
    webhooks: Vec<Webhook>,
}

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists the webhooks in the server's order. Secrets are not shown.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let target = self.owner.resolve(app)?;
        let (target, hooks) = target.webhooks(app, Operation::ReadWebhooks)?;
        Ok(ListOutput {
            webhooks: hooks.into_iter().map(|webhook| webhook.webhook).collect(),
            owner: target.into_output(),
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
        out.table(["ID", "URL", "EVENTS", "STATE"], rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let (kind, name) = self.owner.label();
        if self.webhooks.is_empty() {
            let owner = match kind {
                "repository" => name,
                _ => format!("{kind} {name}"),
            };
            out.empty_list(&owner, "webhooks");
        } else {
            out.line(&format!("{kind}: {name}"));
        }
    }
}
