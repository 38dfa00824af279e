//! Configures git to use the key: in a new clone, or in the current checkout.

use std::path::Path;

use super::args::Args;
use super::plan::{Plan, RegistrationMethod};
use super::steps::{StepId, StepLog};
use super::verify::VerifiedAccess;
use crate::app::App;
use crate::error::{Error, RejectionKind};
use crate::git::{self, Checkout, CloneState};
use crate::ssh::{self, PrivateKeyFile, Refs};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::connection::ConnectionName;
use crate::types::repository::RepoId;

/// Refuses a directory that cannot be cloned into.
pub(super) fn require_cloneable(dir: &Path, url: &CloneUrl) -> Result<(), Error> {
    if is_checkout_of(dir, url)? || !dir.exists() {
        return Ok(());
    }
    let is_empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    Err(Error::rejected(
        RejectionKind::Conflict,
        format!(
            "{} already exists and is not a clone of this repository",
            dir.display()
        ),
        "pass --clone DIR with another directory",
    ))
}

fn is_checkout_of(dir: &Path, url: &CloneUrl) -> Result<bool, Error> {
    let remotes = git::remotes_of(dir)?.unwrap_or_default();
    Ok(remotes
        .iter()
        .any(|(_, remote)| is_same_repository(remote, url)))
}

fn is_same_repository(remote: &str, url: &CloneUrl) -> bool {
    remote
        .parse::<CloneUrl>()
        .is_ok_and(|remote| remote.is_same_repository(url))
}

/// Clones the repository, or configures the current checkout if it is one of the repository. Returns the SSH command for
/// git.
pub(super) fn configure(
    args: &Args,
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    access: &VerifiedAccess,
    saved: &ConnectionName,
    steps: &mut StepLog<'_>,
) -> Result<String, Error> {
    let clone_url = plan.clone_url(&access.remote);
    let command = app.ssh_options(Some(key)).command_line()?;
    if let Some(dir) = &args.clone {
        if is_checkout_of(dir, &plan.url)? {
            finish_clone(dir, &plan.url, &access.check.refs, &command, steps)?;
            set_ssh_command(Some(dir), &command, &dir.display().to_string(), steps)?;
        } else {
            let quiet = !app.is_interactive();
            git::clone(&clone_url, dir, &command, quiet)?;
            steps.pass(StepId::Clone, format!("cloned into {}", dir.display()));
        }
        record(dir, plan, saved, steps)?;
        return Ok(command);
    }
    let Some(checkout) = app.checkout()? else {
        return Ok(command);
    };
    let remotes = checkout.remotes();
    let mut remotes = remotes.iter();
    let Some((name, remote)) = remotes.find(|(_, remote)| is_same_repository(remote, &plan.url))
    else {
        return Ok(command);
    };
    set_ssh_command(None, &command, "this checkout", steps)?;
    let remote = remote.parse().ok();
    if let Some(problem) = remote.and_then(|remote| remote_problem(&remote)) {
        steps.warn(
            StepId::Remote,
            format!(
                "the remote {name} {problem}; to change it: git remote set-url {name} {}",
                shell_words::quote(&clone_url)
            ),
        );
    }
    Ok(command)
}

/// Records in a clone which connection and repository commands in it use: the connection that registered the key over REST,
/// else the saved one.
fn record(
    dir: &Path,
    plan: &Plan,
    saved: &ConnectionName,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    let connection = match &plan.method {
        RegistrationMethod::Api(api) if api.selected.is_stored() => &api.selected.name,
        RegistrationMethod::Api(_) | RegistrationMethod::Manual { .. } => saved,
    };
    let Some(namespace) = plan.namespace() else {
        return Ok(());
    };
    let repository = RepoId {
        namespace,
        slug: plan.slug().to_owned(),
    }
    .normalized(plan.deployment);
    if Checkout::record_in(dir, &connection.to_string(), &repository.to_string())? {
        steps.pass(
            StepId::Checkout,
            format!(
                "commands in {} use the connection {connection} and the repository {repository}",
                dir.display()
            ),
        );
    }
    Ok(())
}

/// Completes an interrupted clone.
fn finish_clone(
    dir: &Path,
    url: &CloneUrl,
    refs: &Refs,
    command: &str,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    if refs.empty {
        return Ok(());
    }
    let remotes = git::remotes_of(dir)?.unwrap_or_default();
    let mut remotes = remotes.iter();
    let remote = remotes.find(|(_, remote)| is_same_repository(remote, url));
    match (git::clone_state(dir)?, remote, &refs.default_branch) {
        (CloneState::Complete, ..) => Ok(()),
        (CloneState::NotCheckedOut, Some((remote, _)), Some(branch)) => {
            git::resume_clone(dir, remote, branch, command)?;
            let message = format!("completed the clone in {}", dir.display());
            steps.pass(StepId::Clone, message);
            Ok(())
        }
        (CloneState::NotCheckedOut | CloneState::Partial, ..) => Err(Error::rejected(
            RejectionKind::Conflict,
            format!("{} is an incomplete clone", dir.display()),
            "remove the directory, or pass --clone DIR with another one",
        )),
    }
}

/// Why a remote cannot use the key, or not for long.
fn remote_problem(remote: &CloneUrl) -> Option<&'static str> {
    if remote.transport() != Transport::Ssh {
        return Some("does not use SSH");
    }
    let is_retired = cloud_hosts::is_retired_ssh(&remote.host().to_string());
    is_retired.then_some("is at bitbucket.org, which accepts SSH until 2026-11-12")
}

/// Sets the SSH command of a checkout, unless it has one that bbconnect did not set.
fn set_ssh_command(
    dir: Option<&Path>,
    command: &str,
    checkout: &str,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    match git::ssh_command(dir)? {
        Some(current) if current == command => {
            let message = format!("git in {checkout} already uses the key");
            steps.pass(StepId::Checkout, message);
        }
        Some(current) if !ssh::is_managed_ssh_command(&current) => {
            steps.warn(
                StepId::Checkout,
                format!(
                    "core.sshCommand of {checkout} was not set by bbconnect and is kept; to use the key: \
                     git config core.sshCommand {}",
                    shell_words::quote(command)
                ),
            );
        }
        Some(_) | None => {
            git::set_ssh_command(dir, command)?;
            let message = format!("git in {checkout} uses only this key");
            steps.pass(StepId::Checkout, message);
        }
    }
    Ok(())
}
