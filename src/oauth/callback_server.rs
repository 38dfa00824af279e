//! The server on loopback that sends the browser to the sign-in page and receives the redirect.
//!
//! The browser is opened with a path that is good once. The response sets a cookie, which the redirect must have: other
//! users of the machine can read the arguments of the browser, but neither `state` nor the code challenge. All connections
//! are served by one thread.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;
use tokio::time;
use url::Url;

use super::callback_page::{self, Page};
use super::error::OAuthError;
use super::pasted_lines::PastedLines;
use super::redirect::{NotRedirect, Redirect};
use crate::types::secret::Secret;

/// The most that is read of a request, in bytes. Browsers send the cookies of all other servers on loopback.
const MAX_REQUEST_BYTES: u64 = 256 * 1024;
/// How long reading a request, or writing a response, may take.
const IO_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that are open at the same time; beyond, the oldest one is closed.
const MAX_CONNECTIONS: usize = 64;
/// How long to wait after a connection could not be accepted, for instance without file descriptors.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(50);

/// What the server needs to know about a sign-in.
#[derive(Debug)]
pub(super) struct SignIn {
    pub(super) state: String,
    /// `None` for a browser on another machine.
    pub(super) start: Option<StartPage>,
}

/// The page that the browser is opened with.
#[derive(Debug)]
pub(super) struct StartPage {
    /// Begins with a slash.
    pub(super) path: String,
    /// `NAME=VALUE`
    pub(super) cookie: String,
    /// The sign-in page of the server.
    pub(super) authorization_url: Url,
    pub(super) is_used: AtomicBool,
}

#[derive(Debug)]
pub(super) struct CallbackServer(TcpListener);

#[derive(Debug)]
enum Event {
    Redirect(Redirect, PendingBrowser),
    PastedUrl(Result<Redirect, NotRedirect>),
}

/// How a redirect may arrive.
pub(super) struct WaitOptions<'a> {
    pub(super) timeout: Duration,
    /// Gets the reply to a pasted line that is not the redirect; `None` where nothing can be pasted.
    pub(super) on_wrong_line: Option<&'a dyn Fn(NotRedirect)>,
}

impl CallbackServer {
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Waits for the authorization code of a sign-in.
    pub(super) async fn wait(
        self,
        sign_in: SignIn,
        options: WaitOptions<'_>,
    ) -> Result<(Secret, PendingBrowser), OAuthError> {
        let accepts_paste = options.on_wrong_line.is_some();
        let (sender, mut events) = mpsc::unbounded_channel();
        let _lines = accepts_paste.then(|| {
            let (state, sender) = (sign_in.state.clone(), sender.clone());
            PastedLines::read(move |line| {
                let redirect = Redirect::from_pasted(line, &state);
                // After the sign-in there is no receiver.
                let _sent = sender.send(Event::PastedUrl(redirect));
            })
        });
        let server = tokio::spawn(serve(self.0, Arc::new(sign_in), sender));
        let redirect = time::timeout(
            options.timeout,
            next_redirect(&mut events, options.on_wrong_line),
        )
        .await;
        server.abort();
        match redirect {
            Ok(Some((Redirect::Code(code), browser))) => Ok((code, browser)),
            Ok(Some((Redirect::Denied(reason), browser))) => {
                browser.respond(Page::Denied).await;
                Err(OAuthError::Denied(reason))
            }
            Ok(None) | Err(_) => Err(OAuthError::TimedOut {
                timeout: options.timeout,
                accepts_paste,
            }),
        }
    }
}

async fn next_redirect(
    events: &mut UnboundedReceiver<Event>,
    on_wrong_line: Option<&dyn Fn(NotRedirect)>,
) -> Option<(Redirect, PendingBrowser)> {
    loop {
        match events.recv().await? {
            Event::Redirect(redirect, browser) => return Some((redirect, browser)),
            Event::PastedUrl(Ok(redirect)) => return Some((redirect, PendingBrowser(None))),
            Event::PastedUrl(Err(reason)) => {
                if let Some(reply) = on_wrong_line {
                    reply(reason);
                }
            }
        }
    }
}

/// The browser that brought the code, and waits for the page with the result; nothing where the URL was pasted.
#[derive(Debug)]
pub(super) struct PendingBrowser(Option<TcpStream>);

impl PendingBrowser {
    /// Sends the page with the result. A browser that was closed sees none.
    pub(super) async fn respond(self, page: Page) {
        if let Some(mut stream) = self.0 {
            let _written = write(&mut stream, &callback_page::response(page)).await;
        }
    }
}

async fn write(stream: &mut TcpStream, response: &str) -> io::Result<()> {
    let writing = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    };
    time::timeout(IO_TIMEOUT, writing).await?
}

