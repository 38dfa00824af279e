//! The result of `publish`, as data and as text.

use serde::Serialize;

use crate::resolve::ResolvedRepository;
use crate::types::action::Action;
use crate::types::pull_request::{PullRequest, unchanged_note};
use crate::types::tree_diff::TreeDiff;
use crate::ui::{CommandOutput, TextWriter};

#[derive(Debug, Serialize)]
pub(super) struct PullRequestResult {
    id: Option<u64>,
    url: Option<String>,
    action: Action,
    /// The requested fields that differ in a pull request that was already open; they are not updated.
    differs: Vec<&'static str>,
}

impl PullRequestResult {
    pub(super) fn new(action: Action, request: &PullRequest) -> Self {
        Self {
            id: request.id,
            url: request.url.clone(),
            action,
            differs: Vec::new(),
        }
    }

    pub(super) fn reused(request: &PullRequest, differs: Vec<&'static str>) -> Self {
        Self {
            differs,
            ..Self::new(Action::Unchanged, request)
        }
    }

    pub(super) fn planned() -> Self {
        Self {
            id: None,
            url: None,
            action: Action::WouldCreate,
            differs: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PublishOutput {
    pub(super) action: Action,
    pub(super) repository: ResolvedRepository,
    pub(super) branch: String,
    pub(super) base: Option<String>,
    /// The commit that has the files of the directory.
    pub(super) commit: Option<String>,
    #[serde(flatten)]
    pub(super) diff: TreeDiff,
    pub(super) pull_request: Option<PullRequestResult>,
}

/// The action of a run: about the branch, or about the pull request alone.
pub(super) fn action(
    diff: &TreeDiff,
    is_new_branch: bool,
    is_dry_run: bool,
    pull_request: Option<&PullRequestResult>,
) -> Action {
    let pull_request = pull_request.map(|pull_request| pull_request.action);
    match (diff.is_empty(), is_dry_run) {
        (false, false) if is_new_branch => Action::Created,
        (false, false) => Action::Updated,
        (false, true) if is_new_branch => Action::WouldCreate,
        (false, true) => Action::WouldUpdate,
        (true, _) if pull_request == Some(Action::Created) => Action::Updated,
        (true, _) if pull_request == Some(Action::WouldCreate) => Action::WouldUpdate,
        (true, _) => Action::Unchanged,
    }
}

impl CommandOutput for PublishOutput {
    const SCHEMA: &'static str = "bbconnect/publish@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let TreeDiff {
            added,
            changed,
            removed,
        } = &self.diff;
        for line in tree(&self.diff) {
            out.line(&line);
        }
        out.line(&format!(
            "{} branch {} of {}: {} added, {} changed, {} removed",
            self.action,
            self.branch,
            self.repository.id,
            added.len(),
            changed.len(),
            removed.len()
        ));
        out.key_value("repository", 13, &self.repository.to_string());
        if let Some(commit) = &self.commit {
            out.key_value("commit", 13, commit);
        }
        if let Some(request) = &self.pull_request {
            let id = request.id.map(|id| format!(" #{id}")).unwrap_or_default();
            let url = request.url.as_deref().unwrap_or_default();
            out.key_value("pull request", 13, &format!("{}{id} {url}", request.action));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let differs = self
            .pull_request
            .as_ref()
            .map(|request| &request.differs[..]);
        out.notes(unchanged_note(differs.unwrap_or_default()));
        if self.base.as_ref() == Some(&self.branch) && self.commit.is_some() {
            let message = format!("no pull request: {} is the base branch", self.branch);
            out.note(&message);
        }
        if self.base.is_none() {
            out.note("no pull request: the repository was empty");
        }
    }
}

/// The difference as a tree: `+` is added, `~` changed, `-` removed.
fn tree(diff: &TreeDiff) -> Vec<String> {
    let mut paths: Vec<(&str, char)> = Vec::new();
    for (list, mark) in [
        (&diff.added, '+'),
        (&diff.changed, '~'),
        (&diff.removed, '-'),
    ] {
        paths.extend(list.iter().map(|path| (path.as_str(), mark)));
    }
    paths.sort_unstable();
    let mut lines = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for (path, mark) in paths {
        let mut dirs: Vec<&str> = path.split('/').collect();
        let name = dirs.pop().unwrap_or(path);
        let same = open
            .iter()
            .zip(&dirs)
            .take_while(|(one, other)| one == other)
            .count();
        for (depth, dir) in dirs.iter().enumerate().skip(same) {
            lines.push(format!("  {}{dir}/", "  ".repeat(depth)));
        }
        lines.push(format!("{mark} {}{name}", "  ".repeat(dirs.len())));
        open = dirs;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_printed_as_a_tree() {
        let paths = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let diff = TreeDiff {
            added: paths(&["a/b/new", "top"]),
            changed: paths(&["a/b/old", "a/c"]),
            removed: paths(&["z"]),
        };
        assert_eq!(
            tree(&diff),
            [
                "  a/",
                "    b/",
                "+     new",
                "~     old",
                "~   c",
                "+ top",
                "- z"
            ]
        );
    }
}
