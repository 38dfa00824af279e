//! A bare repository that lasts as long as one `publish`: it compares with the branches of a remote repository, creates
//! a commit without a checkout, and pushes it.
//!
//! Git gets the credential in its environment, for the URL of the repository alone: never in a URL, an argument or a
//! file.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use tempfile::TempDir;
use url::Url;

use super::command::git_isolated;
use super::push_error::{PushError, classify_push_failure, timeout_as_unreachable, without_push};
use crate::sys::signals::{self, DeferGuard};
use crate::sys::subprocess::{ProcessOutput, Stderr};
use crate::types::commit::{Branch, ChangedPaths, Commit, Signature};
use crate::types::connection::NetworkSettings;
use crate::types::loopback;
use crate::types::secret::Secret;
use crate::types::tree_diff::{FileContent, FileMode, LocalFile, TreeEntry};

/// The reference of the new commit before it is pushed.
const NEW_COMMIT_REF: &str = "refs/bbconnect/new";
/// Lists of files and commits are long in large repositories.
const MAX_OUTPUT_BYTES: usize = 256 * 1024 * 1024;
/// What git takes for "all of the history" (`git fetch --unshallow`).
pub(crate) const FULL_DEPTH: usize = 0x7fff_ffff;

/// A remote repository, and the credential for it.
#[derive(Debug)]
pub(crate) struct PushTarget {
    /// The HTTP URL, without a user.
    pub url: String,
    /// The value of the `Authorization` header.
    pub authorization: Secret,
    pub network: NetworkSettings,
    /// The time limit of each run of git.
    pub limit: Duration,
}

impl PushTarget {
    /// The environment that isolates git from the user's configuration and gives it the credential
    /// (git-config(1), `GIT_CONFIG_COUNT`, since git 2.31).
    fn environment(&self, git_dir: &Path, access: RemoteAccess) -> Vec<(String, OsString)> {
        let mut config: Vec<(String, OsString)> = vec![
            // An empty value removes those before it: a server might accept another one.
            (format!("http.{}.extraHeader", self.url), OsString::new()),
            // An empty value removes the user's helpers.
            ("credential.helper".to_owned(), OsString::new()),
            ("core.askPass".to_owned(), OsString::new()),
            ("core.hooksPath".to_owned(), git_dir.join("no-hooks").into()),
            // The header would be sent along a redirect.
            ("http.followRedirects".to_owned(), "false".into()),
            // A process in the background would keep the directory busy.
            ("gc.auto".to_owned(), "0".into()),
            ("maintenance.auto".to_owned(), "false".into()),
        ];
        if access == RemoteAccess::WithCredential {
            let header = format!("Authorization: {}", self.authorization.expose());
            config.push((format!("http.{}.extraHeader", self.url), header.into()));
        }
        let mut set = |key: &str, value: Option<OsString>| {
            config.extend(value.map(|value| (key.to_owned(), value)));
        };
        let network = self.network.clone();
        // Instead of the system's certificates: git takes one file.
        set("http.sslCAInfo", network.ca_cert.map(Into::into));
        // As for requests: this machine is reached directly, and its names are not looked up. An empty value is no proxy.
        let loopback = Url::parse(&self.url).ok().filter(loopback::is_url);
        let no_proxy = loopback.is_some().then(OsString::new);
        set("http.proxy", network.proxy.map(Into::into).or(no_proxy));
        let resolved = loopback.as_ref().and_then(|url| {
            let (name, port) = (url.domain()?, url.port_or_known_default()?);
            Some(format!("{name}:{port}:127.0.0.1,[::1]").into())
        });
        set("http.curloptResolve", resolved);
        let (cert, key) = network.client_identity.unzip();
        set("http.sslCert", cert.map(Into::into));
        set("http.sslKey", key.map(Into::into));
        let no_config = git_dir.join("no-config");
        let mut environment = vec![
            ("GIT_DIR".to_owned(), git_dir.into()),
            // URL rewrites, signatures and object formats of the user do not apply.
            ("GIT_CONFIG_GLOBAL".to_owned(), no_config.clone().into()),
            ("GIT_CONFIG_SYSTEM".to_owned(), no_config.into()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".into()),
            // An empty value means no program.
            ("GIT_ASKPASS".to_owned(), OsString::new()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".into()),
            ("LC_ALL".to_owned(), "C".into()),
            (
                "GIT_CONFIG_COUNT".to_owned(),
                config.len().to_string().into(),
            ),
        ];
        for (number, (key, value)) in config.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{number}"), key.into()));
            environment.push((format!("GIT_CONFIG_VALUE_{number}"), value));
        }
        environment
    }
}

/// Whether a run of git connects to the remote repository. Only then it gets the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RemoteAccess {
    None,
    WithCredential,
}

