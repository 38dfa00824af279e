//! A commit that is made and pushed without a checkout: in a bare repository that lasts as long as the push.
//!
//! The credential goes to git through its environment, for the one address it is for: never in a URL, never as an
//! argument, never into a file.

use std::ffi::OsStr;

use tempfile::TempDir;

use super::command::git_isolated;
use super::fast_import::stream;
use super::push_error::{PushError, classify_push_failure, timeout_as_unreachable};
use super::push_target::PushTarget;
use crate::sys::signals::{self, DeferGuard};
use crate::sys::subprocess::{ProcessOutput, Stderr};
use crate::types::commit::{FileMode, LocalFile, Signature, TreeEntry};
use crate::types::publish_trailer::ChangedPaths;

/// Where our commits stand until they are pushed.
const WORK_REF: &str = "refs/bbconnect/new";
/// Lists of files are long in large repositories.
const MAX_OUTPUT_BYTES: usize = 256 * 1024 * 1024;

/// A commit to be made.
#[derive(Debug)]
pub(crate) struct NewCommit<'a> {
    /// The commit that it follows; `None` for the first of a repository.
    pub parent: Option<&'a str>,
    /// Its message.
    pub message: &'a str,
    /// Whose name it carries.
    pub person: &'a Signature,
    /// The files that it writes.
    pub files: &'a [&'a LocalFile],
    /// The files that it removes.
    pub removed: &'a [String],
}

/// The files of a commit.
#[derive(Debug, Default)]
pub(crate) struct TreeListing {
    /// Those with a name that is text.
    pub entries: Vec<TreeEntry>,
    /// The names of the others, escaped.
    pub not_text: Vec<String>,
}

/// A bare repository that is gone afterwards.
#[derive(Debug)]
pub(crate) struct TempRepository {
    folder: TempDir,
    remote: PushTarget,
    /// The last field, so that the folder is gone before an interruption takes effect.
    _put_off: DeferGuard,
}

impl TempRepository {
    /// Makes the repository.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn open(remote: PushTarget) -> Result<Self, PushError> {
        let put_off = signals::defer();
        let bench = Self {
            folder: tempfile::tempdir()?,
            remote,
            _put_off: put_off,
        };
        // Where, says the environment.
        bench.git(&["init", "--quiet", "--bare", "--template="])?;
        Ok(bench)
    }

    /// Fetches so many of the last commits of a branch, and answers with the hash of the last one.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn fetch(&self, branch: &str, depth: usize) -> Result<String, PushError> {
        let branch = format!("refs/heads/{branch}");
        let depth = format!("--depth={depth}");
        let fetch = [
            "fetch",
            "--quiet",
            "--no-tags",
            &depth,
            "--",
            &self.remote.url,
            &branch,
        ];
        self.git(&fetch).map_err(timeout_as_unreachable)?;
        self.rev_parse("FETCH_HEAD")
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn files(&self, commit: &str) -> Result<TreeListing, PushError> {
        let printed = self.git(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let mut listing = TreeListing::default();
        for line in printed.stdout.split(|byte| *byte == 0) {
            let mut parts = line.splitn(2, |byte| *byte == b'\t');
            let (Some(facts), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let facts = String::from_utf8_lossy(facts);
            let mut facts = facts.split(' ');
            let mode = match facts.next() {
                Some("100644") => Some(FileMode::Regular),
                Some("100755") => Some(FileMode::Executable),
                Some("120000") => Some(FileMode::Link),
                _ => None,
            };
            match str::from_utf8(path) {
                Ok(path) => listing.entries.push(TreeEntry {
                    path: path.to_owned(),
                    mode,
                    size: None,
                    hash: facts.nth(1).map(str::to_owned),
                }),
                Err(_) if mode.is_some() => listing.not_text.push(display_path(path)),
                Err(_) => {}
            }
        }
        Ok(listing)
    }

    /// Makes a commit, here alone, and answers with its hash.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn commit(&self, new: &NewCommit<'_>) -> Result<String, PushError> {
        let import = ["fast-import", "--quiet", "--date-format=now", "--force"];
        self.git_with(&import, stream(WORK_REF, new))?;
        self.rev_parse(WORK_REF)
    }

    fn rev_parse(&self, name: &str) -> Result<String, PushError> {
        let printed = self.git(&["rev-parse", "--verify", name])?;
        Ok(String::from_utf8_lossy(&printed.stdout).trim().to_owned())
    }

    /// What a commit changes in the one that it follows.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn changed_paths(&self, commit: &str) -> Result<ChangedPaths, PushError> {
        let diff = [
            "diff-tree",
            "-r",
            "-z",
            "--root",
            "--no-commit-id",
            "--no-renames",
            "--no-abbrev",
            commit,
        ];
        let printed = self.git(&diff)?;
        let mut fields = printed.stdout.split(|byte| *byte == 0);
        let mut written = ChangedPaths::new();
        // Both modes, both hashes, and what happened; then the path.
        while let (Some(facts), Some(path)) = (fields.next(), fields.next()) {
            let facts = String::from_utf8_lossy(facts);
            let mut facts = facts.split(' ').skip(3);
            let hash = facts.next().filter(|_| facts.next() != Some("D"));
            written.insert(display_path(path), hash.map(str::to_owned));
        }
        Ok(written)
    }

    /// Pushes a commit to a branch, which must still be where it was seen: `None` where it was not there.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn push(
        &self,
        commit: &str,
        branch: &str,
        expected: Option<&str>,
    ) -> Result<(), PushError> {
        let lease = format!(
            "--force-with-lease=refs/heads/{branch}:{}",
            expected.unwrap_or_default()
        );
        let what = format!("{commit}:refs/heads/{branch}");
        let push = [
            "push",
            "--porcelain",
            "--no-verify",
            &lease,
            "--",
            &self.remote.url,
            &what,
        ];
        self.git(&push).map(drop).map_err(timeout_as_unreachable)
    }

    fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<ProcessOutput, PushError> {
        self.git_with(arguments, Vec::new())
    }

    fn git_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<ProcessOutput, PushError> {
        let command = git_isolated()
            .args(arguments)
            .stdin(input)
            .stderr(Stderr::Capture)
            .new_process_group()
            .max_output(MAX_OUTPUT_BYTES);
        let environment = self.remote.environment(self.folder.path());
        let command = environment
            .into_iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        let printed = command.run(self.remote.limit)?;
        if printed.status.success() {
            Ok(printed.ensure_not_truncated("git")?)
        } else {
            Err(classify_push_failure(&printed))
        }
    }
}

/// A path as it is shown: git's are bytes.
fn display_path(path: &[u8]) -> String {
    str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), str::to_owned)
}
