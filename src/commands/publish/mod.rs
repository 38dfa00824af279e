//! `bbconnect publish`: commits the difference between a local directory and a branch, and opens a pull request.

mod history;
mod output;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use self::history::{History, changed_meanwhile};
pub(crate) use self::output::PublishOutput;
use self::output::PullRequestResult;
use crate::app::{App, require_not_archived};
use crate::bitbucket::{ApiError, Bitbucket, EnsureOutcome};
use crate::commands::Subcommand;
use crate::commands::args::{BodyFileArg, DryRunArg};
use crate::error::Error;
use crate::git::{
    NewCommit, PushError, SourceDirError, TempRepository, TreeListing, collect_files, pointer_hash,
};
use crate::resolve::SelectedConnection;
use crate::types::action::Action;
use crate::types::commit::{Branch, Signature};
use crate::types::commit::{ChangedPaths, PublishTarget, PublishTrailer};
use crate::types::git_dir_name::is_git_dir_name;
use crate::types::operation::Operation;
use crate::types::pull_request::{self, NewPullRequest, PullRequest};
use crate::types::repository::{RepoRef, Repository};
use crate::types::tree_diff::{
    Comparison, FileContent, LocalFile, TreeDiff, TreeEntry, diff_trees,
};

const EXAMPLES: &str = "\
Examples:
  bbconnect publish ./generated --repo acme/site --dry-run
  bbconnect publish ./generated --repo acme/site --message 'Build 7' --delete-removed
  bbconnect publish ./docs --repo WEB/site --into docs --branch docs --body-file notes.md

The commit is pushed with git. Files that an earlier run wrote to the same branch and directory, and \
that DIR no longer has, are removed; other files stay unless --delete-removed is given. Files that \
.gitignore excludes are not published, nor is .git. Symbolic links must be relative and stay in DIR.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory to publish
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Repository [default: that of the checkout, else of the connection]
    #[arg(short = 'R', long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Target directory in the repository [default: the root]
    #[arg(
        long,
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub into: RepoDir,
    /// Branch to commit to, created if missing; if it is the base, no pull request is opened
    #[arg(long, value_name = "BRANCH", default_value = "bbconnect")]
    pub branch: BranchName,
    /// Base of a new branch and target of the pull request [default: the default branch]
    #[arg(long, value_name = "BRANCH")]
    pub base: Option<BranchName>,
    /// Commit message
    #[arg(short, long, value_name = "MESSAGE")]
    pub message: Option<String>,
    /// Title of the pull request [default: first line of the message]
    #[arg(long, value_name = "TITLE")]
    pub title: Option<String>,
    #[command(flatten)]
    pub body_file: BodyFileArg,
    /// Remove all files from the branch that are not in DIR
    #[arg(long)]
    pub delete_removed: bool,
    /// Do not open a pull request
    #[arg(long, conflicts_with_all = ["title", "body_file", "draft"])]
    pub no_pr: bool,
    /// Open the pull request as a draft (Cloud; Data Center 8.18 or later)
    #[arg(long)]
    pub draft: bool,
    /// Allow committing on top of commits bbconnect didn't make
    #[arg(long)]
    pub onto_foreign: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

impl Subcommand for Args {
    type Output = PublishOutput;