/// A commit to create. Its blobs must have been written.
#[derive(Debug)]
pub(crate) struct NewCommit<'a> {
    /// `None` for the first commit of a repository.
    pub parent: Option<&'a str>,
    pub message: &'a str,
    pub committer: &'a Signature,
    pub written: &'a [&'a LocalFile],
    pub removed: &'a [String],
}

/// The entries of a commit's tree.
#[derive(Debug, Default)]
pub(crate) struct TreeListing {
    pub entries: Vec<TreeEntry>,
    /// The escaped paths of files whose names are not UTF-8.
    pub not_utf8: Vec<String>,
}

/// A bare repository in a temporary directory.
#[derive(Debug)]
pub(crate) struct TempRepository {
    dir: TempDir,
    remote: PushTarget,
    /// The last field: the directory is removed before a deferred signal takes effect.
    _defer: DeferGuard,
}

impl TempRepository {
    pub(crate) fn create(remote: PushTarget) -> Result<Self, PushError> {
        let defer = signals::defer();
        let repository = Self {
            dir: tempfile::tempdir()?,
            remote,
            _defer: defer,
        };
        // The environment names the directory.
        repository.git(&["init", "--quiet", "--bare", "--template="])?;
        Ok(repository)
    }

    /// The URL of the remote repository.
    pub(crate) fn url(&self) -> &str {
        &self.remote.url
    }

    /// The branches of the remote repository that have one of these names; all where no name is given.
    pub(crate) fn remote_branches(&self, names: &[&str]) -> Result<Vec<Branch>, PushError> {
        let refs: Vec<String> = names
            .iter()
            .map(|name| format!("refs/heads/{name}"))
            .collect();
        let list = ["ls-remote", "--quiet", "--heads", "--", &self.remote.url];
        let all = list.into_iter().chain(refs.iter().map(String::as_str));
        let output = self
            .git_with_remote(&all.collect::<Vec<_>>())
            .map_err(|error| without_push(timeout_as_unreachable(error)))?;
        let listing = String::from_utf8_lossy(&output.stdout);
        let branch = |line: &str| {
            let (hash, name) = line.split_once('\t')?;
            Some(Branch {
                name: name.strip_prefix("refs/heads/")?.to_owned(),
                hash: hash.to_owned(),
            })
        };
        // A pattern also matches the end of a longer name.
        let is_named = |branch: &Branch| names.is_empty() || names.contains(&branch.name.as_str());
        Ok(listing
            .lines()
            .filter_map(branch)
            .filter(is_named)
            .collect())
    }

