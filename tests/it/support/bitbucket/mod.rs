//! A Bitbucket for tests and for trying things out: both products on loopback, with users, credentials of every kind,
//! repositories, and faults. Written from Atlassian's documents, not from the program.
#![allow(dead_code, reason = "every user needs a part of it")]
#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "tests"
)]

mod cloud;
mod datacenter;
mod git;
pub(crate) mod keys;
pub(crate) mod oauth;
mod rights;
pub(crate) mod stock;
mod stock_cloud;
mod stock_datacenter;
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
use serde_json::Value;

/// Where the Data Center's context path begins.
pub(crate) const CONTEXT: &str = "bitbucket";

/// A credential that the server knows.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) kind: Kind,
    pub(crate) secret: String,
    pub(crate) scopes: Vec<&'static str>,
}

/// What a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cloud: Basic, e-mail address and token.
    ApiToken { email: &'static str },
    /// Cloud: Basic, user name and app password, where one still lives.
    AppPassword { user: &'static str },
    /// Cloud: Bearer, of somebody who signed in.
    OAuth,
    /// Cloud: Bearer, of a repository (or of the whole workspace).
    AccessToken {
        workspace: &'static str,
        repository: Option<&'static str>,
    },
    /// Data Center: Bearer, of a user.
    UserToken { user: &'static str },
    /// Data Center: Bearer, of a project: nobody's.
    ProjectToken { project: &'static str },
    /// Data Center: Basic, user name and password.
    Password { user: &'static str },
}

/// An answer out of the ordinary, given once.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<String>,
}

/// All that the server knows.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the server"
)]
pub(crate) struct World {
    pub(crate) credentials: Vec<Credential>,
    /// `workspace/repository` and `PROJECT/repository`, and whether anybody may see it.
    pub(crate) repositories: Vec<(&'static str, bool)>,
    /// SSH keys that are registered.
    pub(crate) keys: keys::Keys,
    /// Keys, of every workspace and of the server.
    pub(crate) projects: Vec<String>,
    /// Repositories with a branch, as `repositories` names them; the others are empty.
    pub(crate) not_empty: Vec<&'static str>,
    /// Data Center: a repository that is not among them is not found.
    pub(crate) knows_its_repositories: bool,
    /// What the account may do with repositories, where that is less than everything.
    pub(crate) permissions: Vec<(&'static str, &'static str)>,
    /// Cloud: neither headers nor refusals name scopes. Data Center: tokens have no record.
    pub(crate) keeps_scopes_to_itself: bool,
    /// Data Center: its version, where it is another than 9.4.1.
    pub(crate) version: Option<&'static str>,
    /// Data Center: what its administrator entered as its base URL, where that is wrong.
    pub(crate) believes_to_be: Option<String>,
    /// OAuth clients, and what they were given.
    pub(crate) oauth: oauth::Grants,
    /// Data Center: HTTP access tokens that are listed.
    pub(crate) tokens: Vec<tokens::Token>,
    /// Data Center: the day on which tokens were made, in milliseconds, and how many days they live.
    pub(crate) token_life: Option<(i64, u32)>,
    /// The most that a page of a list holds.
    pub(crate) page_length: usize,
    /// The server's own address, for links.
    pub(crate) base: String,
    pub(crate) basic_is_blocked: bool,
    pub(crate) wants_captcha: bool,
    pub(crate) faults: VecDeque<Fault>,
    /// Answers out of the ordinary to the next request with this method and this text in its path. What a status of 0
    /// stands for is done, but the answer breaks off.
    pub(crate) traps: Vec<(&'static str, &'static str, Fault)>,
    /// Repositories with all that is in them.
    pub(crate) stock: stock::Stock,
    /// Requests that are being answered, and the most that ever were.
    pub(crate) at_once: usize,
    pub(crate) most_at_once: usize,
    /// How long every answer takes.
    pub(crate) delay: Duration,
    pub(crate) seen: Vec<Seen>,
}

type Shared = Arc<Mutex<World>>;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    world: Shared,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Both products, with this world.
    pub(crate) fn start(world: World) -> Self {
        Self::start_at("127.0.0.1:0", world)
    }

    pub(crate) fn start_at(address: &str, mut world: World) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a port is free");
        listener.set_nonblocking(true).expect("it can be");
        let address = listener.local_addr().expect("it has an address");
        world.base = format!("http://{address}");
        world.page_length = world.page_length.max(1);
        let world: Shared = Arc::new(Mutex::new(world));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&world));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            world,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn cloud(&self) -> String {
        format!("http://{}/2.0", self.address)
    }

    /// The website of the Cloud.
    pub(crate) fn website(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn datacenter(&self) -> String {
        format!("http://{}/{CONTEXT}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.world.lock().unwrap().seen.clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
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

async fn answer(State(world): State<Shared>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if let Some(response) = of_git(&world, &head, &body) {
        return response;
    }
    let (fault, reply) = looked_up(&world, &head, &body);
    let delay = {
        let mut world = world.lock().unwrap();
        world.at_once += 1;
        world.most_at_once = world.most_at_once.max(world.at_once);
        world.delay
    };
    tokio::time::sleep(delay).await;
    {
        // A test may have replaced the world meanwhile.
        let mut world = world.lock().unwrap();
        world.at_once = world.at_once.saturating_sub(1);
    }
    let Some(fault) = fault else {
        return json(&reply);
    };
    tokio::time::sleep(fault.delay).await;
    if fault.status == 0 {
        let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>("broken off") });
        return Response::new(Body::from_stream(broken));
    }
    let mut response = Response::builder().status(fault.status);
    for (name, value) in fault.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(fault.body)).unwrap()
}

