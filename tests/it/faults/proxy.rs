//! A proxy between the program and the fake Bitbucket: it records every request, and can inject a fault.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::fault::Fault;
use super::wire::{Targets, Wire, wire};

/// A request as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// The real response.
pub(crate) struct Response {
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Headers with facts that are not in the body.
    pub(crate) fn headers(&self) -> Vec<String> {
        let is_own = |line: &&String| line.to_ascii_lowercase().starts_with("x-");
        self.head.iter().filter(is_own).cloned().collect()
    }
}

/// Which request gets which fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Injection {
    pub(crate) fault: Fault,
    /// The index of the request, from 0.
    pub(crate) at: usize,
    /// Later requests with the same method and path get the fault as well.
    pub(crate) is_persistent: bool,
}

/// The injected fault, and the requests so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) injection: Option<Injection>,
    /// The requests, and whether the server got them.
    pub(crate) requests: Vec<(Request, bool)>,
    /// The indices of the requests that got the fault.
    pub(crate) hit: Vec<usize>,
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    own: String,
    server: SocketAddr,
    other_server: String,
    gzip_bomb: Arc<Vec<u8>>,
    log: Mutex<Log>,
    stop: AtomicBool,
    /// Requests that the server is processing.
    busy: AtomicUsize,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, other_server: String, gzip_bomb: Arc<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            own: format!("http://{address}"),
            server,
            other_server,
            gzip_bomb,
            log: Mutex::default(),
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
                // An error here is one of the program's connection, and the run is checked by the rules.
                std::thread::spawn(move || drop(own.serve(&stream)));
            }
        });
        Self { address, shared }
    }

    /// Waits until the server has answered all requests.
    pub(crate) fn wait_until_idle(&self) {
        while self.shared.busy.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap()
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
        while let Some(request) = read(&mut reader)? {
            let (fault, hit) = self.record(&request);
            let Some(fault) = fault else {
                relay(stream, &self.forward(&request)?)?;
                continue;
            };
            let response = fault
                .is_carried_out()
                .then(|| self.forward(&request))
                .transpose()?;
            let targets = Targets {
                own: &self.own,
                other_server: &self.other_server,
                gzip_bomb: &self.gzip_bomb,
            };
            return send(
                stream,
                wire(fault, &request, response.as_ref(), &targets, hit),
            );
        }
        Ok(())
    }

    /// Records a request, and returns its fault, and how often that was injected before.
    fn record(&self, request: &Request) -> (Option<Fault>, usize) {
        let mut log = self.log.lock().unwrap();
        let at = log.requests.len();
        let endpoint = |request: &Request| {
            let path = request.path.split('?').next().unwrap_or_default();
            (request.method.clone(), path.to_owned())
        };
        let fault = log.injection.filter(|injection| {
            at == injection.at
                || (injection.is_persistent
                    && at > injection.at
                    && log
                        .requests
                        .get(injection.at)
                        .map(|(first, _)| endpoint(first))
                        == Some(endpoint(request)))
        });
        let fault = fault.map(|injection| injection.fault);
        let is_forwarded = fault.is_none_or(Fault::is_carried_out);
        log.requests.push((request.clone(), is_forwarded));
        let hit = log.hit.len();
        if fault.is_some() {
            log.hit.push(at);
        }
        (fault, hit)
    }

    fn forward(&self, request: &Request) -> std::io::Result<Response> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let response = self.forward_to_server(request);
        self.busy.fetch_sub(1, Ordering::SeqCst);
        response
    }

    fn forward_to_server(&self, request: &Request) -> std::io::Result<Response> {
        let mut server = TcpStream::connect(self.server)?;
        let mut head = request.head.join("\r\n");
        head.push_str("\r\nconnection: close\r\n\r\n");
        server.write_all(&[head.as_bytes(), &request.body].concat())?;
        let mut reader = BufReader::new(server);
        let head = read_head(&mut reader)?.unwrap_or_default();
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok(Response { head, body })
    }
}

/// The lines of a head, without the `Connection` header; `None` where the connection was closed.
fn read_head(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<Vec<String>>> {
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

fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Request>> {
    let Some(head) = read_head(reader)? else {
        return Ok(None);
    };
    let length = value(&head, "content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let first = head.first().cloned().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    Ok(Some(Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        authorization: value(&head, "authorization"),
        head,
        body,
    }))
}

fn relay(mut stream: &TcpStream, response: &Response) -> std::io::Result<()> {
    let head = response.head.join("\r\n");
    stream.write_all(&[head.as_bytes(), b"\r\n\r\n", &response.body].concat())
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
        // The program has closed the connection.
        if !pause.is_zero() && matches!(stream.read(&mut [0]), Ok(0)) {
            return Ok(());
        }
    }
}

/// Aborts a connection with a reset (RFC 9293, section 3.10.4).
fn reset(stream: &TcpStream) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _inside = runtime.enter();
    let own = stream.try_clone()?;
    own.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(own)?.set_zero_linger()
}
