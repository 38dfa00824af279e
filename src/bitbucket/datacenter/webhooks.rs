//! Webhooks, on Data Center.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::DataCenter;
use super::repositories::repo_path;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::webhooks::{
    StoredWebhook, TestDelivery, WebhookChange, WebhookSpec, events, url, writable_fields,
};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoId;
use crate::types::timestamp::Timestamp;
use crate::types::webhook::{Webhook, to_generic_events};

const READ_ONLY: [&str; 6] = [
    "id",
    "createdDate",
    "updatedDate",
    "statistics",
    "scopeType",
    "links",
];

const WITH_STATISTICS: [(&str, &str); 1] = [("statistics", "true")];

/// Servers before 7.0 do not have this event.
const PR_FROM_REF_UPDATED: &str = "pr:from_ref_updated";

/// The result of a test delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    response: Option<Map<String, Value>>,
    result: Option<Map<String, Value>>,
    /// Present where the receiver was not reached.
    #[serde(default)]
    error: Value,
}

impl DataCenter {
    /// The webhooks of a repository, with their secrets in plain text.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get>
    pub(crate) async fn webhooks(&self, repo: &RepoId) -> Result<Vec<StoredWebhook>, ApiError> {
        let all: Vec<Map<String, Value>> = self
            .http
            .pages(&repo_path(repo, &["webhooks"]), &[])
            .await?;
        all.into_iter().map(hook).collect()
    }

    /// As [`DataCenter::webhooks`], with their last deliveries.
    pub(crate) async fn webhooks_with_statistics(
        &self,
        repo: &RepoId,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let path = repo_path(repo, &["webhooks"]);
        let all: Vec<Map<String, Value>> = self.http.pages(&path, &WITH_STATISTICS).await?;
        all.into_iter().map(hook).collect()
    }

