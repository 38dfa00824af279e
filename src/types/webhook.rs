//! Webhooks, and names of events that are the same for both products.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;
use url::Url;

use super::date::Timestamp;
use super::deployment::Deployment;
use super::named_enum::named_enum;
use super::repository::RepoId;

/// What a webhook belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebhookOwner {
    Repository(RepoId),
    /// The workspace (Cloud) or project (Data Center): the webhook is called for all of its repositories.
    Namespace(String),
}

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum WebhookScope {
        Repository = "repository",
        Project = "project",
        Workspace = "workspace",
    }
}

impl WebhookOwner {
    pub(crate) fn scope(&self, deployment: Deployment) -> WebhookScope {
        match (self, deployment) {
            (Self::Repository(_), _) => WebhookScope::Repository,
            (Self::Namespace(_), Deployment::Cloud) => WebhookScope::Workspace,
            (Self::Namespace(_), Deployment::DataCenter | Deployment::Unknown) => {
                WebhookScope::Project
            }
        }
    }

    /// For people: `acme/site`, `workspace acme`, `project WEB`.
    pub(crate) fn describe(&self, deployment: Deployment) -> String {
        match self {
            Self::Repository(repo) => repo.to_string(),
            Self::Namespace(name) => format!("{} {name}", self.scope(deployment).name()),
        }
    }

    /// The option of `bbconnect webhook` for this owner.
    pub(crate) fn flag(&self, deployment: Deployment) -> String {
        match self {
            Self::Repository(repo) => format!("--repo {repo}"),
            Self::Namespace(name) => format!("--{} {name}", self.scope(deployment).name()),
        }
    }
}

impl WebhookScope {
    /// Data Center's permission for everything about webhooks.
    pub(crate) fn admin_permission(self) -> &'static str {
        match self {
            Self::Repository => "REPO_ADMIN on the repository",
            Self::Project | Self::Workspace => "PROJECT_ADMIN on the project",
        }
    }
}

/// The last delivery of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WebhookDelivery {
    /// By its generic name where it has one.
    pub event: Option<String>,
    pub on: Option<Timestamp>,
    pub outcome: DeliveryOutcome,
    /// The HTTP status of the receiver; `None` where nothing answered.
    pub status: Option<u16>,
    pub elapsed_ms: Option<u64>,
}

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum DeliveryOutcome {
        Success = "success",
        /// The receiver responded with an error.
        Failure = "failure",
        /// The receiver did not respond.
        Error = "error",
    }
}

/// Deliveries in the server's time window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DeliveryCounts {
    pub successes: u64,
    pub failures: u64,
    pub errors: u64,
}

/// The generic name of an event, Cloud's names, Data Center's names.
type Names = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// <https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/>,
/// <https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html>
const VOCABULARY: [Names; 8] = [
    ("push", &["repo:push"], &["repo:refs_changed"]),
    ("pr-created", &["pullrequest:created"], &["pr:opened"]),
    (
        "pr-updated",
        &["pullrequest:updated"],
        &["pr:modified", "pr:from_ref_updated"],
    ),
    (
        "pr-approved",
        &["pullrequest:approved"],
        &["pr:reviewer:approved"],
    ),
    ("pr-merged", &["pullrequest:fulfilled"], &["pr:merged"]),
    ("pr-declined", &["pullrequest:rejected"], &["pr:declined"]),
    (
        "pr-comment",
        &["pullrequest:comment_created"],
        &["pr:comment:added"],
    ),
    ("repo-forked", &["repo:fork"], &["repo:forked"]),
];

/// A generic name, or the product's own, which contains a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected one of {}, or the product's own name of an event, such as repo:push",
    VOCABULARY.map(|(name, ..)| name).join(", ")
)]
pub(crate) struct UnknownEvent;

impl Event {
    /// The names that are the same for both products.
    pub(crate) fn generic_names() -> impl Iterator<Item = &'static str> {
        VOCABULARY.iter().map(|(name, ..)| *name)
    }
}

impl FromStr for Event {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_ours = VOCABULARY.iter().any(|(name, ..)| *name == text);
        let is_native = text.contains(':')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ":_-".contains(c));
        if is_ours || is_native {
            Ok(Self(text.to_owned()))
        } else {
            Err(UnknownEvent)
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn of_product(names: &Names, deployment: Deployment) -> &'static [&'static str] {
    match deployment {
        Deployment::Cloud => names.1,
        Deployment::DataCenter | Deployment::Unknown => names.2,
    }
}

