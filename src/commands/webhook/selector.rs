//! Which webhooks `webhook remove`, `webhook status` and `webhook test` are for.

use super::target::WebhookTarget;
use crate::bitbucket::StoredWebhook;
use crate::error::Error;
use crate::types::hint::Hint;
use crate::types::webhook::WebhookUrl;

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WebhookSelector {
    /// Payload URL of the webhook
    #[arg(long, value_name = "URL")]
    pub url: Option<WebhookUrl>,
    /// Id of the webhook
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

impl WebhookSelector {
    /// The webhooks that match; an error where none does.
    pub(super) fn select(
        &self,
        hooks: Vec<StoredWebhook>,
        target: &WebhookTarget,
    ) -> Result<Vec<StoredWebhook>, Error> {
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
            let owner = target.name();
            let message = match (&self.url, &self.id) {
                (Some(url), _) => format!("{owner} has no webhook with the URL {url}"),
                (None, id) => {
                    format!(
                        "{owner} has no webhook {}",
                        id.as_deref().unwrap_or_default()
                    )
                }
            };
            let hint = Hint::command("webhook list").with_text(format!(" {}", target.flag()));
            return Err(Error::not_found(message, hint));
        }
        Ok(meant)
    }
}