/// Serves browsers, each in a task, so that a slow one does not delay the redirect.
async fn serve(listener: TcpListener, sign_in: Arc<SignIn>, sender: UnboundedSender<Event>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(ACCEPT_INTERVAL).await;
            continue;
        };
        open.retain(|task| !task.is_finished());
        if open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let (sign_in, sender) = (Arc::clone(&sign_in), sender.clone());
        // A browser whose connection breaks sends its request again.
        let task = tokio::spawn(async move {
            let _served = handle(stream, &sign_in, &sender).await;
        });
        open.push_back(task.abort_handle());
    }
}

async fn handle(
    mut stream: TcpStream,
    sign_in: &SignIn,
    sender: &UnboundedSender<Event>,
) -> io::Result<()> {
    let request = time::timeout(IO_TIMEOUT, Request::read(&mut stream)).await??;
    let response = match sign_in.respond(&request) {
        Response::Page(page) => callback_page::response(page),
        Response::SignInPage(start) => {
            callback_page::redirect(start.authorization_url.as_str(), &start.cookie)
        }
        Response::Redirect(redirect) => {
            // The page follows when the code is exchanged. After the first redirect there is no receiver.
            let _sent = sender.send(Event::Redirect(redirect, PendingBrowser(Some(stream))));
            return Ok(());
        }
    };
    write(&mut stream, &response).await
}

/// What counts of a request.
#[derive(Debug, Default)]
struct Request {
    /// Empty for another method than GET.
    target: String,
    /// `NAME=VALUE`
    cookies: Vec<String>,
}

impl Request {
    /// Reads a request up to the end of its headers: closing earlier would reset the connection before the page is read.
    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream.take(MAX_REQUEST_BYTES));
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).await?;
        let mut request = Self::default();
        let first = String::from_utf8_lossy(&line);
        let target = first
            .strip_prefix("GET ")
            .and_then(|rest| rest.split(' ').next());
        target.unwrap_or_default().clone_into(&mut request.target);
        loop {
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line).await?;
            let header = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            if read == 0 || header.is_empty() {
                return Ok(request);
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("cookie")
            {
                let cookies = value.split(';').map(|cookie| cookie.trim().to_owned());
                request.cookies.extend(cookies);
            }
        }
    }
}

enum Response<'a> {
    Page(Page),
    /// Sends the browser to the sign-in page.
    SignInPage(&'a StartPage),
    Redirect(Redirect),
}

impl SignIn {
    fn respond(&self, request: &Request) -> Response<'_> {
        if let Some(start) = &self.start {
            if request.target.split('?').next() == Some(&start.path) {
                return if start.is_used.swap(true, Ordering::SeqCst) {
                    Response::Page(Page::Used)
                } else {
                    Response::SignInPage(start)
                };
            }
            if !request.cookies.contains(&start.cookie) {
                return Response::Page(Page::Unexpected);
            }
        }
        match Redirect::from_target(&request.target, &self.state) {
            Ok(redirect) => Response::Redirect(redirect),
            Err(_) => Response::Page(Page::Unexpected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(response: &Response<'_>) -> &'static str {
        match response {
            Response::Page(Page::Used) => "used",
            Response::Page(_) => "unexpected",
            Response::SignInPage(_) => "sign-in page",
            Response::Redirect(_) => "redirect",
        }
    }

    #[test]
    fn only_the_browser_that_was_opened_may_answer() {
        let sign_in = SignIn {
            state: "s".to_owned(),
            start: Some(StartPage {
                path: "/once".to_owned(),
                cookie: "name=value".to_owned(),
                authorization_url: "https://bitbucket.org/x".parse().unwrap(),
                is_used: AtomicBool::new(false),
            }),
        };
        let callback = "/callback?code=c&state=s";
        for (target, cookie, expected) in [
            ("/", "", "unexpected"),
            (callback, "", "unexpected"),
            (callback, "name=other", "unexpected"),
            ("/once", "", "sign-in page"),
            ("/once?", "name=value", "used"),
            ("/callback?code=c&state=t", "name=value", "unexpected"),
            (callback, "name=value", "redirect"),
        ] {
            let request = Request {
                target: target.to_owned(),
                cookies: vec!["other=1".to_owned(), cookie.to_owned()],
            };
            assert_eq!(
                kind(&sign_in.respond(&request)),
                expected,
                "{target} {cookie}"
            );
        }
        let elsewhere = SignIn {
            state: "s".to_owned(),
            start: None,
        };
        let request = Request {
            target: callback.to_owned(),
            cookies: Vec::new(),
        };
        assert_eq!(kind(&elsewhere.respond(&request)), "redirect");
    }
}
