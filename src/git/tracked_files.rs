//! Tracked files of a work tree that contain a text.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{git_in, refused, run_with_limit};
use super::error::GitError;
use crate::sys::path_bytes::path_from_bytes;

/// The paths, relative to the root of the work tree, of tracked files that contain one of the texts, letter case ignored.
/// One process; settings of the repository that would start programs or look elsewhere do not apply.
pub(crate) fn tracked_files_containing(
    root: &Path,
    texts: &[&str],
    limit: Duration,
) -> Result<Vec<PathBuf>, GitError> {
    let settings = [
        "core.fsmonitor=false",
        "submodule.recurse=false",
        "grep.threads=1",
    ];
    let mut git = git_in(Some(root))
        .args(["--no-pager"])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args([
            "grep",
            "--files-with-matches",
            "--null",
            "--ignore-case",
            "--fixed-strings",
        ])
        .args([
            "--text",
            "--no-color",
            "--no-recurse-submodules",
            "--no-textconv",
        ])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1");
    for text in texts {
        git = git.args(["-e", text]);
    }
    let output = run_with_limit(git, limit)?;
    // git-grep(1): 1 means that no file matches.
    match output.status.code() {
        Some(0 | 1) => {}
        _ => return Err(refused(&output)),
    }
    let names = output.stdout.split(|byte| *byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .filter_map(path_from_bytes)
        .collect())
}
