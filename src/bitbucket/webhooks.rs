//! What commands ask about webhooks.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::client::ApiError;
use crate::types::secret::Secret;
use crate::types::webhook::{Webhook, WebhookUrl};

/// A webhook as the server has it, with everything that must be sent back when it is changed.
pub(crate) struct StoredWebhook {
    /// What there is to see of it.
    pub webhook: Webhook,
    /// Its events in the product's own words.
    pub(super) events: Vec<String>,
    /// What the server said of it. It may hold the secret, so it is not shown.
    pub(super) raw: Map<String, Value>,
}

impl fmt::Debug for StoredWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.webhook.fmt(f)
    }
}

/// The requested state of a webhook.
#[derive(Debug)]
pub(crate) struct WebhookSpec {
    /// What it calls.
    pub receiver: WebhookUrl,
    /// What for, in the product's own words.
    pub events: Vec<String>,
    /// Whether the webhook is to have no other events.
    pub exact: bool,
    /// Whether it is switched on.
    pub active: bool,
    /// What signs its calls; without one, what was set stays.
    pub secret: Option<Secret>,
    /// Whether the receiver's certificate must be good; without a word on it, what was set stays.
    pub verifies_receiver: Option<bool>,
}

/// A webhook after it was made or changed.
#[derive(Debug)]
pub(crate) struct WebhookChange {
    /// As the server has it now.
    pub webhook: StoredWebhook,
    /// Events that this server is too old to know.
    pub unknown: Vec<String>,
    /// Whether anything was changed.
    pub changed: bool,
}

/// What came of calling the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestDelivery {
    /// The receiver's status.
    pub status: Option<u16>,
    /// What went wrong, or what the receiver said of it.
    pub reason: Option<String>,
}

impl WebhookSpec {
    /// The events after the change, as the product names them: those of an existing webhook are kept unless the request
    /// is exact.
    #[must_use]
    pub(crate) fn target_events(&self, before: Option<&StoredWebhook>) -> Vec<String> {
        let kept = before.filter(|_| !self.exact);
        let mut events = kept.map(|before| before.events.clone()).unwrap_or_default();
        for event in &self.events {
            if !events.contains(event) {
                events.push(event.clone());
            }
        }
        events
    }
}

impl StoredWebhook {
    /// Its events as the product names them.
    pub(crate) fn product_events(&self) -> &[String] {
        &self.events
    }

    /// Whether nothing has to be changed. A secret that cannot be seen is not known to be the same.
    #[must_use]
    pub(crate) fn matches_spec(&self, spec: &WebhookSpec) -> bool {
        self.matches_with_events(spec, &spec.target_events(Some(self)))
    }

    /// As [`StoredWebhook::matches_spec`], with these events instead of the requested ones.
    pub(super) fn matches_with_events(&self, spec: &WebhookSpec, events: &[String]) -> bool {
        let same_secret = spec.secret.as_ref().is_none_or(|secret| {
            let known = self
                .raw
                .get("configuration")
                .and_then(|all| all.get("secret"));
            known.and_then(Value::as_str) == Some(secret.expose())
        });
        self.has_events(events)
            && self.webhook.active == spec.active
            && spec.verifies_receiver.is_none_or(|verifies| {
                // What a server does not speak of, it does not skip.
                self.webhook.verifies_receiver.unwrap_or(true) == verifies
            })
            && same_secret
    }

    fn has_events(&self, events: &[String]) -> bool {
        let set = |events: &[String]| events.iter().cloned().collect::<BTreeSet<_>>();
        set(&self.events) == set(events)
    }
}

/// What is sent back of a webhook that is changed: everything but what the server alone sets.
pub(super) fn writable_fields(kept: &Map<String, Value>, read_only: &[&str]) -> Map<String, Value> {
    let writable = kept
        .iter()
        .filter(|(key, value)| !read_only.contains(&key.as_str()) && !value.is_null());
    writable
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The text of a field.
pub(super) fn text(kept: &Map<String, Value>, key: &str) -> Option<String> {
    kept.get(key)?.as_str().map(str::to_owned)
}

/// The address of a webhook. One that cannot be read could be the one that is looked for.
pub(super) fn url(kept: &Map<String, Value>) -> Result<String, ApiError> {
    text(kept, "url").ok_or_else(|| unreadable("url", "it is no text"))
}

/// The events of a webhook; none where they are not told.
pub(super) fn events(kept: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let Some(events) = kept.get("events").filter(|events| !events.is_null()) else {
        return Ok(Vec::new());
    };
    let names = events.as_array().and_then(|events| {
        let names = events.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect()
    });
    names.ok_or_else(|| unreadable("events", "it is no list of names"))
}

fn unreadable(field: &str, reason: &str) -> ApiError {
    ApiError::Decode {
        path: field.to_owned(),
        reason: reason.to_owned(),
    }
}
