//! Why an API gave no usable answer, and the words of both products for it.

use std::error::Error as _;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::model::printable::without_codes;

/// The most of a server's words that is repeated, in characters.
pub(super) const MOST_WORDS: usize = 1000;

/// Why an API gave no usable answer.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The server was not reached; nothing is known about the credential.
    #[error("{origin} cannot be reached{}: {reason}", through(proxy.as_deref()))]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// The proxy in between, without its login.
        proxy: Option<String>,
        /// What is in the way.
        obstacle: Obstacle,
        /// What the system says.
        reason: String,
    },
    /// A credential would travel unencrypted.
    #[error("{0} is plain http, so a credential would travel unencrypted")]
    Unprotected(String),
    /// The server sends its visitors elsewhere.
    #[error("{from} redirects to {to}, so it is not the API that answers")]
    Elsewhere {
        /// Who was asked.
        from: String,
        /// Where it points.
        to: String,
    },
    /// The certificates or the proxy that were named cannot be used.
    #[error("{0}")]
    Setup(String),
    /// An address is not the server's own, so the credential does not go there.
    #[error("{0} is not the connection's own server, so nothing is sent there")]
    Foreign(String),
    /// A name cannot be part of an address.
    #[error("`{0}` cannot be part of an address")]
    Address(String),
    /// The secret has characters that cannot be sent.
    #[error("the secret has characters that no token has, such as a line break")]
    SecretCharacters,
    /// The credential is not accepted.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// Too many failed logins.
    #[error("the server wants a captcha solved before this account may log in again")]
    Captcha,
    /// The server takes no passwords.
    #[error(
        "the server does not accept user names and passwords (Basic authentication is blocked)"
    )]
    BasicBlocked,
    /// Neither yes nor no.
    #[error("the server's answers do not tell whether the credential is valid: {0}")]
    Undecided(String),
    /// The credential is good, but may not do this.
    #[error("the credential may not do this: {message}")]
    Forbidden {
        /// The server's words.
        message: String,
        /// The scopes that are needed.
        required: Vec<String>,
        /// The scopes that it has.
        granted: Vec<String>,
    },
    /// It is not there, or not for this credential.
    #[error("not found, or not visible with this credential: {0}")]
    NotFound(String),
    /// Not found, and not in the words of a Bitbucket: the address is no part of its API.
    #[error("{0} is no address of a Bitbucket's API")]
    NoApi(String),
    /// Bitbucket has removed it.
    #[error("Bitbucket has removed this: {0}")]
    Gone(String),
    /// Too many requests.
    #[error("the server's rate limit is exceeded")]
    RateLimited,
    /// The server refused the request.
    #[error("the server refused the request ({status}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The server failed.
    #[error("the server failed ({status}): {message}")]
    Server {
        /// The status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// A page instead of data.
    #[error("the server answered {status} with {kind} instead of JSON")]
    NotJson {
        /// The status.
        status: u16,
        /// What it sent.
        kind: String,
    },
    /// Data of another shape.
    #[error("the server's answer cannot be read at `{path}`: {reason}")]
    Decode {
        /// Where.
        path: String,
        /// Why.
        reason: String,
    },
    /// A list that has no end.
    #[error(
        "the server's list has no end: its pages repeat, or the last one does not say that it is the last"
    )]
    Endless,
    /// Too much.
    #[error("the server's answer is larger than {most} bytes")]
    TooLarge {
        /// The most that is read, in bytes.
        most: usize,
    },
}

impl ApiError {
    /// What is in the way, where the server was not reached.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        if let Self::Unreachable { obstacle, .. } = self {
            Some(*obstacle)
        } else {
            None
        }
    }

    /// Whether the server answered that this is not there, or not for this credential; it did not fail.
    #[must_use]
    pub fn is_about_rights(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden { .. }
                | Self::NotFound(_)
                | Self::NoApi(_)
                | Self::Gone(_)
        )
    }
}

fn through(proxy: Option<&str>) -> String {
    proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}"))
}

/// What is in the way of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Its name does not resolve.
    Name,
    /// Nothing listens there.
    Refused,
    /// It does not answer in time.
    Timeout,
    /// Its certificate is not trusted, or TLS fails otherwise.
    Tls,
    /// Something else.
    Other,
}

/// What is in the way, from the innermost cause: reqwest's own words name only the URL.
pub(super) fn obstacle(error: &reqwest::Error) -> (Obstacle, String) {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    let all = texts.join(": ").to_lowercase();
    let reason = texts.pop().map_or_else(
        || "the request failed".to_owned(),
        |text| without_codes(&text),
    );
    let obstacle = if error.is_timeout() {
        Obstacle::Timeout
    } else if all.contains("dns error") {
        Obstacle::Name
    } else if all.contains("connection refused") {
        Obstacle::Refused
    } else if ["certificate", "tls", "handshake", "corrupt message"]
        .iter()
        .any(|word| all.contains(word))
    {
        Obstacle::Tls
    } else {
        Obstacle::Other
    };
    (obstacle, reason)
}

/// An error body: Cloud's `{"error": {…}}` or Data Center's `{"errors": […]}`; either may be anything else.
#[derive(Debug, Default, Deserialize)]
pub(in crate::bitbucket) struct ServerWords {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
    /// Data Center's filters answer before its API does, in a shape of their own.
    #[serde(default)]
    message: Value,
    /// Cloud's complaints about an SSH key are in a shape of their own: `{"key": [{"message": "…"}]}`.
    #[serde(default)]
    key: Value,
}

impl ServerWords {
    /// Whether the body has the shape of a Bitbucket's error.
    pub(super) fn is_some(&self) -> bool {
        self.error.is_object() || self.errors.is_array()
    }

    /// Every message there is, in one line.
    pub(super) fn message(&self) -> Option<String> {
        let detail = self.error.get("detail").and_then(Value::as_str);
        let cloud = self
            .error
            .get("message")
            .and_then(Value::as_str)
            .into_iter()
            .chain(detail);
        let datacenter = self
            .errors
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("message")?.as_str());
        let about_key = self.key.as_array().into_iter().flatten();
        let about_key = about_key.filter_map(|complaint| {
            complaint
                .as_str()
                .or_else(|| complaint.get("message")?.as_str())
        });
        let all: Vec<&str> = cloud
            .chain(datacenter)
            .chain(about_key)
            .chain(self.message.as_str())
            .collect();
        (!all.is_empty()).then(|| all.join("; ").chars().take(MOST_WORDS).collect())
    }

    /// The exceptions that Data Center names.
    fn exceptions(&self) -> impl Iterator<Item = &str> {
        self.errors
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("exceptionName")?.as_str())
    }

    pub(super) fn asks_for_captcha(&self) -> bool {
        self.exceptions().any(|name| name.contains("Captcha"))
    }

    /// Whether somebody is logged in who lacks a permission, which Data Center answers with 401.
    pub(in crate::bitbucket) fn says_not_permitted(&self) -> bool {
        self.exceptions()
            .any(|name| name.ends_with(".AuthorisationException"))
    }

    /// The scopes that Cloud says are needed.
    pub(super) fn required(&self) -> Vec<String> {
        self.scopes("required")
    }

    /// The scopes that Cloud says the credential has.
    pub(in crate::bitbucket) fn granted(&self) -> Vec<String> {
        self.scopes("granted")
    }

    fn scopes(&self, which: &str) -> Vec<String> {
        let list = self
            .error
            .get("detail")
            .and_then(|detail| detail.get(which))
            .and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}
