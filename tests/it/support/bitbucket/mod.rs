//! A fake Bitbucket server for tests and examples: both products on loopback, with users, credentials of every type,
//! repositories and faults. Written from Atlassian's documentation, not from the program.
#![allow(dead_code, reason = "every user needs a part of it")]
#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "tests"
)]

mod cloud;
mod cloud_repos;
mod datacenter;
mod datacenter_repos;
pub(crate) mod git;
pub(crate) mod keys;
pub(crate) mod oauth;
mod permissions;
pub(crate) mod pipelines;
pub(crate) mod repo_store;
pub(crate) mod tokens;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use serde_json::Value;

/// The context path of the Data Center.
pub(crate) const CONTEXT_PATH: &str = "bitbucket";

/// A credential that the server accepts.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) kind: Kind,
    pub(crate) secret: String,
    pub(crate) scopes: Vec<&'static str>,
}

/// The type of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cloud: Basic, e-mail address and token.
    ApiToken { email: &'static str },
    /// Cloud: Basic, user name and app password.
    AppPassword { user: &'static str },
    /// Cloud: Bearer, from an OAuth sign-in.
    OAuth,
    /// Cloud: Bearer, of a repository (or of the whole workspace).
    AccessToken {
        workspace: &'static str,
        repository: Option<&'static str>,
    },
    /// Data Center: Bearer, of a user.
    UserToken { user: &'static str },
    /// Data Center: Bearer, of a project.
    ProjectToken { project: &'static str },
    /// Data Center: Basic, user name and password.
    Password { user: &'static str },
}

/// A response that is sent once in place of the regular one.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

impl Kind {
    pub(crate) const JANE_API_TOKEN: Self = Self::ApiToken {
        email: "jane@acme.example",
    };
    pub(crate) const SITE_ACCESS_TOKEN: Self = Self::AccessToken {
        workspace: "acme",
        repository: Some("site"),
    };
}

impl Credential {
    pub(crate) fn new(kind: Kind, secret: &str, scopes: &[&'static str]) -> Self {
        Self {
            kind,
            secret: secret.to_owned(),
            scopes: scopes.to_vec(),
        }
    }

    /// An API token of Cloud and a user token of Data Center with the same secret.
    pub(crate) fn for_jane(secret: &str, scopes: &[&'static str]) -> Vec<Self> {
        [Kind::JANE_API_TOKEN, Kind::UserToken { user: "jane" }]
            .map(|kind| Self::new(kind, secret, scopes))
            .to_vec()
    }
}

impl Fault {
    pub(crate) fn new(
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Self {
        let headers = headers.iter();
        Self {
            status,
            headers: headers
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            body: body.as_ref().to_vec(),
            delay: Duration::ZERO,
        }
    }
}

/// A request that the server received.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<String>,
}

/// The data and the settings of the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerState {
    pub(crate) credentials: Vec<Credential>,
    /// `workspace/repository` or `PROJECT/repository`, and whether it is public.
    pub(crate) repositories: Vec<(&'static str, bool)>,
    /// Cloud: the workspaces of the account; `acme` alone where there are none.
    pub(crate) workspaces: Vec<&'static str>,
    /// SSH keys that are registered.
    pub(crate) keys: keys::Keys,
    /// Project keys, of every workspace and of the server.
    pub(crate) projects: Vec<String>,
    /// Projects that were created, as the API returns them.
    pub(crate) created_projects: Vec<Value>,
    /// Former and current names of repositories; requests under the former name are redirected.
    pub(crate) renames: Vec<(&'static str, &'static str)>,
    /// Repositories with a branch, as `repositories` names them; the others are empty.
    pub(crate) non_empty: Vec<&'static str>,
    /// Data Center: unknown repositories are reported as not found.
    pub(crate) reports_missing_repositories: bool,
    /// Permissions of the account on repositories; without an entry, all.
    pub(crate) permissions: Vec<(&'static str, &'static str)>,
    /// Cloud: no response names scopes. Data Center: tokens have no details.
    pub(crate) hides_scopes: bool,
    /// Data Center: the version, if not 9.4.1.
    pub(crate) version: Option<&'static str>,
    /// Data Center: a wrong base URL in the server settings.
    pub(crate) configured_base_url: Option<String>,
    /// OAuth clients, and their tokens.
    pub(crate) oauth: oauth::OAuthState,
    /// Data Center: HTTP access tokens that are listed.
    pub(crate) tokens: Vec<tokens::Token>,
    /// Data Center: the creation time of tokens in milliseconds, and their lifetime in days.
    pub(crate) token_lifetime: Option<(i64, u32)>,
    /// The maximum page length.
    pub(crate) page_length: usize,
    /// The URL of the server, for links.
    pub(crate) base: String,
    pub(crate) basic_auth_disabled: bool,
    pub(crate) requires_captcha: bool,
    pub(crate) faults: VecDeque<Fault>,
    /// Faults for the next request with this method and this text in its path. With status 0 the request is carried
    /// out and the response breaks off.
    pub(crate) targeted_faults: Vec<(&'static str, &'static str, Fault)>,
    /// Repositories with branches, webhooks and pull requests.
    pub(crate) store: repo_store::RepoStore,
    /// Cloud: Pipelines.
    pub(crate) pipelines: pipelines::Pipelines,
    /// Requests that are being processed, and their maximum so far.
    pub(crate) in_flight: usize,
    pub(crate) max_in_flight: usize,
    /// The delay of every response.
    pub(crate) delay: Duration,
    pub(crate) requests: Vec<RecordedRequest>,
    /// TCP connections that were accepted.
    pub(crate) connections: usize,
}

impl ServerState {
    /// The address to which a request under the former name of a repository is redirected.
    fn redirect(&self, path: &str) -> Option<String> {
        self.renames.iter().find_map(|(former, current)| {
            let data_center = |name: &str| {
                let (key, slug) = name.split_once('/').expect("KEY/slug");
                format!("/projects/{key}/repos/{slug}")
            };
            let cloud = |name: &str| format!("/repositories/{name}");
            [
                (data_center(former), data_center(current)),
                (cloud(former), cloud(current)),
            ]
            .into_iter()
            .find_map(|(former, current)| {
                let (start, rest) = path.split_once(&former)?;
                let is_whole = rest.is_empty() || rest.starts_with(['/', '?']);
                is_whole.then(|| format!("{}{start}{current}{rest}", self.base))
            })
        })
    }

    /// Adds a project; `false` where its key is taken.
    fn create_project(&mut self, body: &Value) -> bool {
        let key = body["key"].as_str().unwrap_or_default().to_owned();
        let is_new = !self.projects.contains(&key);
        if is_new {
            self.projects.push(key);
            self.created_projects.push(body.clone());
        }
        is_new
    }

    /// A project that was created.
    fn created_project(&self, key: &str) -> Option<ApiResponse> {
        let mut all = self.created_projects.iter();
        let found = all.find(|project| project["key"] == key);
        found.map(|project| ApiResponse::new(200, project.clone()))
    }

    /// Removes and returns the first targeted fault for a request.
    fn take_targeted_fault(&mut self, method: &str, path: &str) -> Option<Fault> {
        let at = self
            .targeted_faults
            .iter()
            .position(|(own, text, _)| method == *own && path.contains(text));
        at.map(|at| self.targeted_faults.remove(at).2)
    }
}

type Shared = Arc<Mutex<ServerState>>;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Shared,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts both products.
    pub(crate) fn start(state: ServerState) -> Self {
        Self::start_at("127.0.0.1:0", state)
    }

    pub(crate) fn start_at(address: &str, mut state: ServerState) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a port is free");
        listener.set_nonblocking(true).expect("it can be");
        let address = listener.local_addr().expect("it has an address");
        state.base = format!("http://{address}");
        state.page_length = state.page_length.max(1);
        let state: Shared = Arc::new(Mutex::new(state));
        let counter = Arc::clone(&state);
        let router = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&state));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let listener = listener.tap_io(move |_| counter.lock().unwrap().connections += 1);
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn cloud(&self) -> String {
        format!("http://{}/2.0", self.address)
    }

    /// The website of Cloud.
    pub(crate) fn website(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn datacenter(&self) -> String {
        format!("http://{}/{CONTEXT_PATH}", self.address)
    }

    /// Environment variables for a connection of [`Credential::for_jane`], without the token.
    pub(crate) fn environment(&self, is_cloud: bool) -> Vec<(&'static str, String)> {
        if is_cloud {
            let email = "jane@acme.example".to_owned();
            vec![("BBCONNECT_URL", self.cloud()), ("BBCONNECT_EMAIL", email)]
        } else {
            vec![("BBCONNECT_URL", self.datacenter())]
        }
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ServerState)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server did not panic");
        }
    }
}

async fn handle(State(state): State<Shared>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if let Some(response) = git_response(&state, &head, &body) {
        return response;
    }
    let (fault, response) = respond(&state, &head, &body);
    let delay = {
        let mut state = state.lock().unwrap();
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        state.delay
    };
    tokio::time::sleep(delay).await;
    {
        // A test may have replaced the state meanwhile.
        let mut state = state.lock().unwrap();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
    let Some(fault) = fault else {
        return json(&response);
    };
    tokio::time::sleep(fault.delay).await;
    if fault.status == 0 {
        return broken_off();
    }
    let mut response = Response::builder().status(fault.status);
    for (name, value) in fault.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(fault.body)).unwrap()
}

/// The response to a request of git, below `/scm/` on Data Center; it requires a credential.
fn git_response(state: &Shared, head: &Parts, body: &[u8]) -> Option<Response> {
    let path = head.uri.path_and_query()?.to_string();
    // On Cloud repositories are at the root of the website.
    let below = path
        .strip_prefix(&format!("/{CONTEXT_PATH}/scm/"))
        .or_else(|| path.strip_prefix('/').filter(|path| path.contains(".git/")))?;
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization");
    let mut state = state.lock().unwrap();
    state.requests.push(RecordedRequest {
        method: head.method.to_string(),
        path: path.clone(),
        body: Vec::new(),
        authorization: authorization.map(str::to_owned),
    });
    let fault = state.take_targeted_fault(head.method.as_str(), &path);
    if let Some(fault) = fault.as_ref().filter(|fault| fault.status != 0) {
        let mut response = Response::builder().status(fault.status);
        for (name, value) in &fault.headers {
            response = response.header(*name, value);
        }
        return Some(response.body(Body::from(fault.body.clone())).unwrap());
    }
    let password = basic(authorization).map(|(_, secret)| secret);
    let is_known = bearer(&state, authorization).is_some()
        || state
            .credentials
            .iter()
            .any(|known| password.as_ref() == Some(&known.secret));
    if !is_known {
        let refused = Response::builder()
            .status(401)
            .header("www-authenticate", "Basic realm=\"Atlassian Bitbucket\"");
        return Some(refused.body(Body::empty()).unwrap());
    }
    let root = state.store.git.clone()?;
    let response = git::serve(&root, below, head, body);
    Some(if fault.is_some() {
        broken_off()
    } else {
        response
    })
}

/// A response that breaks off.
fn broken_off() -> Response {
    let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>("broken off") });
    Response::new(Body::from_stream(broken))
}

