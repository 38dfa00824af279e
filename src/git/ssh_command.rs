//! `core.sshCommand`: which `ssh` a checkout's git runs, and with it which key.

use std::path::Path;
use std::time::Duration;

use super::GitError;
use crate::process::{Complaints, Task};

/// A question to git's configuration.
const LIMIT: Duration = Duration::from_secs(10);
/// Large repositories take their time.
const CLONE_LIMIT: Duration = Duration::from_hours(6);

/// The command that a checkout has of its own.
///
/// # Errors
/// [`GitError::Process`].
pub fn ssh_command(folder: &Path) -> Result<Option<String>, GitError> {
    let task = git(folder).arguments(["config", "--local", "--get", "core.sshCommand"]);
    let ended = task.complaints(Complaints::Ignored).run(LIMIT)?;
    let text = String::from_utf8_lossy(&ended.stdout).trim_end().to_owned();
    Ok((ended.status.success() && !text.is_empty()).then_some(text))
}

/// Gives a checkout its own command.
///
/// # Errors
/// [`GitError`].
pub fn set_ssh_command(folder: &Path, command: &str) -> Result<(), GitError> {
    let arguments = [
        "config",
        "--local",
        "--replace-all",
        "core.sshCommand",
        command,
    ];
    let task = git(folder)
        .arguments(arguments)
        .complaints(Complaints::Caught);
    let ended = task.run(LIMIT)?;
    if ended.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(GitError::Refused(words))
}

/// The URLs of a checkout's remotes, with their names; `None` where the folder is not the root of one.
///
/// # Errors
/// [`GitError::Process`].
pub fn remotes_of(folder: &Path) -> Result<Option<Vec<(String, String)>>, GitError> {
    if !folder.join(".git").exists() {
        return Ok(None);
    }
    let task = git(folder).arguments(["config", "--null", "--get-regexp", r"^remote\..*\.url$"]);
    let ended = task.complaints(Complaints::Ignored).run(LIMIT)?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let entries = text.split('\0').filter_map(|entry| entry.split_once('\n'));
    let remotes = entries.filter_map(|(key, url)| {
        let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
        Some((name.to_owned(), url.to_owned()))
    });
    Ok(Some(remotes.collect()))
}

/// Clones a repository, whose checkout then keeps the command.
///
/// # Errors
/// [`GitError`].
pub fn clone(url: &str, folder: &Path, command: &str, quiet: bool) -> Result<(), GitError> {
    let task = Task::new("git")
        .arguments(["clone", "-c", &format!("core.sshCommand={command}")])
        .arguments(quiet.then_some("--quiet"))
        .arguments(["--", url])
        .arguments([folder])
        // The command that was tested counts, whatever the environment says.
        .variable("GIT_SSH_COMMAND", command)
        .variable("GIT_TERMINAL_PROMPT", "0")
        .complaints(Complaints::Shown);
    let ended = task.run(CLONE_LIMIT)?;
    if ended.status.success() {
        Ok(())
    } else {
        Err(GitError::Clone(folder.display().to_string()))
    }
}

fn git(folder: &Path) -> Task {
    Task::new("git").arguments(["-C"]).arguments([folder])
}
