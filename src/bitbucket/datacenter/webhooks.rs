//! Webhooks, on Data Center.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::repositories::repo_path;
use super::{DataCenter, rest_path};
use crate::bitbucket::client::{ApiError, Response, null_as_default};
use crate::bitbucket::webhooks::{
    Deliveries, StoredWebhook, TestDelivery, WebhookChange, WebhookSpec, events, url,
    writable_fields,
};
use crate::types::date::Timestamp;
use crate::types::deployment::Deployment;
use crate::types::repository::RepoId;
use crate::types::webhook::{
    DeliveryCounts, DeliveryOutcome, Webhook, WebhookDelivery, WebhookOwner, to_generic_events,
};

const READ_ONLY: [&str; 6] = [
    "id",
    "createdDate",
    "updatedDate",
    "statistics",
    "scopeType",
    "links",
];

/// Servers before 7.0 do not have this event.
const PR_FROM_REF_UPDATED: &str = "pr:from_ref_updated";

/// Counts of deliveries: of all events, or of each.
#[derive(Debug, Deserialize)]
struct Statistics {
    counts: Option<Counts>,
    #[serde(flatten)]
    events: HashMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(deserialize_with = "null_as_default")]
    successes: u64,
    #[serde(deserialize_with = "null_as_default")]
    failures: u64,
    #[serde(deserialize_with = "null_as_default")]
    errors: u64,
}

