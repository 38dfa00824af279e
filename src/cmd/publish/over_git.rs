//! Publishing through git: one commit, made without a checkout, and pushed with the connection's credential.

use super::outcome::Done;
use super::plan::{Plan, moved};
use crate::bitbucket::Bitbucket;
use crate::context::{Chosen, Context};
use crate::error::{Error, No};
use crate::git::{Bench, NewCommit, PushError};
use crate::model::change::Person;
use crate::model::difference::compare;

/// Compares, and pushes what differs.
pub(super) fn publish(
    plan: &Plan,
    message: &str,
    context: &Context,
    chosen: &Chosen,
    bitbucket: &Bitbucket,
) -> Result<Done, Error> {
    let person = context.wait(bitbucket.person())?;
    let connection = &chosen.connection;
    let person = person.unwrap_or_else(|| Person {
        name: connection
            .account
            .clone()
            .unwrap_or_else(|| "bbconnect".to_owned()),
        email: connection
            .email
            .clone()
            .unwrap_or_else(|| "bbconnect@localhost".to_owned()),
    });
    let bench = Bench::open(context.git_remote(chosen, &plan.repository)?)?;
    if let Some(branch) = plan.parent_branch() {
        bench.fetch(branch)?;
    }
    let listing = plan
        .parent()
        .map(|parent| bench.files(parent, &plan.into))
        .transpose();
    let listing = match listing {
        // What was fetched is no longer what the server spoke of.
        Err(PushError::Failed(_)) => return Err(moved(&plan.branch)),
        listing => listing?.unwrap_or_default(),
    };
    // A folder with such a name is refused, so this one lacks it.
    if let Some(name) = listing.not_text.first().filter(|_| plan.delete_removed) {
        return Err(Error::no(
            No::Otherwise,
            format!("--delete-removed cannot remove {name}, whose name is not text"),
            "remove or rename it with git, or leave out --delete-removed",
        ));
    }
    let removed = compare(&plan.files, &listing.entries, |path| plan.removes(path))
        .difference
        .removed;
    let new = NewCommit {
        parent: plan.parent(),
        message,
        person: &person,
        files: &plan.files,
        removed: &removed,
    };
    let commit = bench.commit(&new)?;
    let difference = bench.difference(plan.parent(), &commit)?;
    let tip = plan.tip.as_ref().map(|tip| tip.hash.as_str());
    if difference.is_empty() || plan.dry_run {
        return Ok(Done {
            commit: tip.filter(|_| difference.is_empty()).map(str::to_owned),
            difference,
        });
    }
    match bench.push(&commit, &plan.branch, tip) {
        Err(PushError::Moved(_)) => Err(moved(&plan.branch)),
        pushed => {
            pushed?;
            Ok(Done {
                difference,
                commit: Some(commit),
            })
        }
    }
}
