//! The HTTP core: the only place that builds addresses, signs, sends, retries and bounds what comes back.

mod answer;
mod authorization;
mod client;
mod error;
mod pages;
mod retry;

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use url::Url;
use zeroize::Zeroizing;

pub(super) use answer::Answer;
pub use authorization::Authorization;
pub use error::{ApiError, Obstacle};

use crate::model::connection::{BaseUrl, Origin};

/// Redirects on the same origin that are followed.
const MOST_REDIRECTS: usize = 5;

/// How servers are reached.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// A request may take this long, redirects and retries included. A list takes a request for each page.
    pub timeout: Duration,
    /// Certificates in PEM to trust beside the system's.
    pub ca_cert: Option<PathBuf>,
    /// A client certificate and its key, both in PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// A proxy instead of the environment's.
    pub proxy: Option<String>,
    /// Plain HTTP is accepted although the host is not loopback.
    pub allow_http: bool,
}

/// Where a line about a request goes; it holds no secret.
pub type Trace = Box<dyn Fn(&str)>;

/// A server's API, and who asks.
pub struct Http {
    base: BaseUrl,
    authorization: Authorization,
    settings: HttpSettings,
    trace: Trace,
    /// Made with the first request: loading certificates takes milliseconds.
    client: OnceLock<reqwest::Client>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Whether a request shows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Yes,
    No,
}

impl Http {
    /// A server that is asked as somebody.
    #[must_use]
    pub fn new(
        base: BaseUrl,
        authorization: Authorization,
        settings: HttpSettings,
        trace: Trace,
    ) -> Self {
        Self {
            base,
            authorization,
            settings,
            trace,
            client: OnceLock::new(),
        }
    }

    /// How requests are signed.
    pub(super) fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// Reads from the API. Any status is an answer; see [`Answer::success`].
    pub(super) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        signed: Signed,
    ) -> Result<Answer, ApiError> {
        let url = self.address(segments, query)?;
        self.get_at(&url, signed).await
    }

    /// Reads an address of the API, within the time that a question may take.
    async fn get_at(&self, url: &Url, signed: Signed) -> Result<Answer, ApiError> {
        let deadline = Instant::now() + self.settings.timeout;
        let within =
            tokio::time::timeout(self.settings.timeout, self.follow(url, signed, deadline)).await;
        within.unwrap_or_else(|_| Err(self.unreachable(Obstacle::Timeout, self.too_slow())))
    }

    /// An address below the base, each segment encoded, so that nothing is forgotten and a context path survives.
    fn address(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Url, ApiError> {
        let mut url = self.base.url().clone();
        // The url crate drops `.` and `..`, and an empty segment would name another resource.
        if segments
            .iter()
            .any(|segment| matches!(*segment, "" | "." | ".."))
        {
            return Err(ApiError::Address(segments.join("/")));
        }
        url.path_segments_mut()
            .map_err(|()| ApiError::Address(segments.join("/")))?
            .pop_if_empty()
            .extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Follows redirects on the same origin; another origin is told, never asked.
    async fn follow(
        &self,
        url: &Url,
        signed: Signed,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.retry(&url, signed, deadline).await?;
            let Some(location) = answer
                .header(LOCATION)
                .filter(|_| answer.status().is_redirection())
            else {
                return Ok(answer);
            };
            let next = url.join(location).map_err(|_| self.elsewhere(location))?;
            let is_login = next
                .path()
                .split('/')
                .any(|part| ["login", "login.action", "saml", "samlsso"].contains(&part));
            if Origin::of(&next) != self.base.origin() || is_login {
                return Err(self.elsewhere(&Origin::of(&next).to_string()));
            }
            url = next;
        }
        Err(self.elsewhere(url.as_str()))
    }

    async fn retry(
        &self,
        url: &Url,
        signed: Signed,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let mut attempt = 0;
        loop {
            let sent = self.send(url, signed).await;
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = retry::pause(attempt, &sent).filter(|pause| *pause < left) else {
                return sent;
            };
            self.tell(&format!("trying again in {} ms", pause.as_millis()));
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn send(&self, url: &Url, signed: Signed) -> Result<Answer, ApiError> {
        if self.base.is_unprotected() && !self.settings.allow_http {
            return Err(ApiError::Unprotected(self.base.to_string()));
        }
        let started = Instant::now();
        let mut request = self.client()?.request(Method::GET, url.clone());
        request = request.header(ACCEPT, "application/json");
        if signed == Signed::Yes {
            request = self.sign(request)?;
        }
        let response = request.send().await.map_err(|error| self.explained(&error));
        let answer = match response {
            Ok(response) => Answer::read(response, |error| self.explained(error))
                .await
                .map(|answer| answer.without(&self.authorization.secrets())),
            Err(error) => Err(error),
        };
        let told = match &answer {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        self.tell(&format!(
            "GET {url} -> {told} in {} ms",
            started.elapsed().as_millis()
        ));
        answer
    }

    /// A line for the trace, with the secret masked wherever it should have got into it.
    fn tell(&self, line: &str) {
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

    fn sign(&self, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, ApiError> {
        Ok(match &self.authorization {
            Authorization::None => request,
            Authorization::Basic { user, secret } => {
                request.basic_auth(user, Some(secret.expose()))
            }
            Authorization::Bearer(secret) => {
                let value = Zeroizing::new(format!("Bearer {}", secret.expose()));
                let mut value =
                    HeaderValue::from_str(&value).map_err(|_| ApiError::SecretCharacters)?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
        })
    }

    fn client(&self) -> Result<&reqwest::Client, ApiError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client::build(&self.settings)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn explained(&self, error: &reqwest::Error) -> ApiError {
        let (obstacle, reason) = error::obstacle(error);
        let reason = if obstacle == Obstacle::Timeout {
            self.too_slow()
        } else {
            reason
        };
        self.unreachable(obstacle, reason)
    }

    fn unreachable(&self, obstacle: Obstacle, reason: String) -> ApiError {
        ApiError::Unreachable {
            origin: self.base.origin().to_string(),
            obstacle,
            reason,
        }
    }

    fn too_slow(&self) -> String {
        format!(
            "no answer within {} seconds",
            self.settings.timeout.as_secs()
        )
    }

    fn elsewhere(&self, to: &str) -> ApiError {
        ApiError::Elsewhere {
            from: self.base.origin().to_string(),
            to: to.to_owned(),
        }
    }
}
