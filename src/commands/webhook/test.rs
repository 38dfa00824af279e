//! `bbconnect webhook test`: sends a test delivery. Bitbucket Cloud has no request for that.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::TestDelivery;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::types::operation::Operation;
use crate::types::webhook::Webhook;
use crate::ui::{CommandOutput, TextWriter};

use super::selector::WebhookSelector;
use super::target::{OwnerOutput, WebhookOwnerArgs};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook test --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook test --project WEB --id 12 --json
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook test [OPTIONS]\n       <--url <URL>|--id <ID>>", before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub owner: WebhookOwnerArgs,
    #[command(flatten)]
    pub which: WebhookSelector,
}

#[derive(Debug, Serialize)]
pub(crate) struct TestOutput {
    ok: bool,
    #[serde(flatten)]
    owner: OwnerOutput,
    webhook: Webhook,
    /// The receiver's status.
    status: Option<u16>,
    reason: Option<String>,
}

impl Subcommand for Args {
    type Output = TestOutput;

    /// Sends a test delivery.
    fn run(&self, app: &App) -> Result<TestOutput, Error> {
        let target = self.owner.resolve(app)?;
        let (target, hooks) = target.webhooks(app, Operation::WriteWebhooks)?;
        let hook = self.which.select(hooks, &target)?.swap_remove(0);
        let progress = app.ui.progress("waiting for the receiver's response");
        let called = app.block_on(target.bitbucket.test_webhook(&target.owner, &hook))?;
        drop(progress);
        let called =
            called.map_err(|error| target.describe_error(error, Operation::WriteWebhooks))?;
        let Some(TestDelivery { status, reason }) = called else {
            let message = format!(
                "webhook found ({}), but the API of Bitbucket Cloud cannot test webhooks",
                if hook.webhook.active == Some(false) {
                    "inactive"
                } else {
                    "active"
                }
            );
            let hint = format!(
                "trigger an event, such as a push, and view the request history at {}",
                target.page().unwrap_or_default()
            );
            return Err(Error::failed(message, &hint));
        };
        let (url, shown) = (hook.webhook.url.clone(), hook.webhook.shown_url());
        Ok(TestOutput {
            ok: status.is_some_and(|status| (200..300).contains(&status)),
            owner: target.into_output(),
            webhook: hook.webhook,
            status,
            reason: reason.map(|reason| reason.replace(&url, &shown)),
        })
    }
}

impl CommandOutput for TestOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-test@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let answered = match self.status {
            Some(status) => format!("responded {status}"),
            None => "unreachable".to_owned(),
        };
        out.line(&format!("{} {answered}", self.webhook.shown_url()));
        if let Some(reason) = &self.reason {
            out.line(reason);
        }
        self.owner.write(out);
    }

    fn exit_status(&self) -> ExitStatus {
        if self.ok {
            ExitStatus::Success
        } else {
            ExitStatus::Failure
        }
    }
}
