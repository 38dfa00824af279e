//! Publishing through Cloud's REST API.

use futures_util::stream::{self, StreamExt as _};

use super::output::CommitResult;
use super::ownership;
use super::plan::{Plan, moved};
use crate::bitbucket::{ApiError, Bitbucket, Cloud, CommitOutcome, CommitRequest};
use crate::error::{Error, RejectionKind};
use crate::resolve::SelectedConnection;
use crate::types::commit::{Commit, TreeDiff};
use crate::types::operation::Operation;
use crate::types::publish_trailer::{ChangedPaths, blob_hash};
use crate::types::tree_diff::Comparison;

/// The largest file of a commit that is read.
const MAX_FILE_BYTES: usize = 256 * 1024 * 1024;
/// Files that are looked at at once.
const CONCURRENT_FILES: usize = 8;

/// Compares, and commits what differs.
pub(super) async fn publish(
    plan: &Plan,
    message: &str,
    selected: &SelectedConnection,
    cloud: &Cloud,
    bitbucket: &Bitbucket,
) -> Result<CommitResult, Error> {
    let refused = |error| selected.describe_api_error_for(error, Operation::WriteFiles);
    let diff = difference(plan, cloud, &refused).await?;
    for commit in &plan.claimed.commits {
        if let Some(written) = written_by(commit, plan, &diff, cloud)
            .await
            .map_err(refused)?
        {
            ownership::verify_trailer(&plan.branch, commit, &written)?;
        }
    }
    let sent = plan.files_to_upload(&diff);
    if let Some(file) = sent.iter().find(|file| !is_multipart_safe(&file.path)) {
        return Err(Error::Usage {
            message: format!(
                "Cloud's REST API takes no file with such a name: {}",
                file.path
            ),
            hint: Some("push it: --via git".into()),
        });
    }
    let commit = plan.tip.as_ref().map(|tip| tip.hash.clone());
    if diff.is_empty() || plan.dry_run {
        return Ok(CommitResult {
            commit: commit.filter(|_| diff.is_empty()),
            diff,
        });
    }
    let message = plan.message_with_trailer(message, &diff);
    let change = CommitRequest {
        branch: &plan.branch,
        parent: plan.parent(),
        message: &message,
        files: sent,
        removed: &diff.removed,
    };
    let committed = cloud.commit(&plan.repo, &change).await;
    match committed.map_err(refused)? {
        CommitOutcome::BranchMoved => Err(moved(&plan.branch)),
        CommitOutcome::Protected(said) => Err(Error::rejected(
            RejectionKind::Forbidden,
            format!(
                "the branch {} does not take the commit: {said}",
                plan.branch
            ),
            "name another branch with --branch, or have the branch restriction changed",
        )),
        CommitOutcome::Created(Some(hash)) => Ok(CommitResult {
            diff,
            commit: Some(hash),
        }),
        CommitOutcome::Created(None) => {
            let tip = bitbucket.branch(&plan.repo, &plan.branch).await;
            Ok(CommitResult {
                diff,
                commit: tip.map_err(refused)?.map(|tip| tip.hash),
            })
        }
    }
}

/// Whether the name of a part of a form can be this path as it is: what is encoded or escaped in one is not read back
/// everywhere.
fn is_multipart_safe(path: &str) -> bool {
    !path.contains(['"', '\\', '\r', '\n'])
}

/// The API tells no hashes of files: what has the same size is read.
async fn difference(
    plan: &Plan,
    cloud: &Cloud,
    refused: &impl Fn(ApiError) -> Error,
) -> Result<TreeDiff, Error> {
    let Some(parent) = plan.parent() else {
        return Ok(plan.compare(&[])?.diff);
    };
    let entries = cloud.tree(&plan.repo, parent, &plan.into).await;
    let Comparison {
        diff: mut difference,
        unknown,
        in_the_way: _,
    } = plan.compare(&entries.map_err(refused)?)?;
    let files = plan
        .files
        .iter()
        .filter(|file| unknown.contains(&file.path));
    let mut looks = stream::iter(files)
        .map(|file| async move {
            // Of what is as long as the file, no more is needed than that; an answer may be a little more.
            let most = file.content.len() + 1024 * 1024;
            let content = cloud.content(&plan.repo, parent, &file.path, most).await;
            Ok::<_, Error>((file, content.map_err(refused)? == file.content))
        })
        .buffered(CONCURRENT_FILES);
    while let Some(look) = looks.next().await {
        let (file, is_same) = look?;
        if !is_same {
            difference.changed.push(file.path.clone());
        }
    }
    difference.changed.sort();
    Ok(difference)
}

/// What a commit changed; `None` where the server does not tell, so that the mark itself has to do. What the tip of the
/// branch has like the folder need not be read once more.
async fn written_by(
    commit: &Commit,
    plan: &Plan,
    diff: &TreeDiff,
    cloud: &Cloud,
) -> Result<Option<ChangedPaths>, ApiError> {
    let is_tip = plan.tip.as_ref().is_some_and(|tip| tip.hash == commit.hash);
    let in_the_folder = |path: &str| {
        let own = plan.files.iter().find(|file| file.path == path);
        own.filter(|_| is_tip && !diff.writes(path))
    };
    let changed = match cloud.diffstat(&plan.repo, &commit.hash).await {
        Err(ApiError::NotFound(_) | ApiError::Gone(_) | ApiError::ClientError { .. }) => {
            return Ok(None);
        }
        changed => changed?,
    };
    if changed.is_empty() {
        return Ok(None);
    }
    let mut looks = stream::iter(changed)
        .map(|(path, is_there)| async move {
            let hash = if !is_there {
                None
            } else if let Some(file) = in_the_folder(&path) {
                Some(blob_hash(&file.content))
            } else {
                let content = cloud.content(&plan.repo, &commit.hash, &path, MAX_FILE_BYTES);
                Some(blob_hash(&content.await?))
            };
            Ok::<_, ApiError>((path, hash))
        })
        .buffered(CONCURRENT_FILES);
    let mut written = ChangedPaths::new();
    while let Some(look) = looks.next().await {
        let (path, hash) = look?;
        written.insert(path, hash);
    }
    Ok(Some(written))
}
