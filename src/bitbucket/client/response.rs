//! Responses: bodies of limited size, JSON with the path of a field that cannot be decoded, and errors.

use std::time::Duration;

use reqwest::header::{AsHeaderName, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::ApiError;
use crate::types::date::Timestamp;

/// More than any response of the API except for files; a larger one is a fault or an attack.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The header with which a Data Center identifies a request in its log.
const REQUEST_ID: &str = "x-arequestid";
/// Longer plain text is not a message.
const MAX_PLAIN_TEXT_BYTES: usize = 2000;
/// The longest message of a server that is shown, in characters.
pub(super) const MAX_MESSAGE_CHARS: usize = 1000;

/// A response of any status.
#[derive(Debug)]
pub(crate) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    url: String,
    /// Whether it answers a HEAD request, so that an error has no body.
    to_head: bool,
}

impl Response {
    /// Reads a response, decompressed, up to [`MAX_BODY_BYTES`].
    pub(super) async fn read(
        mut response: reqwest::Response,
        method: &Method,
        explained: impl Fn(&reqwest::Error) -> ApiError,
    ) -> Result<Self, ApiError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let url = response.url().to_string();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explained(&error))? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(ApiError::ResponseTooLarge {
                    max: MAX_BODY_BYTES,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status,
            headers,
            body,
            url,
            to_head: method == Method::HEAD,
        })
    }

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
            to_head: false,
        }
    }

    /// The same response without secrets, which a server may repeat in an error.
    pub(crate) fn redact(self, secrets: &[Zeroizing<String>]) -> Self {
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

    /// The same response with a 404 as success.
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

    /// Whether an error is proof of Bitbucket: its body has the structure that no proxy or gateway sends.
    pub(crate) fn is_from_bitbucket(&self) -> bool {
        self.error_body().is_present()
    }

    /// Whether a Data Center refuses the request itself, as it does where anonymous access is switched off: no other program
    /// names its exceptions.
    pub(crate) fn is_refused_by_data_center(&self) -> bool {
        const PACKAGES: [&str; 2] = ["com.atlassian.bitbucket.", "com.atlassian.stash."];
        let is_refusal = matches!(
            self.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        is_refusal
            && self
                .error_body()
                .exceptions()
                .any(|name| PACKAGES.iter().any(|package| name.starts_with(package)))
    }

    /// Whether an error of Cloud lists the scopes that are needed, or those of the credential.
    pub(crate) fn lists_scopes(&self) -> bool {
        let detail = &self.error_body().error["detail"];
        detail["required"].is_array() || detail["granted"].is_array()
    }

    /// Whether Cloud refuses the kind or the scopes of a credential, which it has recognized. There is no other sign than the
    /// text.
    pub(crate) fn speaks_of_credential(&self) -> bool {
        const MESSAGES: [&str; 2] = [
            "not accessible by this authentication mechanism",
            "lack one or more required privilege scopes",
        ];
        let error = self.error_body().error;
        let message = error["message"].as_str().unwrap_or_default().to_lowercase();
        MESSAGES.iter().any(|known| message.contains(known))
    }

    /// The text of an error that Bitbucket sends as `text/plain`. Plain text from a Data Center counts only with the
    /// request id that it adds to its responses: proxies send plain text as well.
    fn plain_text_message(&self) -> Option<String> {
        let is_plain_text = self.header(CONTENT_TYPE).is_some_and(|kind| {
            let media_type = kind.split(';').next().unwrap_or_default().trim();
            media_type.eq_ignore_ascii_case("text/plain")
        });
        let is_own = !self.is_from_data_center() || self.header(REQUEST_ID).is_some();
        if self.body.len() > MAX_PLAIN_TEXT_BYTES || !is_plain_text || !is_own {
            return None;
        }
        displayable(&self.text())
    }

    /// By the URL: the paths of Cloud's API begin with its version, and may contain anything else.
    fn is_from_data_center(&self) -> bool {
        let before = self.url.split_once("/rest/").map(|(before, _)| before);
        before.is_some_and(|before| !before.contains("/2.0/"))
    }

    /// Whether a 401 on Data Center comes from a reverse proxy that requires its own authentication. Bitbucket itself
    /// sends JSON, or at least its own headers.
    fn is_foreign_login(&self) -> bool {
        let is_kerberos = self.headers.get_all(WWW_AUTHENTICATE).iter().any(|value| {
            let scheme = value
                .to_str()
                .ok()
                .and_then(|value| value.split(' ').next());
            scheme.is_some_and(|scheme| {
                scheme.eq_ignore_ascii_case("negotiate") || scheme.eq_ignore_ascii_case("ntlm")
            })
        });
        let has_own_header = [REQUEST_ID, "x-ausername", "x-seraph-loginreason"]
            .iter()
            .any(|name| self.headers.contains_key(*name));
        self.is_from_data_center()
            && (self.is_html() || is_kerberos)
            && !has_own_header
            && !self.error_body().is_present()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn error_body(&self) -> ErrorBody {
        if self.is_json() {
            serde_json::from_slice(&self.body).unwrap_or_default()
        } else {
            ErrorBody::default()
        }
    }

    /// Whether the response of a Data Center shows that the request was authenticated.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.header("x-ausername")
            .is_some_and(|name| !name.is_empty())
            || self.error_body().is_permission_error()
    }

    fn denies_with_captcha(&self) -> bool {
        self.header("x-authentication-denied-reason")
            .is_some_and(|reason| reason.contains("CAPTCHA"))
    }

    /// A filter in front of the API sends it as JSON, HTML or plain text.
    fn says_basic_is_blocked(&self) -> bool {
        const MESSAGE: &str = "basic authentication has been disabled";
        let beginning = self.body.get(..64 * 1024).unwrap_or(&self.body);
        String::from_utf8_lossy(beginning)
            .to_lowercase()
            .contains(MESSAGE)
    }

    pub(crate) fn is_json(&self) -> bool {
        self.header(CONTENT_TYPE)
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"))
    }

    fn is_html(&self) -> bool {
        self.header(CONTENT_TYPE)
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
    }

    /// The body of a successful response, which is an object.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        // serde would read an array as the fields of an object.
        let is_array = self.body.trim_ascii_start().starts_with(b"[");
        if is_array && self.is_json() && self.status.is_success() {
            return Err(ApiError::decode(".", "a list instead of an object"));
        }
        self.json_of_any_type()
    }

    /// The body of a successful response.
    pub(crate) fn json_of_any_type<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.success()?;
        if !self.is_json() {
            return Err(self.not_json());
        }
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            ApiError::decode(
                error.path().to_string(),
                strip_value(&error.inner().to_string()),
            )
        })
    }

    /// The body of an error, where it is JSON of this structure.
    pub(crate) fn error_json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as JSON; null where it is not JSON.
    pub(crate) fn value(&self) -> Value {
        if self.is_json() {
            serde_json::from_slice(&self.body).unwrap_or_default()
        } else {
            Value::Null
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Turns an error status into an error.
    pub(crate) fn success(&self) -> Result<(), ApiError> {
        if self.status.is_success() {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    /// Whether a write was carried out whose response has no body that is used. A page is the one of a login or a proxy.
    pub(crate) fn written(&self) -> Result<(), ApiError> {
        self.success()?;
        if self.is_html() {
            return Err(self.not_json());
        }
        Ok(())
    }

    /// The error for an unsuccessful response. The status decides, whatever the media type; the text of a proxy or
    /// gateway never becomes the message.
    pub(crate) fn error(&self) -> ApiError {
        let body = self.error_body();
        let plain_text = self.plain_text_message();
        let is_own = body.is_present() || plain_text.is_some() || self.to_head;
        let own_message = body.message().or_else(|| plain_text.clone());
        let reason = self.status.canonical_reason().unwrap_or("no reason given");
        let message = own_message
            .clone()
            .unwrap_or_else(|| format!("{} {reason}", self.status.as_u16()));
        // These errors have the status in their text.
        let message_without_status = || own_message.unwrap_or_else(|| reason.to_owned());
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                if body.requires_captcha() || self.denies_with_captcha() =>
            {
                ApiError::CaptchaRequired
            }
            StatusCode::FORBIDDEN if self.says_basic_is_blocked() => ApiError::BasicAuthDisabled,
            // Data Center sends 401 also to an authenticated user who lacks a permission.
            StatusCode::UNAUTHORIZED if self.is_authenticated() => ApiError::Forbidden {
                message,
                required: Vec::new(),
                granted: Vec::new(),
            },
            StatusCode::UNAUTHORIZED if plain_text.is_some() => ApiError::LoginRefused(message),
            StatusCode::UNAUTHORIZED if self.is_foreign_login() => ApiError::ForeignLogin,
            StatusCode::UNAUTHORIZED => ApiError::Unauthorized(message),
            // A gateway's 403 says nothing about the credential.
            StatusCode::FORBIDDEN if is_own => ApiError::Forbidden {
                message,
                required: body.required(),
                granted: self.granted_scopes(),
            },
            StatusCode::NOT_FOUND if is_own => ApiError::NotFound(message),
            StatusCode::NOT_FOUND => ApiError::NotAnApiEndpoint(self.url.clone()),
            StatusCode::GONE => ApiError::Gone(message),
            StatusCode::TOO_MANY_REQUESTS => ApiError::RateLimited(self.retry_after()),
            status if status.is_server_error() => ApiError::ServerError {
                status: status.as_u16(),
                message: message_without_status(),
            },
            status => ApiError::ClientError {
                status: status.as_u16(),
                message: message_without_status(),
            },
        }
    }

    /// The scopes of the credential: in a header, separated by commas, spaces, or both, or in the body of a 403 of Cloud.
    /// Empty where they are unknown.
    pub(crate) fn granted_scopes(&self) -> Vec<String> {
        let listed = self.header("x-oauth-scopes").unwrap_or_default();
        let names = listed.split([',', ' ']).filter(|name| !name.is_empty());
        let listed: Vec<String> = names.map(str::to_owned).collect();
        if listed.is_empty() {
            self.error_body().granted()
        } else {
            listed
        }
    }

    /// `Retry-After` (RFC 9110, section 10.2.3): in seconds, or as a date, which is compared with the server's own clock.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let value = self.header(RETRY_AFTER)?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = Timestamp::from_http_date(value)?;
        let now = self.header(DATE).and_then(Timestamp::from_http_date);
        let now = now.unwrap_or_else(Timestamp::now);
        let seconds = until.as_second().saturating_sub(now.as_second());
        Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
    }

    /// The error for a response that is not JSON: from a login page, a proxy, or another program.
    pub(crate) fn not_json(&self) -> ApiError {
        // Parameters may contain anything, also parts of the request.
        let kind = self.header(CONTENT_TYPE).and_then(|kind| {
            let name = kind.split(';').next()?.trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "/+-._".contains(c);
            (name.len() <= 60 && name.contains('/') && name.chars().all(is_name)).then_some(name)
        });
        ApiError::UnexpectedContentType {
            status: self.status.as_u16(),
            kind: kind.unwrap_or("of unknown type").to_owned(),
        }
    }
}

/// Deserializes `null` as an absent value. For `#[serde(default, deserialize_with = "null_as_default")]`.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The reason of a decoding error without the value, which may be long or a secret.
fn strip_value(reason: &str) -> String {
    match (reason.find("string \""), reason.rfind("\", expected ")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}a string{}", &reason[..start], &reason[end + 1..])
        }
        _ => reason.to_owned(),
    }
}

