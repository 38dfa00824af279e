//! Sending a request: redirects, retries, authentication, the trace; and whether the server has authenticated it.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::error::{self, ApiError, ConnectFailure};
use super::rename::{RedirectKind, classify_redirect};
use super::request::{Request, WithAuth};
use super::response::Response;
use super::{Authorization, Http, HttpSettings, ServerObservation, TraceEvent};
use crate::sys::proxy::intercept;
use crate::types::connection::Origin;
use crate::types::loopback;
use crate::types::repository::RepoId;
use crate::types::webhook::without_password;

/// Redirects on the same origin.
const MAX_REDIRECTS: usize = 5;
const MAX_RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl Http {
    /// Sends a request within its time limit. Any status is a response.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, ApiError> {
        let deadline = Instant::now() + self.settings.timeout + request.upload_allowance();
        let response = Box::pin(self.follow_redirects(request, deadline)).await?;
        Box::pin(self.require_authenticated(request, response, deadline)).await
    }

    /// Sends one GET request without the credential, so plain http is allowed. No redirects, no retries.
    pub(crate) async fn get_once_unauthenticated(&self, url: Url) -> Result<Response, ApiError> {
        let request = Request::new(Method::GET, url, WithAuth::No);
        let within = tokio::time::timeout(self.settings.timeout, self.send_once(&request)).await;
        within.unwrap_or_else(|_| Err(self.timeout_error()))
    }

    /// Follows redirects on the same origin; one to another origin is an error. A write is repeated only for a repository
    /// that was renamed.
    async fn follow_redirects(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let mut request = request.clone();
        let base = self.base.url();
        if let Some(url) = self.renames.apply(base, &request.url) {
            request.url = url;
        }
        let mut renamed: Option<(RepoId, RepoId)> = None;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_with_retry(&request, deadline).await?;
            let Some(location) = response
                .header(LOCATION)
                .filter(|_| response.status().is_redirection())
            else {
                if let Some((from, to)) = renamed {
                    self.renames.add(from, to);
                }
                return Ok(response);
            };
            let next = request
                .url
                .join(location)
                .map_err(|_| self.redirect_error("an invalid URL"))?;
            if has_userinfo(&next) {
                return Err(self.redirect_error("a URL with a user name or password"));
            }
            let is_login = next
                .path()
                .split('/')
                .any(|part| ["login", "login.action", "saml", "samlsso"].contains(&part));
            if Origin::from_url(&next) != self.base.origin() || is_login {
                return Err(self.redirect_error(&self.redacted_url(&next)));
            }
            // 303 is the response to a write that was carried out.
            let is_repeatable =
                request.is_safe_method() || response.status() != StatusCode::SEE_OTHER;
            match classify_redirect(base, &request.url, &next) {
                RedirectKind::Repository { to, url, .. }
                    if request.has_literal_url && !request.is_safe_method() =>
                {
                    return Err(ApiError::Moved {
                        to: to.to_string(),
                        hint: format!("use {}", self.redacted_url(&url)),
                    });
                }
                RedirectKind::Repository { from, to, url } if is_repeatable => {
                    let first = renamed.map_or(from, |(first, _)| first);
                    renamed = Some((first, to));
                    request.url = *url;
                }
                _ if request.is_safe_method() => request.url = next,
                RedirectKind::Owner { flag, to } => {
                    let hint = format!("pass {flag} {to}");
                    return Err(ApiError::Moved { to, hint });
                }
                RedirectKind::Repository { .. } | RedirectKind::Other => {
                    return Err(self.redirect_error(&self.redacted_url(&next)));
                }
            }
        }
        Err(self.redirect_error(request.url.as_str()))
    }

    /// Sends a request, with retries until the deadline.
    pub(super) async fn send_with_retry(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let mut attempt = 0;
        let mut before: Option<Response> = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let sent = tokio::time::timeout(left, Box::pin(self.send_if_secure(request))).await;
            let sent = match (sent.unwrap_or_else(|_| Err(self.timeout_error())), before) {
                // The response to an earlier attempt says more than the timeout of the last one.
                (
                    Err(ApiError::Unreachable {
                        obstacle: ConnectFailure::Timeout,
                        ..
                    }),
                    Some(earlier),
                ) => return Ok(earlier),
                (sent, _) => sent,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let delay = retry_delay(attempt, request.idempotent, &sent);
            let Some(pause) = delay.filter(|pause| *pause < left) else {
                // The first attempt may have removed the resource although its response was lost.
                let is_removed = attempt > 0 && request.method == Method::DELETE;
                return sent.map(|response| {
                    if is_removed {
                        response.not_found_as_deleted()
                    } else {
                        response
                    }
                });
            };
            self.trace(&format!("retrying in {} ms", pause.as_millis()));
            tokio::time::sleep(pause).await;
            attempt += 1;
            before = sent.ok();
        }
    }

    async fn send_if_secure(&self, request: &Request) -> Result<Response, ApiError> {
        if self.is_insecure() && !self.settings.network.allow_http {
            return Err(ApiError::InsecureTransport(self.base.to_string()));
        }
        let _permit = match self.concurrency.get() {
            Some(limit) => limit.acquire().await.ok(),
            None => None,
        };
        self.send_once(request).await
    }

    /// Whether requests leave this machine over plain http, to the server or to a proxy.
    fn is_insecure(&self) -> bool {
        let leaves_through_proxy = || {
            let proxy = self.proxy().and_then(|proxy| Url::parse(&proxy).ok());
            proxy.is_some_and(|proxy| !loopback::is_url(&proxy))
        };
        let is_http = self.base.url().scheme() == "http";
        self.base.is_insecure() || is_http && leaves_through_proxy()
    }

    async fn send_once(&self, request: &Request) -> Result<Response, ApiError> {
        let Request { method, url, .. } = request;
        let started = Instant::now();
        let mut builder = self.client()?.request(method.clone(), url.clone());
        builder = builder.timeout(self.settings.timeout + request.upload_allowance());
        builder = builder.header(ACCEPT, "application/json, */*;q=0.1");
        if request.signed == WithAuth::Yes {
            builder = self.add_auth(builder)?;
        }
        if !request.is_safe_method() {
            // Data Center rejects a write without it as cross-site request forgery.
            builder = builder.header("x-atlassian-token", "no-check");
        }
        match &request.body {
            Some(body) => {
                builder = builder
                    .header(CONTENT_TYPE, &body.media_type)
                    .body(body.bytes.clone());
            }
            // Cloud rejects a write without a length (411).
            None if !request.is_safe_method() && *method != Method::DELETE => {
                builder = builder.header(CONTENT_LENGTH, 0);
            }
            None => {}
        }
        self.requests_sent.set(self.requests_sent.get() + 1);
        let sent = builder
            .send()
            .await
            .map_err(|error| self.map_transport_error(&error));
        let response = match sent {
            Ok(response) => {
                let before = self.observation.borrow().rate_limit.clone();
                self.observation
                    .replace(ServerObservation::from_response(&response, before));
                Response::read(response, &request.method, |error| {
                    self.map_transport_error(error)
                })
                .await
                .map(|response| self.redacted(response))
            }
            Err(error) => Err(error),
        };
        let response = response.and_then(|response| self.reject_proxy_auth(response));
        let outcome = match &response {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        self.trace(&format!(
            "{method} {} -> {outcome} in {} ms",
            loggable_url(url),
            started.elapsed().as_millis()
        ));
        response
    }

    /// A 407 is a proxy's response to a request over plain http, also that of a transparent one; over https the tunnel fails
    /// instead.
    fn reject_proxy_auth(&self, response: Response) -> Result<Response, ApiError> {
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let reason = error::PROXY_AUTH_REASON.to_owned();
            return Err(self.unreachable(ConnectFailure::ProxyAuth, reason));
        }
        Ok(response)
    }

    /// The proxy, `scheme://host:port`, without its user name and password.
    pub(crate) fn proxy(&self) -> Option<String> {
        let HttpSettings {
            network,
            proxy_variables,
            ..
        } = &self.settings;
        let found = intercept(self.base.url(), network.proxy.as_deref(), proxy_variables)?;
        let uri = found.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        Some(format!("{scheme}://{}:{port}", uri.host()?))
    }

    /// Redacts secrets in an error, whose text may be truncated in the middle of one.
    fn redacted(&self, response: Response) -> Response {
        if response.status().is_success() {
            response
        } else {
            response.redact(&self.authorization.secrets())
        }
    }

    fn trace(&self, line: &str) {
        (self.trace)(TraceEvent::Line(line));
    }

    fn add_auth(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, ApiError> {
        Ok(match &self.authorization {
            Authorization::None => request,
            Authorization::Basic { user, secret } => {
                request.basic_auth(user, Some(secret.expose()))
            }
            Authorization::Bearer(secret) => {
                let value = Zeroizing::new(format!("Bearer {}", secret.expose()));
                let mut value =
                    HeaderValue::from_str(&value).map_err(|_| ApiError::InvalidHeaderValue)?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
        })
    }

    fn client(&self) -> Result<&reqwest::Client, ApiError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.clients.get(&self.settings, &self.base)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn map_transport_error(&self, error: &reqwest::Error) -> ApiError {
        if let Some(reason) = error::invalid_http(error) {
            let origin = self.base.origin().to_string();
            return ApiError::InvalidHttp { origin, reason };
        }
        let (failure, reason) = error::classify(error);
        let reason = if failure == ConnectFailure::Timeout {
            self.timeout_reason()
        } else {
            reason
        };
        self.unreachable(failure, reason)
    }

    fn unreachable(&self, failure: ConnectFailure, reason: String) -> ApiError {
        ApiError::Unreachable {
            origin: self.base.origin().to_string(),
            proxy: self.proxy(),
            obstacle: failure,
            reason,
        }
    }

    fn timeout_error(&self) -> ApiError {
        self.unreachable(ConnectFailure::Timeout, self.timeout_reason())
    }

    fn timeout_reason(&self) -> String {
        format!(
            "no response within {} seconds",
            self.settings.timeout.as_secs()
        )
    }

    /// The URL of a redirect for messages: for another server the origin alone, for this one without the query.
    fn redacted_url(&self, url: &Url) -> String {
        let origin = Origin::from_url(url);
        if origin == self.base.origin() {
            format!("{origin}{}", url.path())
        } else {
            origin.to_string()
        }
    }

    pub(super) fn redirect_error(&self, to: &str) -> ApiError {
        ApiError::Redirected {
            from: self.base.origin().to_string(),
            to: to.to_owned(),
        }
    }
}

/// Whether a URL contains a user name or password: from a server, it would replace the credential.
pub(super) fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The URL for the trace, without the passwords of URLs in its query.
fn loggable_url(url: &Url) -> String {
    let is_address = |value: &str| Url::parse(value).is_ok_and(|inner| inner.password().is_some());
    if !url.query_pairs().any(|(_, value)| is_address(&value)) {
        return url.to_string();
    }
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let mut masked = url.clone();
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name, without_password(value)));
    masked.query_pairs_mut().clear().extend_pairs(pairs);
    masked.to_string()
}

