//! A real `git http-backend` behind an HTTP server on loopback that requires a credential.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{check_output, program};

/// A git server with one repository.
pub(crate) struct GitServer {
    origin: String,
    dir: tempfile::TempDir,
    path: String,
    shown: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Starts a server with one repository that accepts these credentials: `Basic user:password` or `Bearer token`.
    pub(crate) fn start(path: &str, demanded: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = dir.path().join(path);
        check_output(
            program("git")
                .args(["init", "--bare", "--initial-branch=main"])
                .arg(&repository),
        );
        check_output(program("git").arg("-C").arg(&repository).args([
            "config",
            "http.receivepack",
            "true",
        ]));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, root) = (Arc::clone(&stop), dir.path().to_owned());
        let demanded: Vec<String> = demanded.iter().map(|&text| text.to_owned()).collect();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&shown);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                // The client may have closed the connection.
                let _answered = stream.and_then(|stream| respond(stream, &root, &demanded, &seen));
            }
        });
        Self {
            origin,
            dir,
            path: path.to_owned(),
            shown,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn origin(&self) -> String {
        self.origin.clone()
    }

    /// The credentials that were received and accepted.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }

    pub(crate) fn host(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    pub(crate) fn has_branch(&self, name: &str) -> bool {
        let repository = self.dir.path().join(&self.path);
        let found = program("git")
            .arg("-C")
            .arg(repository)
            .args(["rev-parse", "--verify", "--quiet", name])
            .output();
        found.unwrap().status.success()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.host()));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Responds to one request, and closes the connection.
fn respond(
    mut stream: TcpStream,
    root: &std::path::Path,
    demanded: &[String],
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let body = if header("transfer-encoding") == Some("chunked") {
        chunked(&mut reader)?
    } else {
        let mut body = vec![
            0;
            header("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or(0)
        ];
        reader.read_exact(&mut body)?;
        body
    };
    let shown = header("authorization")
        .map(decoded)
        .filter(|shown| demanded.contains(shown));
    if let Some(shown) = shown {
        seen.lock().unwrap().push(shown);
    } else {
        let refusal = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Atlassian Bitbucket\"\r\n\
                       Content-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(refusal.as_bytes());
    }
    let (method, target) = (
        first.split(' ').next().unwrap_or_default(),
        first.split(' ').nth(1).unwrap_or_default(),
    );
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = program("git");
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    backend
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REMOTE_USER", "jane");
    backend.env("CONTENT_TYPE", header("content-type").unwrap_or_default());
    backend.env("CONTENT_LENGTH", body.len().to_string());
    backend.env(
        "HTTP_CONTENT_ENCODING",
        header("content-encoding").unwrap_or_default(),
    );
    backend.env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default());
    let mut child = backend
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?.stdout;
    let at = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..at]);
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let length = output.len() - at - 4;
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&output[at + 4..])
}

fn chunked(reader: &mut impl std::io::BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// A header as `Basic user:password` or `Bearer token`.
fn decoded(header: &str) -> String {
    use base64::Engine as _;
    let Some(encoded) = header.strip_prefix("Basic ") else {
        return header.to_owned();
    };
    let pair = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap_or_default();
    format!("Basic {}", String::from_utf8_lossy(&pair))
}
