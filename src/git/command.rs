//! Running git, and why it failed. The environment of a hook or an alias must not lead it to another repository.

use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use crate::sys::subprocess::{self, CommandSpec, ProcessError, ProcessOutput, Stderr};

/// The time limit of a command that only reads or changes configuration, unless `--timeout` says otherwise.
const LIMIT: Duration = Duration::from_secs(10);
/// Longer output is an error, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// The variables that name a repository (`git rev-parse --local-env-vars`), without those for configuration, which git
/// also passes to the git of a submodule; and the one that forbids changes in a hook that checks a push.
const LOCAL_ENV_VARS: [&str; 14] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Git for the checkout of the current directory, as git itself finds it: `GIT_DIR` applies.
pub(super) fn git() -> CommandSpec {
    CommandSpec::new("git")
}

/// Git for a repository that its arguments name: `GIT_DIR` does not apply.
pub(super) fn git_without_repo_env() -> CommandSpec {
    CommandSpec::new("git").env_remove_matching(|name| LOCAL_ENV_VARS.contains(&name))
}

/// Git for a directory, or for the checkout of the current one.
pub(super) fn git_in(dir: Option<&Path>) -> CommandSpec {
    match dir {
        Some(dir) => git_without_repo_env().args(["-C"]).args([dir]),
        None => git(),
    }
}

/// Git for a temporary repository: nothing of the user's environment applies, neither another repository nor
/// configuration, certificates or trace files, which would get the credential.
pub(super) fn git_isolated() -> CommandSpec {
    // The location of git's own programs is no configuration.
    let is_git_variable = |name: &str| name.starts_with("GIT_") && name != "GIT_EXEC_PATH";
    CommandSpec::new("git").env_remove_matching(is_git_variable)
}

/// The output of git; `None` where it fails, for commands whose failure is a result.
pub(super) fn run_optional(git: CommandSpec) -> Result<Option<String>, GitError> {
    let output = run_checked(git.stderr(Stderr::Null))?;
    let printed = || String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.status.success().then(printed))
}

/// The current directory relative to the root of its checkout; `None` where git says that there is no checkout.
pub(super) fn rev_parse_prefix() -> Result<Option<String>, GitError> {
    // The message is compared, so it must not be translated.
    let git = git()
        .args(["rev-parse", "--show-prefix"])
        .env("LC_ALL", "C")
        .stderr(Stderr::Capture);
    let output = run_checked(git)?;
    if output.status.success() {
        let prefix = String::from_utf8_lossy(&output.stdout);
        return Ok(Some(prefix.trim_end_matches(['\r', '\n']).to_owned()));
    }
    // setup.c says "(or any of the parent directories)" or "(or any parent up to mount point …)". A `GIT_DIR` or a file
    // `.git` that leads nowhere is named without these words: there is a checkout, and it is damaged.
    let message = String::from_utf8_lossy(&output.stderr);
    if message.contains("fatal: not a git repository (or any") {
        return Ok(None);
    }
    Err(GitError::UnreadableCheckout(reason(&output)))
}

/// `key\nvalue\0` for each entry (git-config(1), `--null`).
pub(super) fn entries(listing: &str) -> Vec<(String, String)> {
    let entries = listing.split('\0').filter_map(|entry| {
        let (key, value) = entry.split_once('\n')?;
        Some((key.to_owned(), value.to_owned()))
    });
    entries.collect()
}

/// Runs git to change its configuration.
pub(super) fn run_modifying(git: CommandSpec) -> Result<(), GitError> {
    let output = git
        .new_process_group()
        .stderr(Stderr::Capture)
        .run(subprocess::time_limit(LIMIT))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(refused(&output))
    }
}

/// The output of `git config --get` and its kin; empty where the key is not set.
pub(super) fn config_get(git: CommandSpec) -> Result<String, GitError> {
    let output = run_checked(git.stderr(Stderr::Capture))?;
    // git-config(1): 1 means that the key is not set.
    match output.status.code() {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(refused(&output)),
    }
}

/// The output of git, which must succeed.
pub(super) fn run_required(git: CommandSpec) -> Result<String, GitError> {
    let output = run_checked(git.stderr(Stderr::Capture))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(refused(&output))
    }
}

/// The complete output of git, whatever its exit status.
fn run_checked(git: CommandSpec) -> Result<ProcessOutput, GitError> {
    let git = git.new_process_group().max_output(MAX_OUTPUT_BYTES);
    Ok(git.run(subprocess::time_limit(LIMIT))?)
}

/// As [`run_checked`], for a command whose work grows with the repository.
pub(super) fn run_with_limit(git: CommandSpec, limit: Duration) -> Result<ProcessOutput, GitError> {
    let git = git.stderr(Stderr::Capture).new_process_group();
    Ok(git.max_output(MAX_OUTPUT_BYTES).run(limit)?)
}

/// A failure with git's own message.
pub(super) fn refused(output: &ProcessOutput) -> GitError {
    GitError::CommandFailed(reason(output))
}

/// What git wrote to standard error, on one line.
pub(super) fn reason(output: &ProcessOutput) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    let lines = message.lines().map(|line| {
        let line = line.trim();
        let starts = ["error: ", "fatal: "];
        let reason = starts.iter().find_map(|start| line.strip_prefix(start));
        reason.unwrap_or(line)
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return format!("git exited with {}", output.status);
    }
    lines.join("; ")
}

/// A regular expression for one value (POSIX extended, as git-config takes it).
pub(super) fn exact_regex(value: &str) -> String {
    let mut pattern = String::from("^");
    for character in value.chars() {
        if "\\.[]{}()*+?^$|".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('$');
    pattern
}

#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// Git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("git failed: {0}")]
    CommandFailed(String),
    /// With git's own words.
    #[error("git clone into {dir} failed: {reason}")]
    Clone { dir: String, reason: String },
    /// The server did not respond in time.
    #[error("git did not end within {} seconds", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The configuration of the checkout is unknown.
    #[error("git cannot read this checkout: {0}")]
    UnreadableCheckout(String),
    #[error("this directory is not in a git checkout")]
    NotARepository,
    /// The directory of a service is not in this checkout.
    #[error("{0} is not a directory in this checkout")]
    NotADirectory(String),
}
