//! `bbconnect webhook`: what Bitbucket calls when something happens in a repository.

pub(crate) mod ensure;
mod ensure_all;
pub(crate) mod list;
pub(crate) mod remove;
mod scope_advice;
pub(crate) mod test;

use crate::bitbucket::StoredWebhook;
use crate::commands::command_group;
use crate::error::{Error, RejectionKind};
use crate::types::hint::Hint;
use crate::types::repository::RepoId;
use crate::types::webhook::WebhookUrl;

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook ensure --url https://ci.example.com/hook --event push --event pr-created
  bbconnect webhook list --repo acme/site
  bbconnect webhook test --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook remove --repo acme/site --url https://ci.example.com/hook --yes
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List the webhooks of a repository
        List(list::Args),
        /// Make a webhook, or repair it; what fits already is left alone
        Ensure(Box<ensure::Args>),
        /// Remove a webhook
        Remove(remove::Args),
        /// Have the server call a webhook's receiver (Data Center)
        Test(test::Args),
    }
}

/// Which webhook is meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WebhookSelector {
    /// The webhook that calls this address
    #[arg(long, value_name = "URL")]
    pub url: Option<WebhookUrl>,
    /// The webhook with this id
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

impl WebhookSelector {
    /// Those of the webhooks that are meant.
    fn of(&self, hooks: Vec<StoredWebhook>, repo: &RepoId) -> Result<Vec<StoredWebhook>, Error> {
        let bare = |id: &str| id.trim_matches(['{', '}']).to_lowercase();
        let is_meant = |webhook: &StoredWebhook| match (&self.url, &self.id) {
            (Some(url), _) => url.is(&webhook.webhook.url),
            (None, Some(id)) => webhook
                .webhook
                .id
                .as_deref()
                .is_some_and(|own| bare(own) == bare(id)),
            (None, None) => false,
        };
        let meant: Vec<_> = hooks.into_iter().filter(is_meant).collect();
        if meant.is_empty() {
            let message = match (&self.url, &self.id) {
                (Some(url), _) => format!("no webhook of {repo} calls {url}"),
                (None, id) => {
                    format!(
                        "{repo} has no webhook {}",
                        id.as_deref().unwrap_or_default()
                    )
                }
            };
            let hint = Hint::command("webhook list").with_text(format!(" --repo {repo}"));
            return Err(Error::rejected(RejectionKind::NotFound, message, hint));
        }
        Ok(meant)
    }
}
