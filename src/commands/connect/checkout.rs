//! Putting the key to use: a new clone, or the checkout one stands in, gets a command of its own for SSH.

use std::path::Path;

use super::Args;
use super::plan::{Plan, RegistrationMethod};
use super::step::StepLog;
use super::verify::VerifiedAccess;
use crate::app::App;
use crate::error::{Error, RejectionKind};
use crate::git::{self, Checkout, CloneState};
use crate::ssh::{self, PrivateKeyFile, Refs};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::repository::RepoId;

/// Refuses a folder that cannot be cloned into, before anything is made.
pub(super) fn check_free(folder: &Path, url: &CloneUrl) -> Result<(), Error> {
    if is_checkout_of(folder, url)? || !folder.exists() {
        return Ok(());
    }
    let is_empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    Err(Error::rejected(
        RejectionKind::Conflict,
        format!(
            "{} is there, and is no clone of this repository",
            folder.display()
        ),
        "name another folder: --clone DIR",
    ))
}

fn is_checkout_of(folder: &Path, url: &CloneUrl) -> Result<bool, Error> {
    let remotes = git::remotes_of(folder)?.unwrap_or_default();
    Ok(remotes.iter().any(|(_, remote)| is_of(remote, url)))
}

fn is_of(remote: &str, url: &CloneUrl) -> bool {
    remote
        .parse::<CloneUrl>()
        .is_ok_and(|remote| remote.is_same_repository(url))
}

/// Clones, or sets up the checkout one stands in if it is one of this repository; answers with the command for git.
pub(super) fn configure_checkout(
    args: &Args,
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    proof: &VerifiedAccess,
    steps: &mut StepLog<'_>,
) -> Result<String, Error> {
    let address = &proof.remote;
    let command = app.ssh_options(key).command_line()?;
    if let Some(folder) = &args.clone {
        if is_checkout_of(folder, &plan.url)? {
            finish(folder, &plan.url, &proof.served.refs, &command, steps)?;
            set_ssh_command(Some(folder), &command, &folder.display().to_string(), steps)?;
        } else {
            let quiet = !app.is_interactive();
            git::clone(&plan.clone_url(address), folder, &command, quiet)?;
            steps.pass("clone", format!("cloned into {}", folder.display()));
        }
        record(folder, plan, proof, steps)?;
        return Ok(command);
    }
    let Some(checkout) = app.checkout()? else {
        return Ok(command);
    };
    let remotes = checkout.remotes();
    let Some((name, remote)) = remotes.iter().find(|(_, remote)| is_of(remote, &plan.url)) else {
        return Ok(command);
    };
    set_ssh_command(None, &command, "this checkout", steps)?;
    if let Some(why) = remote
        .parse()
        .ok()
        .and_then(|remote| remote_problem(&remote))
    {
        steps.warn(
            "remote",
            format!(
                "the remote {name} {why}; git remote set-url {name} {} changes that",
                shell_words::quote(&plan.clone_url(address))
            ),
        );
    }
    Ok(command)
}

/// Records in a clone which connection and repository later commands there use: the connection with REST that registered the
/// key, else the one that was saved with the key.
fn record(
    folder: &Path,
    plan: &Plan,
    proof: &VerifiedAccess,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    let connection = match &plan.method {
        RegistrationMethod::Api { chosen, .. } if chosen.is_stored() => &chosen.name,
        RegistrationMethod::Api { .. } | RegistrationMethod::Manual { .. } => &plan.name,
    };
    let found = plan.repository(Some(&proof.served.refs));
    let Some(namespace) = found.namespace else {
        return Ok(());
    };
    let repository = RepoId {
        namespace,
        slug: found.slug,
    }
    .normalized(plan.deployment);
    if Checkout::record_in(folder, &connection.to_string(), &repository.to_string())? {
        steps.pass(
            "checkout",
            format!(
                "commands in {} use the connection {connection} and the repository {repository}",
                folder.display()
            ),
        );
    }
    Ok(())
}

/// Does the rest of a clone that was cut off.
fn finish(
    folder: &Path,
    url: &CloneUrl,
    refs: &Refs,
    command: &str,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    if refs.empty {
        return Ok(());
    }
    let remotes = git::remotes_of(folder)?.unwrap_or_default();
    let remote = remotes.iter().find(|(_, remote)| is_of(remote, url));
    match (git::clone_state(folder)?, remote, &refs.default_branch) {
        (CloneState::Complete, ..) => Ok(()),
        (CloneState::NotCheckedOut, Some((remote, _)), Some(branch)) => {
            git::resume_clone(folder, remote, branch, command)?;
            let said = format!("finished the clone in {}", folder.display());
            steps.pass("clone", said);
            Ok(())
        }
        (CloneState::NotCheckedOut | CloneState::Partial, ..) => Err(Error::rejected(
            RejectionKind::Conflict,
            format!("{} is a clone that was cut off", folder.display()),
            "remove the folder and run it again, or name another one: --clone DIR",
        )),
    }
}

/// Why a remote does not get far with a key.
fn remote_problem(remote: &CloneUrl) -> Option<&'static str> {
    if remote.transport() != Transport::Ssh {
        return Some("does not use SSH");
    }
    let is_old = cloud_hosts::is_retired_ssh(&remote.host().to_string());
    is_old.then_some("is at bitbucket.org, which answers over SSH no longer than 2026-11-12")
}

/// Gives the checkout in a folder, or the one that one stands in, the command; one that somebody else has set stays.
fn set_ssh_command(
    folder: Option<&Path>,
    command: &str,
    called: &str,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    match git::ssh_command(folder)? {
        Some(before) if before == command => {
            steps.pass("checkout", format!("git in {called} uses the key already"));
        }
        Some(before) if !ssh::is_managed_ssh_command(&before) => {
            steps.warn(
                "checkout",
                format!(
                    "core.sshCommand of {called} is somebody's own and stays; this one is for the key: \
                     git config core.sshCommand {}",
                    shell_words::quote(command)
                ),
            );
        }
        Some(_) | None => {
            git::set_ssh_command(folder, command)?;
            steps.pass(
                "checkout",
                format!("git in {called} uses this key and no other"),
            );
        }
    }
    Ok(())
}
