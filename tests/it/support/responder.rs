//! An HTTP server whose responses are a function of the request: for responses that no Bitbucket should send.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Runs until the test ends.
pub(crate) struct Responder {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// The first line of a request, and its headers in small letters.
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) headers: String,
}

impl Head {
    /// Whether method and path contain a text.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.line.contains(text)
    }
}

impl Responder {
    /// Starts it; the function returns a whole response, see [`response`].
    pub(crate) fn start(respond: impl Fn(&Head) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (respond, seen) = (Arc::new(respond), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (respond, seen) = (Arc::clone(&respond), Arc::clone(&seen));
                thread::spawn(move || serve(stream, &*respond, &seen));
            }
        });
        Self { address, requests }
    }

    /// Method and path of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn cloud(&self) -> String {
        format!("http://{}/2.0", self.address)
    }

    pub(crate) fn datacenter(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A response with these headers, each on a line of its own.
pub(crate) fn response(status: u16, headers: &[&str], body: &str) -> String {
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    format!("{head}\r\n{body}")
}

pub(crate) fn json(status: u16, body: &str) -> String {
    response(status, &["content-type: application/json"], body)
}

fn serve(stream: TcpStream, respond: &impl Fn(&Head) -> String, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = String::new();
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let header = header.trim_end();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            let line = format!("{}: {}\n", name.to_lowercase(), value.trim());
            headers.push_str(&line);
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        seen.lock().unwrap().push(line.clone());
        let response = respond(&Head { line, headers });
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
