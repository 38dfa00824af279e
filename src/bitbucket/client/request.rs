//! Requests: the segments of their paths, their bodies, and the `Authorization` header with the secrets that must be
//! redacted because of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::error::ApiError;
use crate::types::secret::Secret;

/// The slowest upload that is expected, in bytes per second.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;

/// Whether a request has the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithAuth {
    Yes,
    No,
}

/// A request that can be sent repeatedly.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) signed: WithAuth,
    pub(super) body: Option<Body>,
    pub(super) idempotent: bool,
    /// The user wrote the URL: a write is not repeated at another one.
    pub(super) has_literal_url: bool,
}

/// The body of a request. It may contain secrets, so `Debug` omits it.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of {}", self.bytes.len(), self.media_type)
    }
}

impl Request {
    /// A request without a body. The URL must be built or checked by [`super::Http`].
    pub(crate) fn new(method: Method, url: Url, signed: WithAuth) -> Self {
        Self {
            idempotent: method.is_idempotent(),
            method,
            url,
            signed,
            body: None,
            has_literal_url: false,
        }
    }

    /// A request whose URL the user wrote: a write to a renamed repository is refused.
    pub(crate) fn with_literal_url(self) -> Self {
        Self {
            has_literal_url: true,
            ..self
        }
    }

    /// Overrides the method: the request must not be sent again.
    pub(crate) fn not_idempotent(self) -> Self {
        Self {
            idempotent: false,
            ..self
        }
    }

    pub(crate) fn with_json(self, body: &impl Serialize) -> Result<Self, ApiError> {
        let bytes =
            serde_json::to_vec(body).map_err(|error| ApiError::ClientConfig(error.to_string()))?;
        Ok(self.with_body("application/json", bytes))
    }

    pub(crate) fn with_body(self, media_type: &str, bytes: Vec<u8>) -> Self {
        let body = Body {
            media_type: media_type.to_owned(),
            bytes,
        };
        Self {
            body: Some(body),
            ..self
        }
    }

    /// Additional time for the upload of the body over a slow connection.
    pub(super) fn upload_allowance(&self) -> Duration {
        let bytes = self.body.as_ref().map_or(0, |body| body.bytes.len());
        Duration::from_secs(bytes as u64 / MIN_BYTES_PER_SECOND)
    }

    /// Whether it changes nothing on the server (RFC 9110, section 9.2.1).
    pub(super) fn is_safe_method(&self) -> bool {
        self.method.is_safe()
    }
}

/// What is encoded in a part of a path (URL standard, "path percent-encode set"), and what the url crate would drop:
/// tabs and line breaks.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'\\')
    .add(b'%');

/// A segment of a path, encoded.
pub(super) fn encode_segment(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// How requests are authenticated.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// Anonymous.
    None,
    /// RFC 7617, with a password or a token.
    Basic { user: String, secret: Secret },
    /// RFC 6750.
    Bearer(Secret),
}

/// The shortest secret that is redacted, in bytes: a shorter one is part of too many words.
const MIN_REDACTED_LEN: usize = 4;

impl Authorization {
    /// The secret, itself and encoded as in the header.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let secrets = match self {
            Self::None => Vec::new(),
            Self::Bearer(secret) => vec![secret.expose().to_owned()],
            Self::Basic { user, secret } => {
                let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
                vec![secret.expose().to_owned(), STANDARD.encode(pair.as_bytes())]
            }
        };
        secrets
            .into_iter()
            .filter(|secret| secret.len() >= MIN_REDACTED_LEN)
            .map(Zeroizing::new)
            .collect()
    }
}