    /// Fetches the last commits of branches: commits and trees, and blobs only from a server without partial clone.
    /// A branch that no longer points to the given commit is [`PushError::NonFastForward`].
    pub(crate) fn fetch(&self, branches: &[&Branch], depth: usize) -> Result<(), PushError> {
        let depth = format!("--depth={depth}");
        let mut fetch = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--filter=blob:none",
            &depth,
            "--",
            &self.remote.url,
        ];
        let refspecs: Vec<String> = branches
            .iter()
            .enumerate()
            .map(|(number, branch)| format!("+refs/heads/{}:{}", branch.name, fetched_ref(number)))
            .collect();
        fetch.extend(refspecs.iter().map(String::as_str));
        let moved = |name: &str| PushError::NonFastForward(name.to_owned());
        let fetched = self.git_with_remote(&fetch);
        match fetched.map_err(|error| without_push(timeout_as_unreachable(error))) {
            // Git takes a response without lines for a repository without branches.
            Err(PushError::NotFound(reason)) if self.remote_branches(&[])?.is_empty() => {
                return Err(PushError::Server(reason));
            }
            Err(PushError::NotFound(reason)) => return Err(moved(&reason)),
            fetched => fetched.map(drop)?,
        }
        for (number, branch) in branches.iter().enumerate() {
            if self.rev_parse(&fetched_ref(number))? != branch.hash {
                return Err(moved(&branch.name));
            }
        }
        Ok(())
    }

    /// The commits whose parents were not fetched.
    pub(crate) fn shallow_commits(&self) -> Result<HashSet<String>, PushError> {
        match fs::read_to_string(self.dir.path().join("shallow")) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The commits that are reachable from one commit and not from the other, children before parents.
    pub(crate) fn commits(&self, from: &str, not: Option<&str>) -> Result<Vec<Commit>, PushError> {
        let not = not.map(|hash| format!("^{hash}"));
        let mut log = vec!["log", "-z", "--topo-order", "--no-show-signature"];
        log.extend(["--format=%H%n%P%n%an <%ae>%n%B", from]);
        log.extend(not.as_deref());
        log.push("--");
        let output = self.git(&log)?;
        let listing = String::from_utf8_lossy(&output.stdout);
        let commit = |record: &str| {
            let mut lines = record.splitn(4, '\n');
            Some(Commit {
                hash: lines.next()?.to_owned(),
                parent: lines
                    .next()?
                    .split(' ')
                    .next()
                    .filter(|hash| !hash.is_empty())
                    .map(str::to_owned),
                author: lines.next()?.to_owned(),
                message: lines.next()?.to_owned(),
            })
        };
        Ok(listing.split('\0').filter_map(commit).collect())
    }

    /// What each commit changes in its parent, by hash; nothing for merges. The parents must have been fetched.
    pub(crate) fn changes(
        &self,
        commits: &[&str],
    ) -> Result<BTreeMap<String, ChangedPaths>, PushError> {
        let diff = [
            "diff-tree",
            "--stdin",
            "-r",
            "-z",
            "--root",
            "--no-renames",
            "--no-abbrev",
        ];
        let input = commits.join("\n") + "\n";
        let output = self.git_with_input(&diff, input.into_bytes())?;
        let mut fields = output.stdout.split(|byte| *byte == 0);
        let mut changes: BTreeMap<String, ChangedPaths> = BTreeMap::new();
        let mut current = String::new();
        while let Some(field) = fields.next() {
            let text = String::from_utf8_lossy(field);
            // `:MODE MODE HASH HASH STATUS`, followed by the path; or the hash of the next commit.
            let Some(entry) = text.strip_prefix(':') else {
                if !text.is_empty() {
                    text.trim().clone_into(&mut current);
                    changes.entry(current.clone()).or_default();
                }
                continue;
            };
            let Some(path) = fields.next() else { break };
            let mut entry = entry.split(' ').skip(3);
            let hash = entry.next().filter(|_| entry.next() != Some("D"));
            let paths = changes.entry(current.clone()).or_default();
            paths.insert(display_path(path), hash.map(str::to_owned));
        }
        Ok(changes)
    }

    /// The tree of a commit, with all directories below it.
    pub(crate) fn files(&self, commit: &str) -> Result<TreeListing, PushError> {
        let output = self.git(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let mut listing = TreeListing::default();
        for line in output.stdout.split(|byte| *byte == 0) {
            // `MODE TYPE HASH`, a tab and the path.
            let mut parts = line.splitn(2, |byte| *byte == b'\t');
            let (Some(entry), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let entry = String::from_utf8_lossy(entry);
            let mut entry = entry.split(' ');
            let mode = match entry.next() {
                Some("100644") => Some(FileMode::Regular),
                Some("100755") => Some(FileMode::Executable),
                Some("120000") => Some(FileMode::Symlink),
                _ => None,
            };
            match str::from_utf8(path) {
                Ok(path) => listing.entries.push(TreeEntry {
                    path: path.to_owned(),
                    mode,
                    hash: entry.nth(1).unwrap_or_default().to_owned(),
                }),
                Err(_) if mode.is_some() => listing.not_utf8.push(display_path(path)),
                Err(_) => {}
            }
        }
        Ok(listing)
    }

    /// The paths that Git LFS stores, by the attributes of a commit and of the local files that replace them.
    pub(crate) fn lfs_paths(
        &self,
        commit: Option<&str>,
        files: &[LocalFile],
        paths: &[&str],
    ) -> Result<Vec<String>, PushError> {
        let is_attributes = |file: &&LocalFile| {
            let name = file.path.rsplit('/').next();
            name == Some(".gitattributes") && file.mode != FileMode::Symlink
        };
        let attributes: Vec<&LocalFile> = files.iter().filter(is_attributes).collect();
        self.write_blobs(&attributes)?;
        // The index of the temporary repository gets both.
        self.git(&["read-tree", commit.unwrap_or("--empty")])?;
        let entry = |file: &&LocalFile| format!("100644 {} 0\t{}\0", file.hash, file.path);
        let entries: String = attributes.iter().map(entry).collect();
        self.git_with_input(
            &["update-index", "-z", "--index-info"],
            entries.into_bytes(),
        )?;
        let check = ["check-attr", "--cached", "-z", "--stdin", "filter"];
        // Git fetches the attributes of the commit that were left out of the partial clone.
        let input = paths.join("\0").into_bytes();
        let output = self.run(&check, input, RemoteAccess::WithCredential)?;
        let listing = String::from_utf8_lossy(&output.stdout);
        // Path, attribute and value.
        let fields: Vec<&str> = listing.split('\0').collect();
        let is_lfs = |record: &&[&str]| record.get(2) == Some(&"lfs");
        let records = fields.chunks(3).filter(is_lfs);
        Ok(records
            .filter_map(|record| record.first().map(ToString::to_string))
            .collect())
    }

    /// Writes the blobs of files, and checks that each still has the content that it was compared with.
    pub(crate) fn write_blobs(&self, files: &[&LocalFile]) -> Result<(), PushError> {
        let targets = self.dir.path().join("link-targets");
        fs::create_dir_all(&targets)?;
        let mut input = Vec::new();
        for (number, file) in files.iter().enumerate() {
            match &file.content {
                FileContent::File(path) => input.extend(stdin_path(path)),
                FileContent::LinkTarget(target) => {
                    let path = targets.join(number.to_string());
                    fs::write(&path, target)?;
                    input.extend(stdin_path(&path));
                }
            }
            input.push(b'\n');
        }
        if files.is_empty() {
            return Ok(());
        }
        let write = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        let output = self.git_with_input(&write, input)?;
        let hashes = String::from_utf8_lossy(&output.stdout);
        let mut hashes = hashes.lines();
        let changed = files.iter().find(|file| hashes.next() != Some(&file.hash));
        changed.map_or(Ok(()), |file| {
            Err(PushError::FileChanged(file.path.clone()))
        })
    }

    /// Creates a commit in this repository and returns its hash.
    pub(crate) fn commit(&self, new: &NewCommit<'_>) -> Result<String, PushError> {
        let import = ["fast-import", "--quiet", "--date-format=now", "--force"];
        self.git_with_input(&import, fast_import_stream(NEW_COMMIT_REF, new))?;
        self.rev_parse(NEW_COMMIT_REF)
    }

    /// Pushes a commit to a branch, which must still point to the expected commit; `None` where it must not exist.
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
        let refspec = format!("{commit}:refs/heads/{branch}");
        let push = [
            "push",
            "--porcelain",
            "--no-verify",
            &lease,
            "--",
            &self.remote.url,
            &refspec,
        ];
        let pushed = self.git_with_remote(&push);
        pushed.map(drop).map_err(timeout_as_unreachable)
    }

    fn rev_parse(&self, name: &str) -> Result<String, PushError> {
        let output = self.git(&["rev-parse", "--verify", name])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<ProcessOutput, PushError> {
        self.git_with_input(arguments, Vec::new())
    }

    fn git_with_remote<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
    ) -> Result<ProcessOutput, PushError> {
        self.run(arguments, Vec::new(), RemoteAccess::WithCredential)
    }

    fn git_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<ProcessOutput, PushError> {
        self.run(arguments, input, RemoteAccess::None)
    }

    fn run<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
        access: RemoteAccess,
    ) -> Result<ProcessOutput, PushError> {
        let command = git_isolated()
            .args(arguments)
            .stdin(input)
            .stderr(Stderr::Capture)
            .new_process_group()
            .max_output(MAX_OUTPUT_BYTES);
        let environment = self.remote.environment(self.dir.path(), access);
        let command = environment
            .into_iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        let output = command.run(self.remote.limit)?;
        if output.status.success() {
            Ok(output)
        } else {
            Err(classify_push_failure(&output))
        }
    }
}

