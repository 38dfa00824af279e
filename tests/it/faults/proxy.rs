//! What stands between the program and the test Bitbucket: it notes every request, and can spoil the answer to one.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::answer::{Places, Wire, wire};
use super::fault::Fault;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// The true answer.
pub(crate) struct Reply {
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The headers that say something of the answer beside its body.
    pub(crate) fn headers(&self) -> Vec<String> {
        let is_own = |line: &&String| line.to_ascii_lowercase().starts_with("x-");
        self.head.iter().filter(is_own).cloned().collect()
    }
}

/// What is done to which answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trap {
    pub(crate) fault: Fault,
    /// To the how many-th request, from 0.
    pub(crate) at: usize,
    /// Also to all that follow to the same address, whatever their query.
    pub(crate) stays: bool,
}

/// What is set, and what came.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) trap: Option<Trap>,
    /// The requests, and whether the server got them.
    pub(crate) asked: Vec<(Asked, bool)>,
    /// The requests that met the fault, by their places in `asked`.
    pub(crate) met: Vec<usize>,
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    own: String,
    server: SocketAddr,
    elsewhere: String,
    bomb: Arc<Vec<u8>>,
    notes: Mutex<Notes>,
    stop: AtomicBool,
    /// Requests that the server is answering.
    busy: AtomicUsize,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, elsewhere: String, bomb: Arc<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            own: format!("http://{address}"),
            server,
            elsewhere,
            bomb,
            notes: Mutex::default(),
            stop: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.stop.load(Ordering::SeqCst) {
                    return;
                }
                let own = Arc::clone(&own);
                // Whatever breaks off here broke off in the program, which is looked at elsewhere.
                std::thread::spawn(move || drop(own.serve(&stream)));
            }
        });
        Self { address, shared }
    }

    /// Waits until the server has answered everything that was asked.
    pub(crate) fn settle(&self) {
        while self.shared.busy.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.shared.notes.lock().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read(&mut reader)? {
            let (fault, met) = self.note(&asked);
            let Some(fault) = fault else {
                relay(stream, &self.forward(&asked)?)?;
                continue;
            };
            let reply = fault.is_done().then(|| self.forward(&asked)).transpose()?;
            let places = Places {
                own: &self.own,
                elsewhere: &self.elsewhere,
                bomb: &self.bomb,
            };
            return send(stream, wire(fault, &asked, reply.as_ref(), &places, met));
        }
        Ok(())
    }

    /// Notes a request, and finds what is to be done to its answer, and how often that was done before.
    fn note(&self, asked: &Asked) -> (Option<Fault>, usize) {
        let mut notes = self.notes.lock().unwrap();
        let at = notes.asked.len();
        let place = |asked: &Asked| {
            let path = asked.path.split('?').next().unwrap_or_default();
            (asked.method.clone(), path.to_owned())
        };
        let fault = notes.trap.filter(|trap| {
            at == trap.at
                || (trap.stays
                    && at > trap.at
                    && notes.asked.get(trap.at).map(|(first, _)| place(first))
                        == Some(place(asked)))
        });
        let fault = fault.map(|trap| trap.fault);
        let is_passed_on = fault.is_none_or(Fault::is_done);
        notes.asked.push((asked.clone(), is_passed_on));
        let met = notes.met.len();
        if fault.is_some() {
            notes.met.push(at);
        }
        (fault, met)
    }

    fn forward(&self, asked: &Asked) -> std::io::Result<Reply> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let reply = self.asked_of_server(asked);
        self.busy.fetch_sub(1, Ordering::SeqCst);
        reply
    }

    fn asked_of_server(&self, asked: &Asked) -> std::io::Result<Reply> {
        let mut server = TcpStream::connect(self.server)?;
        let mut head = asked.head.join("\r\n");
        head.push_str("\r\nconnection: close\r\n\r\n");
        server.write_all(&[head.as_bytes(), &asked.body].concat())?;
        let mut reader = BufReader::new(server);
        let head = head_of(&mut reader)?.unwrap_or_default();
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok(Reply { head, body })
    }
}

/// The lines of a head, without those about the connection; nothing where it was closed.
fn head_of(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some(lines));
        }
        let name = line.split(':').next().unwrap_or_default();
        if !name.eq_ignore_ascii_case("connection") {
            lines.push(line.to_owned());
        }
    }
}

fn value(head: &[String], name: &str) -> Option<String> {
    let of = |line: &String| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    };
    head.iter().find_map(of)
}

fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Asked>> {
    let Some(head) = head_of(reader)? else {
        return Ok(None);
    };
    let length = value(&head, "content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let first = head.first().cloned().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    Ok(Some(Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        authorization: value(&head, "authorization"),
        head,
        body,
    }))
}

fn relay(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let head = reply.head.join("\r\n");
    stream.write_all(&[head.as_bytes(), b"\r\n\r\n", &reply.body].concat())
}

fn send(mut stream: &TcpStream, wire: Wire) -> std::io::Result<()> {
    let (start, more, pause) = match wire {
        Wire::Bytes(bytes) => return stream.write_all(&bytes),
        Wire::Reset => return reset(stream),
        Wire::Endless(start, more) => (start, more, Duration::ZERO),
        Wire::Slowly(start, more) => (start, more, Duration::from_millis(100)),
    };
    stream.write_all(&start)?;
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    loop {
        stream.write_all(&more)?;
        std::thread::sleep(pause);
        // A program that has closed its end waits for nothing.
        if !pause.is_zero() && matches!(stream.read(&mut [0]), Ok(0)) {
            return Ok(());
        }
    }
}

/// Ends a connection with a reset instead of an end (RFC 9293, section 3.10.4).
fn reset(stream: &TcpStream) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _inside = runtime.enter();
    let own = stream.try_clone()?;
    own.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(own)?.set_zero_linger()
}