    fn run(&self, app: &App) -> Result<PublishOutput, Error> {
        let body = self.body_file.read(app)?;
        let files = collect_files(&self.dir, self.into.as_str())?;
        let is_empty = files.is_empty();
        if is_empty && self.delete_removed {
            return Err(self.empty_dir());
        }
        let (selected, bitbucket, resolved) = app.client_for_repo(self.repo.as_ref())?;
        let progress = app.ui.progress("comparing the directory with the branch");
        let refused =
            |error: ApiError| selected.describe_api_error_for(error, Operation::WriteFiles);
        let (repository, default_branch) = app
            .block_on(async {
                let repository = bitbucket.repository(&resolved.id).await?;
                let default_branch = match &self.base {
                    Some(_) => None,
                    None => bitbucket.default_branch(&repository).await?,
                };
                Ok((repository, default_branch))
            })?
            .map_err(refused)?;
        require_not_archived(&repository)?;
        let remote = TempRepository::create(app.git_remote(&selected, &repository)?)?;
        let (tip, base) = self.branches(&remote, &repository, default_branch)?;
        if base.is_none() && tip.is_none() {
            let is_empty = app.block_on(bitbucket.is_empty(&repository.path()))?;
            if !is_empty.map_err(refused)? {
                // Git takes a short web page for a repository without branches.
                let reason = format!("no branches at {}", remote.url());
                return Err(PushError::Server(reason).into());
            }
        }
        let plan = Plan {
            dir: self.dir.clone(),
            files,
            target: PublishTarget {
                branch: self.branch.as_str().to_owned(),
                into: self.into.as_str().to_owned(),
            },
            tip,
            base,
        };
        let mut history = History::fetch(&remote, plan.tip.as_ref(), plan.base.as_ref())?;
        if !self.onto_foreign {
            history.refuse_foreign_commits()?;
        }
        let diff = self.difference(&plan, &remote, &mut history)?;
        if is_empty && !diff.removed.is_empty() {
            return Err(self.empty_dir());
        }
        let message = self.commit_message();
        let commit = if diff.is_empty() {
            plan.tip.as_ref().map(|tip| tip.hash.clone())
        } else if self.dry_run.is_set() {
            None
        } else {
            let committer = app.block_on(committer(&bitbucket, &selected))?;
            Some(push(&plan, &diff, &message, &committer, &remote)?)
        };
        // The temporary repository is not needed for the pull request.
        drop(remote);
        let pull_request = app.block_on(ensure_pull_request(
            self,
            &plan,
            &diff,
            &repository,
            body,
            &message,
            &bitbucket,
        ))?;
        let pull_request = pull_request.map_err(|error| {
            if let Some(commit) = commit.as_deref().filter(|_| !self.dry_run.is_set()) {
                let branch = &plan.target.branch;
                app.ui.eprint_line(&format!(
                    "the commit {commit} is on {branch}, but its pull request is missing: run the command again, or \
                     pass --no-pr"
                ));
            }
            match error {
                PullRequestError::Rejected(error) => *error,
                PullRequestError::Api(error) => {
                    selected.describe_api_error_for(error, Operation::WritePullRequests)
                }
            }
        })?;
        drop(progress);
        let is_new_branch = plan.tip.is_none();
        Ok(PublishOutput {
            action: output::action(
                &diff,
                is_new_branch,
                self.dry_run.is_set(),
                pull_request.as_ref(),
            ),
            repository: resolved.with_current_name(repository.path()),
            branch: plan.target.branch,
            base: plan.base.map(|base| base.name),
            commit,
            diff,
            pull_request,
        })
    }
}