fn fetched_ref(number: usize) -> String {
    format!("refs/bbconnect/fetched-{number}")
}

/// A path in text output: git's paths are bytes.
fn display_path(path: &[u8]) -> String {
    str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), str::to_owned)
}

/// A line of the input of `git hash-object --stdin-paths`.
fn stdin_path(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.starts_with(b"\"") || bytes.contains(&b'\n') {
        c_quoted(bytes)
    } else {
        bytes.to_vec()
    }
}

/// A path in the quotes of C, as git reads it.
fn c_quoted(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in path {
        match byte {
            b'"' => quoted.extend(b"\\\""),
            b'\\' => quoted.extend(b"\\\\"),
            b'\n' => quoted.extend(b"\\n"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'"');
    quoted
}

/// The input of git-fast-import(1) for one commit.
fn fast_import_stream(reference: &str, new: &NewCommit<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut line = |parts: &[&[u8]]| {
        stream.extend(parts.concat());
        stream.push(b'\n');
    };
    let name = without_delimiters(&new.committer.name);
    let email = without_delimiters(&new.committer.email);
    line(&[b"commit ", reference.as_bytes()]);
    line(&[format!("committer {name} <{email}> now").as_bytes()]);
    line(&[format!("data {}", new.message.len()).as_bytes()]);
    line(&[new.message.as_bytes()]);
    if let Some(parent) = new.parent {
        line(&[b"from ", parent.as_bytes()]);
    }
    // Removals come first, so that a file can replace a directory.
    for path in new.removed {
        line(&[b"D ", &c_quoted(path.as_bytes())]);
    }
    for file in new.written {
        let mode = match file.mode {
            FileMode::Regular => "100644",
            FileMode::Executable => "100755",
            FileMode::Symlink => "120000",
        };
        let entry = format!("M {mode} {} ", file.hash);
        line(&[entry.as_bytes(), &c_quoted(file.path.as_bytes())]);
    }
    line(&[]);
    stream
}

/// A name or address without the characters that end it in a commit.
fn without_delimiters(text: &str) -> String {
    let is_kept = |c: &char| !matches!(c, '<' | '>') && !c.is_control();
    let text: String = text.chars().filter(is_kept).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_import_stream_of_a_commit() {
        let committer = Signature {
            name: "Jane <x>\n Doe".to_owned(),
            email: "jane@acme.example".to_owned(),
        };
        let file = LocalFile {
            path: "a \"b\"/c\nd".to_owned(),
            mode: FileMode::Executable,
            hash: "0123".to_owned(),
            content: FileContent::LinkTarget(Vec::new()),
        };
        let new = NewCommit {
            parent: Some("abc"),
            message: "Title",
            committer: &committer,
            written: &[&file],
            removed: &["old".to_owned()],
        };
        assert_eq!(
            String::from_utf8(fast_import_stream("refs/x", &new)).unwrap(),
            "commit refs/x\ncommitter Jane x Doe <jane@acme.example> now\ndata 5\nTitle\nfrom abc\nD \"old\"\n\
             M 100755 0123 \"a \\\"b\\\"/c\\nd\"\n\n"
        );
    }
}
