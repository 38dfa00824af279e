//! Bare git repositories behind the fake server, served over HTTP by `git http-backend`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;

#[expect(clippy::disallowed_methods, reason = "a server of git needs git")]
fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir);
    command
}

fn lines(command: &mut Command) -> Vec<String> {
    let output = command.output().expect("git starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    text.lines().map(str::to_owned).collect()
}

/// Creates a bare repository that can be pushed to. Each branch has one commit more than `main`.
pub(crate) fn create(root: &Path, name: &str, branches: &[&str]) {
    let bare = root.join(format!("{name}.git"));
    std::fs::create_dir_all(&bare).expect("it can be created");
    let run = |arguments: &[&str]| {
        let who = ["-c", "user.name=Jane", "-c", "user.email=jane@acme.example"];
        lines(git(&bare).args(who).args(arguments).stdin(Stdio::null())).join("")
    };
    run(&["init", "--quiet", "--bare", "--initial-branch=main"]);
    run(&["config", "http.receivepack", "true"]);
    let tree = run(&["mktree"]);
    let first = run(&["commit-tree", &tree, "-m", "First"]);
    run(&["update-ref", "refs/heads/main", &first]);
    for branch in branches {
        let more = run(&["commit-tree", &tree, "-p", &first, "-m", branch]);
        run(&["update-ref", &format!("refs/heads/{branch}"), &more]);
    }
}

/// The branches of a bare repository, with their commits.
pub(super) fn branches(dir: &Path) -> Vec<(String, String)> {
    let format = "--format=%(refname:lstrip=2) %(objectname)";
    let lines = lines(git(dir).args(["for-each-ref", format, "refs/heads"]));
    let pairs = lines.iter().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect()
}

/// Responds to a request of git through git-http-backend (CGI).
pub(super) fn serve(root: &Path, below: &str, head: &Parts, body: &[u8]) -> Response {
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut child = git(root)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{path}"))
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", head.method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_USER", "jane")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts");
    let mut input = child.stdin.take().expect("it is piped");
    let bytes = body.to_vec();
    let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let output = child.wait_with_output().expect("git ends").stdout;
    writer.join().expect("it was written");
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("there is a head");
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => {
                let code: u16 = status[..3].parse().expect("a status");
                response = response.status(code);
            }
            Some((name, value)) => response = response.header(name, value),
            None => {}
        }
    }
    response
        .body(Body::from(output[end + 4..].to_vec()))
        .expect("a response")
}