/// What git asks for, below `/scm/` on Data Center: only with a credential, and with it by real git.
fn of_git(world: &Shared, head: &Parts, body: &[u8]) -> Option<Response> {
    let path = head.uri.path_and_query()?.to_string();
    // Cloud has its repositories at the root of its website.
    let below = path
        .strip_prefix(&format!("/{CONTEXT}/scm/"))
        .or_else(|| path.strip_prefix('/').filter(|path| path.contains(".git/")))?;
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization");
    let mut world = world.lock().unwrap();
    world.seen.push(Seen {
        method: head.method.to_string(),
        path: path.clone(),
        body: Vec::new(),
        authorization: authorization.map(str::to_owned),
    });
    let password = basic(authorization).map(|(_, secret)| secret);
    let is_known = bearer(&world, authorization).is_some()
        || world
            .credentials
            .iter()
            .any(|known| password.as_ref() == Some(&known.secret));
    if !is_known {
        let refused = Response::builder()
            .status(401)
            .header("www-authenticate", "Basic realm=\"Atlassian Bitbucket\"");
        return Some(refused.body(Body::empty()).unwrap());
    }
    let root = world.stock.git.clone()?;
    Some(git::serve(&root, below, head, body))
}

/// A request, as the products look at it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// The path below the product's own, without its query; decoded.
    pub(crate) segments: Vec<String>,
    /// The path and the query, as they came.
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    /// The body, where it is JSON.
    pub(crate) json: Value,
    pub(crate) body: &'a [u8],
}

impl Asked<'_> {
    /// The parts of the path, for matching.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// All values of one name.
    pub(crate) fn queries(&self, name: &str) -> Vec<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// A number of the query.
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

/// Notes a request, and finds its answer: the next fault, if there is one, goes first.
fn looked_up(world: &Shared, head: &Parts, body: &[u8]) -> (Option<Fault>, Reply) {
    let path = head
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization");
    let mut world = world.lock().unwrap();
    world.seen.push(Seen {
        method: head.method.to_string(),
        path: path.clone(),
        body: body.to_vec(),
        authorization: authorization.map(str::to_owned),
    });
    let trap = world
        .traps
        .iter()
        .position(|(method, text, _)| head.method.as_str() == *method && path.contains(text));
    let fault = match trap.map(|at| world.traps.remove(at).2) {
        Some(fault) if fault.status != 0 => {
            return (Some(fault), Reply::new(500, Value::Null));
        }
        fault => fault.or_else(|| world.faults.pop_front()),
    };
    let asked = |below: &str| Asked {
        method: head.method.as_str(),
        segments: segments(below),
        path: &path,
        authorization,
        content_type: header("content-type"),
        json: serde_json::from_slice(body).unwrap_or_default(),
        body,
    };
    if let Some(reply) = oauth::answer(&mut world, &asked(path.trim_start_matches('/'))) {
        return (fault, reply);
    }
    let reply = match (
        path.strip_prefix("/2.0/"),
        path.strip_prefix(&format!("/{CONTEXT}/")),
    ) {
        (Some(below), _) => cloud::answer(&mut world, &asked(below)),
        (None, Some(below)) => datacenter::answer(&mut world, &asked(below)),
        (None, None) => datacenter::unrouted(),
    };
    (fault, reply)
}

/// An answer of the ordinary kind.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// What is sent instead of JSON.
    pub(crate) raw: Option<Vec<u8>>,
}

impl Reply {
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

fn json(reply: &Reply) -> Response {
    let kind = if reply.raw.is_some() {
        "application/octet-stream"
    } else {
        "application/json"
    };
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", kind);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let body = reply
        .raw
        .clone()
        .unwrap_or_else(|| reply.body.to_string().into_bytes());
    response.body(Body::from(body)).unwrap()
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
pub(crate) fn bearer<'a>(world: &'a World, authorization: Option<&str>) -> Option<&'a Credential> {
    let token = authorization?.strip_prefix("Bearer ")?;
    world
        .credentials
        .iter()
        .find(|credential| credential.secret == token)
}