    /// The webhooks of a project itself, with their last deliveries. Servers before 8.8 have none.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-webhooks-get>
    pub(crate) async fn project_webhooks(&self, key: &str) -> Result<Vec<StoredWebhook>, ApiError> {
        let path = ["rest", "api", "latest", "projects", key, "webhooks"];
        let all: Result<Vec<Map<String, Value>>, _> =
            self.http.pages(&path, &WITH_STATISTICS).await;
        match all {
            Ok(all) => all.into_iter().map(hook).collect(),
            Err(ApiError::NotAnApiEndpoint(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Creates or updates a webhook. An update replaces all fields, so the current ones are sent back.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-post>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-put>
    pub(crate) async fn write_webhook(
        &self,
        repo: &RepoId,
        before: Option<StoredWebhook>,
        spec: &WebhookSpec,
    ) -> Result<WebhookChange, ApiError> {
        let events = spec.target_events(before.as_ref());
        let response = self
            .send_webhook(repo, before.as_ref(), spec, &events)
            .await?;
        let is_too_old = response.status().as_u16() == 400
            && events.iter().any(|event| event == PR_FROM_REF_UPDATED)
            && spec.events.iter().any(|event| event != PR_FROM_REF_UPDATED)
            && response.value().to_string().contains(PR_FROM_REF_UPDATED);
        if !is_too_old {
            return Ok(WebhookChange {
                webhook: hook(response.json()?)?,
                unknown: Vec::new(),
                changed: true,
            });
        }
        let unknown = vec![PR_FROM_REF_UPDATED.to_owned()];
        let known: Vec<String> = events
            .into_iter()
            .filter(|event| event != PR_FROM_REF_UPDATED)
            .collect();
        match before {
            Some(webhook) if spec.secret.is_none() && webhook.matches_with_events(spec, &known) => {
                Ok(WebhookChange {
                    webhook,
                    unknown,
                    changed: false,
                })
            }
            before => {
                let response = self
                    .send_webhook(repo, before.as_ref(), spec, &known)
                    .await?;
                Ok(WebhookChange {
                    webhook: hook(response.json()?)?,
                    unknown,
                    changed: true,
                })
            }
        }
    }

    async fn send_webhook(
        &self,
        repo: &RepoId,
        before: Option<&StoredWebhook>,
        spec: &WebhookSpec,
        events: &[String],
    ) -> Result<Response, ApiError> {
        let mut body = before
            .map(|webhook| writable_fields(&webhook.raw, &READ_ONLY))
            .unwrap_or_default();
        body.insert("events".to_owned(), json!(events));
        body.insert("active".to_owned(), json!(spec.active));
        body.entry("name").or_insert(json!("bbconnect"));
        body.entry("url").or_insert(json!(spec.receiver.as_str()));
        body.entry("sslVerificationRequired").or_insert(json!(true));
        if let Some(verifies) = spec.verifies_receiver {
            body.insert("sslVerificationRequired".to_owned(), json!(verifies));
        }
        if let Some(secret) = &spec.secret {
            let configuration = body.entry("configuration").or_insert(json!({}));
            let mut set = configuration.as_object().cloned().unwrap_or_default();
            set.insert("secret".to_owned(), json!(secret.expose()));
            *configuration = Value::Object(set);
        }
        let id = before.and_then(|webhook| webhook.webhook.id.as_deref());
        match id {
            None => {
                let segments = repo_path(repo, &["webhooks"]);
                self.http.write(Method::POST, &segments, &[], &body).await
            }
            Some(id) => {
                let segments = repo_path(repo, &["webhooks", id]);
                self.http.write(Method::PUT, &segments, &[], &body).await
            }
        }
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-delete>
    pub(crate) async fn remove_webhook(&self, repo: &RepoId, id: &str) -> Result<(), ApiError> {
        let segments = repo_path(repo, &["webhooks", id]);
        self.http.delete(&segments, &[]).await?.success()
    }

    /// Sends a test delivery. Without the URL it fails, although the documentation says that it is optional.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-test-post>
    pub(crate) async fn test_webhook(
        &self,
        repo: &RepoId,
        webhook: &StoredWebhook,
    ) -> Result<TestDelivery, ApiError> {
        let verifies = webhook.webhook.verifies_receiver != Some(false);
        let mut query = vec![
            ("url", webhook.webhook.url.as_str()),
            (
                "sslVerificationRequired",
                if verifies { "true" } else { "false" },
            ),
        ];
        query.extend(webhook.webhook.id.as_deref().map(|id| ("webhookId", id)));
        let segments = repo_path(repo, &["webhooks", "test"]);
        let credentials = webhook.raw.get("credentials").cloned();
        let credentials = credentials.filter(Value::is_object).unwrap_or(json!({}));
        let response = self
            .http
            .write(Method::POST, &segments, &query, &credentials)
            .await?;
        let delivery: Delivery = response.json()?;
        let of_response = |key: &str| delivery.response.as_ref()?.get(key);
        let of_result = |key: &str| delivery.result.as_ref()?.get(key)?.as_str();
        let status = of_response("statusCode")
            .or_else(|| of_response("status"))
            .and_then(Value::as_u64)
            .and_then(|status| u16::try_from(status).ok());
        let reason = of_result("description")
            .map(str::to_owned)
            .or_else(|| delivery.error.as_str().map(str::to_owned));
        Ok(TestDelivery { status, reason })
    }
}

/// `statistics` has `lastSuccess`, `lastFailure` and `lastError`, each with the milliseconds of its `finish`.
fn last_delivery_failed(statistics: &Value) -> Option<bool> {
    let finish = |key: &str| {
        let delivery = statistics.get(key)?;
        delivery
            .get("finish")
            .or_else(|| delivery.get("start"))?
            .as_i64()
    };
    let success = finish("lastSuccess");
    let failure = finish("lastFailure").max(finish("lastError"));
    (success.is_some() || failure.is_some()).then(|| failure > success)
}

fn hook(raw: Map<String, Value>) -> Result<StoredWebhook, ApiError> {
    let events = events(&raw)?;
    let flag = |key: &str| raw.get(key).and_then(Value::as_bool);
    let secret = raw.get("configuration").and_then(|all| all.get("secret"));
    Ok(StoredWebhook {
        webhook: Webhook {
            id: raw
                .get("id")
                .map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)),
            url: url(&raw)?,
            events: to_generic_events(&events, Deployment::DataCenter),
            active: flag("active"),
            secret_set: Some(
                secret
                    .and_then(Value::as_str)
                    .is_some_and(|secret| !secret.is_empty()),
            ),
            verifies_receiver: flag("sslVerificationRequired"),
        },
        created_on: raw
            .get("createdDate")
            .and_then(Value::as_i64)
            .and_then(Timestamp::from_millis),
        last_delivery_failed: raw.get("statistics").and_then(last_delivery_failed),
        events,
        raw,
    })
}
