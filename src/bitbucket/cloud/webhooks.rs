//! Webhooks, on Cloud.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Cloud;
use super::repositories::repo_path;
use crate::bitbucket::client::ApiError;
use crate::bitbucket::webhooks::{
    StoredWebhook, WebhookChange, WebhookSpec, events, text, url, writable_fields,
};
use crate::types::deployment::Deployment;
use crate::types::webhook::{Webhook, WebhookOwner, to_generic_events};

/// The fields that an update can change, without the secret, which is kept where it is left out.
const WRITABLE: [&str; 5] = [
    "description",
    "url",
    "active",
    "events",
    "skip_cert_verification",
];

impl Cloud {
    /// The webhooks of a repository or workspace, without their secrets.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-get>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-hooks-get>
    pub(crate) async fn webhooks(
        &self,
        owner: &WebhookOwner,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let all: Vec<Map<String, Value>> = self
            .http
            .pages(&hooks_path(owner, &[]), &[("pagelen", "100")])
            .await?;
        all.into_iter().map(|raw| hook(raw, owner)).collect()
    }

    /// Creates or updates a webhook. Without a secret in the body, the current one is kept.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-post>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-uid-put>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-hooks-post>
    pub(crate) async fn write_webhook(
        &self,
        owner: &WebhookOwner,
        before: Option<StoredWebhook>,
        spec: &WebhookSpec,
    ) -> Result<WebhookChange, ApiError> {
        let mut body = before
            .as_ref()
            .map(|webhook| writable_fields(&webhook.raw, |field| WRITABLE.contains(&field)))
            .unwrap_or_default();
        // The API requires the type of every object.
        body.insert("type".to_owned(), json!("webhook_subscription"));
        body.insert("active".to_owned(), json!(spec.active));
        body.insert(
            "events".to_owned(),
            json!(spec.target_events(before.as_ref())),
        );
        body.entry("description").or_insert(json!("bbconnect"));
        body.entry("url").or_insert(json!(spec.receiver.as_str()));
        if let Some(secret) = spec.secret_for(before.as_ref()) {
            body.insert("secret".to_owned(), json!(secret.expose()));
        }
        if let Some(verifies) = spec.verifies_receiver {
            body.insert("skip_cert_verification".to_owned(), json!(!verifies));
        }
        let id = before.as_ref().map(StoredWebhook::id).transpose()?;
        let (method, below) = match &id {
            None => (Method::POST, &[][..]),
            Some(id) => (Method::PUT, std::slice::from_ref(id)),
        };
        let path = hooks_path(owner, below);
        let response = self.http.write(method, &path, &[], &body).await?;
        Ok(WebhookChange {
            webhook: hook(response.json()?, owner)?,
            unknown: Vec::new(),
            changed: true,
        })
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-uid-delete>
    pub(crate) async fn remove_webhook(
        &self,
        owner: &WebhookOwner,
        webhook: &StoredWebhook,
    ) -> Result<(), ApiError> {
        let path = hooks_path(owner, &[webhook.id()?]);
        self.http.delete(&path).await?.written()
    }
}

fn hooks_path<'a>(owner: &'a WebhookOwner, below: &[&'a str]) -> Vec<&'a str> {
    let mut path = match owner {
        WebhookOwner::Repository(repo) => repo_path(repo, &["hooks"]),
        WebhookOwner::Namespace(workspace) => vec!["workspaces", workspace, "hooks"],
    };
    path.extend(below);
    path
}

fn hook(raw: Map<String, Value>, owner: &WebhookOwner) -> Result<StoredWebhook, ApiError> {
    let events = events(&raw)?;
    let flag = |key: &str| raw.get(key).and_then(Value::as_bool);
    Ok(StoredWebhook {
        webhook: Webhook {
            id: text(&raw, "uuid"),
            url: url(&raw)?,
            events: to_generic_events(&events, Deployment::Cloud),
            active: flag("active"),
            secret_set: flag("secret_set"),
            verifies_receiver: flag("skip_cert_verification").map(|skips| !skips),
            scope: owner.scope(Deployment::Cloud),
        },
        created_on: text(&raw, "created_at").and_then(|text| text.parse().ok()),
        last_delivery_failed: None,
        events,
        raw,
    })
}
