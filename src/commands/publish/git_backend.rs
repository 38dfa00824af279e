//! Publishing through git: one commit, made without a checkout, and pushed with the connection's credential.

use super::output::CommitResult;
use super::ownership;
use super::plan::{Plan, moved};
use crate::app::App;
use crate::bitbucket::Bitbucket;
use crate::error::{Error, RejectionKind};
use crate::git::{NewCommit, PushError, TempRepository};
use crate::resolve::SelectedConnection;
use crate::types::commit::{Signature, TreeEntry};

/// Compares, and pushes what differs.
pub(super) fn publish(
    plan: &Plan,
    message: &str,
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
) -> Result<CommitResult, Error> {
    let person = app.block_on(bitbucket.committer())?;
    let connection = &selected.connection;
    let person = person.unwrap_or_else(|| Signature {
        name: connection
            .account
            .clone()
            .unwrap_or_else(|| "bbconnect".to_owned()),
        email: connection
            .credential
            .email()
            .unwrap_or("bbconnect@localhost")
            .to_owned(),
    });
    let bench = TempRepository::open(app.git_remote(selected, &plan.repository)?)?;
    let entries = look(plan, &bench)?;
    // Git tells the hashes of what is in its files, so nothing is unknown.
    let diff = plan.compare(&entries)?.diff;
    let tip = plan.tip.as_ref().map(|tip| tip.hash.as_str());
    if diff.is_empty() || plan.dry_run {
        return Ok(CommitResult {
            commit: tip.filter(|_| diff.is_empty()).map(str::to_owned),
            diff,
        });
    }
    let new = NewCommit {
        parent: plan.parent(),
        message: &plan.message_with_trailer(message, &diff),
        person: &person,
        files: &plan.files_to_upload(&diff),
        removed: &diff.removed,
    };
    let commit = bench.commit(&new)?;
    match bench.push(&commit, &plan.branch, tip) {
        Err(PushError::NonFastForward(_)) => Err(moved(&plan.branch)),
        pushed => {
            pushed?;
            Ok(CommitResult {
                diff,
                commit: Some(commit),
            })
        }
    }
}

/// Fetches what the new commit follows, sees to it that it is ours, and lists its files.
fn look(plan: &Plan, bench: &TempRepository) -> Result<Vec<TreeEntry>, Error> {
    let (Some(branch), Some(parent)) = (plan.parent_branch(), plan.parent()) else {
        return Ok(Vec::new());
    };
    // What a commit changes shows beside the one before it.
    if bench.fetch(branch, plan.claimed.depth + 1)? != parent {
        return Err(moved(&plan.branch));
    }
    for commit in &plan.claimed.commits {
        let written = bench.changed_paths(&commit.hash)?;
        ownership::verify_trailer(&plan.branch, commit, &written)?;
    }
    let listing = match bench.files(parent) {
        // What was fetched is no longer what the server spoke of.
        Err(PushError::Failed(_)) => return Err(moved(&plan.branch)),
        listing => listing?,
    };
    // A folder with such a name is refused, so this one lacks it.
    let mut unnamed = listing.not_text.iter();
    if let Some(name) = unnamed.find(|name| plan.removes(name)) {
        return Err(Error::rejected(
            RejectionKind::Other,
            format!("--delete-removed cannot remove {name}, whose name is not text"),
            "remove or rename it with git, or leave out --delete-removed",
        ));
    }
    let mut entries = listing.entries;
    entries.retain(|entry| plan.is_in_scope(&entry.path));
    Ok(entries)
}
