//! The errors of API requests, and the classification of transport errors.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::Error as TlsError;
use thiserror::Error;
use url::Url;

use crate::sys::tls::TlsFailure;
use crate::types::counted::counted;
use crate::types::escape::strip_os_error_code;

/// Why a request failed.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// No response arrived, so nothing is known about the credential.
    #[error("{origin} cannot be reached{}: {reason}", through(proxy.as_deref()))]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// The proxy, without its user name and password.
        proxy: Option<String>,
        obstacle: ConnectFailure,
        /// Text of the innermost cause.
        reason: String,
    },
    /// The server responds, but not with valid HTTP.
    #[error("the response of {origin} is not valid HTTP: {reason}")]
    InvalidHttp {
        /// Scheme, host and port.
        origin: String,
        /// Text of the innermost cause.
        reason: String,
    },
    /// A credential would be sent unencrypted.
    #[error("{0} is plain http: the credential would be sent unencrypted")]
    InsecureTransport(String),
    /// A redirect to another origin, to a login page, or of a request that is not safe to repeat.
    #[error("{from} redirects to {to}{}", redirect_reason(from, to))]
    Redirected { from: String, to: String },
    /// What a write is about has another name now, and the request is not repeated under it.
    #[error("the server redirects the request to {to}: it was renamed")]
    Moved {
        to: String,
        /// What to pass instead.
        hint: String,
    },
    /// The certificates or the proxy in the configuration cannot be used.
    #[error("{0}")]
    ClientConfig(String),
    /// A URL of another origin; the credential is not sent there.
    #[error("{0} is not on the connection's server")]
    ForeignOrigin(String),
    #[error("`{0}` cannot be part of a URL")]
    InvalidPathSegment(String),
    /// The secret contains characters that a header cannot contain.
    #[error("the secret contains a line break or another control character")]
    InvalidHeaderValue,
    #[error("credential rejected: {0}")]
    Unauthorized(String),
    /// Bitbucket explains in its own words why it refuses the login, for instance because of too many failed attempts.
    #[error("login refused: {0}")]
    LoginRefused(String),
    /// A 401 of a reverse proxy or gateway; it says nothing about the credential.
    #[error("a proxy or gateway in front of the server rejected the request (401)")]
    ForeignLogin,
    /// Too many failed logins.
    #[error("the account is locked until a CAPTCHA is solved")]
    CaptchaRequired,
    #[error("the server does not accept passwords (Basic authentication is disabled)")]
    BasicAuthDisabled,
    /// The responses neither prove nor disprove that the credential is valid.
    #[error("validity of the credential unknown: {0}")]
    Indeterminate(String),
    /// Every request is refused, without a sign that the credential was read.
    #[error(
        "validity of the credential unknown: the server refused every request without saying why: {0}"
    )]
    RefusedWithoutReason(String),
    /// The credential has no account that can be used.
    #[error("the account of the credential is unknown")]
    AccountUnknown,
    /// The credential is valid, but lacks a permission or a scope.
    #[error("permission denied: {message}")]
    Forbidden {
        message: String,
        /// The scopes that are needed.
        required: Vec<String>,
        /// The scopes that the credential has.
        granted: Vec<String>,
    },
    #[error("not found, or not visible with this credential: {0}")]
    NotFound(String),
    /// A 404 that is not Bitbucket's own: the URL is outside of its API.
    #[error("no Bitbucket API at {0}")]
    NotAnApiEndpoint(String),
    /// Another product responds.
    #[error("{url} is {name}, not Bitbucket")]
    NotBitbucket {
        url: String,
        /// As the server names it.
        name: String,
    },
    /// Bitbucket has removed the endpoint.
    #[error("Bitbucket has removed this API: {0}")]
    Gone(String),
    #[error("rate limit exceeded{}", again(*.0))]
    RateLimited(Option<Duration>),
    /// Any other status from 400 to 499.
    #[error("request rejected ({status}): {message}")]
    ClientError { status: u16, message: String },
    #[error("server error ({status}): {message}")]
    ServerError { status: u16, message: String },
    #[error("the response ({status}) is {kind} instead of JSON")]
    UnexpectedContentType {
        status: u16,
        /// The media type.
        kind: String,
    },
    /// The body does not have the expected structure.
    #[error("invalid response at `{path}`: {reason}")]
    Decode {
        /// Path of the field.
        path: String,
        reason: String,
    },
    #[error("invalid pagination: the pages of the list repeat or have no end")]
    EndlessPagination,
    /// A list takes too long as a whole.
    #[error(
        "list incomplete after {} seconds: {} received",
        limit.as_secs(), counted(*pages, "page", "pages")
    )]
    ListTimeout { pages: usize, limit: Duration },
    #[error("the response is larger than {max} bytes")]
    ResponseTooLarge {
        /// The limit, in bytes.
        max: usize,
    },
}

