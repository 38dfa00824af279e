//! Configures git to use the key: in a new clone, or in the current checkout.

use std::path::Path;

use super::args::Args;
use super::connection::ConnectUrl;
use super::plan::{Plan, RegistrationMethod};
use super::steps::{StepId, StepLog};
use super::verify::VerifiedAccess;
use crate::app::App;
use crate::error::Error;
use crate::git::{self, Checkout, CloneCommand};
use crate::ssh::{self, PrivateKeyFile};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::connection::ConnectionName;
use crate::types::repository::RepoId;
use crate::types::shell::quote;

/// Refuses a directory that cannot be cloned into: one that is neither empty nor a clone of this repository. It stays as it
/// is.
pub(super) fn require_cloneable(dir: &Path, url: &ConnectUrl) -> Result<(), Error> {
    let is_empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty || dir.symlink_metadata().is_err() || remote_in(dir, url)? {
        return Ok(());
    }
    Err(conflict(dir, "is not a clone of this repository"))
}

fn conflict(dir: &Path, what: &str) -> Error {
    Error::conflict(
        format!("{} already exists and {what}", dir.display()),
        "pass --clone DIR with another directory",
    )
}

/// Whether a directory is the root of a checkout with a remote of the repository.
fn remote_in(dir: &Path, url: &ConnectUrl) -> Result<bool, Error> {
    let remotes = git::remotes_of(dir)?.unwrap_or_default();
    let mut urls = remotes.iter().filter_map(|(_, remote)| remote.parse().ok());
    Ok(urls.any(|remote| url.is_repository(&remote)))
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
    let options = app.ssh_options(Some(key), &access.destination);
    let command = options.command_line(app.ssh_program())?;
    let Some(dir) = &args.clone else {
        let command = configure_current(app, plan, key, access, command, steps)?;
        warn_of_environment(app, &command, steps);
        return Ok(command);
    };
    if remote_in(dir, &plan.connect_url())? {
        if !access.check.refs.empty && !git::is_complete_clone(dir)? {
            return Err(conflict(dir, "is an incomplete clone"));
        }
        set_ssh_command(Some(dir), &command, &dir.display().to_string(), steps)?;
    } else {
        let may_prompt = app.ssh_timeout_and_prompt(options.uses_agent).may_prompt;
        let _progress = (!may_prompt).then(|| app.ui.progress("cloning the repository"));
        git::clone(&CloneCommand {
            url: &clone_url,
            dir,
            ssh_command: &command,
            may_prompt,
            limit: app.explicit_timeout(),
        })?;
        steps.pass(StepId::Clone, format!("cloned into {}", dir.display()));
    }
    record(dir, plan, saved, steps)?;
    warn_of_environment(app, &command, steps);
    Ok(command)
}

/// Configures the current checkout, if it is one of the repository.
fn configure_current(
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    access: &VerifiedAccess,
    command: String,
    steps: &mut StepLog<'_>,
) -> Result<String, Error> {
    let Some(checkout) = app.checkout()? else {
        return Ok(command);
    };
    let urls = plan.connect_url();
    let mut found = None;
    for (name, text) in checkout.remotes() {
        let Ok(remote) = text.parse::<CloneUrl>() else {
            continue;
        };
        if urls.is_repository(&remote) {
            found = Some((name, remote, command.clone()));
            break;
        }
        let resolved = app.resolve_ssh_url(&remote)?;
        if resolved.is_some_and(|resolved| urls.is_repository(&resolved.url))
            && let Ok(as_written) = text.parse()
        {
            // Only the user's configuration leads git to the server.
            let destination = access.destination.clone().with_config_for(&as_written);
            let options = app.ssh_options(Some(key), &destination);
            let command = options.command_line(app.ssh_program())?;
            found = Some((name, remote, command));
            break;
        }
    }
    let Some((name, remote, command)) = found else {
        return Ok(command);
    };
    set_ssh_command(None, &command, "this checkout", steps)?;
    if let Some(problem) = remote_problem(&remote) {
        steps.warn(
            StepId::Remote,
            format!(
                "the remote {name} {problem}; to change it: git remote set-url {name} {}",
                quote(&plan.clone_url(&access.remote))
            ),
        );
    }
    Ok(command)
}

/// Variables of the environment that come before what is configured in a checkout.
pub(super) fn warn_of_environment(app: &App, command: &str, steps: &mut StepLog<'_>) {
    if app
        .environment_variable("GIT_SSH_COMMAND")
        .is_some_and(|other| other != command)
    {
        steps.warn(
            StepId::Checkout,
            "GIT_SSH_COMMAND is set in the environment and comes before core.sshCommand, so git does not use this key; \
             run `unset GIT_SSH_COMMAND`",
        );
    }
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
            git::set_ssh_command(dir, command)?;
            let message = format!("git in {checkout} already uses the key");
            steps.pass(StepId::Checkout, message);
        }
        Some(current) if !ssh::is_managed_ssh_command(&current) => {
            steps.warn(
                StepId::Checkout,
                format!(
                    "core.sshCommand of {checkout} was not set by bbconnect and is kept; to use the key: \
                     git config core.sshCommand {}",
                    quote(command)
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