/// A request to the REST API.
#[derive(Debug)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: &'a str,
    /// The segments of the path below the product's root, decoded, without the query.
    pub(crate) segments: Vec<String>,
    /// Path and query as received.
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    /// The body, where it is JSON.
    pub(crate) json: Value,
    pub(crate) body: &'a [u8],
}

impl ApiRequest<'_> {
    /// The segments of the path, for matching.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// A query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// All values of a query parameter.
    pub(crate) fn queries(&self, name: &str) -> Vec<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// A query parameter as a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.query(name)?.parse().ok()
    }
}

fn segments(path: &str) -> Vec<String> {
    let path = path.split('?').next().unwrap_or(path);
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8_lossy()
            .into_owned()
    };
    path.split('/').map(decode).collect()
}

/// Records a request, and returns its response and the fault that replaces it, if any.
fn respond(state: &Shared, head: &Parts, body: &[u8]) -> (Option<Fault>, ApiResponse) {
    let path = head
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization");
    let mut state = state.lock().unwrap();
    state.requests.push(RecordedRequest {
        method: head.method.to_string(),
        path: path.clone(),
        body: body.to_vec(),
        authorization: authorization.map(str::to_owned),
    });
    let fault = match state.take_targeted_fault(head.method.as_str(), &path) {
        Some(fault) if fault.status != 0 => {
            return (Some(fault), ApiResponse::new(500, Value::Null));
        }
        fault => fault.or_else(|| state.faults.pop_front()),
    };
    if let Some(location) = state.redirect(&path) {
        let moved = ApiResponse::new(301, Value::Null).with("location", &location);
        return (fault, moved);
    }
    let request = |below: &str| ApiRequest {
        method: head.method.as_str(),
        segments: segments(below),
        path: &path,
        authorization,
        content_type: header("content-type"),
        json: serde_json::from_slice(body).unwrap_or_default(),
        body,
    };
    if let Some(response) = oauth::respond(&mut state, &request(path.trim_start_matches('/'))) {
        return (fault, response);
    }
    let response = match (
        path.strip_prefix("/2.0/"),
        path.strip_prefix(&format!("/{CONTEXT_PATH}/")),
    ) {
        (Some(below), _) => cloud::respond(&mut state, &request(below)),
        (None, Some(below)) => datacenter::respond(&mut state, &request(below)),
        (None, None) => datacenter::unrouted(),
    };
    (fault, response)
}

/// A response of the REST API.
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// A body in place of JSON.
    pub(crate) raw: Option<Vec<u8>>,
}

impl ApiResponse {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body,
            raw: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }
}

fn json(response: &ApiResponse) -> Response {
    let kind = if response.raw.is_some() {
        "application/octet-stream"
    } else {
        "application/json"
    };
    let mut builder = Response::builder()
        .status(response.status)
        .header("content-type", kind);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    let body = response
        .raw
        .clone()
        .unwrap_or_else(|| response.body.to_string().into_bytes());
    builder.body(Body::from(body)).unwrap()
}

/// User and secret of a Basic header.
pub(crate) fn basic(authorization: Option<&str>) -> Option<(String, String)> {
    use base64::Engine as _;
    let encoded = authorization?.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .map(|(user, secret)| (user.to_owned(), secret.to_owned()))
}

/// The credential of a Bearer header.
pub(crate) fn bearer<'a>(
    state: &'a ServerState,
    authorization: Option<&str>,
) -> Option<&'a Credential> {
    let token = authorization?.strip_prefix("Bearer ")?;
    state
        .credentials
        .iter()
        .find(|credential| credential.secret == token)
}
