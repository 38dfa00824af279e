//! The port on loopback that takes the answer, and standard input, where a person may paste it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::OAuthError;
use super::callback::{self, CallbackResult};
use super::callback_page::{self, Page};
use crate::types::secret::Secret;

/// The most that is read of a request, and of all that is pasted, in bytes. Browsers send the cookies of every other
/// program on this machine.
const MAX_REQUEST_BYTES: u64 = 256 * 1024;
/// How long one browser may take to say what it wants.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a browser waits to be told what became of its answer.
const RESPOND_TIMEOUT: Duration = Duration::from_mins(1);

/// An open port.
#[derive(Debug)]
pub(super) struct Listener(TcpListener);

impl Listener {
    /// Opens a port of this machine alone.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Self)
    }

    /// Waits for the answer to one question.
    pub(super) fn wait(
        self,
        state: &str,
        patience: Duration,
        takes_paste: bool,
    ) -> Result<(Secret, PendingBrowser), OAuthError> {
        let (told, answers) = mpsc::channel();
        let (listener, at_port, expected) = (self.0, told.clone(), state.to_owned());
        let taken = Arc::new(AtomicBool::new(false));
        thread::spawn(move || serve(&listener, &expected, &at_port, &taken));
        if takes_paste {
            let expected = state.to_owned();
            thread::spawn(move || read_pasted(&expected, &told));
        }
        match answers.recv_timeout(patience) {
            Ok((CallbackResult::Code(code), browser)) => Ok((code, browser)),
            Ok((CallbackResult::Denied(reason), _)) => Err(OAuthError::Denied(reason)),
            Ok((CallbackResult::Other, _)) | Err(_) => Err(OAuthError::TimedOut {
                patience,
                takes_paste,
            }),
        }
    }
}

/// The browser that brought the answer, and waits to be told what became of it.
#[derive(Debug)]
pub(super) struct PendingBrowser {
    told: Option<Sender<bool>>,
    shown: Option<JoinHandle<()>>,
}

impl PendingBrowser {
    /// Nobody: the answer was pasted.
    fn none() -> Self {
        Self {
            told: None,
            shown: None,
        }
    }

    /// Has the page shown, and waits until it is.
    pub(super) fn respond(self, signed_in: bool) {
        if let Some(told) = self.told {
            // A browser that has gone away sees no page.
            let _told = told.send(signed_in);
        }
        if let Some(shown) = self.shown {
            let _shown = shown.join();
        }
    }
}

type Callback = (CallbackResult, PendingBrowser);

/// Answers browsers until one brings what is waited for. Each has a thread, so that none is in another's way.
fn serve(listener: &TcpListener, state: &str, told: &Sender<Callback>, taken: &Arc<AtomicBool>) {
    for stream in listener.incoming().flatten() {
        let (state, told, taken) = (state.to_owned(), told.clone(), Arc::clone(taken));
        // Whoever goes away unanswered asks again.
        thread::spawn(move || {
            let _answered = answer(&stream, &state, &told, &taken);
        });
    }
}

fn answer(
    mut stream: &TcpStream,
    state: &str,
    told: &Sender<Callback>,
    taken: &AtomicBool,
) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    let mut reader = BufReader::new(stream.take(MAX_REQUEST_BYTES));
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    let address = line
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next());
    let answer = address.map_or(CallbackResult::Other, |address| {
        callback::read(address, state)
    });
    // The rest of the request: closing on a browser that still speaks would take the page from it. Nothing in it counts.
    for header in reader.split(b'\n').map_while(Result::ok) {
        if header.trim_ascii().is_empty() {
            break;
        }
    }
    let is_first = !matches!(answer, CallbackResult::Other) && !taken.swap(true, Ordering::SeqCst);
    if !is_first {
        return stream.write_all(callback_page::response(Page::Other).as_bytes());
    }
    if matches!(answer, CallbackResult::Denied(_)) {
        stream.write_all(callback_page::response(Page::Denied).as_bytes())?;
        let _told = told.send((answer, PendingBrowser::none()));
        return Ok(());
    }
    let (outcome, decided) = mpsc::channel();
    let stream = stream.try_clone()?;
    let shown = thread::spawn(move || {
        let page = match decided.recv_timeout(RESPOND_TIMEOUT) {
            Ok(true) => Page::SignedIn,
            Ok(false) | Err(_) => Page::Refused,
        };
        let _written = (&stream).write_all(callback_page::response(page).as_bytes());
    });
    let browser = PendingBrowser {
        told: Some(outcome),
        shown: Some(shown),
    };
    // Nobody waits any more where it comes too late.
    let _told = told.send((answer, browser));
    Ok(())
}

/// Takes the address of the page that a browser on another machine could not show.
fn read_pasted(state: &str, told: &Sender<Callback>) {
    for line in io::stdin()
        .lock()
        .take(MAX_REQUEST_BYTES)
        .split(b'\n')
        .map_while(Result::ok)
    {
        let answer = callback::read(&String::from_utf8_lossy(&line), state);
        if !matches!(answer, CallbackResult::Other) {
            let _told = told.send((answer, PendingBrowser::none()));
            return;
        }
    }
}
