//! Checkouts with a key of their own: `core.sshCommand`, remotes, and clones.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use super::command::{
    GitError, config_get, entries, git_in, git_without_repo_env, reason, run_modifying,
    run_optional,
};
use super::remotes;
use crate::sys::atomic_file::rename;
use crate::sys::signals;
use crate::sys::subprocess::{ProcessError, Stderr};

/// Large repositories take hours.
const CLONE_LIMIT: Duration = Duration::from_hours(6);

/// The file whose lock shows that a temporary directory is in use.
const LOCK: &str = "lock";
/// A directory without a lock is in use for a moment only.
const UNLOCKED_AGE: Duration = Duration::from_mins(1);

/// `core.sshCommand` of the checkout in a directory, by default the current one.
pub(crate) fn ssh_command(dir: Option<&Path>) -> Result<Option<String>, GitError> {
    let get = ["config", "--local", "--get", "core.sshCommand"];
    let text = config_get(git_in(dir).args(get))?;
    Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()))
}

/// Sets `core.sshCommand` of the checkout in a directory, by default the current one; and `ssh.variant`, because the user may
/// have set that of another program, whose options git would pass.
pub(crate) fn set_ssh_command(dir: Option<&Path>, command: &str) -> Result<(), GitError> {
    for (key, value) in [("ssh.variant", "ssh"), ("core.sshCommand", command)] {
        let get = ["config", "--local", "--get", key];
        if config_get(git_in(dir).args(get))?.trim_end() != value {
            let set = ["config", "--local", "--replace-all", key, value];
            run_modifying(git_in(dir).args(set))?;
        }
    }
    Ok(())
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

/// A clone that uses one SSH key.
#[derive(Debug)]
pub(crate) struct CloneCommand<'a> {
    pub(crate) url: &'a str,
    pub(crate) dir: &'a Path,
    pub(crate) ssh_command: &'a str,
    /// `ssh` may prompt for a passphrase on the terminal.
    pub(crate) may_prompt: bool,
    pub(crate) limit: Option<Duration>,
}

/// Clones a repository, and sets `core.sshCommand` in the clone. The directory appears with the complete clone, or not at
/// all: git works in a temporary directory beside it.
pub(crate) fn clone(command: &CloneCommand<'_>) -> Result<(), GitError> {
    let CloneCommand {
        url,
        dir,
        ssh_command,
        ..
    } = *command;
    let failed = |reason: String| GitError::Clone {
        dir: dir.display().to_string(),
        reason,
    };
    let failed_io = |error: io::Error| failed(error.to_string());
    // `.` has no name.
    let dir = &std::path::absolute(dir).map_err(failed_io)?;
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(failed("it is not the name of a directory".to_owned()));
    };
    fs::create_dir_all(parent).map_err(failed_io)?;
    // Declared before the directory, so that it is dropped after it.
    let _deferred = signals::defer();
    remove_abandoned(parent, name);
    let temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(name))
        .tempdir_in(parent)
        .map_err(failed_io)?;
    let lock = fs::File::create(temporary.path().join(LOCK)).map_err(failed_io)?;
    lock.lock().map_err(failed_io)?;
    let clone = ["clone", "--quiet", "-c", "ssh.variant=ssh"];
    let git = git_without_repo_env()
        .args(["-C"])
        .args([temporary.path()])
        .args(clone)
        .args(["-c", &format!("core.sshCommand={ssh_command}"), "--", url])
        .args([name])
        // The environment must not replace the command that was tested, nor its dialect.
        .env("GIT_SSH_COMMAND", ssh_command)
        .env("GIT_SSH_VARIANT", "ssh")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stderr(Stderr::Capture);
    let git = if command.may_prompt {
        git
    } else {
        git.new_process_group()
    };
    let output = match git.run(command.limit.unwrap_or(CLONE_LIMIT)) {
        Err(ProcessError::TimedOut { limit, .. }) => return Err(GitError::TimedOut(limit)),
        other => other?,
    };
    if !output.status.success() {
        return Err(failed(reason(&output)));
    }
    move_into_place(&temporary.path().join(name), dir).map_err(failed_io)
}

fn temporary_prefix(name: &OsStr) -> String {
    format!(".{}.bbconnect-clone-", name.to_string_lossy())
}

/// Moves a clone to its place, which is empty or does not exist.
fn move_into_place(clone: &Path, dir: &Path) -> io::Result<()> {
    let is_current = std::env::current_dir().is_ok_and(|current| current == dir);
    if !is_current && (fs::remove_dir(dir).is_ok() || dir.symlink_metadata().is_err()) {
        return rename(clone, dir);
    }
    if fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
    }
    // `.git` last: without it the directory is not a checkout.
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(clone)? {
        entries.push(entry?.path());
    }
    entries.sort_by_key(|path| path.file_name() == Some(OsStr::new(".git")));
    for path in entries {
        if let Some(name) = path.file_name() {
            rename(&path, &dir.join(name))?;
        }
    }
    Ok(())
}

/// Removes the temporary directories of clones into this directory that were killed.
fn remove_abandoned(parent: &Path, name: &OsStr) {
    let prefix = temporary_prefix(name);
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(&prefix);
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours && is_dir && is_abandoned(&entry.path()) {
            // A file that cannot be removed does no harm.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn is_abandoned(dir: &Path) -> bool {
    if let Ok(lock) = fs::File::open(dir.join(LOCK)) {
        return lock.try_lock().is_ok();
    }
    let modified = fs::metadata(dir).and_then(|metadata| metadata.modified());
    let age = modified.map(|modified| SystemTime::now().duration_since(modified));
    matches!(age, Ok(Ok(age)) if age > UNLOCKED_AGE)
}

/// Whether a clone of a repository with commits has them, and its files.
pub(crate) fn is_complete_clone(dir: &Path) -> Result<bool, GitError> {
    let inner = dir.join(".git");
    if !inner.is_dir() {
        return Ok(true);
    }
    let has_output = |arguments: &[&str]| -> Result<bool, GitError> {
        let output = run_optional(git_in(Some(dir)).args(arguments))?;
        Ok(output.is_some_and(|output| !output.is_empty()))
    };
    if has_output(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])? {
        return Ok(inner.join("index").exists());
    }
    // An orphan branch was checked out.
    has_output(&["for-each-ref", "--count=1", "refs/heads"])
}
