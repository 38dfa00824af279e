//! What was published, as data and as text.

use serde::Serialize;

use super::plan::Plan;
use crate::resolve::{RepositorySource, ResolvedRepository};
use crate::types::commit::TreeDiff;
use crate::types::pull_request::{PullRequest, unchanged_note};
use crate::ui::{CommandOutput, TextWriter};

/// What became of the files.
#[derive(Debug)]
pub(super) struct CommitResult {
    pub(super) diff: TreeDiff,
    /// The commit that holds what the folder holds.
    pub(super) commit: Option<String>,
}

/// A pull request that is open.
#[derive(Debug, Serialize)]
pub(super) struct PullRequestResult {
    id: Option<u64>,
    url: Option<String>,
    action: &'static str,
    /// What of one that was open before is otherwise than asked for, and was left.
    differs: Vec<&'static str>,
}

impl PullRequestResult {
    pub(super) fn of(action: &'static str, request: &PullRequest) -> Self {
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
            ..Self::of("unchanged", request)
        }
    }

    pub(super) fn planned() -> Self {
        Self {
            id: None,
            url: None,
            action: "would-create",
            differs: Vec::new(),
        }
    }
}

/// A folder that was published.
#[derive(Debug, Serialize)]
pub(crate) struct PublishOutput {
    action: &'static str,
    repository: ResolvedRepository,
    branch: String,
    base: Option<String>,
    commit: Option<String>,
    #[serde(flatten)]
    diff: TreeDiff,
    pull_request: Option<PullRequestResult>,
}

impl PublishOutput {
    pub(super) fn of(
        plan: &Plan,
        done: CommitResult,
        pull_request: Option<PullRequestResult>,
        source: RepositorySource,
    ) -> Self {
        let is_new = plan.tip.is_none();
        let asked = pull_request.as_ref().map(|asked| asked.action);
        let action = match (done.diff.is_empty(), plan.dry_run) {
            (false, false) if is_new => "created",
            (false, false) => "updated",
            (false, true) if is_new => "would-create",
            (false, true) => "would-update",
            (true, _) if asked == Some("created") => "updated",
            (true, _) if asked == Some("would-create") => "would-update",
            (true, _) => "unchanged",
        };
        Self {
            action,
            repository: ResolvedRepository {
                id: plan.repo.clone(),
                source,
            },
            branch: plan.branch.clone(),
            base: plan.base.as_ref().map(|base| base.name.clone()),
            commit: done.commit,
            diff: done.diff,
            pull_request,
        }
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
            "{} {} of {}: {} added, {} changed, {} removed",
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
        if let Some(asked) = &self.pull_request {
            let id = asked.id.map(|id| format!(" #{id}")).unwrap_or_default();
            let url = asked.url.as_deref().unwrap_or_default();
            out.key_value("pull request", 13, &format!("{}{id} {url}", asked.action));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let differs = self.pull_request.as_ref().map(|asked| &asked.differs[..]);
        if let Some(note) = unchanged_note(differs.unwrap_or_default()) {
            out.note(&note);
        }
        if self.base.as_ref() == Some(&self.branch) && self.commit.is_some() {
            let message = format!(
                "{} is itself what a pull request would be for, so none is opened",
                self.branch
            );
            out.note(&message);
        }
        if self.base.is_none() {
            out.note(
                "the repository was empty, so this is its first branch, and there is nothing to open a pull request for",
            );
        }
    }
}

/// The change as a tree: `+` is new, `~` different, `-` gone.
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
        let mut folders: Vec<&str> = path.split('/').collect();
        let name = folders.pop().unwrap_or(path);
        let same = open
            .iter()
            .zip(&folders)
            .take_while(|(one, other)| one == other)
            .count();
        for (depth, folder) in folders.iter().enumerate().skip(same) {
            lines.push(format!("  {}{folder}/", "  ".repeat(depth)));
        }
        lines.push(format!("{mark} {}{name}", "  ".repeat(folders.len())));
        open = folders;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_as_a_tree() {
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