/// The product's names of events, without duplicates.
pub(crate) fn to_product_events(events: &[Event], deployment: Deployment) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for Event(event) in events {
        let names = match VOCABULARY.iter().find(|(name, ..)| name == event) {
            Some(known) => of_product(known, deployment)
                .iter()
                .map(ToString::to_string)
                .collect(),
            None => vec![event.clone()],
        };
        for name in names {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

/// Replaces a product's events by a generic name if all events of that name are present.
pub(crate) fn to_generic_events(natives: &[String], deployment: Deployment) -> Vec<String> {
    let mut generic: Vec<String> = Vec::new();
    for native in natives {
        let ours = VOCABULARY.iter().find(|names| {
            let all = of_product(names, deployment);
            all.contains(&native.as_str())
                && all
                    .iter()
                    .all(|name| natives.iter().any(|other| other == name))
        });
        let name = ours.map_or_else(|| native.clone(), |(name, ..)| (*name).to_owned());
        if !generic.contains(&name) {
            generic.push(name);
        }
    }
    generic
}

#[derive(Debug, Clone)]
pub(crate) struct WebhookUrl {
    text: String,
    url: Url,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected an http or https URL")]
pub(crate) struct ParseWebhookUrlError;

impl FromStr for WebhookUrl {
    type Err = ParseWebhookUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| ParseWebhookUrlError)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(ParseWebhookUrlError);
        }
        let text = text.to_owned();
        Ok(Self { text, url })
    }
}

impl WebhookUrl {
    /// Whether the URLs are equal after normalisation.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.text == other || Url::parse(other).is_ok_and(|other| other == self.url)
    }

    /// Whether the URLs are equal but for a slash at the end of the path.
    pub(crate) fn differs_by_trailing_slash(&self, other: &str) -> bool {
        let without_slash = |url: &Url| {
            let mut url = url.clone();
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&path);
            url
        };
        let other = Url::parse(other).ok();
        !other.as_ref().is_some_and(|other| self.is(other.as_str()))
            && other.is_some_and(|other| without_slash(&other) == without_slash(&self.url))
    }

    /// As given. It may contain a password: send it, never print it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Without a password.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.text))
    }
}

/// Replaces a password in a URL by `***`.
pub(crate) fn without_password(url: &str) -> String {
    let scheme_end = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(scheme_end);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let userinfo = rest[..end].rsplit_once('@').map(|(userinfo, _)| userinfo);
    match userinfo.and_then(|userinfo| Some((userinfo.split_once(':')?.0, userinfo.len()))) {
        Some((user, length)) => format!("{scheme}{user}:***{}", &rest[length..]),
        None => url.to_owned(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Webhook {
    /// A UUID in braces (Cloud) or a number (Data Center).
    pub id: Option<String>,
    /// May contain a password; printed by [`Webhook::shown_url`].
    #[serde(serialize_with = "masked")]
    pub url: String,
    /// By generic names where possible.
    pub events: Vec<String>,
    pub active: Option<bool>,
    /// Whether requests are signed.
    pub secret_set: Option<bool>,
    /// Whether the receiver's TLS certificate is verified.
    pub verifies_receiver: Option<bool>,
    pub scope: WebhookScope,
}

impl Webhook {
    /// The URL without a password.
    pub(crate) fn shown_url(&self) -> String {
        without_password(&self.url)
    }
}

fn masked<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_password(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(names: &[&str]) -> Vec<Event> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn events_are_translated_for_both_products() {
        let wanted = events(&["push", "pr-updated", "push", "repo:push"]);
        assert_eq!(
            to_product_events(&wanted, Deployment::Cloud),
            ["repo:push", "pullrequest:updated"]
        );
        let wanted = events(&["push", "pr-updated", "mirror:repo_synchronized"]);
        let natives = to_product_events(&wanted, Deployment::DataCenter);
        assert_eq!(
            natives,
            [
                "repo:refs_changed",
                "pr:modified",
                "pr:from_ref_updated",
                "mirror:repo_synchronized"
            ]
        );
        assert_eq!(
            to_generic_events(&natives, Deployment::DataCenter),
            ["push", "pr-updated", "mirror:repo_synchronized"]
        );
        // A generic name needs all of its events.
        assert_eq!(
            to_generic_events(&["pr:modified".to_owned()], Deployment::DataCenter),
            ["pr:modified"]
        );
    }

    #[test]
    fn generic_events_round_trip() {
        for (name, ..) in VOCABULARY {
            for deployment in [Deployment::Cloud, Deployment::DataCenter] {
                let natives = to_product_events(&events(&[name]), deployment);
                assert_eq!(to_generic_events(&natives, deployment), [name]);
            }
        }
        for text in ["", "pushed", "pr created", "a:b c"] {
            assert!(text.parse::<Event>().is_err(), "{text}");
        }
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        for (address, shown) in [
            (
                "https://jane:p@ss:w@host/h?a=b:c@d",
                "https://jane:***@host/h?a=b:c@d",
            ),
            ("https://:token@host", "https://:***@host"),
            ("https://jane@host/a:b@c", "https://jane@host/a:b@c"),
            ("http://host:8080/h", "http://host:8080/h"),
            ("", ""),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }

    #[test]
    fn equal_urls_are_recognised() {
        let receiver: WebhookUrl = "https://ci.example.com".parse().unwrap();
        assert!(receiver.is("https://CI.example.com:443/"));
        assert!(!receiver.is("https://ci.example.com/hook"));
        assert!("ftp://x".parse::<WebhookUrl>().is_err());
    }
}
