//! Checkouts with a key of their own: `core.sshCommand`, remotes, and clones.

use std::path::Path;
use std::time::Duration;

use super::command::{
    config_get, entries, git_in, git_without_repo_env, run_modifying, run_optional,
};
use super::error::GitError;
use super::remotes;
use crate::sys::subprocess::Stderr;

/// Large repositories take hours.
const CLONE_LIMIT: Duration = Duration::from_hours(6);

/// `core.sshCommand` of the checkout in a directory, by default the current one.
pub(crate) fn ssh_command(dir: Option<&Path>) -> Result<Option<String>, GitError> {
    let get = ["config", "--local", "--get", "core.sshCommand"];
    let text = config_get(git_in(dir).args(get))?;
    Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()))
}

/// Sets `core.sshCommand` of the checkout in a directory, by default the current one.
pub(crate) fn set_ssh_command(dir: Option<&Path>, command: &str) -> Result<(), GitError> {
    let key = "core.sshCommand";
    let set = ["config", "--local", "--replace-all", key, command];
    run_modifying(git_in(dir).args(set))
}

/// The names and URLs of a checkout's remotes, as in [`super::Checkout::remotes`]; `None` where the directory is not the root
/// of a checkout.
pub(crate) fn remotes_of(dir: &Path) -> Result<Option<Vec<(String, String)>>, GitError> {
    if !dir.join(".git").exists() {
        return Ok(None);
    }
    let pattern = format!("^({})$", remotes::KEYS);
    let listing = ["config", "--null", "--get-regexp", &pattern];
    let text = config_get(git_in(Some(dir)).args(listing))?;
    Ok(Some(remotes::remotes(&entries(&text))))
}

/// Clones a repository, and sets `core.sshCommand` in the clone.
pub(crate) fn clone(url: &str, dir: &Path, command: &str, quiet: bool) -> Result<(), GitError> {
    let command_line = git_without_repo_env()
        .args(["clone", "-c", &format!("core.sshCommand={command}")])
        .args(quiet.then_some("--quiet"))
        .args(["--", url])
        .args([dir])
        // The environment must not replace the command that was tested.
        .env("GIT_SSH_COMMAND", command)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stderr(Stderr::Inherit);
    let output = command_line.run(CLONE_LIMIT)?;
    if output.status.success() {
        Ok(())
    } else {
        Err(GitError::Clone(dir.display().to_string()))
    }
}

/// The progress of an earlier clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloneState {
    /// The checkout can be used.
    Complete,
    /// The directory has no files yet: the clone can be resumed.
    NotCheckedOut,
    /// It was interrupted, and the directory has files.
    Partial,
}

/// The progress of a clone of a repository with commits.
pub(crate) fn clone_state(dir: &Path) -> Result<CloneState, GitError> {
    let inner = dir.join(".git");
    if !inner.is_dir() {
        return Ok(CloneState::Complete);
    }
    let has_output = |arguments: &[&str]| -> Result<bool, GitError> {
        let output = run_optional(git_in(Some(dir)).args(arguments))?;
        Ok(output.is_some_and(|output| !output.is_empty()))
    };
    let has_commit = has_output(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
    if has_commit && inner.join("index").exists() {
        return Ok(CloneState::Complete);
    }
    // An orphan branch was checked out.
    if !has_commit && has_output(&["for-each-ref", "--count=1", "refs/heads"])? {
        return Ok(CloneState::Complete);
    }
    let mut entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let has_files = entries.any(|entry| entry.file_name() != ".git");
    Ok(if has_files || inner.join("index").exists() {
        CloneState::Partial
    } else {
        CloneState::NotCheckedOut
    })
}

/// Finishes an interrupted clone, and checks out a branch.
pub(crate) fn resume_clone(
    dir: &Path,
    remote: &str,
    branch: &str,
    command: &str,
) -> Result<(), GitError> {
    let succeeds = |arguments: &[&str], stderr| -> Result<bool, GitError> {
        let command = git_in(Some(dir))
            .args(arguments)
            .env("GIT_SSH_COMMAND", command)
            .env("GIT_TERMINAL_PROMPT", "0")
            .stderr(stderr);
        Ok(command.run(CLONE_LIMIT)?.status.success())
    };
    // Git sets the refspec at the end of a clone.
    let key = format!("remote.{remote}.fetch");
    let all = format!("+refs/heads/*:refs/remotes/{remote}/*");
    let from = format!("refs/remotes/{remote}/{branch}");
    let is_set = succeeds(&["config", "--local", "--get", &key], Stderr::Null)?;
    let is_done = (is_set || succeeds(&["config", "--local", &key, &all], Stderr::Inherit)?)
        && succeeds(&["fetch", "--quiet", "--", remote], Stderr::Inherit)?
        && succeeds(
            &["checkout", "--quiet", "-B", branch, "--track", &from],
            Stderr::Inherit,
        )?;
    if is_done {
        Ok(())
    } else {
        Err(GitError::Clone(dir.display().to_string()))
    }
}
