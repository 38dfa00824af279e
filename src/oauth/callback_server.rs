//! The server on loopback that sends the browser to the sign-in page and receives the redirect.
//!
//! The browser is opened with a path that is good once. The response sets a cookie, which the redirect must have: other
//! users of the machine can read the arguments of the browser, but neither `state` nor the code challenge. All connections
//! are served by one thread.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, thread};

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;
use tokio::time;
use url::Url;
use zeroize::Zeroizing;

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
            let _written = write(&mut stream, &page_response(page)).await;
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
        Response::Page(page) => page_response(page),
        Response::SignInPage(start) => {
            redirect_response(start.authorization_url.as_str(), &start.cookie)
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

/// The most that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Reads lines until it is dropped. Later prompts then get the input.
#[derive(Debug)]
pub(super) struct PastedLines {
    is_stopped: Arc<AtomicBool>,
}

impl PastedLines {
    pub(super) fn read(mut on_line: impl FnMut(&str) + Send + 'static) -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        thread::spawn(move || {
            let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
            while !stop.load(Ordering::SeqCst) && text.len() < MAX_BYTES {
                let mut chunk = Zeroizing::new([0; 4096]);
                match read_available(chunk.as_mut()) {
                    Ok(None) => continue,
                    Ok(Some(0)) | Err(_) => break,
                    Ok(Some(length)) => text.extend(chunk.iter().take(length)),
                }
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Zeroizing<Vec<u8>> = Zeroizing::new(text.drain(..=end).collect());
                    on_line(&String::from_utf8_lossy(&line));
                }
            }
            if !text.is_empty() {
                on_line(&String::from_utf8_lossy(&text));
            }
        });
        Self { is_stopped }
    }
}

impl Drop for PastedLines {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
    }
}

/// Reads what is there; `None` where nothing is there yet.
#[cfg(unix)]
fn read_available(buffer: &mut [u8]) -> io::Result<Option<usize>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    // How soon the input is left to others.
    let interval = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut polled, Some(&interval)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(None),
        Ok(_) => Ok(Some(rustix::io::read(&stdin, buffer)?)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn read_available(buffer: &mut [u8]) -> io::Result<Option<usize>> {
    use std::io::Read as _;
    io::stdin().lock().read(buffer).map(Some)
}

/// Why a browser login failed.
#[derive(Debug, Error)]
pub(crate) enum OAuthError {
    /// The callback server cannot be started.
    #[error("cannot listen on port {port}: {source}")]
    Port { port: u16, source: io::Error },
    /// With the reason that the redirect contains.
    #[error("access not granted: {0}")]
    Denied(String),
    #[error("no sign-in within {} seconds", timeout.as_secs())]
    TimedOut {
        timeout: Duration,
        /// No browser was opened here: the redirect URL could be pasted.
        accepts_paste: bool,
    },
    /// The website's URL cannot have a path.
    #[error("the website's URL cannot be used to sign in")]
    Website,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The server exchanged the code for tokens.
    SignedIn,
    /// The server rejected the code.
    Refused,
    /// The redirect contains an error.
    Denied,
    /// The request is not the redirect of this sign-in, or comes from another browser.
    Unexpected,
    /// The page that begins the sign-in was requested before.
    Used,
}

/// The whole HTTP response.
fn page_response(page: Page) -> String {
    let (status, title, text) = match page {
        Page::SignedIn => (
            "200 OK",
            "Signed in",
            "You can close this page and return to the terminal.",
        ),
        Page::Refused => ("200 OK", "Sign-in failed", "See the error in the terminal."),
        Page::Denied => (
            "200 OK",
            "Access was not granted",
            "Nothing was changed. Return to the terminal to try again.",
        ),
        Page::Unexpected => (
            "400 Bad Request",
            "Unexpected request",
            "Open the URL shown in the terminal to sign in.",
        ),
        Page::Used => (
            "410 Gone",
            "URL already used",
            "The URL works once. Run the command again, and sign in with the browser that opens.",
        ),
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – bbconnect</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:36rem;\
         margin:15vh auto;padding:0 1.5rem}}</style>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</html>\n"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nReferrer-Policy: no-referrer\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The response that sends the browser elsewhere, with a cookie for the way back. The redirect of the server is a top-level
/// navigation, with which `Lax` cookies are sent.
fn redirect_response(url: &str, cookie: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {url}\r\nSet-Cookie: {cookie}; Path=/callback; HttpOnly; SameSite=Lax\r\n\
         Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
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
