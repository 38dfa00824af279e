//! `bbconnect webhook test`: has the server call a webhook's receiver. Bitbucket Cloud has no call for that.

use serde::Serialize;

use crate::bitbucket::Call;
use crate::context::Context;
use crate::error::{Error, No};
use crate::exit::Exit;
use crate::model::repository::RepoRef;
use crate::model::right::Right;
use crate::model::webhook::Webhook;
use crate::output::{Page, Render};

use super::Which;

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook test --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook test --repo WEB/site --id 12 --json
";

/// Have the server call a webhook's receiver (Data Center)
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The repository: NAMESPACE/SLUG, a SLUG of the connection's workspace or project, or any URL of it; without it, the
    /// one that was selected
    #[arg(long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Which webhook
    #[command(flatten)]
    pub which: Which,
}

/// A webhook whose receiver was called.
#[derive(Debug, Serialize)]
pub struct Tested {
    ok: bool,
    webhook: Webhook,
    /// The receiver's status.
    status: Option<u16>,
    reason: Option<String>,
}

/// Has the server call the receiver.
///
/// # Errors
/// Where there is no such webhook, on Cloud, or where the server cannot be asked.
pub fn run(args: &Args, context: &Context) -> Result<Tested, Error> {
    let (chosen, bitbucket, path) = context.connect_to_selected(args.repo.as_ref())?;
    let refused = |error| chosen.explained_for(error, Right::WriteWebhooks);
    let asked = context.wait(bitbucket.webhooks(&path))?;
    let mut meant = args.which.of(asked.map_err(refused)?, &path)?;
    let hook = meant.swap_remove(0);
    let progress = context
        .output
        .progress("waiting for the receiver's answer to the server");
    let called = context.wait(bitbucket.test_webhook(&path, &hook))?;
    drop(progress);
    let Some(Call { status, reason }) = called.map_err(refused)? else {
        let message = format!(
            "the webhook is there and {}, but Bitbucket Cloud has no call that tests it",
            if hook.webhook.active {
                "active"
            } else {
                "switched off"
            }
        );
        let hint = format!(
            "let an event happen, such as a push, then look at its requests at https://bitbucket.org/{path}/admin/webhooks"
        );
        return Err(Error::no(No::Otherwise, message, &hint));
    };
    let (url, shown) = (hook.webhook.url.clone(), hook.webhook.shown_url());
    Ok(Tested {
        ok: status.is_some_and(|status| (200..300).contains(&status)),
        webhook: hook.webhook,
        status,
        reason: reason.map(|reason| reason.replace(&url, &shown)),
    })
}

impl Render for Tested {
    const SCHEMA: &'static str = "bbconnect/webhook-test@1";

    fn text(&self, page: &mut Page) {
        let answered = match self.status {
            Some(status) => format!("answered {status}"),
            None => "was not reached".to_owned(),
        };
        page.line(&format!("{} {answered}", self.webhook.shown_url()));
        if let Some(reason) = &self.reason {
            page.line(reason);
        }
    }

    fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::No }
    }
}