/// The body of an error: Cloud's `{"error": {…}}` or Data Center's `{"errors": […]}`. Every field may have any type.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
    /// Filters of Data Center that run before its API send this alone.
    #[serde(default)]
    message: Value,
    /// Cloud's errors about an SSH key: `{"key": [{"message": "…"}]}`.
    #[serde(default)]
    key: Value,
}

impl ErrorBody {
    /// Whether the body has the structure of one of Bitbucket's errors.
    fn is_present(&self) -> bool {
        self.error.is_object() || self.errors.is_array()
    }

    /// All messages, in one line.
    fn message(&self) -> Option<String> {
        let mut messages = Vec::new();
        push_texts("", &self.error["message"], &mut messages);
        if let Some(detail) = self.error["detail"].as_str() {
            messages.extend(displayable(detail));
        }
        push_texts("", &self.error["fields"], &mut messages);
        if let Some(url) = self.error["data"]["announcement_url"].as_str() {
            messages.extend(displayable(url).map(|url| format!("see {url}")));
        }
        for error in self.errors.as_array().into_iter().flatten() {
            let context = error["context"].as_str().and_then(displayable);
            push_texts(
                context.as_deref().unwrap_or_default(),
                &error["message"],
                &mut messages,
            );
        }
        push_texts("", &self.key, &mut messages);
        push_texts("", &self.message, &mut messages);
        messages.dedup();
        (!messages.is_empty()).then(|| truncated(&messages.join("; ")))
    }

