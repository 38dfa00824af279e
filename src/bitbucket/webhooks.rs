//! Webhooks as both products store them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::client::ApiError;
use crate::types::date::Timestamp;
use crate::types::secret::Secret;
use crate::types::webhook::{DeliveryCounts, Webhook, WebhookDelivery, WebhookUrl};

/// A webhook with all of its fields, because an update replaces them.
pub(crate) struct StoredWebhook {
    pub webhook: Webhook,
    /// The product's own names of its events.
    pub(super) events: Vec<String>,
    pub created_on: Option<Timestamp>,
    /// Whether the last delivery failed; `None` where there was none, or it is not reported.
    pub last_delivery_failed: Option<bool>,
    /// The JSON object of the server. It may contain the secret, so `Debug` omits it.
    pub(super) raw: Map<String, Value>,
}

impl StoredWebhook {
    /// # Errors
    /// [`ApiError::Decode`] where the server did not send it.
    pub(super) fn id(&self) -> Result<&str, ApiError> {
        let id = self.webhook.id.as_deref();
        id.ok_or_else(|| ApiError::decode("id", "a webhook without an id"))
    }
}

impl fmt::Debug for StoredWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.webhook.fmt(f)
    }
}

/// The desired state of a webhook.
#[derive(Debug)]
pub(crate) struct WebhookSpec {
    pub receiver: WebhookUrl,
    /// The product's own names.
    pub events: Vec<String>,
    /// Whether the webhook is to have no other events.
    pub exact: bool,
    pub active: bool,
    /// `None` keeps the current secret.
    pub secret: Option<Secret>,
    /// Whether a webhook that has a secret keeps it.
    pub keeps_secret: bool,
    /// Whether the receiver's certificate is verified; `None` keeps the current setting.
    pub verifies_receiver: Option<bool>,
}

/// A webhook after it was created or updated.
#[derive(Debug)]
pub(crate) struct WebhookChange {
    pub webhook: StoredWebhook,
    /// Events that this version of the server does not support.
    pub unknown: Vec<String>,
    pub changed: bool,
}

/// What the server reports about the deliveries of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deliveries {
    /// `None` where the webhook was never called.
    pub last: Option<WebhookDelivery>,
    /// `None` where the server has no statistics.
    pub counts: Option<DeliveryCounts>,
}

/// The result of a test delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestDelivery {
    /// The HTTP status of the receiver.
    pub status: Option<u16>,
    /// The error, or the message of the receiver.
    pub reason: Option<String>,
}

impl WebhookSpec {
    /// The secret to set.
    pub(crate) fn secret_for(&self, before: Option<&StoredWebhook>) -> Option<&Secret> {
        let is_set = before.is_some_and(|before| before.webhook.secret_set == Some(true));
        self.secret
            .as_ref()
            .filter(|_| !(is_set && self.keeps_secret))
    }

    /// The events after the change, as the product names them: those of an existing webhook are kept unless the request
    /// is exact.
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
    /// Those of the events for which it is called, as the product names them.
    pub(crate) fn active_events(&self, wanted: &[String]) -> Vec<String> {
        let is_called = |event: &&String| {
            self.webhook.active != Some(false) && self.events.iter().any(|own| own == *event)
        };
        wanted.iter().filter(is_called).cloned().collect()
    }

    /// Its events as the product names them.
    pub(crate) fn product_events(&self) -> &[String] {
        &self.events
    }

    /// Whether nothing has to be changed. A secret that cannot be seen is not known to be the same.
    pub(crate) fn matches_spec(&self, spec: &WebhookSpec) -> bool {
        self.matches_with_events(spec, &spec.target_events(Some(self)))
    }

    /// As [`StoredWebhook::matches_spec`], with these events instead of the requested ones.
    pub(super) fn matches_with_events(&self, spec: &WebhookSpec, events: &[String]) -> bool {
        let same_secret = spec.secret_for(Some(self)).is_none_or(|secret| {
            let known = self
                .raw
                .get("configuration")
                .and_then(|all| all.get("secret"));
            known.and_then(Value::as_str) == Some(secret.expose())
        });
        self.has_events(events)
            && self.webhook.active == Some(spec.active)
            && spec.verifies_receiver.is_none_or(|verifies| {
                // Without the field, the server verifies certificates.
                self.webhook.verifies_receiver.unwrap_or(true) == verifies
            })
            && same_secret
    }

    fn has_events(&self, events: &[String]) -> bool {
        let set = |events: &[String]| events.iter().cloned().collect::<BTreeSet<_>>();
        set(&self.events) == set(events)
    }
}

/// The fields that an update sends back: all that are not read-only.
pub(super) fn writable_fields(
    raw: &Map<String, Value>,
    is_writable: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let writable = raw
        .iter()
        .filter(|(key, value)| is_writable(key) && !value.is_null());
    writable
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

pub(super) fn text(raw: &Map<String, Value>, key: &str) -> Option<String> {
    raw.get(key)?.as_str().map(str::to_owned)
}

/// The URL of a webhook. A missing one is an error, because that webhook could be the one to update.
pub(super) fn url(raw: &Map<String, Value>) -> Result<String, ApiError> {
    text(raw, "url").ok_or_else(|| ApiError::decode("url", "not a string"))
}

/// The events of a webhook; none where the field is absent.
pub(super) fn events(raw: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let Some(events) = raw.get("events").filter(|events| !events.is_null()) else {
        return Ok(Vec::new());
    };
    let names = events.as_array().and_then(|events| {
        let names = events.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect()
    });
    names.ok_or_else(|| ApiError::decode("events", "not a list of event names"))
}