impl Args {
    /// The target branch and its base, where they exist.
    fn branches(
        &self,
        remote: &TempRepository,
        repository: &Repository,
        default_branch: Option<String>,
    ) -> Result<(Option<Branch>, Option<Branch>), Error> {
        let base_name = match &self.base {
            Some(base) => Some(base.as_str().to_owned()),
            None => default_branch,
        };
        let names: Vec<&str> = [Some(self.branch.as_str()), base_name.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let branches = match remote.remote_branches(&names) {
            // The API has just found the repository.
            Err(PushError::NotFound(reason)) => return Err(PushError::Server(reason).into()),
            branches => branches?,
        };
        let find = |name: &str| branches.iter().find(|branch| branch.name == name).cloned();
        let tip = find(self.branch.as_str());
        let base = base_name.as_deref().and_then(find);
        let is_required = tip.is_none() || self.base.is_some();
        if base.is_none() && is_required && !remote.remote_branches(&[])?.is_empty() {
            let repo = repository.path();
            let message = match base_name {
                Some(name) => format!("{repo} has no branch {name} to start from"),
                None => format!("{repo} has no default branch to start from"),
            };
            let hint = "pass --base BRANCH";
            return Err(Error::not_found(message, hint));
        }
        Ok((tip, base))
    }

    /// Compares the directory with the parent of the new commit.
    fn difference(
        &self,
        plan: &Plan,
        remote: &TempRepository,
        history: &mut History<'_>,
    ) -> Result<TreeDiff, Error> {
        let listing = match plan.parent() {
            Some(parent) => remote.files(&parent.hash)?,
            None => TreeListing::default(),
        };
        // The directory has no such name, so it lacks the file.
        let mut not_utf8 = listing.not_utf8.iter();
        if let Some(path) = not_utf8.find(|path| self.delete_removed && plan.lacks(path)) {
            return Err(Error::failed(
                format!("--delete-removed cannot remove {path}, whose name is not valid UTF-8"),
                "remove or rename the file with git, or omit --delete-removed",
            ));
        }
        let has_attributes = {
            let remote = listing.entries.iter().map(|entry| &entry.path);
            let mut all = remote.chain(plan.files.iter().map(|file| &file.path));
            all.any(|path| path.rsplit('/').next() == Some(".gitattributes"))
        };
        let mut entries = listing.entries;
        entries.retain(|entry| plan.is_in_scope(&entry.path));
        let local: BTreeSet<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        let lacking: BTreeSet<String> = entries
            .iter()
            .map(|entry| entry.path.as_str())
            .filter(|path| !local.contains(path) && plan.lacks(path))
            .map(str::to_owned)
            .collect();
        let published = if self.delete_removed || lacking.is_empty() {
            BTreeSet::new()
        } else {
            history.published_paths(&plan.target)?
        };
        let mut diff = plan.compare(&entries, |path| {
            lacking.contains(path) && (self.delete_removed || published.contains(path))
        })?;
        if has_attributes {
            compare_lfs_files(plan, &entries, &mut diff, remote)?;
        }
        Ok(diff)
    }

    fn empty_dir(&self) -> Error {
        Error::usage(
            format!(
                "{} is empty, so every published file would be removed",
                self.dir.display()
            ),
            "check whether the command that creates the files has failed",
        )
    }

    fn commit_message(&self) -> String {
        let message = self.message.as_deref().map(str::trim);
        message
            .filter(|message| !message.is_empty())
            .map_or_else(|| "Publish from bbconnect".to_owned(), str::to_owned)
    }
}

/// Compares files that Git LFS stores with the pointers on the branch. New contents are refused: they would be committed
/// where a clone expects a pointer.
fn compare_lfs_files(
    plan: &Plan,
    entries: &[TreeEntry],
    diff: &mut TreeDiff,
    remote: &TempRepository,
) -> Result<(), Error> {
    let written = plan.files_to_write(diff);
    let paths: Vec<&str> = written.iter().map(|file| file.path.as_str()).collect();
    let parent = plan.parent().map(|parent| parent.hash.as_str());
    for path in remote.lfs_paths(parent, &plan.files, &paths)? {
        let file = plan.files.iter().find(|file| file.path == path);
        let Some(FileContent::File(source)) = file.map(|file| &file.content) else {
            continue;
        };
        let pointer = pointer_hash(source).map_err(|error| SourceDirError::Read {
            path: source.clone(),
            source: error,
        })?;
        let Some(pointer) = pointer else { continue };
        let entry = entries.iter().find(|entry| entry.path == path);
        if entry.is_none_or(|entry| entry.hash != pointer) {
            let message =
                format!("{path} is stored with Git LFS, and its content cannot be published");
            let hint = "exclude the file with .gitignore, or commit it with git and git-lfs";
            return Err(Error::failed(message, hint));
        }
        diff.changed.retain(|changed| *changed != path);
    }
    Ok(())
}

/// Creates the commit and pushes it, unless the branch has changed.
fn push(
    plan: &Plan,
    diff: &TreeDiff,
    message: &str,
    committer: &Signature,
    remote: &TempRepository,
) -> Result<String, Error> {
    let written = plan.files_to_write(diff);
    remote.write_blobs(&written)?;
    let commit = remote.commit(&NewCommit {
        parent: plan.parent().map(|parent| parent.hash.as_str()),
        message: &plan.message_with_trailer(message, diff),
        committer,
        written: &written,
        removed: &diff.removed,
    })?;
    let branch = &plan.target.branch;
    let tip = plan.tip.as_ref().map(|tip| tip.hash.as_str());
    match remote.push(&commit, branch, tip) {
        // Git repeats a push whose response broke off, and then finds the branch at the new commit.
        Err(PushError::NonFastForward(_)) => {
            let found = remote.remote_branches(&[branch])?;
            let is_pushed = found.first().is_some_and(|found| found.hash == commit);
            is_pushed
                .then_some(commit)
                .ok_or_else(|| changed_meanwhile(branch))
        }
        pushed => pushed.map(|()| commit).map_err(Into::into),
    }
}

/// The account, as far as it is known.
async fn committer(bitbucket: &Bitbucket, selected: &SelectedConnection) -> Signature {
    let connection = &selected.connection;
    let name = connection.account.as_deref().unwrap_or("bbconnect");
    let email = connection.credential.email();
    bitbucket.committer().await.unwrap_or_else(|| Signature {
        name: name.to_owned(),
        email: email.unwrap_or("bbconnect@localhost").to_owned(),
    })
}

/// Why there is no pull request.
enum PullRequestError {
    Api(ApiError),
    Rejected(Box<Error>),
}

impl From<ApiError> for PullRequestError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// Opens a pull request, or finds the open one. `None` where the branch has nothing to merge.
async fn ensure_pull_request(
    args: &Args,
    plan: &Plan,
    diff: &TreeDiff,
    repository: &Repository,
    body: Option<String>,
    message: &str,
    bitbucket: &Bitbucket,
) -> Result<Option<PullRequestResult>, PullRequestError> {
    let branch = &plan.target.branch;
    let Some(base) = plan.base.as_ref().filter(|base| base.name != *branch) else {
        return Ok(None);
    };
    let has_commits =
        !diff.is_empty() || plan.tip.as_ref().is_some_and(|tip| tip.hash != base.hash);
    if args.no_pr || !has_commits {
        return Ok(None);
    }
    let repo = repository.path();
    let reused = |request: &PullRequest| {
        let requested = pull_request::RequestedFields {
            title: args.title.as_deref(),
            body: body.as_deref(),
            draft: args.draft,
            reviewers: &[],
        };
        PullRequestResult::reused(request, request.differing_fields(&requested))
    };
    let open = bitbucket.open_pull_request(&repo, branch, &base.name);
    if let Some(request) = open.await? {
        return Ok(Some(reused(&request)));
    }
    if args.draft && !bitbucket.supports_drafts().await? {
        let message = "drafts require Data Center 8.18 or later";
        let error = Error::unsupported(message, "omit --draft");
        return Err(PullRequestError::Rejected(Box::new(error)));
    }
    if args.dry_run.is_set() {
        return Ok(Some(PullRequestResult::planned()));
    }
    let title = args
        .title
        .clone()
        .unwrap_or_else(|| message.lines().next().unwrap_or_default().to_owned());
    let pull_request = NewPullRequest {
        title,
        body: body.clone(),
        source: branch.clone(),
        target: base.name.clone(),
        draft: args.draft,
        reviewers: Vec::new(),
    };
    let ensured = bitbucket.ensure_pull_request(&repo, pull_request).await?;
    Ok(match ensured {
        EnsureOutcome::Reused(request) => Some(reused(&request)),
        EnsureOutcome::Opened(request, _) => {
            Some(PullRequestResult::new(Action::Created, &request))
        }
        EnsureOutcome::NoDifference => None,
    })
}

/// A directory of a repository; empty for the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepoDir(String);

impl RepoDir {
    /// Without a slash at either end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepoDir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix("./").unwrap_or(text);
        let path = text.trim_end_matches('/');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !is_git_dir_name(part);
        let is_path = !path.contains(['\\', '\0']) && path.split('/').all(is_part);
        if path.is_empty() && !text.starts_with('/') || is_path {
            Ok(Self(path.to_owned()))
        } else {
            Err("not a path below the root of a repository".to_owned())
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchName(String);

impl BranchName {
    /// Without `refs/heads/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BranchName {
    type Err = String;

    /// The rules of git-check-ref-format(1) for branches.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("refs/heads/").unwrap_or(text);
        let is_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
        };
        let is_name = name.split('/').all(is_part)
            && !name.starts_with('-')
            && !name.ends_with('.')
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@"
            && !name
                .chars()
                .any(|c| c.is_control() || " ~^:?*[\\".contains(c));
        if is_name {
            Ok(Self(name.to_owned()))
        } else {
            Err("not a valid branch name".to_owned())
        }
    }
}

#[derive(Debug)]
struct Plan {
    /// The local directory.
    dir: PathBuf,
    files: Vec<LocalFile>,
    target: PublishTarget,
    /// The target branch; `None` where it does not exist.
    tip: Option<Branch>,
    /// The base of the pull request; `None` in an empty repository.
    base: Option<Branch>,
}

impl Plan {
    /// The branch whose commit is the parent of the new one.
    fn parent(&self) -> Option<&Branch> {
        self.tip.as_ref().or(self.base.as_ref())
    }

