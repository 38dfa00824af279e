//! Why an API gave no usable answer, and the words of both products for it.

use std::error::Error as _;
use std::time::Duration;

use thiserror::Error;

use crate::types::escape::strip_os_error_code;

/// Why an API gave no usable answer.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// The server was not reached; nothing is known about the credential.
    #[error("{origin} cannot be reached{}: {reason}", through(proxy.as_deref()))]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// The proxy in between, without its login.
        proxy: Option<String>,
        /// What is in the way.
        obstacle: ConnectFailure,
        /// What the system says.
        reason: String,
    },
    /// A credential would travel unencrypted.
    #[error("{0} is plain http, so a credential would travel unencrypted")]
    InsecureTransport(String),
    /// The server sends its visitors elsewhere.
    #[error("{from} redirects to {to}, so it is not the API that answers")]
    Redirected {
        /// Who was asked.
        from: String,
        /// Where it points.
        to: String,
    },
    /// The certificates or the proxy that were named cannot be used.
    #[error("{0}")]
    ClientConfig(String),
    /// An address is not the server's own, so the credential does not go there.
    #[error("{0} is not the connection's own server, so nothing is sent there")]
    ForeignOrigin(String),
    /// A name cannot be part of an address.
    #[error("`{0}` cannot be part of an address")]
    InvalidPathSegment(String),
    /// The secret has characters that cannot be sent.
    #[error("the secret has characters that no token has, such as a line break")]
    InvalidHeaderValue,
    /// The credential is not accepted.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// Too many failed logins.
    #[error("the server wants a captcha solved before this account may log in again")]
    CaptchaRequired,
    /// The server takes no passwords.
    #[error(
        "the server does not accept user names and passwords (Basic authentication is blocked)"
    )]
    BasicAuthDisabled,
    /// Neither yes nor no.
    #[error("the server's answers do not tell whether the credential is valid: {0}")]
    Indeterminate(String),
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
    NotAnApiEndpoint(String),
    /// Bitbucket has removed it.
    #[error("Bitbucket has removed this: {0}")]
    Gone(String),
    /// Too many requests.
    #[error("the server's rate limit is exceeded{}", again(*.0))]
    RateLimited(Option<Duration>),
    /// The server refused the request.
    #[error("the server refused the request ({status}): {message}")]
    ClientError {
        /// The status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The server failed.
    #[error("the server failed ({status}): {message}")]
    ServerError {
        /// The status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// A page instead of data.
    #[error("the server answered {status} with {kind} instead of JSON")]
    UnexpectedContentType {
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
    EndlessPagination,
    /// Too much.
    #[error("the server's answer is larger than {most} bytes")]
    ResponseTooLarge {
        /// The most that is read, in bytes.
        most: usize,
    },
}

impl ApiError {
    /// What is in the way, where the server was not reached.
    #[must_use]
    pub(crate) fn obstacle(&self) -> Option<ConnectFailure> {
        if let Self::Unreachable { obstacle, .. } = self {
            Some(*obstacle)
        } else {
            None
        }
    }

    /// Whether the server answered that this is not there, or not for this credential; it did not fail.
    #[must_use]
    pub(crate) fn is_access_error(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden { .. }
                | Self::NotFound(_)
                | Self::NotAnApiEndpoint(_)
                | Self::Gone(_)
        )
    }
}

fn again(after: Option<Duration>) -> String {
    after.map_or(String::new(), |after| {
        format!("; it may be asked again in {} seconds", after.as_secs())
    })
}

fn through(proxy: Option<&str>) -> String {
    proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}"))
}

/// What is in the way of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    /// Its name does not resolve.
    Dns,
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
pub(super) fn obstacle(error: &reqwest::Error) -> (ConnectFailure, String) {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    let all = texts.join(": ").to_lowercase();
    let reason = texts.pop().map_or_else(
        || "the request failed".to_owned(),
        |text| strip_os_error_code(&text),
    );
    let failure = if error.is_timeout() {
        ConnectFailure::Timeout
    } else if all.contains("dns error") {
        ConnectFailure::Dns
    } else if all.contains("connection refused") {
        ConnectFailure::Refused
    } else if ["certificate", "tls", "handshake", "corrupt message"]
        .iter()
        .any(|word| all.contains(word))
    {
        ConnectFailure::Tls
    } else {
        ConnectFailure::Other
    };
    (failure, reason)
}
