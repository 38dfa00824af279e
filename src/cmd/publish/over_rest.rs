//! Publishing through Cloud's REST API.

use futures_util::stream::{self, StreamExt as _};

use super::outcome::Done;
use super::plan::{Plan, moved};
use crate::bitbucket::{ApiError, Bitbucket, Change, Cloud, Committed};
use crate::context::Chosen;
use crate::error::{Error, No};
use crate::model::change::{Difference, File};
use crate::model::difference::{Comparison, compare};
use crate::model::right::Right;

/// Files that are looked at at once.
const AT_ONCE: usize = 8;

/// Compares, and commits what differs.
pub(super) async fn publish(
    plan: &Plan,
    message: &str,
    chosen: &Chosen,
    cloud: &Cloud,
    bitbucket: &Bitbucket,
) -> Result<Done, Error> {
    let refused = |error| chosen.explained_for(error, Right::WriteFiles);
    let difference = difference(plan, cloud).await.map_err(refused)?;
    let commit = plan.tip.as_ref().map(|tip| tip.hash.clone());
    if difference.is_empty() || plan.dry_run {
        return Ok(Done {
            commit: commit.filter(|_| difference.is_empty()),
            difference,
        });
    }
    let is_sent = |file: &&File| {
        difference.added.contains(&file.path) || difference.changed.contains(&file.path)
    };
    let change = Change {
        branch: &plan.branch,
        parent: plan.parent(),
        message,
        files: plan.files.iter().filter(is_sent).collect(),
        removed: &difference.removed,
    };
    let committed = cloud.commit(&plan.path, &change).await;
    match committed.map_err(refused)? {
        Committed::Moved => Err(moved(&plan.branch)),
        Committed::Protected(said) => Err(Error::no(
            No::NotPermitted,
            format!(
                "the branch {} does not take the commit: {said}",
                plan.branch
            ),
            "name another branch with --branch, or have the branch restriction changed",
        )),
        Committed::Made(Some(hash)) => Ok(Done {
            difference,
            commit: Some(hash),
        }),
        Committed::Made(None) => {
            let tip = bitbucket.branch(&plan.path, &plan.branch).await;
            Ok(Done {
                difference,
                commit: tip.map_err(refused)?.map(|tip| tip.hash),
            })
        }
    }
}

/// The API tells no hashes of files: what has the same size is read.
async fn difference(plan: &Plan, cloud: &Cloud) -> Result<Difference, ApiError> {
    let Some(parent) = plan.parent() else {
        return Ok(compare(&plan.files, &[], |_| false).difference);
    };
    let entries = cloud.tree(&plan.path, parent, &plan.into).await?;
    let Comparison {
        mut difference,
        unknown,
    } = compare(&plan.files, &entries, |path| plan.removes(path));
    let files = plan
        .files
        .iter()
        .filter(|file| unknown.contains(&file.path));
    let mut looks = stream::iter(files)
        .map(|file| async move {
            let content = cloud.content(&plan.path, parent, file).await?;
            Ok::<_, ApiError>((file, content == file.content))
        })
        .buffered(AT_ONCE);
    while let Some(look) = looks.next().await {
        let (file, is_same) = look?;
        if !is_same {
            difference.changed.push(file.path.clone());
        }
    }
    difference.changed.sort();
    Ok(difference)
}