    /// Whether the directory lacks a file of the branch. A file that it has and ignores is not lacking.
    fn lacks(&self, path: &str) -> bool {
        let into = &self.target.into;
        let below = if into.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(into)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        below.is_some_and(|below| match self.dir.join(below).symlink_metadata() {
            Ok(metadata) => metadata.is_dir(),
            // A path that cannot be examined may exist.
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ),
        })
    }

    /// Whether a path of the branch is in the directory that is published to, or may conflict with it.
    fn is_in_scope(&self, path: &str) -> bool {
        let into = &self.target.into;
        into.is_empty() || path == into || contains(into, path) || contains(path, into)
    }

    /// Compares with the tree of the parent. `removes` decides about files that the directory lacks.
    fn compare(
        &self,
        entries: &[TreeEntry],
        removes: impl Fn(&str) -> bool,
    ) -> Result<TreeDiff, Error> {
        let Comparison { diff, conflicts } = diff_trees(&self.files, entries, removes);
        match conflicts.first() {
            Some(path) => Err(self.path_conflict(path)),
            None => Ok(diff),
        }
    }

    fn path_conflict(&self, path: &str) -> Error {
        let PublishTarget { branch, into } = &self.target;
        let branch = self.parent().map_or(branch, |parent| &parent.name);
        let conflicting = self
            .files
            .iter()
            .find(|file| contains(&file.path, path) || contains(path, &file.path));
        let local = conflicting.map_or("", |file| file.path.as_str());
        let hint = if contains(path, local) && (path == into || contains(path, into)) {
            "pass another directory with --into"
        } else {
            "pass --delete-removed, or rename the file in the directory"
        };
        let message =
            format!("the branch {branch} has the file {path}, which conflicts with {local}");
        Error::conflict(message, hint)
    }

