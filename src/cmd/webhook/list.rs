//! `bbconnect webhook list`: the webhooks of a repository.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::repository::RepoRef;
use crate::model::right::Right;
use crate::model::webhook::Webhook;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook list --repo acme/site
  bbconnect webhook list --json
";

/// List the webhooks of a repository
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The repository: NAMESPACE/SLUG, a SLUG of the connection's workspace or project, or any URL of it; without it, the
    /// one that was selected
    #[arg(long, value_name = "REF")]
    pub repo: Option<RepoRef>,
}

/// The webhooks.
#[derive(Debug, Serialize)]
pub struct Listed {
    webhooks: Vec<Webhook>,
    #[serde(skip)]
    repository: String,
}

/// Lists the webhooks of a repository, in the server's order. Secrets are not shown.
///
/// # Errors
/// Where no connection applies, or the server cannot be asked.
pub fn run(args: &Args, context: &Context) -> Result<Listed, Error> {
    let (chosen, bitbucket, path) = context.connect_to_selected(args.repo.as_ref())?;
    let asked = context.wait(bitbucket.webhooks(&path))?;
    let hooks = asked.map_err(|error| chosen.explained_for(error, Right::ReadWebhooks))?;
    Ok(Listed {
        webhooks: hooks.into_iter().map(|hook| hook.webhook).collect(),
        repository: path.to_string(),
    })
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/webhook-list@1";

    fn text(&self, page: &mut Page) {
        let rows = self.webhooks.iter().map(|webhook| {
            let mut state = vec![if webhook.active { "active" } else { "inactive" }];
            state.extend((webhook.secret_set == Some(true)).then_some("signed"));
            state.extend((webhook.verifies_receiver == Some(false)).then_some("insecure"));
            [
                webhook.id.clone().unwrap_or_default(),
                webhook.shown_url(),
                webhook.events.join(", "),
                state.join(", "),
            ]
        });
        page.table(&["ID", "URL", "EVENTS", ""].map(str::to_owned), rows);
    }

    fn remarks(&self, page: &mut Page) {
        if self.webhooks.is_empty() {
            page.line(&format!("{} has no webhooks", self.repository));
        }
    }
}
