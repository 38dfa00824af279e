//! The server on loopback that receives the redirect, and standard input, where the redirect URL may be pasted.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use url::Url;

use super::callback_page::{self, Page};
use super::error::OAuthError;
use crate::types::secret::Secret;

/// The most that is read of a request, and of standard input, in bytes. Browsers send the cookies of all other servers
/// on loopback.
const MAX_REQUEST_BYTES: u64 = 256 * 1024;
/// How long reading a request may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the browser waits until the code is exchanged.
const EXCHANGE_TIMEOUT: Duration = Duration::from_mins(1);

/// The result of the login, as the redirect URL contains it.
#[derive(Debug)]
enum Redirect {
    Code(Secret),
    Denied(String),
}

impl Redirect {
    /// Parses a redirect URL, whole or from its path on; `None` for another URL, or the redirect of another login.
    fn parse(url: &str, state: &str) -> Option<Self> {
        let base = Url::parse("http://127.0.0.1/").ok()?;
        let url = base.join(url.trim()).ok()?;
        let parameter = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name);
            // A parameter must not be repeated (RFC 6749, section 3.1).
            let value = values.next().filter(|_| values.next().is_none())?;
            Some(value.1.into_owned())
        };
        if url.path() != "/callback" || parameter("state")? != state {
            return None;
        }
        let code = parameter("code").filter(|code| !code.is_empty());
        match (code, parameter("error")) {
            (Some(code), None) => Some(Self::Code(Secret::new(code))),
            (None, Some(error)) => Some(Self::Denied(match parameter("error_description") {
                Some(description) => format!("{error}: {description}"),
                None => error,
            })),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct CallbackServer(TcpListener);

impl CallbackServer {
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Self)
    }

    /// Waits for the authorization code of the login with this state.
    pub(super) fn wait(
        self,
        state: &str,
        timeout: Duration,
        accepts_paste: bool,
    ) -> Result<(Secret, PendingBrowser), OAuthError> {
        let (sender, receiver) = mpsc::channel();
        if accepts_paste {
            let (state, sender) = (state.to_owned(), sender.clone());
            thread::spawn(move || read_pasted(&state, &sender));
        }
        let state = state.to_owned();
        thread::spawn(move || serve(&self.0, &state, &sender));
        match receiver.recv_timeout(timeout) {
            Ok((Redirect::Code(code), browser)) => Ok((code, browser)),
            Ok((Redirect::Denied(reason), _)) => Err(OAuthError::Denied(reason)),
            Err(_) => Err(OAuthError::TimedOut {
                timeout,
                accepts_paste,
            }),
        }
    }
}

/// The browser that brought the code, and waits for the page with the result; nothing where the URL was pasted.
#[derive(Debug, Default)]
pub(super) struct PendingBrowser(Option<(Sender<bool>, JoinHandle<()>)>);

impl PendingBrowser {
    /// Sends the page, and waits until it is written.
    pub(super) fn respond(self, signed_in: bool) {
        if let Some((result, writer)) = self.0 {
            // A browser that was closed sees no page.
            let _sent = result.send(signed_in);
            let _written = writer.join();
        }
    }
}

type Callback = (Redirect, PendingBrowser);

/// Serves browsers, each on a thread, so that a slow one does not delay the redirect.
fn serve(listener: &TcpListener, state: &str, sender: &Sender<Callback>) {
    let is_received = Arc::new(AtomicBool::new(false));
    for stream in listener.incoming().flatten() {
        let (state, sender) = (state.to_owned(), sender.clone());
        let is_received = Arc::clone(&is_received);
        // A browser whose connection breaks sends its request again.
        thread::spawn(move || {
            let _served = handle(&stream, &state, &sender, &is_received);
        });
    }
}

fn handle(
    mut stream: &TcpStream,
    state: &str,
    sender: &Sender<Callback>,
    is_received: &AtomicBool,
) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    let mut reader = BufReader::new(stream.take(MAX_REQUEST_BYTES));
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    let target = line
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next());
    let redirect = target.and_then(|target| Redirect::parse(target, state));
    // The rest of the request is read and ignored: closing earlier would reset the connection before the page is read.
    for header in reader.split(b'\n').map_while(Result::ok) {
        if header.trim_ascii().is_empty() {
            break;
        }
    }
    // Only the first redirect counts.
    let redirect = redirect.filter(|_| !is_received.swap(true, Ordering::SeqCst));
    let Some(redirect) = redirect else {
        return stream.write_all(callback_page::response(Page::Unexpected).as_bytes());
    };
    let browser = if let Redirect::Denied(_) = redirect {
        stream.write_all(callback_page::response(Page::Denied).as_bytes())?;
        PendingBrowser::default()
    } else {
        let (result, receiver) = mpsc::channel();
        let stream = stream.try_clone()?;
        let writer = thread::spawn(move || {
            let page = match receiver.recv_timeout(EXCHANGE_TIMEOUT) {
                Ok(true) => Page::SignedIn,
                Ok(false) | Err(_) => Page::Refused,
            };
            let _written = (&stream).write_all(callback_page::response(page).as_bytes());
        });
        PendingBrowser(Some((result, writer)))
    };
    // After the timeout there is no receiver.
    let _sent = sender.send((redirect, browser));
    Ok(())
}

/// Reads the URL of the page that a browser on another machine could not load.
fn read_pasted(state: &str, sender: &Sender<Callback>) {
    let lines = io::stdin().lock().take(MAX_REQUEST_BYTES).split(b'\n');
    let redirect = lines
        .map_while(Result::ok)
        .find_map(|line| Redirect::parse(&String::from_utf8_lossy(&line), state));
    if let Some(redirect) = redirect {
        let _sent = sender.send((redirect, PendingBrowser::default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_redirect_of_this_login_counts() {
        for (url, expected) in [
            ("/callback?code=c&state=s", Some("code")),
            (
                "http://127.0.0.1:47617/callback?state=s&code=c",
                Some("code"),
            ),
            ("/callback?error=access_denied&state=s", Some("denied")),
            ("/callback?code=c&state=other", None),
            ("/callback?code=c", None),
            ("/callback?code=&state=s", None),
            ("/callback?code=c&state=s&state=s", None),
            ("/callback?code=c&error=x&state=s", None),
            ("/favicon.ico", None),
            ("/?code=c&state=s", None),
            ("", None),
        ] {
            let redirect = Redirect::parse(url, "s").map(|redirect| match redirect {
                Redirect::Code(_) => "code",
                Redirect::Denied(_) => "denied",
            });
            assert_eq!(redirect, expected, "{url}");
        }
    }
}