    /// The files whose blobs a commit needs.
    fn files_to_write(&self, diff: &TreeDiff) -> Vec<&LocalFile> {
        let files = self.files.iter();
        files.filter(|file| diff.writes(&file.path)).collect()
    }

    /// The message of the commit, with the trailers that mark it.
    fn message_with_trailer(&self, message: &str, diff: &TreeDiff) -> String {
        let written = self.files_to_write(diff).into_iter();
        let mut changes: ChangedPaths = written
            .map(|file| (file.path.clone(), Some(file.hash.clone())))
            .collect();
        changes.extend(diff.removed.iter().map(|path| (path.clone(), None)));
        let parent = self.parent().map(|branch| branch.hash.as_str());
        let trailer = PublishTrailer::new(self.target.clone(), parent, &changes);
        format!("{message}\n\n{trailer}")
    }
}

/// Whether a path is below a directory.
fn contains(dir: &str, path: &str) -> bool {
    let rest = path.strip_prefix(dir);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_and_directories() {
        for (text, name) in [
            ("main", Some("main")),
            ("refs/heads/a/b", Some("a/b")),
            ("", None),
            ("-x", None),
            ("a..b", None),
            ("a b", None),
            ("a/", None),
            ("a.lock", None),
        ] {
            let read = text.parse::<BranchName>().ok();
            assert_eq!(read.as_ref().map(BranchName::as_str), name, "{text}");
        }
        for (text, path) in [
            ("", Some("")),
            ("docs/", Some("docs")),
            ("./a/b", Some("a/b")),
            ("../x", None),
            ("/abs", None),
            ("/", None),
            ("a/.git/hooks", None),
            ("git~1", None),
        ] {
            let read = text.parse::<RepoDir>().ok();
            assert_eq!(read.as_ref().map(RepoDir::as_str), path, "{text}");
        }
    }
}
