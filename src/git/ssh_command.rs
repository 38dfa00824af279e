//! `core.sshCommand`: which `ssh` a checkout's git runs, and with it which key.

use std::path::Path;
use std::time::Duration;

use super::command::{
    config_get, entries, git_in, git_without_repo_env, run_modifying, run_optional,
};
use super::error::GitError;
use super::remotes;
use crate::sys::subprocess::Stderr;

/// Large repositories take their time.
const CLONE_LIMIT: Duration = Duration::from_hours(6);

/// The command that a checkout has of its own: that in a folder, or the one that one stands in.
///
/// # Errors
/// [`GitError::Process`].
pub(crate) fn ssh_command(folder: Option<&Path>) -> Result<Option<String>, GitError> {
    let get = ["config", "--local", "--get", "core.sshCommand"];
    let text = config_get(git_in(folder).args(get))?;
    Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()))
}

/// Gives a checkout its own command: that in a folder, or the one that one stands in.
///
/// # Errors
/// [`GitError`].
pub(crate) fn set_ssh_command(folder: Option<&Path>, command: &str) -> Result<(), GitError> {
    let key = "core.sshCommand";
    let set = ["config", "--local", "--replace-all", key, command];
    run_modifying(git_in(folder).args(set))
}

/// The URLs of a checkout's remotes, with their names, as in [`super::Checkout::remotes`]; `None` where the folder is not the root of one.
///
/// # Errors
/// [`GitError::Process`].
pub(crate) fn remotes_of(folder: &Path) -> Result<Option<Vec<(String, String)>>, GitError> {
    if !folder.join(".git").exists() {
        return Ok(None);
    }
    let pattern = format!("^({})$", remotes::KEYS);
    let listing = ["config", "--null", "--get-regexp", &pattern];
    let text = config_get(git_in(Some(folder)).args(listing))?;
    Ok(Some(remotes::remotes(&entries(&text))))
}

/// Clones a repository, whose checkout then keeps the command.
///
/// # Errors
/// [`GitError`].
pub(crate) fn clone(url: &str, folder: &Path, command: &str, quiet: bool) -> Result<(), GitError> {
    let task = git_without_repo_env()
        .args(["clone", "-c", &format!("core.sshCommand={command}")])
        .args(quiet.then_some("--quiet"))
        .args(["--", url])
        .args([folder])
        // The command that was tested counts, whatever the environment says.
        .env("GIT_SSH_COMMAND", command)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stderr(Stderr::Inherit);
    let output = task.run(CLONE_LIMIT)?;
    if output.status.success() {
        Ok(())
    } else {
        Err(GitError::Clone(folder.display().to_string()))
    }
}

/// How far a clone got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloneState {
    /// There is something that one can work with.
    Complete,
    /// There is nothing of anybody's in it yet: it can be finished.
    NotCheckedOut,
    /// It was cut off, and there are files in it.
    Partial,
}

/// How far the clone of a repository that is not empty got.
///
/// # Errors
/// [`GitError::Process`].
pub(crate) fn clone_state(folder: &Path) -> Result<CloneState, GitError> {
    let inner = folder.join(".git");
    if !inner.is_dir() {
        return Ok(CloneState::Complete);
    }
    let says = |arguments: &[&str]| -> Result<bool, GitError> {
        let said = run_optional(git_in(Some(folder)).args(arguments))?;
        Ok(said.is_some_and(|said| !said.is_empty()))
    };
    let has_commit = says(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
    if has_commit && inner.join("index").exists() {
        return Ok(CloneState::Complete);
    }
    // Somebody has begun a branch without history beside others.
    if !has_commit && says(&["for-each-ref", "--count=1", "refs/heads"])? {
        return Ok(CloneState::Complete);
    }
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let has_files = entries.any(|entry| entry.file_name() != ".git");
    Ok(if has_files || inner.join("index").exists() {
        CloneState::Partial
    } else {
        CloneState::NotCheckedOut
    })
}

/// Finishes a clone that has begun, up to a branch.
///
/// # Errors
/// [`GitError`].
pub(crate) fn resume_clone(
    folder: &Path,
    remote: &str,
    branch: &str,
    command: &str,
) -> Result<(), GitError> {
    let done = |arguments: &[&str], complaints| -> Result<bool, GitError> {
        let task = git_in(Some(folder))
            .args(arguments)
            .env("GIT_SSH_COMMAND", command)
            .env("GIT_TERMINAL_PROMPT", "0")
            .stderr(complaints);
        Ok(task.run(CLONE_LIMIT)?.status.success())
    };
    // Git writes it down after everything is there.
    let key = format!("remote.{remote}.fetch");
    let all = format!("+refs/heads/*:refs/remotes/{remote}/*");
    let from = format!("refs/remotes/{remote}/{branch}");
    let knows = done(&["config", "--local", "--get", &key], Stderr::Null)?;
    let is_done = (knows || done(&["config", "--local", &key, &all], Stderr::Inherit)?)
        && done(&["fetch", "--quiet", "--", remote], Stderr::Inherit)?
        && done(
            &["checkout", "--quiet", "-B", branch, "--track", &from],
            Stderr::Inherit,
        )?;
    if is_done {
        Ok(())
    } else {
        Err(GitError::Clone(folder.display().to_string()))
    }
}
