//! Without an API: the public key and the page to paste it into; then the proof.

use super::door::{self, Door};
use super::outcome::{Connected, Registration, Ssh};
use super::plan::{Plan, Way};
use super::proof::{self, Proof};
use super::step::Steps;
use super::{Args, checkout, key};
use crate::context::{Context, Patience};
use crate::error::Error;
use crate::ssh::{KeyDescription, SshError, StoredKey};

/// How often somebody at the terminal is asked whether the key is registered now.
const MOST_ATTEMPTS: usize = 5;

pub(super) fn run(
    args: &Args,
    context: &Context,
    plan: &Plan,
    known: Option<StoredKey>,
    mut steps: Steps<'_>,
) -> Result<Connected, Error> {
    let (key, is_new) = key::or_make(known, plan, context, &mut steps)?;
    if let Way::Manual { reason } = &plan.way {
        steps.warn("registration", format!("by hand, because {reason}"));
    }
    let proof = if context.may_ask() {
        guided(args, context, plan, &key, is_new, &mut steps)?
    } else if is_new && args.accept_host_key.is_none() {
        // Nobody can have registered a key that was made just now.
        None
    } else {
        attempt(args, context, plan, &key, &mut steps)?
    };
    let address = proof.as_ref().map_or(&plan.address, |proof| &proof.address);
    let saved = plan.save(context, &key, address, &mut steps)?;
    let ssh_command = match &proof {
        Some(proof) => checkout::put_to_use(args, context, plan, &key, proof, &mut steps)?,
        None => context.login(&key).command_line()?,
    };
    Ok(Connected {
        repository: plan.repository(proof.as_ref().map(|proof| &proof.served.refs)),
        ssh: proof.as_ref().map(Ssh::verified).unwrap_or_default(),
        key: Some(KeyDescription::of_stored(&key)),
        connection: saved,
        registration: Registration::manual(plan.access()),
        ssh_command: Some(ssh_command),
        register_at: plan.pages().into_iter().next(),
        clone_url: plan.clone_url(address),
        steps: steps.finish(),
    })
}

/// Asks once. A key that is not registered yet, and a server that is out of reach, are no failure.
fn attempt(
    args: &Args,
    context: &Context,
    plan: &Plan,
    key: &StoredKey,
    steps: &mut Steps<'_>,
) -> Result<Option<Proof>, Error> {
    let vouchers = context.vouchers_for(&plan.url, args.accept_host_key);
    let why = match door::find(context, plan, Some(key), vouchers, steps) {
        Ok(Door {
            answer: Err(refusal),
            ..
        }) => refusal,
        Ok(door) => return proof::get(context, plan, key, door, Patience::None, steps).map(Some),
        Err(Error::Ssh(error @ (SshError::Locked(_) | SshError::Unreachable { .. }))) => error,
        Err(error) => return Err(error),
    };
    steps.warn("ssh", why.to_string());
    Ok(None)
}

/// Shows the key, waits until it is registered, and asks; again while it is not.
fn guided(
    args: &Args,
    context: &Context,
    plan: &Plan,
    key: &StoredKey,
    is_new: bool,
    steps: &mut Steps<'_>,
) -> Result<Option<Proof>, Error> {
    if !is_new && let Some(proof) = attempt(args, context, plan, key, steps)? {
        return Ok(Some(proof));
    }
    let output = &context.output;
    output.guide("");
    output.guide(&key.public.to_string());
    output.guide("");
    let pages = plan.pages();
    if pages.is_empty() {
        output.guide("Register this line as a deploy key of the repository.");
    } else {
        output.guide("Register this line, on a page that is right for you:");
        for page in &pages {
            output.guide(&format!("  {page}"));
        }
    }
    for _ in 0..MOST_ATTEMPTS {
        let answer = output
            .ask_text("Enter when it is registered, q to do it later", "")
            .map_err(Error::Input)?;
        if answer.trim().eq_ignore_ascii_case("q") {
            break;
        }
        if let Some(proof) = attempt(args, context, plan, key, steps)? {
            return Ok(Some(proof));
        }
    }
    Ok(None)
}
