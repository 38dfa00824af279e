//! `bbconnect webhook status` and `bbconnect webhook test`: the last delivery of a webhook, and a test delivery, of Data
//! Center. Bitbucket Cloud has no requests for them.

use serde::Serialize;

use super::target::{OwnerOutput, WebhookOwnerArgs, WebhookSelector};
use crate::app::App;
use crate::bitbucket::{Deliveries, TestDelivery};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::types::operation::Operation;
use crate::types::webhook::{DeliveryCounts, DeliveryOutcome, Webhook, WebhookDelivery};
use crate::ui::{CommandOutput, TextWriter};

const STATUS_EXAMPLES: &str = "\
Examples:
  bbconnect webhook status --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook status --project WEB --id 12 --json
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook status [OPTIONS]\n       <--url <URL>|--id <ID>>", before_help = STATUS_EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub owner: WebhookOwnerArgs,
    #[command(flatten)]
    pub which: WebhookSelector,
}

#[derive(Debug, Serialize)]
pub(crate) struct StatusOutput {
    #[serde(flatten)]
    owner: OwnerOutput,
    webhook: Webhook,
    /// Null where the webhook was never called.
    last: Option<WebhookDelivery>,
    counts: Option<DeliveryCounts>,
    /// How many other webhooks match.
    #[serde(skip)]
    others: usize,
}

impl Subcommand for StatusArgs {
    type Output = StatusOutput;

    fn run(&self, app: &App) -> Result<StatusOutput, Error> {
        let target = self.owner.resolve(app)?;
        if target.bitbucket.is_cloud() {
            return Err(Error::usage(
                "the API of Bitbucket Cloud does not report deliveries of webhooks",
                format!(
                    "view the requests of the webhook at {}",
                    target.page().unwrap_or_default()
                ),
            ));
        }
        let (target, hooks) = target.webhooks(app, Operation::ReadWebhooks)?;
        let mut selected = self.which.select(hooks, &target)?;
        let stored = selected.swap_remove(0);
        let request = target.bitbucket.webhook_deliveries(&target.owner, &stored);
        let reported = app.block_on(request)?;
        let reported =
            reported.map_err(|error| target.describe_error(error, Operation::ReadWebhooks))?;
        let Deliveries { last, counts } = reported.unwrap_or_default();
        Ok(StatusOutput {
            owner: target.into_output(),
            webhook: stored.webhook,
            last,
            counts,
            others: selected.len(),
        })
    }
}

impl CommandOutput for StatusOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-status@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let verdict = self
            .last
            .as_ref()
            .map_or("never called".to_owned(), |last| {
                last.outcome.name().to_owned()
            });
        out.line(&format!("{} {verdict}", self.webhook.shown_url()));
        self.owner.write(out);
        if let Some(last) = &self.last {
            let event = last.event.clone();
            let on = last.on.map(|on| on.to_string());
            let status = last.status.map(|status| format!("status {status}"));
            let elapsed = last.elapsed_ms.map(|elapsed| format!("{elapsed} ms"));
            let facts = [event, on, status, elapsed];
            let facts = facts.into_iter().flatten().collect::<Vec<_>>();
            out.key_value("last", 10, &facts.join(", "));
        }
        if let Some(counts) = &self.counts {
            let DeliveryCounts {
                successes,
                failures,
                errors,
            } = counts;
            let counts = format!("{successes} successes, {failures} failures, {errors} errors");
            out.key_value("deliveries", 10, &counts);
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.others > 0 {
            out.note(
                "this is the first of several webhooks with the same URL; pass --id for another",
            );
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match &self.last {
            Some(last) if last.outcome != DeliveryOutcome::Success => ExitStatus::Failure,
            Some(_) | None => ExitStatus::Success,
        }
    }
}

const TEST_EXAMPLES: &str = "\
Examples:
  bbconnect webhook test --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook test --project WEB --id 12 --json
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook test [OPTIONS]\n       <--url <URL>|--id <ID>>", before_help = TEST_EXAMPLES)]
pub(crate) struct TestArgs {
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

impl Subcommand for TestArgs {
    type Output = TestOutput;

    fn run(&self, app: &App) -> Result<TestOutput, Error> {
        let target = self.owner.resolve(app)?;
        let (target, hooks) = target.webhooks(app, Operation::WriteWebhooks)?;
        let hook = self.which.select(hooks, &target)?.swap_remove(0);
        let progress = app.ui.progress("waiting for the receiver's response");
        let result = app.block_on(target.bitbucket.test_webhook(&target.owner, &hook))?;
        drop(progress);
        let result =
            result.map_err(|error| target.describe_error(error, Operation::WriteWebhooks))?;
        let Some(TestDelivery { status, reason }) = result else {
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