/// The delay before a request is sent again; `None` where it must not be sent again.
///
/// Any request is sent again after 429, because the server did not process it. An idempotent one (RFC 9110, section
/// 9.2.2) is also sent again after 502, 503, 504, and a broken connection. Never after 401 and 407, which could lock the
/// account, and not after a refused connection or a TLS error.
fn retry_delay(
    attempt: u32,
    is_idempotent: bool,
    sent: &Result<Response, ApiError>,
) -> Option<Duration> {
    let requested = match sent {
        Ok(response) if is_transient(response.status(), is_idempotent) => response.retry_after(),
        Err(ApiError::Unreachable {
            obstacle: ConnectFailure::Other,
            ..
        }) if is_idempotent => None,
        Ok(_) | Err(_) => return None,
    };
    (attempt < MAX_RETRIES)
        .then(|| requested.unwrap_or_else(|| FIRST_PAUSE * 2_u32.pow(attempt) + jitter()))
}

fn is_transient(status: StatusCode, is_idempotent: bool) -> bool {
    let overloaded = [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    status == StatusCode::TOO_MANY_REQUESTS || (is_idempotent && overloaded.contains(&status))
}

/// Spreads the retries of many clients that were rejected at the same time.
fn jitter() -> Duration {
    Duration::from_millis(rand::rng().random_range(0..100))
}

impl Http {
    /// For a server that names the authenticated user in every response (`X-AUSERNAME`), and refuses the list at
    /// `user_list` to anonymous requests.
    pub(crate) fn with_anonymous_check(self, user_list: &'static [&'static str]) -> Self {
        let has_credential = !matches!(self.authorization, Authorization::None);
        self.anonymous_check
            .set(has_credential.then_some(user_list));
        self
    }

    /// Leaves the proof of authentication to the caller.
    pub(crate) fn disable_anonymous_check(&self) {
        self.anonymous_check.set(None);
    }

    /// Returns the response if the request was authenticated. Without a user name in it, it must differ from the response
    /// to an anonymous request, or the list of users must be readable. Checked once.
    pub(super) async fn require_authenticated(
        &self,
        request: &Request,
        response: Response,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let Some(user_list) = self.anonymous_check.get() else {
            return Ok(response);
        };
        let is_read = request.signed == WithAuth::Yes && request.method == Method::GET;
        if !is_read || !response.status().is_success() {
            return Ok(response);
        }
        if !response.is_authenticated() {
            let url = self.build_url(user_list, &[("limit", "1")])?;
            let user_request = Request::new(Method::GET, url, WithAuth::Yes);
            let users = self.send_with_retry(&user_request, deadline).await?;
            if users.status() == StatusCode::UNAUTHORIZED && !users.is_authenticated() {
                let anonymous_request = Request {
                    signed: WithAuth::No,
                    ..request.clone()
                };
                let anonymous_response = self.send_with_retry(&anonymous_request, deadline).await?;
                if anonymous_response.bytes() == response.bytes() {
                    return Err(users.error());
                }
            }
        }
        self.anonymous_check.set(None);
        Ok(response)
    }
}