impl ApiError {
    /// The body of a response does not have the expected structure at a path.
    pub(crate) fn decode(path: impl Into<String>, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.into(), reason.into());
        Self::Decode { path, reason }
    }

    /// Whether the server refuses a request because the repository is archived.
    pub(crate) fn is_about_archived(&self) -> bool {
        if let Self::Forbidden { message, .. } | Self::ClientError { message, .. } = self {
            // As a word: it may be a part of a name.
            let mut words = message.split_whitespace();
            words.any(|word| {
                let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
                word.eq_ignore_ascii_case("archived")
            })
        } else {
            false
        }
    }

    pub(crate) fn obstacle(&self) -> Option<ConnectFailure> {
        if let Self::Unreachable { obstacle, .. } = self {
            Some(*obstacle)
        } else {
            None
        }
    }

    /// Whether the server denied access to the resource, as opposed to a failure.
    pub(crate) fn is_access_error(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::LoginRefused(_)
                | Self::Forbidden { .. }
                | Self::NotFound(_)
                | Self::NotAnApiEndpoint(_)
                | Self::Gone(_)
        )
    }
}

fn again(after: Option<Duration>) -> String {
    after.map_or(String::new(), |after| {
        format!("; retry in {} seconds", after.as_secs())
    })
}

/// Whether a redirect leads from plain http to https on the same host.
pub(crate) fn requires_https(from: &str, to: &str) -> bool {
    let parsed = |text: &str| Url::parse(text).ok();
    let (Some(from), Some(to)) = (parsed(from), parsed(to)) else {
        return false;
    };
    from.scheme() == "http" && to.scheme() == "https" && from.host_str() == to.host_str()
}

fn redirect_reason(from: &str, to: &str) -> &'static str {
    if requires_https(from, to) {
        ": the server requires https"
    } else {
        ", which is not the API"
    }
}

fn through(proxy: Option<&str>) -> String {
    proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}"))
}

/// Why a server could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    /// The host name does not resolve.
    Dns,
    /// Nothing listens on the port.
    Refused,
    Timeout,
    Tls(TlsFailure),
    /// The proxy rejected its user name and password, or requires them (407).
    ProxyAuth,
    Other,
}

/// Why no response arrived, from the types in the chain of causes, and the text of the innermost one. The text of
/// `reqwest::Error` itself is not used, because it contains the URL alone.
pub(super) fn classify(error: &reqwest::Error) -> (ConnectFailure, String) {
    let innermost = causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    if innermost == NOT_HTTP {
        let reason = "what responds on this port does not speak HTTP".to_owned();
        return (ConnectFailure::Other, reason);
    }
    let reason = strip_os_error_code(&innermost);
    if error.is_timeout() {
        return (ConnectFailure::Timeout, reason);
    }
    let tls = causes(error).find_map(|cause| cause.downcast_ref::<TlsError>());
    if let Some(tls) = tls {
        let failure = TlsFailure::from_error(tls);
        let reason = failure.message().map_or(reason, str::to_owned);
        return (ConnectFailure::Tls(failure), reason);
    }
    let is_refused = |cause: &(dyn StdError + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    let failure = if error.is_dns() {
        ConnectFailure::Dns
    } else if causes(error).any(is_refused) {
        ConnectFailure::Refused
    } else if innermost.contains(TUNNEL_AUTH_REQUIRED) {
        return (ConnectFailure::ProxyAuth, PROXY_AUTH_REASON.to_owned());
    } else {
        ConnectFailure::Other
    };
    (failure, reason)
}

/// Why a response is not valid HTTP: its head, its chunks or its compression. `None` where it did not arrive as a whole,
/// and where what responds does not speak HTTP.
pub(super) fn invalid_http(error: &reqwest::Error) -> Option<String> {
    if error.is_timeout() {
        return None;
    }
    let reason = causes(error).last()?.to_string();
    let parsing = causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>());
    // hyper reports the size of a chunk that is no number with this kind.
    let has_invalid_chunks = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::InvalidInput);
    let is_invalid = match parsing {
        Some(error) => error.is_parse() && reason != NOT_HTTP || has_invalid_chunks,
        None => error.is_decode(),
    };
    is_invalid.then_some(reason)
}

/// hyper's text where a response does not begin with `HTTP/`; the kind of the error is private.
const NOT_HTTP: &str = "invalid HTTP version parsed";

/// The text of hyper-util's `TunnelError::ProxyAuthRequired`, whose type is private.
const TUNNEL_AUTH_REQUIRED: &str = "proxy authorization required";
pub(super) const PROXY_AUTH_REASON: &str = "proxy authentication required (407)";

/// The causes of an error, outermost first.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error)).skip(1)
}

/// `io::Error::source` skips the error that it wraps, so that one is taken from `get_ref`.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
