//! One question and its answer: redirects, retries, the signature, the trace.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::authorization::Authorization;
use super::error::{self, ApiError, ConnectFailure};
use super::request::{Request, WithAuth};
use super::response::Response;
use super::{Http, ServerObservation, builder, proxy};
use crate::types::connection::Origin;
use crate::types::webhook::without_password;

/// Redirects on the same origin that are followed.
const MAX_REDIRECTS: usize = 5;
/// Sent at most this many times more.
const MAX_RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl Http {
    /// Puts a question, within the time that it may take. Any status is an answer.
    pub(in crate::bitbucket) async fn send(&self, request: &Request) -> Result<Response, ApiError> {
        let deadline = Instant::now() + self.settings.timeout + request.upload_allowance();
        let response = Box::pin(self.follow_redirects(request, deadline)).await?;
        Box::pin(self.require_authenticated(request, response, deadline)).await
    }

    /// Looks at an address of this server once, without showing who asks, so that it may also be plain http: no redirect
    /// is followed, nothing is repeated.
    pub(in crate::bitbucket) async fn get_once_unauthenticated(
        &self,
        url: Url,
    ) -> Result<Response, ApiError> {
        let request = Request::new(Method::GET, url, WithAuth::No);
        let within = tokio::time::timeout(self.settings.timeout, self.send_once(&request)).await;
        within.unwrap_or_else(|_| Err(self.timeout_error()))
    }

    /// Follows redirects on the same origin; another origin is told, never asked.
    async fn follow_redirects(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let mut request = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_with_retry(&request, deadline).await?;
            let Some(location) = response
                .header(LOCATION)
                .filter(|_| response.status().is_redirection())
            else {
                return Ok(response);
            };
            let next = request
                .url
                .join(location)
                .map_err(|_| self.redirect_error(location))?;
            let is_login = next
                .path()
                .split('/')
                .any(|part| ["login", "login.action", "saml", "samlsso"].contains(&part));
            // What writes would be sent twice, or lose its body.
            if Origin::of(&next) != self.base.origin() || is_login || !request.is_safe_method() {
                return Err(self.redirect_error(&self.redacted_url(&next)));
            }
            request.url = next;
        }
        Err(self.redirect_error(request.url.as_str()))
    }

    /// Sends it, and again where that may help, until the deadline.
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
                // What it answered before says more than that it was silent at last.
                (
                    Err(ApiError::Unreachable {
                        obstacle: ConnectFailure::Timeout,
                        ..
                    }),
                    Some(answer),
                ) => return Ok(answer),
                (sent, _) => sent,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let again = retry_delay(attempt, request.idempotent, &sent);
            let Some(pause) = again.filter(|pause| *pause < left) else {
                // What was removed by a request whose answer was lost is not there for the next one.
                let is_removed = attempt > 0 && request.method == Method::DELETE;
                return sent.map(|response| {
                    if is_removed {
                        response.not_found_as_deleted()
                    } else {
                        response
                    }
                });
            };
            self.trace(&format!("trying again in {} ms", pause.as_millis()));
            tokio::time::sleep(pause).await;
            attempt += 1;
            before = sent.ok();
        }
    }

    async fn send_if_secure(&self, request: &Request) -> Result<Response, ApiError> {
        if self.base.is_insecure() && !self.settings.allow_http {
            return Err(ApiError::InsecureTransport(self.base.to_string()));
        }
        self.send_once(request).await
    }

    async fn send_once(&self, question: &Request) -> Result<Response, ApiError> {
        let Request { method, url, .. } = question;
        let started = Instant::now();
        let mut request = self.client()?.request(method.clone(), url.clone());
        request = request.timeout(self.settings.timeout + question.upload_allowance());
        request = request.header(ACCEPT, "application/json, */*;q=0.1");
        if question.signed == WithAuth::Yes {
            request = self.add_auth(request)?;
        }
        if !question.is_safe_method() {
            // Data Center takes a write without it for a forged one (XSRF).
            request = request.header("x-atlassian-token", "no-check");
        }
        match &question.body {
            Some(body) => {
                request = request
                    .header(CONTENT_TYPE, &body.media_type)
                    .body(body.bytes.clone());
            }
            // Cloud answers 411 to what names no length.
            None if !question.is_safe_method() && *method != Method::DELETE => {
                request = request.header(CONTENT_LENGTH, 0);
            }
            None => {}
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.map_transport_error(&error));
        let answer = match response {
            Ok(response) => {
                self.observation.replace(ServerObservation::of(&response));
                Response::read(response, question.most, |error| {
                    self.map_transport_error(error)
                })
                .await
                .map(|answer| self.redacted(answer))
            }
            Err(error) => Err(error),
        };
        let answer = answer.and_then(|answer| self.reject_proxy_auth(answer));
        let told = match &answer {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        self.trace(&format!(
            "{method} {} -> {told} in {} ms",
            loggable_url(url),
            started.elapsed().as_millis()
        ));
        answer
    }

    /// A 407 is the proxy's response to a request over plain http; over https the tunnel fails instead.
    fn reject_proxy_auth(&self, response: Response) -> Result<Response, ApiError> {
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED && self.proxy().is_some()
        {
            let reason = error::PROXY_AUTH_REASON.to_owned();
            return Err(self.unreachable(ConnectFailure::ProxyAuth, reason));
        }
        Ok(response)
    }

    fn proxy(&self) -> Option<String> {
        proxy::of(self.base.url(), self.settings.proxy.as_deref())
    }

    /// An error without the secret that it may repeat. Data stays as it is: a password can be a word that is part of it.
    fn redacted(&self, response: Response) -> Response {
        if response.status().is_success() {
            response
        } else {
            response.redact(&self.authorization.secrets())
        }
    }

    /// A line for the trace, with the secret masked wherever it should have got into it.
    fn trace(&self, line: &str) {
        (self.trace)(
            &self
                .authorization
                .secrets()
                .iter()
                .fold(line.to_owned(), |line, secret| {
                    line.replace(secret.as_str(), "***")
                }),
        );
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
        let client = builder::client_for(&self.settings)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn map_transport_error(&self, error: &reqwest::Error) -> ApiError {
        let (failure, reason) = error::classify(error);
        let reason = if failure == ConnectFailure::Timeout {
            self.too_slow()
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
        self.unreachable(ConnectFailure::Timeout, self.too_slow())
    }

    fn too_slow(&self) -> String {
        format!(
            "no answer within {} seconds",
            self.settings.timeout.as_secs()
        )
    }

    /// An address that a server names: of another one the origin alone, of its own without what may be secret.
    fn redacted_url(&self, url: &Url) -> String {
        let origin = Origin::of(url);
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

/// An address for the trace: a password of an address within its query is not told.
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

/// How long to wait before a request is sent again; `None` where that would not help or could do something twice.
///
/// Again: after 429, which was not looked at; and what may be done twice (RFC 9110, section 9.2.2) also after 502, 503,
/// 504, and where the connection broke. Never after 401, which locks accounts, and not where nothing listens or nobody
/// is trusted.
fn retry_delay(
    attempt: u32,
    may_repeat: bool,
    sent: &Result<Response, ApiError>,
) -> Option<Duration> {
    let told = match sent {
        Ok(response) if is_transient(response.status(), may_repeat) => response.retry_after(),
        Err(ApiError::Unreachable {
            obstacle: ConnectFailure::Other,
            ..
        }) if may_repeat => None,
        Ok(_) | Err(_) => return None,
    };
    (attempt < MAX_RETRIES)
        .then(|| told.unwrap_or_else(|| FIRST_PAUSE * 2_u32.pow(attempt) + jitter()))
}

fn is_transient(status: StatusCode, may_repeat: bool) -> bool {
    let overloaded = [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    status == StatusCode::TOO_MANY_REQUESTS || (may_repeat && overloaded.contains(&status))
}

/// So that many programs that were sent away together do not come back together.
fn jitter() -> Duration {
    Duration::from_millis(rand::rng().random_range(0..100))
}
