//! Why git could not fetch or push, found out from its output.

use thiserror::Error;

use crate::sys::subprocess::{ProcessError, ProcessOutput};

/// Why git could not fetch or push.
#[derive(Debug, Error)]
pub(crate) enum PushError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("temporary repository failed: {0}")]
    TempDir(#[from] std::io::Error),
    /// A local file is not what it was when the directory was compared.
    #[error("file {0} changed during the run")]
    FileChanged(String),
    #[error("credential rejected for git: {0}")]
    Unauthorized(String),
    /// The credential has no write access, or the branch is protected.
    #[error("push rejected: {0}")]
    NotPermitted(String),
    /// The credential has no read access.
    #[error("access denied to git: {0}")]
    Denied(String),
    /// The branch does not point to the expected commit.
    #[error("the branch changed in the meantime: {0}")]
    NonFastForward(String),
    /// A branch and a prefix of another branch have the same name.
    #[error("the branch name conflicts with another branch: {0}")]
    RefNameConflict(String),
    #[error("not found by git: {0}")]
    NotFound(String),
    #[error("server unreachable by git: {0}")]
    Unreachable(String),
    /// The response is an error, a redirect, or not that of a Git server.
    #[error("unusable response to git: {0}")]
    Server(String),
    #[error("git failed: {0}")]
    Failed(String),
}

/// For a command that waits for the server: its time limit is that of the server's response.
pub(super) fn timeout_as_unreachable(error: PushError) -> PushError {
    if let PushError::Process(ProcessError::TimedOut { limit, .. }) = error {
        let limit = limit.as_secs_f32();
        return PushError::Unreachable(format!("no response within {limit} seconds"));
    }
    error
}

/// For a command that only reads.
pub(super) fn without_push(error: PushError) -> PushError {
    if let PushError::NotPermitted(reason) = error {
        PushError::Denied(reason)
    } else {
        error
    }
}

/// Classifies a failure by git's messages in the C locale.
pub(super) fn classify_push_failure(output: &ProcessOutput) -> PushError {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let rejected = stdout
        .lines()
        .find(|line| line.starts_with('!'))
        .and_then(|line| line.rsplit('\t').next());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let remote: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    // After the reason, git may print one more line that it failed.
    let last = ["fatal:", "error:"]
        .iter()
        .find_map(|start| lines.iter().rev().find(|line| line.starts_with(start)));
    let reason = rejected
        .map(str::to_owned)
        .into_iter()
        .chain(remote.iter().map(ToString::to_string))
        .collect::<Vec<_>>();
    let reason = if reason.is_empty() {
        last.or(lines.last()).map_or_else(
            || "no reason given".to_owned(),
            |line| {
                line.trim_start_matches("fatal: ")
                    .trim_start_matches("error: ")
                    .to_owned()
            },
        )
    } else {
        reason.join("; ")
    };
    let all = format!("{stdout}\n{stderr}").to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| all.contains(part));
    if has(&["; cannot create 'refs/", "directory file conflict"]) {
        PushError::RefNameConflict(reason)
    } else if has(&[
        "stale info",
        "fetch first",
        "non-fast-forward",
        "cannot lock ref",
        "reference already exists",
    ]) {
        PushError::NonFastForward(reason)
    } else if has(&["[remote rejected]", "error: 403"]) {
        PushError::NotPermitted(reason)
    } else if has(&[
        "authentication failed",
        "could not read username",
        "error: 401",
    ]) {
        PushError::Unauthorized(reason)
    } else if has(&["not found", "couldn't find remote ref", "error: 404"]) {
        PushError::NotFound(reason)
    } else if has(&[
        "returned error: 3",
        "returned error: 4",
        "returned error: 5",
        "error: 5",
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
        PushError::Server(reason)
    } else if has(&[
        "could not resolve",
        "failed to connect",
        "unable to access",
        "timed out",
        "unexpectedly",
        "early eof",
    ]) {
        PushError::Unreachable(reason)
    } else {
        PushError::Failed(reason)
    }
}
