//! The port on loopback that takes the answer, and standard input, where a person may paste it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use super::OAuthError;
use super::answer::{self, Answer};
use super::page::{self, Page};
use crate::model::secret::Secret;

/// The longest first line of a request that is read, in bytes.
const MOST_BYTES: u64 = 16 * 1024;
/// How long one browser may take to say what it wants.
const READING: Duration = Duration::from_secs(5);

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
    ) -> Result<Secret, OAuthError> {
        let (told, answers) = mpsc::channel();
        let (listener, at_port, expected) = (self.0, told.clone(), state.to_owned());
        thread::spawn(move || serve(&listener, &expected, &at_port));
        if takes_paste {
            let expected = state.to_owned();
            thread::spawn(move || read_pasted(&expected, &told));
        }
        match answers.recv_timeout(patience) {
            Ok(Answer::Code(code)) => Ok(code),
            Ok(Answer::Denied(reason)) => Err(OAuthError::Denied(reason)),
            Ok(Answer::Other) | Err(_) => Err(OAuthError::TimedOut(patience)),
        }
    }
}

/// Answers browsers until one brings what is waited for. Each has a thread, so that none is in another's way.
fn serve(listener: &TcpListener, state: &str, told: &Sender<Answer>) {
    for stream in listener.incoming().flatten() {
        let (state, told) = (state.to_owned(), told.clone());
        thread::spawn(move || {
            // Whoever goes away unanswered asks again.
            let _answered = answer(&stream, &state, &told);
        });
    }
}

fn answer(mut stream: &TcpStream, state: &str, told: &Sender<Answer>) -> io::Result<()> {
    stream.set_read_timeout(Some(READING))?;
    stream.set_write_timeout(Some(READING))?;
    let mut reader = BufReader::new(stream.take(MOST_BYTES));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let address = line
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next());
    let answer = address.map_or(Answer::Other, |address| answer::read(address, state));
    // The rest of the request: closing on a browser that still speaks would take the page from it.
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let page = match answer {
        Answer::Code(_) => Page::SignedIn,
        Answer::Denied(_) => Page::Denied,
        Answer::Other => Page::Other,
    };
    stream.write_all(page::response(page).as_bytes())?;
    stream.flush()?;
    if !matches!(answer, Answer::Other) {
        // Nobody waits any more where it comes too late.
        let _told = told.send(answer);
    }
    Ok(())
}

/// Takes the address of the page that a browser on another machine could not show.
fn read_pasted(state: &str, told: &Sender<Answer>) {
    for line in io::stdin()
        .lock()
        .take(MOST_BYTES)
        .lines()
        .map_while(Result::ok)
    {
        let answer = answer::read(&line, state);
        if !matches!(answer, Answer::Other) {
            let _told = told.send(answer);
            return;
        }
    }
}
