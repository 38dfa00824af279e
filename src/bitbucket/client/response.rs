//! What a server answered: bounded in size, decoded with the path of the field that failed.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{AsHeaderName, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::ApiError;

/// More than any answer that is asked for here, but for files; a larger one is a fault or an attack.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The most of a server's words that is repeated, in characters.
pub(super) const MAX_MESSAGE_CHARS: usize = 1000;

/// An answer, whatever its status.
#[derive(Debug)]
pub(in crate::bitbucket) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    url: String,
}

impl Response {
    /// Reads a response, decompressed, up to the most that is taken.
    pub(super) async fn read(
        mut response: reqwest::Response,
        most: usize,
        explained: impl Fn(&reqwest::Error) -> ApiError,
    ) -> Result<Self, ApiError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let url = response.url().to_string();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explained(&error))? {
            if body.len() + chunk.len() > most {
                return Err(ApiError::ResponseTooLarge { most });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status,
            headers,
            body,
            url,
        })
    }

    /// An answer that no server gave.
    #[cfg(any(test, fuzzing))]
    pub(super) fn from_parts(
        status: StatusCode,
        headers: HeaderMap,
        body: &[u8],
        url: String,
    ) -> Self {
        let body = body.to_vec();
        Self {
            status,
            headers,
            body,
            url,
        }
    }

    /// The same answer without secrets, which a server may repeat when it complains.
    pub(in crate::bitbucket) fn redact(self, secrets: &[Zeroizing<String>]) -> Self {
        let is_there = |secret: &&Zeroizing<String>| {
            let bytes = secret.as_bytes();
            self.body.len() >= bytes.len()
                && self.body.windows(bytes.len()).any(|window| window == bytes)
        };
        if !secrets.iter().any(|secret| is_there(&secret)) {
            return self;
        }
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let masked = secrets
            .iter()
            .fold(text, |text, secret| text.replace(secret.as_str(), "***"));
        Self {
            body: masked.into_bytes(),
            ..self
        }
    }

    /// The same, a 404 being what was wanted.
    pub(super) fn not_found_as_deleted(self) -> Self {
        if self.status == StatusCode::NOT_FOUND {
            Self {
                status: StatusCode::NO_CONTENT,
                ..self
            }
        } else {
            self
        }
    }

    /// Whether an error is in the words of a Bitbucket.
    pub(in crate::bitbucket) fn is_bitbuckets(&self) -> bool {
        self.error_body().is_present()
    }

    /// The status.
    pub(in crate::bitbucket) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as text.
    pub(in crate::bitbucket) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// A header that is text.
    pub(in crate::bitbucket) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What the server says of an error, in either product's shape.
    pub(in crate::bitbucket) fn error_body(&self) -> ErrorBody {
        if self.is_json() {
            serde_json::from_slice(&self.body).unwrap_or_default()
        } else {
            ErrorBody::default()
        }
    }

    /// Whether a Data Center says that somebody is logged in.
    pub(in crate::bitbucket) fn is_authenticated(&self) -> bool {
        self.header("x-ausername")
            .is_some_and(|name| !name.is_empty())
            || self.error_body().is_permission_error()
    }

    fn denies_with_captcha(&self) -> bool {
        self.header("x-authentication-denied-reason")
            .is_some_and(|reason| reason.contains("CAPTCHA"))
    }

    /// A filter before the API says it, in JSON, on a page or as text.
    fn says_basic_is_blocked(&self) -> bool {
        const WORDS: &str = "basic authentication has been disabled";
        let beginning = self.body.get(..64 * 1024).unwrap_or(&self.body);
        String::from_utf8_lossy(beginning)
            .to_lowercase()
            .contains(WORDS)
    }

    /// Whether the body claims to be JSON.
    pub(in crate::bitbucket) fn is_json(&self) -> bool {
        self.header(CONTENT_TYPE)
            .is_some_and(|kind| kind.contains("json"))
    }

    /// The body of a successful answer.
    pub(in crate::bitbucket) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.success()?;
        if !self.is_json() {
            return Err(self.not_json());
        }
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| ApiError::Decode {
            path: error.path().to_string(),
            reason: strip_value(&error.inner().to_string()),
        })
    }

    /// The body of an error, where it is JSON of this shape.
    pub(in crate::bitbucket) fn error_json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as data of any shape; nothing where it is not JSON.
    pub(in crate::bitbucket) fn value(&self) -> Value {
        if self.is_json() {
            serde_json::from_slice(&self.body).unwrap_or_default()
        } else {
            Value::Null
        }
    }

    /// The body as it came.
    pub(in crate::bitbucket) fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Turns an error status into the error that it stands for.
    pub(in crate::bitbucket) fn success(&self) -> Result<(), ApiError> {
        if self.status.is_success() {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    /// The error that an unsuccessful answer stands for. Its status is kept also when the body is a proxy's page.
    pub(in crate::bitbucket) fn error(&self) -> ApiError {
        let words = self.error_body();
        let message = words.message().unwrap_or_else(|| self.status_text());
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                if words.asks_for_captcha() || self.denies_with_captcha() =>
            {
                ApiError::CaptchaRequired
            }
            StatusCode::FORBIDDEN if self.says_basic_is_blocked() => ApiError::BasicAuthDisabled,
            // Data Center answers 401 also to somebody who is logged in and lacks a permission.
            StatusCode::UNAUTHORIZED if self.is_authenticated() => ApiError::Forbidden {
                message,
                required: Vec::new(),
                granted: Vec::new(),
            },
            StatusCode::UNAUTHORIZED => ApiError::Unauthorized(message),
            // In other words than Bitbucket's it is a gateway's, and says nothing about the credential.
            StatusCode::FORBIDDEN if words.is_present() => ApiError::Forbidden {
                message,
                required: words.required(),
                granted: words.granted(),
            },
            StatusCode::NOT_FOUND if words.is_present() => ApiError::NotFound(message),
            StatusCode::NOT_FOUND => ApiError::NotAnApiEndpoint(self.url.clone()),
            StatusCode::GONE => ApiError::Gone(message),
            StatusCode::TOO_MANY_REQUESTS => ApiError::RateLimited(self.retry_after()),
            status if status.is_server_error() => ApiError::ServerError {
                status: status.as_u16(),
                message,
            },
            status => ApiError::ClientError {
                status: status.as_u16(),
                message,
            },
        }
    }

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3). Its other form, a date, is not used by Bitbucket.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER)?.trim().parse();
        seconds.ok().map(Duration::from_secs)
    }

    /// A page where data was expected: a login form, a proxy, another program.
    pub(in crate::bitbucket) fn not_json(&self) -> ApiError {
        // What follows its name may be anything, also what was sent.
        let kind = self.header(CONTENT_TYPE).and_then(|kind| {
            let name = kind.split(';').next()?.trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "/+-._".contains(c);
            (name.len() <= 60 && name.contains('/') && name.chars().all(is_name)).then_some(name)
        });
        ApiError::UnexpectedContentType {
            status: self.status.as_u16(),
            kind: kind.unwrap_or("nothing that is named").to_owned(),
        }
    }

    /// The status in words, with its number where the error does not name that itself.
    fn status_text(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or("no reason given");
        match self.status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE => format!("{} {reason}", self.status.as_u16()),
            _ => reason.to_owned(),
        }
    }
}

/// Why data has another shape, without the text that was found in its place: that may be long, or a secret.
fn strip_value(reason: &str) -> String {
    match (reason.find("string \""), reason.rfind("\", expected ")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}a string{}", &reason[..start], &reason[end + 1..])
        }
        _ => reason.to_owned(),
    }
}

/// An error body: Cloud's `{"error": {…}}` or Data Center's `{"errors": […]}`; either may be anything else.
#[derive(Debug, Default, Deserialize)]
pub(in crate::bitbucket) struct ErrorBody {
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

impl ErrorBody {
    /// Whether the body has the shape of a Bitbucket's error.
    pub(super) fn is_present(&self) -> bool {
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
        (!all.is_empty()).then(|| all.join("; ").chars().take(MAX_MESSAGE_CHARS).collect())
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
    pub(in crate::bitbucket) fn is_permission_error(&self) -> bool {
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
