//! Why a change was not pushed, read from what git says of it.

use thiserror::Error;

use crate::sys::subprocess::{ProcessError, ProcessOutput};

/// Why a change was not pushed.
#[derive(Debug, Error)]
pub(crate) enum PushError {
    /// Git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There is no room for a temporary repository.
    #[error("no temporary folder can be made: {0}")]
    TempDir(#[from] std::io::Error),
    /// The server does not take the credential.
    #[error("the server does not take the credential for git: {0}")]
    Unauthorized(String),
    /// The credential may not push, or the branch is protected.
    #[error("the server refuses the push: {0}")]
    NotPermitted(String),
    /// Somebody was faster.
    #[error("the branch has moved meanwhile: {0}")]
    NonFastForward(String),
    /// A branch has the name of a folder that others are in, or the other way round.
    #[error("no branch can have the name of another's folder: {0}")]
    RefNameConflict(String),
    /// The repository or branch is not there.
    #[error("git finds no such repository: {0}")]
    NotFound(String),
    /// The server was not reached.
    #[error("git does not reach the server: {0}")]
    Unreachable(String),
    /// The server answered in a way that git cannot use.
    #[error("git cannot use the server's answer: {0}")]
    Server(String),
    /// Something else.
    #[error("git failed: {0}")]
    Failed(String),
}

/// The same, of a git that spoke with the server: what took too long was the server.
pub(super) fn timeout_as_unreachable(error: PushError) -> PushError {
    if let PushError::Process(ProcessError::TimedOut { limit, .. }) = error {
        let limit = limit.as_secs_f32();
        return PushError::Unreachable(format!("no answer within {limit} seconds"));
    }
    error
}

/// What git's complaint stands for. Its words are those of git in the C locale.
pub(super) fn classify_push_failure(printed: &ProcessOutput) -> PushError {
    let stdout = String::from_utf8_lossy(&printed.stdout).into_owned();
    let rejected = stdout
        .lines()
        .find(|line| line.starts_with('!'))
        .and_then(|line| line.rsplit('\t').next());
    let stderr = String::from_utf8_lossy(&printed.stderr).into_owned();
    let told: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let remote: Vec<&str> = told
        .iter()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    // Behind the reason, git may say once more that it failed.
    let last = ["fatal:", "error:"]
        .iter()
        .find_map(|start| told.iter().rev().find(|line| line.starts_with(start)));
    let words = rejected
        .map(str::to_owned)
        .into_iter()
        .chain(remote.iter().map(ToString::to_string))
        .collect::<Vec<_>>();
    let words = if words.is_empty() {
        last.or(told.last()).map_or_else(
            || "it does not say why".to_owned(),
            |line| {
                line.trim_start_matches("fatal: ")
                    .trim_start_matches("error: ")
                    .to_owned()
            },
        )
    } else {
        words.join("; ")
    };
    let all = format!("{stdout}\n{stderr}").to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| all.contains(part));
    if has(&["; cannot create 'refs/", "directory file conflict"]) {
        PushError::RefNameConflict(words)
    } else if has(&[
        "stale info",
        "fetch first",
        "non-fast-forward",
        "cannot lock ref",
        "reference already exists",
    ]) {
        PushError::NonFastForward(words)
    } else if has(&["[remote rejected]", "error: 403"]) {
        PushError::NotPermitted(words)
    } else if has(&[
        "authentication failed",
        "could not read username",
        "error: 401",
    ]) {
        PushError::Unauthorized(words)
    } else if has(&["not found", "couldn't find remote ref", "error: 404"]) {
        PushError::NotFound(words)
    } else if has(&[
        "returned error: 5",
        "returned error: 429",
        "error: 5",
        "error: 429",
        "returned error: 3",
        "redirect",
        "is this a git repository",
        "git-http-push failed",
        "expected flush",
        "expected 'packfile'",
        "invalid server response",
        "protocol error",
        "bad line length",
        "bad pack header",
    ]) {
        PushError::Server(words)
    } else if has(&[
        "could not resolve",
        "failed to connect",
        "unable to access",
        "timed out",
        "unexpectedly",
        "early eof",
    ]) {
        PushError::Unreachable(words)
    } else {
        PushError::Failed(words)
    }
}