    /// The names of Data Center's exceptions.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &str> {
        self.errors
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("exceptionName")?.as_str())
    }

    fn requires_captcha(&self) -> bool {
        self.exceptions().any(|name| name.contains("Captcha"))
    }

    /// Whether an authenticated user lacks a permission, which Data Center reports with 401.
    fn is_permission_error(&self) -> bool {
        self.exceptions()
            .any(|name| name.ends_with(".AuthorisationException"))
    }

    /// The scopes that are needed, from Cloud.
    fn required(&self) -> Vec<String> {
        self.scopes("required")
    }

    /// The scopes that the credential has, from Cloud.
    fn granted(&self) -> Vec<String> {
        self.scopes("granted")
    }

    fn scopes(&self, name: &str) -> Vec<String> {
        let scopes = self.error["detail"][name].as_array();
        scopes
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}

/// Adds every text in a value, each with the path of its field: `name: text`. An object with a `message` stands for that
/// message.
fn push_texts(path: &str, value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.extend(displayable(text).map(|text| {
            if path.is_empty() {
                text
            } else {
                format!("{path}: {text}")
            }
        })),
        Value::Array(values) => {
            for value in values {
                push_texts(path, value, texts);
            }
        }
        Value::Object(fields) => match fields.get("message") {
            Some(message @ Value::String(_)) => push_texts(path, message, texts),
            Some(_) | None => {
                for (name, value) in fields {
                    let name = truncated(name);
                    let path = if path.is_empty() {
                        name
                    } else {
                        format!("{path}.{name}")
                    };
                    push_texts(&path, value, texts);
                }
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A server's text on one line, or nothing where it is empty or HTML. Control characters are escaped on output.
fn displayable(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty() && !line.starts_with('<')).then(|| truncated(&line))
}

fn truncated(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::types::test_rows;

    const CLOUD: &str = "https://api.bitbucket.org/2.0/repositories/acme/web-app";
    const DATA_CENTER: &str = "https://git.example.com/rest/api/latest/projects";

    fn response(
        status: u16,
        url: &str,
        headers: &[(&'static str, &'static str)],
        body: &str,
    ) -> Response {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        Response::from_parts(status, map, body.as_bytes(), url.to_owned())
    }

    fn message(body: &Value) -> Option<String> {
        serde_json::from_value::<ErrorBody>(body.clone())
            .unwrap()
            .message()
    }

    #[test]
    fn messages_contain_the_details_of_an_error() {
        for (body, expected) in test_rows(
            r#"
            {"type": "error", "error": {"message": "Bad request", "fields": {"skip_cert_verification": ["This field may not be null."]}}} => Bad request; skip_cert_verification: This field may not be null.
            {"error": {"message": "Bad request", "fields": {"source": {"branch": "unknown", "repository": [{"message": "gone"}]}}}} => Bad request; source.branch: unknown; source.repository: gone
            {"error": {"message": "Bad request", "fields": ["name is taken", {"key": ["too long"]}]}} => Bad request; name is taken; key: too long
            {"error": {"message": "Gone", "detail": "Use another endpoint.", "data": {"announcement_url": "https://example.com/c"}}} => Gone; Use another endpoint.; see https://example.com/c
            {"errors": [{"context": "name", "message": "is too long"}, {"context": null, "message": "and\n more"}]} => name: is too long; and more
            {"key": [{"message": "Someone has already registered that SSH key."}]} => Someone has already registered that SSH key.
            "#,
        ) {
            let error = serde_json::from_str(body).unwrap();
            assert_eq!(message(&error).as_deref(), Some(expected), "{body}");
        }
        for body in [
            json!({"error": {"message": "<html><body>x</body></html>", "fields": null}}),
            json!({"errors": [null, 1, {"message": null}]}),
            json!({"error": "x", "fields": {"a": 1}}),
        ] {
            assert_eq!(message(&body), None, "{body}");
        }
        let long = json!({"error": {"fields": {"a": vec!["long"; 1000]}}});
        assert_eq!(message(&long).unwrap().chars().count(), "a: long".len());
        let long = json!({"error": {"message": "é".repeat(5000)}});
        assert_eq!(
            message(&long).unwrap().chars().count(),
            MAX_MESSAGE_CHARS + 1
        );
    }

    #[test]
    fn the_status_decides_for_plain_text_of_bitbucket() {
        const TEXT: [(&str, &str); 1] = [("content-type", "Text/Plain; charset=utf-8")];
        let error = |status, url, text| response(status, url, &TEXT, text).error();
        let access = "Access denied. You must have write or admin access.";
        assert!(
            matches!(error(403, CLOUD, access), ApiError::Forbidden { message, .. } if message == access)
        );
        assert!(
            matches!(error(404, CLOUD, "Not here"), ApiError::NotFound(text) if text == "Not here")
        );
        assert!(
            matches!(error(401, CLOUD, "Too many attempts"), ApiError::LoginRefused(text) if text == "Too many attempts")
        );
        assert!(
            matches!(error(400, CLOUD, "a\r\nb"), ApiError::ClientError { message, .. } if message == "a b")
        );
        let long = "x".repeat(MAX_PLAIN_TEXT_BYTES + 1);
        for text in ["", "<html>", &long] {
            assert!(
                matches!(error(404, CLOUD, text), ApiError::NotAnApiEndpoint(_)),
                "{text}"
            );
        }
        // A proxy in front of a Data Center sends plain text as well.
        assert!(matches!(
            error(404, DATA_CENTER, "404 page not found"),
            ApiError::NotAnApiEndpoint(_)
        ));
        let own = [TEXT[0], (REQUEST_ID, "@1x2")];
        assert!(matches!(
            response(404, DATA_CENTER, &own, "No such project").error(),
            ApiError::NotFound(_)
        ));
    }

    #[test]
    fn a_proxys_login_is_not_bitbuckets() {
        let html = ("content-type", "text/HTML");
        let negotiate = ("www-authenticate", "Negotiate");
        let json = ("content-type", "application/json");
        let error = |headers: &[(&'static str, &'static str)], body: &str| {
            response(401, DATA_CENTER, headers, body).error()
        };
        assert!(matches!(
            error(&[html, negotiate], "<html>"),
            ApiError::ForeignLogin
        ));
        assert!(matches!(error(&[html], "<html>"), ApiError::ForeignLogin));
        assert!(matches!(error(&[negotiate], ""), ApiError::ForeignLogin));
        assert!(matches!(
            error(&[html, (REQUEST_ID, "@1")], "<html>"),
            ApiError::Unauthorized(_)
        ));
        assert!(matches!(
            error(&[json, negotiate], r#"{"errors":[{"message":"x"}]}"#),
            ApiError::Unauthorized(_)
        ));
        assert!(matches!(error(&[], ""), ApiError::Unauthorized(_)));
    }

    #[test]
    fn a_workspace_may_have_any_name() {
        let url = "https://api.bitbucket.org/2.0/repositories/rest/web-app";
        let text = [("content-type", "text/plain")];
        assert!(matches!(
            response(403, url, &text, "Access denied").error(),
            ApiError::Forbidden { .. }
        ));
        let html = [("content-type", "text/html")];
        assert!(matches!(
            response(401, url, &html, "<html>").error(),
            ApiError::Unauthorized(_)
        ));
    }

    #[test]
    fn a_page_is_no_confirmation_of_a_write() {
        let of = |kind, body| response(200, CLOUD, &[("content-type", kind)], body).written();
        assert!(matches!(
            of("Text/HTML; charset=utf-8", "<html>"),
            Err(ApiError::UnexpectedContentType { .. })
        ));
        assert!(of("application/json", "{}").is_ok());
        assert!(response(204, CLOUD, &[], "").written().is_ok());
        assert!(response(404, CLOUD, &[], "").written().is_err());
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let date = ("date", "Sun, 29 Nov 2026 13:00:00 GMT");
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 29 Nov 2026 13:02:00 GMT", Some(120)),
            ("Sun, 29 Nov 2026 12:58:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let response = response(429, CLOUD, &[date, ("retry-after", value)], "");
            let expected = expected.map(Duration::from_secs);
            assert_eq!(response.retry_after(), expected, "{value}");
        }
        // Without the server's own clock.
        let past = [("retry-after", "Thu, 01 Jan 2026 00:00:00 GMT")];
        let past = response(429, CLOUD, &past, "").retry_after();
        assert_eq!(past, Some(Duration::ZERO));
    }

    #[test]
    fn media_types_are_case_insensitive() {
        let response = response(200, CLOUD, &[("content-type", "Application/JSON")], "{}");
        assert!(response.json::<Value>().is_ok());
    }
}