impl Statistics {
    fn total(self) -> DeliveryCounts {
        let of_event = |value: &Value| Counts::deserialize(value.get("counts")?).ok();
        let all = match self.counts {
            Some(counts) => vec![counts],
            None => self.events.values().filter_map(of_event).collect(),
        };
        all.iter()
            .fold(DeliveryCounts::default(), |sum, counts| DeliveryCounts {
                successes: sum.successes + counts.successes,
                failures: sum.failures + counts.failures,
                errors: sum.errors + counts.errors,
            })
    }
}

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
    /// The webhooks of a repository or, since 8.8, a project, with their secrets in plain text.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-project/#api-api-latest-projects-projectkey-webhooks-get>
    pub(crate) async fn webhooks(
        &self,
        owner: &WebhookOwner,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        self.webhooks_at(&hooks_path(owner, &[]), &[], owner).await
    }

    /// As [`DataCenter::webhooks`], with their last deliveries.
    pub(crate) async fn webhooks_with_statistics(
        &self,
        owner: &WebhookOwner,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let query = [("statistics", "true")];
        self.webhooks_at(&hooks_path(owner, &[]), &query, owner)
            .await
    }

    /// The webhooks of a repository's project, for an administrator of the repository.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-search-get>
    pub(crate) async fn webhooks_of_project(
        &self,
        repo: &RepoId,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let path = repo_path(repo, &["webhooks", "search"]);
        let owner = WebhookOwner::Namespace(repo.namespace.clone());
        let found = self.webhooks_at(&path, &[("scopeType", "project")], &owner);
        let is_of_project = |hook: &StoredWebhook| {
            let scope = hook.raw.get("scopeType").and_then(Value::as_str);
            scope.is_none_or(|scope| scope.eq_ignore_ascii_case("project"))
        };
        Ok(found.await?.into_iter().filter(is_of_project).collect())
    }

    async fn webhooks_at(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        owner: &WebhookOwner,
    ) -> Result<Vec<StoredWebhook>, ApiError> {
        let all: Vec<Map<String, Value>> = self.http.pages(path, query).await?;
        all.into_iter().map(|raw| hook(raw, owner)).collect()
    }

    /// The last delivery of a webhook, and how many succeeded and failed.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-latest-get>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-statistics-get>
    pub(crate) async fn webhook_deliveries(
        &self,
        owner: &WebhookOwner,
        webhook: &StoredWebhook,
    ) -> Result<Deliveries, ApiError> {
        let id = webhook.id()?;
        let path = hooks_path(owner, &[id, "latest"]);
        let response = self.http.get(&path, &[]).await?;
        let last = match response.status() {
            StatusCode::NO_CONTENT => None,
            _ => Some(delivery(&response.json()?)?),
        };
        let path = hooks_path(owner, &[id, "statistics"]);
        let response = self.http.get(&path, &[]).await?;
        let counts = match response.json::<Statistics>() {
            Ok(statistics) => Some(statistics.total()),
            Err(ApiError::NotAnApiEndpoint(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Deliveries { last, counts })
    }

    /// Creates or updates a webhook. An update replaces all fields, so the current ones are sent back.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-post>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-put>
    pub(crate) async fn write_webhook(
        &self,
        owner: &WebhookOwner,
        before: Option<StoredWebhook>,
        spec: &WebhookSpec,
    ) -> Result<WebhookChange, ApiError> {
        let events = spec.target_events(before.as_ref());
        let response = self
            .send_webhook(owner, before.as_ref(), spec, &events)
            .await?;
        let is_too_old = response.status().as_u16() == 400
            && events.iter().any(|event| event == PR_FROM_REF_UPDATED)
            && spec.events.iter().any(|event| event != PR_FROM_REF_UPDATED)
            && response.value().to_string().contains(PR_FROM_REF_UPDATED);
        if !is_too_old {
            return Ok(WebhookChange {
                webhook: hook(response.json()?, owner)?,
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
            Some(webhook)
                if spec.secret_for(Some(&webhook)).is_none()
                    && webhook.matches_with_events(spec, &known) =>
            {
                Ok(WebhookChange {
                    webhook,
                    unknown,
                    changed: false,
                })
            }
            before => {
                let response = self
                    .send_webhook(owner, before.as_ref(), spec, &known)
                    .await?;
                Ok(WebhookChange {
                    webhook: hook(response.json()?, owner)?,
                    unknown,
                    changed: true,
                })
            }
        }
    }

    async fn send_webhook(
        &self,
        owner: &WebhookOwner,
        before: Option<&StoredWebhook>,
        spec: &WebhookSpec,
        events: &[String],
    ) -> Result<Response, ApiError> {
        let mut body = before
            .map(|webhook| writable_fields(&webhook.raw, |field| !READ_ONLY.contains(&field)))
            .unwrap_or_default();
        body.insert("events".to_owned(), json!(events));
        body.insert("active".to_owned(), json!(spec.active));
        body.entry("name").or_insert(json!("bbconnect"));
        body.entry("url").or_insert(json!(spec.receiver.as_str()));
        body.entry("sslVerificationRequired").or_insert(json!(true));
        if let Some(verifies) = spec.verifies_receiver {
            body.insert("sslVerificationRequired".to_owned(), json!(verifies));
        }
        if let Some(secret) = spec.secret_for(before) {
            let configuration = body.entry("configuration").or_insert(json!({}));
            let mut set = configuration.as_object().cloned().unwrap_or_default();
            set.insert("secret".to_owned(), json!(secret.expose()));
            *configuration = Value::Object(set);
        }
        let id = before.map(StoredWebhook::id).transpose()?;
        let (method, below) = match &id {
            None => (Method::POST, &[][..]),
            Some(id) => (Method::PUT, std::slice::from_ref(id)),
        };
        let path = hooks_path(owner, below);
        self.http.write(method, &path, &[], &body).await
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-webhookid-delete>
    pub(crate) async fn remove_webhook(
        &self,
        owner: &WebhookOwner,
        webhook: &StoredWebhook,
    ) -> Result<(), ApiError> {
        let path = hooks_path(owner, &[webhook.id()?]);
        self.http.delete(&path).await?.written()
    }

    /// Sends a test delivery. Without the URL it fails, although the documentation says that it is optional.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-test-post>
    pub(crate) async fn test_webhook(
        &self,
        owner: &WebhookOwner,
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
        let segments = hooks_path(owner, &["test"]);
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

fn hooks_path<'a>(owner: &'a WebhookOwner, below: &[&'a str]) -> Vec<&'a str> {
    let mut path = match owner {
        WebhookOwner::Repository(repo) => repo_path(repo, &["webhooks"]),
        WebhookOwner::Namespace(key) => rest_path("api", &["projects", key, "webhooks"]),
    };
    path.extend(below);
    path
}

/// A delivery. Its `result` has the `outcome`, and as `description` the receiver's status or the reason of an error.
fn delivery(raw: &Map<String, Value>) -> Result<WebhookDelivery, ApiError> {
    let result = |key: &str| raw.get("result")?.get(key);
    let outcome = match result("outcome").and_then(Value::as_str) {
        Some("SUCCESS") => DeliveryOutcome::Success,
        Some("FAILURE") => DeliveryOutcome::Failure,
        Some("ERROR") => DeliveryOutcome::Error,
        Some(_) | None => {
            let reason = "not one of SUCCESS, FAILURE, ERROR";
            return Err(ApiError::decode("result.outcome", reason));
        }
    };
    let event = raw.get("event").and_then(Value::as_str).map(str::to_owned);
    let generic = |event| to_generic_events(&[event], Deployment::DataCenter).pop();
    let time = |key: &str| Timestamp::deserialize(raw.get(key)?).ok();
    let status = result("statusCode")
        .and_then(Value::as_u64)
        .map(|status| status.to_string())
        .or_else(|| Some(result("description")?.as_str()?.to_owned()));
    Ok(WebhookDelivery {
        event: event.and_then(generic),
        on: time("finish").or_else(|| time("start")),
        outcome,
        status: status
            .and_then(|status| status.parse().ok())
            .filter(|_| outcome != DeliveryOutcome::Error),
        elapsed_ms: raw.get("duration").and_then(Value::as_u64),
    })
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

fn hook(raw: Map<String, Value>, owner: &WebhookOwner) -> Result<StoredWebhook, ApiError> {
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
            scope: owner.scope(Deployment::DataCenter),
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
