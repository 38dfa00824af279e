//! The errors of API requests, and the classification of transport errors.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use thiserror::Error;

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
    /// A credential would be sent unencrypted.
    #[error("{0} is plain http, so a credential would travel unencrypted")]
    InsecureTransport(String),
    /// A redirect to another origin, to a login page, or of a request that is not safe to repeat.
    #[error("{from} redirects to {to}, so it is not the API that answers")]
    Redirected { from: String, to: String },
    /// The certificates or the proxy in the configuration cannot be used.
    #[error("{0}")]
    ClientConfig(String),
    /// A URL of another origin; the credential is not sent there.
    #[error("{0} is not the connection's own server, so nothing is sent there")]
    ForeignOrigin(String),
    #[error("`{0}` cannot be part of an address")]
    InvalidPathSegment(String),
    /// The secret contains characters that a header cannot contain.
    #[error("the secret has characters that no token has, such as a line break")]
    InvalidHeaderValue,
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// Bitbucket explains in its own words why it refuses the login, for instance because of too many failed attempts.
    #[error("the server refused the login: {0}")]
    LoginRefused(String),
    /// A 401 of a reverse proxy or gateway; it says nothing about the credential.
    #[error("another authentication layer in front of the server refused the request (401)")]
    ForeignLogin,
    /// Too many failed logins.
    #[error("the server wants a captcha solved before this account may log in again")]
    CaptchaRequired,
    #[error(
        "the server does not accept user names and passwords (Basic authentication is blocked)"
    )]
    BasicAuthDisabled,
    /// The responses neither prove nor disprove that the credential is valid.
    #[error("the server's answers do not tell whether the credential is valid: {0}")]
    Indeterminate(String),
    /// The credential is valid, but lacks a permission or a scope.
    #[error("the credential may not do this: {message}")]
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
    #[error("{0} is no address of a Bitbucket's API")]
    NotAnApiEndpoint(String),
    /// Bitbucket has removed the endpoint.
    #[error("Bitbucket has removed this: {0}")]
    Gone(String),
    #[error("the server's rate limit is exceeded{}", again(*.0))]
    RateLimited(Option<Duration>),
    /// Any other status from 400 to 499.
    #[error("the server refused the request ({status}): {message}")]
    ClientError { status: u16, message: String },
    #[error("the server failed ({status}): {message}")]
    ServerError { status: u16, message: String },
    #[error("the server answered {status} with {kind} instead of JSON")]
    UnexpectedContentType {
        status: u16,
        /// The media type.
        kind: String,
    },
    /// The body does not have the expected structure.
    #[error("the server's answer cannot be read at `{path}`: {reason}")]
    Decode {
        /// Path of the field.
        path: String,
        reason: String,
    },
    #[error(
        "the server's list has no end: its pages repeat, or the last one does not say that it is the last"
    )]
    EndlessPagination,
    #[error("the server's answer is larger than {most} bytes")]
    ResponseTooLarge {
        /// The limit, in bytes.
        most: usize,
    },
}

impl ApiError {
    #[must_use]
    pub(crate) fn obstacle(&self) -> Option<ConnectFailure> {
        if let Self::Unreachable { obstacle, .. } = self {
            Some(*obstacle)
        } else {
            None
        }
    }

    /// Whether the server denied access to the resource, as opposed to a failure.
    #[must_use]
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
        format!("; it may be asked again in {} seconds", after.as_secs())
    })
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

/// Why the TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFailure {
    UnknownIssuer,
    Expired,
    NotYetValid,
    HostnameMismatch,
    /// The certificate of an authority is used as the server's own.
    CaAsEndEntity,
    /// The server requires a client certificate, or does not accept the one that was sent.
    ClientCertificate,
    /// The server sent something else than TLS.
    NotTls,
    Other,
}

/// Why no response arrived, from the types in the chain of causes, and the text of the innermost one. The text of
/// `reqwest::Error` itself is not used, because it contains the URL alone.
pub(super) fn classify(error: &reqwest::Error) -> (ConnectFailure, String) {
    let innermost = causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    let reason = strip_os_error_code(&innermost);
    if error.is_timeout() {
        return (ConnectFailure::Timeout, reason);
    }
    let tls = causes(error).find_map(|cause| cause.downcast_ref::<TlsError>());
    if let Some(tls) = tls {
        let (failure, text) = classify_tls(tls);
        let reason = text.map_or(reason, str::to_owned);
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

/// The text of hyper-util's `TunnelError::ProxyAuthRequired`, whose type is private.
const TUNNEL_AUTH_REQUIRED: &str = "proxy authorization required";
/// The text of webpki's `Error::CaUsedAsEndEntity`, which rustls wraps in its `OtherError`; webpki is not a dependency.
const CA_USED_AS_END_ENTITY: &str = "CaUsedAsEndEntity";
pub(super) const PROXY_AUTH_REASON: &str = "the proxy requires authentication (407)";

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

/// The kind of a TLS error, and the text for people where the text of rustls is not fit for them.
fn classify_tls(error: &TlsError) -> (TlsFailure, Option<&'static str>) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enums of rustls are non-exhaustive"
    )]
    let (failure, text) = match error {
        TlsError::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => (
                TlsFailure::UnknownIssuer,
                "no trusted authority signed the server's certificate",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                (TlsFailure::Expired, "the server's certificate has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
                TlsFailure::NotYetValid,
                "the server's certificate is not valid yet",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (
                    TlsFailure::HostnameMismatch,
                    "the server's certificate is for another host",
                )
            }
            CertificateError::Other(_)
                if certificate.to_string().contains(CA_USED_AS_END_ENTITY) =>
            {
                (
                    TlsFailure::CaAsEndEntity,
                    "the server uses the certificate of an authority as its own",
                )
            }
            _ => return (TlsFailure::Other, None),
        },
        TlsError::InvalidMessage(_) => (
            TlsFailure::NotTls,
            "the server does not speak TLS on this port",
        ),
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown,
        ) => (
            TlsFailure::ClientCertificate,
            "the server requires a client certificate, or does not accept the one that was sent",
        ),
        _ => return (TlsFailure::Other, None),
    };
    (failure, Some(text))
}
