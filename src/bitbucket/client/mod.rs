//! The HTTP client of both products: URLs, authentication, retries, pagination, and limits of responses.

mod builder;
mod error;
mod pagination;
mod rename;
mod request;
mod response;
mod send;
#[cfg(any(test, fuzzing))]
mod test_support;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

pub(crate) use builder::{HttpClients, HttpSettings};
pub(crate) use error::{ApiError, ConnectFailure, requires_https};
pub(super) use pagination::RawList;
pub(super) use response::{Response, null_as_default};
#[cfg(fuzzing)]
pub use test_support::check_error_response;

pub(crate) use request::Authorization;
use request::encode_segment;
pub(super) use request::{Request, WithAuth};

use self::rename::Renames;
use crate::types::connection::BaseUrl;
use crate::types::date::Timestamp;
use crate::types::rate_limit::RateLimit;
use crate::types::repository::RepoId;

/// Where events go.
pub(crate) type Trace = Box<dyn Fn(TraceEvent<'_>)>;

/// What happens while requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TraceEvent<'a> {
    /// A line about a request.
    Line(&'a str),
    /// So many entries of a list have arrived.
    Listed(usize),
    /// What the user should know about a result.
    Warning(&'a str),
}

/// What the last response showed about the server, beside its content.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerObservation {
    /// The time of the server, and when the response arrived.
    pub time: Option<(Timestamp, Timestamp)>,
    /// The server's certificate, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Of the last response that reported one.
    pub rate_limit: Option<RateLimit>,
}

impl ServerObservation {
    fn from_response(response: &reqwest::Response, before: Option<RateLimit>) -> Self {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let date = header("date");
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        Self {
            time: date
                .and_then(Timestamp::from_http_date)
                .map(|reported| (reported, Timestamp::now())),
            certificate: tls
                .and_then(|tls| tls.peer_certificate())
                .map(<[u8]>::to_vec),
            rate_limit: RateLimit::from_headers(header).or(before),
        }
    }
}

/// A server's API with a credential.
pub(crate) struct Http {
    base: BaseUrl,
    authorization: Authorization,
    settings: HttpSettings,
    trace: Trace,
    clients: HttpClients,
    /// Had with the first request: loading certificates takes milliseconds.
    client: OnceCell<reqwest::Client>,
    /// The path of the list of users, until a response has shown that requests are authenticated.
    anonymous_check: Cell<Option<&'static [&'static str]>>,
    observation: RefCell<ServerObservation>,
    renames: Renames,
    /// The number of requests that were sent, repetitions included.
    requests_sent: Cell<usize>,
    /// Limits concurrent requests, where the command asks for it.
    concurrency: OnceCell<Semaphore>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Http {
    pub(crate) fn new(
        base: BaseUrl,
        authorization: Authorization,
        settings: HttpSettings,
        trace: Trace,
        clients: HttpClients,
    ) -> Self {
        Self {
            base,
            authorization,
            settings,
            trace,
            clients,
            client: OnceCell::new(),
            anonymous_check: Cell::new(None),
            observation: RefCell::default(),
            renames: Renames::default(),
            requests_sent: Cell::default(),
            concurrency: OnceCell::new(),
        }
    }

    pub(super) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// What the last response showed about the server.
    pub(super) fn observation(&self) -> ServerObservation {
        self.observation.borrow().clone()
    }

    /// The current name of a repository, where the server has redirected a request under its former one.
    pub(super) fn renamed(&self, repo: &RepoId) -> Option<RepoId> {
        self.renames.current(repo)
    }

    pub(super) fn requests_sent(&self) -> usize {
        self.requests_sent.get()
    }

    /// Sends at most so many requests at the same time from now on.
    pub(super) fn limit_concurrency(&self, requests: usize) {
        self.concurrency.get_or_init(|| Semaphore::new(requests));
    }

    pub(super) fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// Sends a GET request. Any status is a response; see [`Response::success`].
    pub(super) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response, ApiError> {
        let url = self.build_url(segments, query)?;
        self.send(&Request::new(Method::GET, url, WithAuth::Yes))
            .await
    }

    /// Sends a GET request without the credential. Any status is a response.
    pub(super) async fn get_anonymous(&self, segments: &[&str]) -> Result<Response, ApiError> {
        let url = self.build_url(segments, &[])?;
        self.send(&Request::new(Method::GET, url, WithAuth::No))
            .await
    }

    /// The JSON document of a successful GET request.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        self.get(segments, query).await?.json()
    }

    /// Sends a request with a JSON body. Any status is a response.
    pub(super) async fn write(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Response, ApiError> {
        let url = self.build_url(segments, query)?;
        let request = Request::new(method, url, WithAuth::Yes).with_json(body)?;
        self.send(&request).await
    }

    /// Sends a PUT request without a body. Any status is a response.
    pub(super) async fn put(&self, url: Url) -> Result<Response, ApiError> {
        self.send(&Request::new(Method::PUT, url, WithAuth::Yes))
            .await
    }

    /// Sends a DELETE request. Any status is a response.
    pub(super) async fn delete(&self, segments: &[&str]) -> Result<Response, ApiError> {
        let url = self.build_url(segments, &[])?;
        self.send(&Request::new(Method::DELETE, url, WithAuth::Yes))
            .await
    }

    /// A URL below the base URL, context path included, with each segment encoded.
    pub(crate) fn build_url(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Url, ApiError> {
        let mut url = self.base.url().clone();
        // The url crate drops `.` and `..`, and an empty segment would name another resource.
        if segments
            .iter()
            .any(|segment| matches!(*segment, "" | "." | ".."))
        {
            return Err(ApiError::InvalidPathSegment(segments.join("/")));
        }
        let below = segments.iter().map(|segment| encode_segment(segment));
        let path = format!(
            "{}/{}",
            url.path().trim_end_matches('/'),
            below.collect::<Vec<_>>().join("/")
        );
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}
