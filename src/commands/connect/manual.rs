//! Without an API: the public key and the page to paste it into; then the proof.

use super::output::{ConnectOutput, Registration, Ssh};
use super::plan::{Plan, RegistrationMethod};
use super::probe::{self, ReachableServer};
use super::step::StepLog;
use super::verify::{self, VerifiedAccess};
use super::{Args, checkout, key};
use crate::app::{App, RetryPolicy};
use crate::error::Error;
use crate::ssh::{KeyDescription, PrivateKeyFile, SshError};

/// How often somebody at the terminal is asked whether the key is registered now.
const MAX_ATTEMPTS: usize = 5;

pub(super) fn run(
    args: &Args,
    app: &App,
    plan: &Plan,
    known: Option<PrivateKeyFile>,
    mut steps: StepLog<'_>,
) -> Result<ConnectOutput, Error> {
    let (key, is_new) = key::existing_or_generate(known, plan, app, &mut steps)?;
    if let RegistrationMethod::Manual { reason } = &plan.method {
        steps.warn("registration", format!("by hand, because {reason}"));
    }
    let proof = if app.is_interactive() {
        prompt_until_registered(args, app, plan, &key, is_new, &mut steps)?
    } else if is_new && args.accept_host_key.is_none() {
        // Nobody can have registered a key that was made just now.
        None
    } else {
        attempt(args, app, plan, &key, &mut steps)?
    };
    let remote = proof.as_ref().map_or(&plan.remote, |proof| &proof.remote);
    let saved = plan.save(app, &key, remote, &mut steps)?;
    let ssh_command = match &proof {
        Some(proof) => checkout::configure_checkout(args, app, plan, &key, proof, &mut steps)?,
        None => app.ssh_options(&key).command_line()?,
    };
    Ok(ConnectOutput {
        repository: plan.repository(proof.as_ref().map(|proof| &proof.served.refs)),
        ssh: proof.as_ref().map(Ssh::verified).unwrap_or_default(),
        key: Some(KeyDescription::from_file(&key)),
        connection: saved,
        registration: Registration::manual(plan.access()),
        ssh_command: Some(ssh_command),
        register_at: plan.pages().into_iter().next(),
        clone_url: plan.clone_url(remote),
        steps: steps.finish(),
    })
}

/// Asks once. A key that is not registered yet, and a server that is out of reach, are no failure.
fn attempt(
    args: &Args,
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    steps: &mut StepLog<'_>,
) -> Result<Option<VerifiedAccess>, Error> {
    let evidence = app.host_key_evidence_for(&plan.url, args.accept_host_key);
    let why = match probe::find_reachable(app, plan, Some(key), evidence, steps) {
        Ok(ReachableServer {
            answer: Err(refusal),
            ..
        }) => refusal,
        Ok(door) => {
            return verify::verify_access(app, plan, key, door, RetryPolicy::None, steps).map(Some);
        }
        Err(Error::Ssh(
            error @ (SshError::PassphraseRequired(_) | SshError::Unreachable { .. }),
        )) => error,
        Err(error) => return Err(error),
    };
    steps.warn("ssh", why.to_string());
    Ok(None)
}

/// Shows the key, waits until it is registered, and asks; again while it is not.
fn prompt_until_registered(
    args: &Args,
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    is_new: bool,
    steps: &mut StepLog<'_>,
) -> Result<Option<VerifiedAccess>, Error> {
    if !is_new && let Some(proof) = attempt(args, app, plan, key, steps)? {
        return Ok(Some(proof));
    }
    let ui = &app.ui;
    ui.eprint_line("");
    ui.eprint_line(&key.public.to_string());
    ui.eprint_line("");
    let pages = plan.pages();
    if pages.is_empty() {
        ui.eprint_line("Register this line as a deploy key of the repository.");
    } else {
        ui.eprint_line("Register this line, on a page that is right for you:");
        for page in &pages {
            ui.eprint_line(&format!("  {page}"));
        }
    }
    for _ in 0..MAX_ATTEMPTS {
        let answer = ui
            .prompt_text("Enter when it is registered, q to do it later", "")
            .map_err(Error::Stdin)?;
        if answer.trim().eq_ignore_ascii_case("q") {
            break;
        }
        if let Some(proof) = attempt(args, app, plan, key, steps)? {
            return Ok(Some(proof));
        }
    }
    Ok(None)
}
